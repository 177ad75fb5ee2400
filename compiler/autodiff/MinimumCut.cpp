// MinimumCut: the cheapest set of edges that separates a source from a sink.
// Dinic's algorithm (1970): blocking flows along shortest paths until none is left.
#include "compiler/autodiff/MinimumCut.h"
#include <algorithm>

using namespace mlir::lnx;

int MinimumCut::addNode() {
  edgesOf.emplace_back();
  return static_cast<int>(edgesOf.size()) - 1;
}

void MinimumCut::addEdge(int from, int to, int64_t capacity) {
  edgesOf[from].push_back(static_cast<int>(edges.size()));
  edges.push_back({to, capacity});
  edgesOf[to].push_back(static_cast<int>(edges.size()));
  edges.push_back({from, 0});
}

/// Distances from the source over edges with room; false when the sink is out of reach.
bool MinimumCut::findLevels() {
  level.assign(edgesOf.size(), -1);
  level[source] = 0;
  std::vector<int> queue = {source};
  for (size_t head = 0; head < queue.size(); ++head)
    for (int edge : edgesOf[queue[head]])
      if (edges[edge].residual > 0 && level[edges[edge].to] < 0) {
        level[edges[edge].to] = level[queue[head]] + 1;
        queue.push_back(edges[edge].to);
      }
  return level[sink] >= 0;
}

/// Sends up to `limit` from `node` to the sink along growing levels.
int64_t MinimumCut::push(int node, int64_t limit) {
  if (node == sink)
    return limit;
  for (size_t &next = nextEdge[node]; next < edgesOf[node].size(); ++next) {
    int edge = edgesOf[node][next];
    int to = edges[edge].to;
    if (edges[edge].residual <= 0 || level[to] != level[node] + 1)
      continue;
    int64_t sent = push(to, std::min(limit, edges[edge].residual));
    if (sent == 0)
      continue;
    edges[edge].residual -= sent;
    edges[edge ^ 1].residual += sent;
    return sent;
  }
  return 0;
}

/// The nodes from which the sink can still be reached.
void MinimumCut::markSinkSide() {
  sinkSide.assign(edgesOf.size(), false);
  sinkSide[sink] = true;
  std::vector<int> queue = {sink};
  for (size_t head = 0; head < queue.size(); ++head)
    for (int edge : edgesOf[queue[head]]) {
      int from = edges[edge].to;
      if (edges[edge ^ 1].residual > 0 && !sinkSide[from]) {
        sinkSide[from] = true;
        queue.push_back(from);
      }
    }
}

int64_t MinimumCut::solve() {
  int64_t flow = 0;
  while (flow < unbounded && findLevels()) {
    nextEdge.assign(edgesOf.size(), 0);
    while (int64_t sent = push(source, unbounded)) {
      flow += sent;
      if (flow >= unbounded)
        return unbounded;
    }
  }
  markSinkSide();
  return flow;
}
