// Fill: reproducible test inputs.
// Relies on the standard library's generator, whose output is fixed by the standard.
#ifndef LNX_TEST_RUNTIME_FILL_H
#define LNX_TEST_RUNTIME_FILL_H

#include <cstdint>
#include <random>
#include <vector>

namespace lnx {

// Floats in [-1, 1).
inline std::vector<float> randomFloats(int64_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::vector<float> values(static_cast<size_t>(count));
  for (float &value : values)
    value = static_cast<float>(generator()) * 0x1p-31f - 1;
  return values;
}

} // namespace lnx

#endif
