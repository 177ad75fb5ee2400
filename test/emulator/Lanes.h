// Lanes: one typed loop over 32 lanes, with the execution mask and the tracking of undefined
// values. Units instantiate it with a function of one lane; the compiler vectorises it.
#ifndef LNX_TEST_EMULATOR_LANES_H
#define LNX_TEST_EMULATOR_LANES_H

#include "emulator/Warp.h"

#include <bit>
#include <tuple>
#include <type_traits>
#include <utility>

namespace emulator {

// bfloat16 and half values are moved as bits; arithmetic on them goes through float.
struct BFloat {
  uint16_t bits;
};
struct Half {
  uint16_t bits;
};

// What a lane's value of type T occupies in its row.
template <typename T> using Cell = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

template <typename T> inline T get(Cell<T> cell) {
  if constexpr (sizeof(T) >= 4)
    return std::bit_cast<T>(cell);
  else if constexpr (sizeof(T) == 2)
    return std::bit_cast<T>(static_cast<uint16_t>(cell));
  else
    return static_cast<T>(cell);
}
template <typename T> inline Cell<T> put(T value) {
  if constexpr (sizeof(T) >= 4)
    return std::bit_cast<Cell<T>>(value);
  else if constexpr (sizeof(T) == 2)
    return std::bit_cast<uint16_t>(value);
  else
    return static_cast<uint8_t>(value);
}

template <typename T> inline Cell<T> *row(Warp &w, Slot slot) {
  if constexpr (sizeof(T) == 8)
    return w.wide + size_t(slot) * LaneCount;
  else
    return w.narrow + size_t(slot) * LaneCount;
}
template <typename T> inline uint32_t &poison(Warp &w, Slot slot) {
  if constexpr (sizeof(T) == 8)
    return w.widePoison[slot];
  else
    return w.narrowPoison[slot];
}

// A destination row and its sources are the same row or apart, so no lane depends on another.
#define EMULATOR_LANES _Pragma("clang loop vectorize(assume_safety)")

// destination[l] = f(source0[l], ...) for the lanes of the mask.
template <typename R, typename... A, typename F, size_t... N>
[[gnu::always_inline]] inline void applyAt(Warp &w, const Instruction &i, F f,
                                           std::index_sequence<N...>) {
  Cell<R> *d = row<R>(w, i.destination);
  std::tuple<const Cell<A> *...> a{row<A>(w, i.source[N])...};
  const uint32_t mask = w.mask;
  if (mask == AllLanes) {
    EMULATOR_LANES
    for (unsigned l = 0; l < LaneCount; ++l)
      d[l] = put<R>(f(get<A>(std::get<N>(a)[l])...));
  } else {
    EMULATOR_LANES
    for (unsigned l = 0; l < LaneCount; ++l) {
      Cell<R> value = put<R>(f(get<A>(std::get<N>(a)[l])...));
      d[l] = mask >> l & 1 ? value : d[l];
    }
  }
  uint32_t &p = poison<R>(w, i.destination);
  p = (p & ~mask) | ((poison<A>(w, i.source[N]) | ...) & mask);
}

template <typename R, typename... A, typename F>
[[gnu::always_inline]] inline void apply(Warp &w, const Instruction &i, F f) {
  applyAt<R, A...>(w, i, f, std::index_sequence_for<A...>());
}

// The common shapes as addressable functions of a stateless F.
template <typename F, typename T> void unary(Warp &w, const Instruction &i) {
  apply<T, T>(w, i, F());
}
template <typename F, typename T> void binary(Warp &w, const Instruction &i) {
  apply<T, T, T>(w, i, F());
}
template <typename F, typename T> void ternary(Warp &w, const Instruction &i) {
  apply<T, T, T, T>(w, i, F());
}

// The lowest lane of a mask that is not empty.
inline int firstLane(uint32_t lanes) { return std::countr_zero(lanes); }

} // namespace emulator

#endif
