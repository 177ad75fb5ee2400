// Random: ten Philox rounds, 53-bit uniforms, normals by Box and Muller in double.
// Relies on XXH3 for the hash of a name.
#include "Random.h"

#include <xxhash.h>

#include <cmath>
#include <numbers>

using namespace lnx;

namespace {

// 53 random bits as a number in [0, 1).
double unit(uint32_t high, uint32_t low) {
  uint64_t bits = static_cast<uint64_t>(high) << 32 | low;
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

} // namespace

PhiloxCounter lnx::philox(PhiloxCounter counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    uint64_t first = uint64_t{0xD2511F53} * counter[0];
    uint64_t second = uint64_t{0xCD9E8D57} * counter[2];
    counter = {
        static_cast<uint32_t>(second >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(second),
        static_cast<uint32_t>(first >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(first)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

RandomSequence::RandomSequence(uint64_t seed, std::string_view name)
    : seed(seed), nameHash(XXH3_64bits(name.data(), name.size())) {}

std::array<double, 2> RandomSequence::uniformPair(uint64_t pair) const {
  PhiloxCounter bits =
      philox({static_cast<uint32_t>(pair), static_cast<uint32_t>(pair >> 32),
              static_cast<uint32_t>(nameHash), static_cast<uint32_t>(nameHash >> 32)},
             {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  return {unit(bits[0], bits[1]), unit(bits[2], bits[3])};
}

std::array<double, 2> RandomSequence::normalPair(uint64_t pair) const {
  auto [u, v] = uniformPair(pair);
  // 1 - u is in (0, 1], where the logarithm is finite.
  double radius = std::sqrt(-2 * std::log(1 - u));
  double angle = 2 * std::numbers::pi * v;
  return {radius * std::cos(angle), radius * std::sin(angle)};
}
