// Random: Philox4x32-10 (Salmon et al. 2011), a random number for every counter.
// A value depends on seed, name and index only, never on who asks for it or in which order.
#ifndef LNX_RUNTIME_RANDOM_H
#define LNX_RUNTIME_RANDOM_H

#include <array>
#include <cstdint>
#include <string_view>

namespace lnx {

using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

PhiloxCounter philox(PhiloxCounter counter, PhiloxKey key);

// An endless sequence of numbers with a seed and a name, read at any index.
class RandomSequence {
public:
  RandomSequence(uint64_t seed, std::string_view name);

  // Values 2 * pair and 2 * pair + 1: uniform in [0, 1), or normal with mean 0 and deviation 1.
  std::array<double, 2> uniformPair(uint64_t pair) const;
  std::array<double, 2> normalPair(uint64_t pair) const;

private:
  uint64_t seed;
  uint64_t nameHash;
};

} // namespace lnx

#endif
