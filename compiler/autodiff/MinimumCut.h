// MinimumCut: the cheapest set of edges that separates a source from a sink.
// Relied on by rematerialize; Dinic's algorithm, made for graphs of some hundred nodes.
#ifndef LNX_COMPILER_AUTODIFF_MINIMUMCUT_H
#define LNX_COMPILER_AUTODIFF_MINIMUMCUT_H

#include <cstdint>
#include <limits>
#include <vector>

namespace mlir::lnx {

class MinimumCut {
public:
  static constexpr int source = 0, sink = 1;
  /// Capacity of an edge that may not be cut. Sums of real capacities must stay below it.
  static constexpr int64_t unbounded = std::numeric_limits<int64_t>::max() / 4;

  MinimumCut() : edgesOf(2) {}
  int addNode();
  void addEdge(int from, int to, int64_t capacity);

  /// Finds the cut; returns its capacity, or `unbounded` when there is none that is allowed.
  int64_t solve();
  /// After solve: is the node behind the cut? Of all minimum cuts this is the one nearest the sink.
  bool isOnSinkSide(int node) const { return sinkSide[node]; }

private:
  struct Edge {
    int to;
    int64_t residual;
  };
  bool findLevels();
  int64_t push(int node, int64_t limit);
  void markSinkSide();

  std::vector<Edge> edges; ///< an edge and its reverse are neighbours: e and e ^ 1
  std::vector<std::vector<int>> edgesOf;
  std::vector<int> level;
  std::vector<size_t> nextEdge;
  std::vector<bool> sinkSide;
};

} // namespace mlir::lnx

#endif
