// Tokens.cpp: one sequence over shards of different widths.
// TokenFiles.cpp knows the formats; here a shard is bytes, a width and a count.
#include "runtime/train/TokenShard.h"

#include <algorithm>
#include <cassert>
#include <fmt/format.h>

namespace lnx {

Tokens::Tokens() = default;
Tokens::Tokens(Tokens &&) noexcept = default;
Tokens &Tokens::operator=(Tokens &&) noexcept = default;
Tokens::~Tokens() = default;

void Tokens::addShard(Shard shard) {
  shard.first = start + count;
  count += shard.count;
  shards.push_back(std::move(shard));
}

Tokens Tokens::fromIds(std::vector<int32_t> ids) {
  Tokens tokens;
  tokens.formatName = "ids";
  Shard shard;
  shard.count = static_cast<int64_t>(ids.size());
  shard.width = 4;
  shard.wide = std::move(ids);
  tokens.addShard(std::move(shard));
  return tokens;
}

void Tokens::copy(int64_t first, std::span<int32_t> ids) const {
  assert(first >= 0 && first + static_cast<int64_t>(ids.size()) <= count && "inside the tokens");
  first += start;
  auto shard = std::upper_bound(shards.begin(), shards.end(), first,
                                [](int64_t at, const Shard &s) { return at < s.first; });
  for (--shard; !ids.empty(); ++shard) {
    int64_t offset = first - shard->first;
    int64_t n = std::min(shard->count - offset, static_cast<int64_t>(ids.size()));
    shard->read(offset, ids.first(static_cast<size_t>(n)));
    ids = ids.subspan(static_cast<size_t>(n));
    first += n;
  }
}

void Tokens::narrow(int64_t first, int64_t length) {
  assert(first >= 0 && length >= 0 && first + length <= count && "inside the tokens");
  start += first;
  count = length;
}

std::optional<Error> Tokens::check(int64_t vocabulary) const {
  std::vector<int32_t> ids(1 << 16);
  for (int64_t at = 0; at < count; at += static_cast<int64_t>(ids.size())) {
    std::span<int32_t> part(ids.data(),
                            static_cast<size_t>(std::min<int64_t>(1 << 16, count - at)));
    copy(at, part);
    for (size_t i = 0; i < part.size(); ++i)
      if (part[i] < 0 || part[i] >= vocabulary)
        return Error{fmt::format("token {} is {}, the vocabulary of the model has {}",
                                 start + at + static_cast<int64_t>(i),
                                 static_cast<uint32_t>(part[i]), vocabulary)};
  }
  return std::nullopt;
}

} // namespace lnx
