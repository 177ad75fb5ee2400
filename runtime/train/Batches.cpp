// Batches.cpp: a keyed permutation of the windows of each epoch.
// Relies on CounterRandom.h; nothing is remembered between draws.
#include "lnx/train/batches.h"
#include "runtime/CounterRandom.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <fmt/format.h>

namespace lnx {

// Where position `at` of 0 .. n - 1 goes: a Feistel network over an even number of bits, walked
// until it lands inside. At most 4n places are in the network, so about four rounds are expected.
static int64_t permute(int64_t at, int64_t n, uint64_t key) {
  int half = (std::bit_width(static_cast<uint64_t>(n - 1)) + 1) / 2;
  uint64_t mask = (uint64_t{1} << half) - 1;
  auto place = static_cast<uint64_t>(at);
  do {
    uint64_t left = place >> half, right = place & mask;
    for (uint64_t round = 0; round < 6; ++round) {
      uint64_t next = left ^ (randomBits(key + round, right) & mask);
      left = right;
      right = next;
    }
    place = left << half | right;
  } while (place >= static_cast<uint64_t>(n));
  return static_cast<int64_t>(place);
}

TrainingWindows::TrainingWindows(const Tokens &tokens, const WindowOptions &options)
    : tokens(tokens), options(options) {
  int64_t usable = tokens.size() - 1;
  assert(options.time > 0 && usable >= options.time && "checkLength was asked");
  // One window fewer than fit leaves room for an offset that changes from epoch to epoch.
  windows = std::max<int64_t>(1, usable / options.time - 1);
  slack = std::min(options.time, usable - windows * options.time + 1);
}

int64_t TrainingWindows::start(int64_t step, int64_t sequence) const {
  int64_t drawn = (step - 1) * options.batch + sequence;
  auto epoch = static_cast<uint64_t>(drawn / windows);
  uint64_t key = randomBits(options.seed, epoch);
  auto offset = static_cast<int64_t>(mix(key) % static_cast<uint64_t>(slack));
  return offset + permute(drawn % windows, windows, key) * options.time;
}

static void readWindow(const Tokens &tokens, int64_t first, std::span<int32_t> ids,
                       std::span<int32_t> targets) {
  tokens.copy(first, ids);
  tokens.copy(first + 1, targets);
}

void TrainingWindows::draw(int64_t step, int64_t sequence, std::span<int32_t> ids,
                           std::span<int32_t> targets) const {
  readWindow(tokens, start(step, sequence), ids, targets);
}

HeldOutWindows::HeldOutWindows(const Tokens &tokens, int64_t time, int64_t limit)
    : tokens(tokens), time(time), all((tokens.size() - 1) / time),
      windows(limit > 0 ? std::min(limit, all) : all) {}

void HeldOutWindows::read(int64_t window, std::span<int32_t> ids,
                          std::span<int32_t> targets) const {
  int64_t place = windows == all ? window : window * (all / windows);
  readWindow(tokens, place * time, ids, targets);
}

std::optional<Error> checkLength(const Tokens &tokens, int64_t time, std::string_view what) {
  if (tokens.size() > time)
    return std::nullopt;
  return Error{fmt::format("{} has {} tokens, a sequence of {} needs {}", what, tokens.size(), time,
                           time + 1)};
}

} // namespace lnx
