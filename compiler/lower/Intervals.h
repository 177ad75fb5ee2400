// Intervals: memory for buffers that live for part of the time.
// Relied on by PlanArena; knows nothing of IR, so it can be tested on random input.
#ifndef LNX_COMPILER_LOWER_INTERVALS_H
#define LNX_COMPILER_LOWER_INTERVALS_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace mlir::lnx {

/// A buffer that is live from time `begin` to time `end`, both included.
struct Interval {
  int64_t begin = 0, end = 0;
  int64_t bytes = 0;
  int64_t offset = 0; ///< set by placeIntervals

  bool overlapsInTime(const Interval &other) const {
    return begin <= other.end && other.begin <= end;
  }
};

/// Gives each interval an offset, a multiple of `alignment`, so that intervals that overlap in time
/// do not overlap in memory. Returns the size of the whole. Large ones choose first, and each takes
/// the smallest gap it fits into.
int64_t placeIntervals(llvm::MutableArrayRef<Interval> intervals, int64_t alignment);

} // namespace mlir::lnx

#endif
