// Intervals: memory for buffers that live for part of the time.
// Relied on by PlanArena; knows nothing of IR, so it can be tested on random input.
#include "compiler/lower/Intervals.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace mlir::lnx;

// The start of the smallest hole between `neighbours`, sorted by offset, that holds `bytes`; behind
// the last one when there is none.
static int64_t bestOffset(llvm::ArrayRef<const Interval *> neighbours, int64_t bytes,
                          int64_t alignment) {
  int64_t top = 0, best = -1, bestGap = std::numeric_limits<int64_t>::max();
  for (const Interval *neighbour : neighbours) {
    int64_t gap = neighbour->offset - top;
    if (gap >= bytes && gap < bestGap) {
      best = top;
      bestGap = gap;
    }
    int64_t end = neighbour->offset + neighbour->bytes;
    top = std::max<int64_t>(top, llvm::alignTo(end, alignment));
  }
  return best >= 0 ? best : top;
}

int64_t mlir::lnx::placeIntervals(llvm::MutableArrayRef<Interval> intervals, int64_t alignment) {
  llvm::SmallVector<Interval *> bySize;
  for (Interval &interval : intervals)
    bySize.push_back(&interval);
  llvm::sort(bySize, [](const Interval *a, const Interval *b) {
    return a->bytes != b->bytes ? a->bytes > b->bytes : a < b;
  });
  // Kept in order of offset.
  llvm::SmallVector<const Interval *> placed, neighbours;
  int64_t size = 0;
  for (Interval *interval : bySize) {
    neighbours.clear();
    for (const Interval *other : placed)
      if (other->overlapsInTime(*interval))
        neighbours.push_back(other);
    interval->offset = bestOffset(neighbours, interval->bytes, alignment);
    size = std::max(size, interval->offset + interval->bytes);
    auto behind = llvm::upper_bound(placed, interval, [](const Interval *a, const Interval *b) {
      return a->offset < b->offset;
    });
    placed.insert(behind, interval);
  }
  return llvm::alignTo(size, alignment);
}
