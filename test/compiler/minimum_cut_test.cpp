// MinimumCut: small graphs whose cuts can be seen.
#include "compiler/autodiff/MinimumCut.h"
#include "gtest/gtest.h"
#include <random>

using mlir::lnx::MinimumCut;

// s -> a (3), s -> b (2), a -> b (1), a -> t (2), b -> t (4): the classic answer is 5.
TEST(MinimumCut, smallGraph) {
  MinimumCut cut;
  int a = cut.addNode(), b = cut.addNode();
  cut.addEdge(MinimumCut::source, a, 3);
  cut.addEdge(MinimumCut::source, b, 2);
  cut.addEdge(a, b, 1);
  cut.addEdge(a, MinimumCut::sink, 2);
  cut.addEdge(b, MinimumCut::sink, 4);
  EXPECT_EQ(cut.solve(), 5);
}

// Of two equal cuts in a row the one nearest the sink is taken.
TEST(MinimumCut, tieIsNearTheSink) {
  MinimumCut cut;
  int a = cut.addNode(), b = cut.addNode();
  cut.addEdge(MinimumCut::source, a, 2);
  cut.addEdge(a, b, MinimumCut::unbounded);
  cut.addEdge(b, MinimumCut::sink, 2);
  EXPECT_EQ(cut.solve(), 2);
  EXPECT_FALSE(cut.isOnSinkSide(a));
  EXPECT_FALSE(cut.isOnSinkSide(b));
  EXPECT_TRUE(cut.isOnSinkSide(MinimumCut::sink));
}

TEST(MinimumCut, noAllowedCut) {
  MinimumCut cut;
  int a = cut.addNode();
  cut.addEdge(MinimumCut::source, a, MinimumCut::unbounded);
  cut.addEdge(a, MinimumCut::sink, MinimumCut::unbounded);
  EXPECT_EQ(cut.solve(), MinimumCut::unbounded);
}

// On random graphs the cut equals the smallest over all 2^8 partitions, and isOnSinkSide names one.
TEST(MinimumCut, equalsBruteForce) {
  std::mt19937 random(1);
  constexpr int inner = 8;
  for (int round = 0; round < 1000; ++round) {
    MinimumCut cut;
    for (int node = 0; node < inner; ++node)
      cut.addNode();
    struct Edge {
      int from, to;
      int64_t capacity;
    };
    std::vector<Edge> edges;
    for (int from = 0; from < inner + 2; ++from)
      for (int to = 0; to < inner + 2; ++to)
        if (from != to && random() % 3 == 0) {
          edges.push_back({from, to, static_cast<int64_t>(random() % 10)});
          cut.addEdge(from, to, edges.back().capacity);
        }
    auto cost = [&](auto isSinkSide) {
      int64_t sum = 0;
      for (const Edge &edge : edges)
        if (!isSinkSide(edge.from) && isSinkSide(edge.to))
          sum += edge.capacity;
      return sum;
    };
    int64_t best = MinimumCut::unbounded;
    for (int mask = 0; mask < 1 << inner; ++mask)
      best = std::min(best, cost([&](int node) {
                        return node == MinimumCut::sink ||
                               (node != MinimumCut::source && (mask >> (node - 2) & 1));
                      }));
    EXPECT_EQ(cut.solve(), best);
    EXPECT_EQ(cost([&](int node) { return cut.isOnSinkSide(node); }), best);
  }
}
