// Random: Philox4x32-10 (Salmon et al. 2011), a random number for every counter.
// A value depends on seed, name and index only, never on who asks for it or in which order.
#ifndef LNX_RUNTIME_RANDOM_H
#define LNX_RUNTIME_RANDOM_H

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace lnx {

using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

PhiloxCounter philox(PhiloxCounter counter, PhiloxKey key);

// An endless sequence of numbers with a seed and a name, read from any even index.
class RandomSequence {
public:
  RandomSequence(uint64_t seed, std::string_view name);

  // Values first, first + 1, ...: normal with mean 0 by Box and Muller in double, or uniform in
  // [low, high).
  void normals(uint64_t first, std::span<float> values, double deviation) const;
  void uniforms(uint64_t first, std::span<float> values, double low, double high) const;

private:
  // Uniform in [0, 1): values 2 * pair, 2 * pair + 2, ... and the ones after each.
  void uniformPairs(uint64_t pair, double (&u)[32], double (&v)[32]) const;

  uint64_t seed;
  uint64_t nameHash;
};

} // namespace lnx

#endif
