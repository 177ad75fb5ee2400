// CounterRandom.h: random numbers as a function of a key and a counter.
// No state, so any draw can be made again.
#ifndef LNX_RUNTIME_COUNTERRANDOM_H
#define LNX_RUNTIME_COUNTERRANDOM_H

#include <cstdint>

namespace lnx {

// The finaliser of splitmix64 (Steele, Lea, Flood 2014).
constexpr uint64_t mix(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9u;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

constexpr uint64_t randomBits(uint64_t key, uint64_t counter) {
  return mix(mix(key + 0x9e3779b97f4a7c15u) ^ (counter + 1) * 0x9e3779b97f4a7c15u);
}

// In [0, 1).
constexpr double randomUniform(uint64_t key, uint64_t counter) {
  return static_cast<double>(randomBits(key, counter) >> 11) * 0x1p-53;
}

} // namespace lnx

#endif
