// Recurrence: r' = A r + B + C r^2 over all layers: its value, its class and their soundness (S47,
// S48, S50, 8.6, 8.7).
#include "GrowthFixture.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <map>
#include <random>

using namespace mlir::lnx;
using namespace mlir::lnx::stability;
using Updates = std::vector<Coefficients>;

TEST(S14, numbersAreRoundedUp) {
  EXPECT_GT(roundUp(1), 1);
  EXPECT_NEAR(roundUp(3), 3, 1e-11);
  // Against 64 bits of mantissa: never below, and near.
  std::mt19937 random(3);
  std::uniform_real_distribution<double> number(0, 1);
  for (int run = 0; run < 20; ++run) {
    Updates table;
    for (int k = 0; k < 20000; ++k)
      table.push_back(
          {number(random), number(random), 1e-3 * number(random), 1e-3 * number(random)});
    long double exact = 1;
    for (const Coefficients &k : table)
      exact = (static_cast<long double>(k.a) + k.gain) * exact + k.b + k.c * exact * exact;
    Recurrence r(1);
    for (const Coefficients &k : table)
      r.pass(k);
    EXPECT_GE(r.last(), static_cast<double>(exact));
    EXPECT_LE(r.last(), static_cast<double>(exact * (1 + 1e-9L)));
  }
}

// Layers that are alike are passed at once: above the layers one by one, and near.
TEST(S14, likeLayersAreRaisedToAPower) {
  std::mt19937 random(4);
  std::uniform_real_distribution<double> number(0, 1);
  for (int run = 0; run < 60; ++run) {
    double size = run % 3 == 0 ? 1e-3 : 1e-1;
    Updates layer = {{run % 2 ? 1.0 : number(random), number(random), 0, size * number(random)},
                     {run % 5 ? 1.0 : 0.0, number(random), 0, 0},
                     {1, 0, 0, 1e-6 * number(random)}};
    for (int64_t layers : {1, 64, 65, 1000, 4097}) {
      Recurrence together(1), one(1);
      together.pass(layer, layers);
      long double exact = 1;
      for (int64_t i = 0; i < layers; ++i)
        for (const Coefficients &k : layer) {
          one.pass(k);
          exact = (static_cast<long double>(k.a) + k.gain) * exact + k.b;
        }
      if (!std::isfinite(static_cast<double>(exact)))
        continue;
      EXPECT_GE(together.last(), static_cast<double>(exact));
      EXPECT_LE(together.last(), static_cast<double>(exact * (1 + 1e-9L)));
      EXPECT_GE(together.largest() * (1 + 1e-11), one.largest());
      EXPECT_LE(together.largest(), one.largest() * (1 + 1e-9));
    }
  }
  Recurrence top(1);
  top.pass(Updates{{0, 1, 0, 0}, {1, HUGE_VAL, 0, 0}}, 1000);
  EXPECT_TRUE(std::isinf(top.last()));
  Recurrence nothing(0);
  nothing.pass(Updates{{2, 0, 0, 0}}, 100000);
  EXPECT_EQ(nothing.last(), 0);
}

// Many updates are followed in parts that do not wait for one another where none makes r smaller.
TEST(S14, updatesInPartsAreAboveThoseInOrder) {
  std::mt19937 random(5);
  std::uniform_real_distribution<double> number(0, 1);
  for (int run = 0; run < 60; ++run)
    for (size_t count : {7u, 31u, 32u, 33u, 1000u, 4099u}) {
      Updates updates;
      for (size_t k = 0; k < count; ++k)
        updates.push_back({run % 4 == 1 ? number(random) : 1, run % 3 ? number(random) : 0,
                           run % 5 == 4 ? 1e-9 * number(random) : 0, 1e-3 * number(random)});
      Recurrence parts(1), one(1);
      parts.pass(updates);
      for (const Coefficients &k : updates)
        one.pass(k);
      EXPECT_GE(parts.last() * (1 + 1e-11), one.last());
      EXPECT_LE(parts.last(), one.last() * (1 + 1e-11));
      EXPECT_LE(std::abs(parts.largest() / one.largest() - 1), 1e-11);
    }
  Updates lost(100, {1, 0, 0, 0});
  lost[50].b = HUGE_VAL;
  Recurrence top(1);
  top.pass(lost);
  EXPECT_TRUE(std::isinf(top.last()));
}

// A step below the rounding of the stream is lost by doubles every time, not by the bound.
TEST(S14, lostStepsAreCounted) {
  Layer tiny = [](double, double) { return Updates{step(1e-16)}; };
  EXPECT_GE(evaluate(tiny, 100000, 1), 1 + 1e-11);
  EXPECT_LE(evaluate(tiny, 100000, 1), 1 + 1e-9);
}

TEST(S47, overflowIsInfinity) {
  Layer squares = [](double, double) { return Updates{{1, 0, 1, 0}}; };
  EXPECT_LT(evaluate(squares, 5, 1), 1e15);
  EXPECT_TRUE(std::isinf(evaluate(squares, 100, 1)));
  EXPECT_TRUE(std::isinf(evaluate([](double, double) { return Updates{branch(1)}; }, 2000, 1)));
}

// A norm forgets even an overflown stream, but not a coefficient that is top.
TEST(S47, postNormForgets) {
  Layer late = [](double l, double) { return Updates{l < 1500 ? branch(1) : postNorm(3)}; };
  EXPECT_NEAR(evaluate(late, 2000, 1), 3, 1e-9);
  Layer top = [](double l, double) { return Updates{l == 1 ? step(HUGE_VAL) : postNorm(3)}; };
  EXPECT_TRUE(std::isinf(evaluate(top, 12, 1)));
  for (double wrong : {double(NAN), -1.0})
    EXPECT_TRUE(std::isinf(evaluate([&](double, double) { return Updates{step(wrong)}; }, 12, 1)));
}

// Behind a coefficient that is none nothing is known, until a norm forgets it.
TEST(S47, sizesAreThoseAfterEachUpdate) {
  Updates table = {branch(1), step(2), postNorm(3), step(1)};
  const double expected[] = {2, 4, 3, 4};
  Recurrence r(1);
  for (size_t k = 0; k < 4; ++k) {
    r.pass(table[k]);
    EXPECT_GE(r.size(), expected[k]);
    EXPECT_NEAR(r.size(), expected[k], 1e-10);
  }
  EXPECT_EQ(r.size(), r.last());
  for (double bad : {HUGE_VAL, std::nan(""), -1.0}) {
    Recurrence other(1);
    other.pass(table[0]);
    other.pass(step(bad));
    EXPECT_EQ(other.size(), HUGE_VAL);
    other.pass(table[2]);
    EXPECT_NEAR(other.size(), 3, 1e-10);
    EXPECT_EQ(other.last(), HUGE_VAL);
  }
}

// Small numbers round up too: a stream that shrinks below the smallest double is not zero.
TEST(S47, underflowIsNotZero) {
  Layer half = [](double, double) { return Updates{{0.5, 0, 0, 0}}; };
  EXPECT_GT(evaluate(half, 5000, 1), 0);
  EXPECT_EQ(evaluate(half, 5000, 0), 0);
}

// r_N <= |a|^(KN) r0 + dt G (1 - |a|^(KN))/(1 - |a|), and r0 + K N dt G for a = 1.
TEST(S52, closedForms) {
  for (double a : {0.5, 0.9, 0.999, 1.001, 1.01}) {
    Layer layer = [=](double, double) { return Updates{{a, 0.3, 0, 0}, {a, 0.3, 0, 0}}; };
    double power = std::pow(a, 2 * 48);
    EXPECT_NEAR(evaluate(layer, 48, 2) / (power * 2 + 0.3 * (1 - power) / (1 - a)), 1, 1e-10);
  }
  Layer peri = [](double, double) { return Updates{step(1), step(1)}; };
  EXPECT_NEAR(evaluate(peri, 12, 0.0282842712), 24.0282842712, 1e-8);
  EXPECT_NEAR(evaluate(peri, 100000, 1), 200001, 1e-3);
}

// The rows of the table, each with its example.
TEST(S48, tableOfClasses) {
  EXPECT_EQ(classOf({Texts{"1", "0", "0.1"}}), "double_exponential");
  EXPECT_EQ(classOf({Texts{"1", "l^-2", "0", "l^-2"}}), "bounded");
  EXPECT_EQ(classOf({stepOf("1.5"), stepOf("2")}), "linear");
  EXPECT_EQ(classOf({Texts{"0.9", "0.1"}}), "bounded");
  EXPECT_EQ(classOf({branchOf("0.5*l^-1")}), "power(1/2)");
  EXPECT_EQ(classOf({branchOf("0.5*N^-0.5")}), "stretched(1/2)");
  EXPECT_EQ(classOf({branchOf("0.5")}), "exponential");
  EXPECT_EQ(classOf({normOf("2"), normOf("3")}), "bounded");
  EXPECT_EQ(classOf(std::vector<Texts>{}), "bounded");
}

// A const < 1: max(r0, B/(1 - A)).
TEST(S48, contraction) {
  Layer layer = [](double, double) { return Updates{{0.9, 0.5, 0, 0}}; };
  GrowthFlow flow(Schedule::constant(30));
  flow.pass(stackOf({Texts{"0.9", "0.5"}}));
  EXPECT_EQ(flow.result().print(), "bounded");
  EXPECT_LE(evaluate(layer, 100000, 1), 5 * (1 + 1e-9));
  EXPECT_LE(evaluate(layer, 100000, 30), valueOf(*flow.bound(), 1, 1000));
  // B that grows is followed, and what vanishes beside A does not disturb.
  EXPECT_EQ(classOf({Texts{"0.9", "N^0.5"}}), "power(1/2)");
  EXPECT_EQ(classOf({Texts{"0.9", "l^-1*N^0.5"}}), "power(1/2)");
  EXPECT_EQ(classOf({Texts{"0.9", "1", "0", "3*N^-1"}}), "bounded");
  EXPECT_EQ(classOf({Texts{"0.9", "1", "0", "0.2"}}), "exponential");
}

// Skips that cancel within a layer: 2 and 1/2 keep, 2 and 0.4 shrink, 2 and 0.6 grow.
TEST(S48, productOverALayer) {
  auto twoSkips = [](const char *second) { return classOf({Texts{"2", "1"}, Texts{second, "1"}}); };
  EXPECT_EQ(twoSkips("0.5"), "linear");
  EXPECT_EQ(twoSkips("~0.5"), "exponential"); // its half may be a hair more
  EXPECT_EQ(twoSkips("0.4"), "bounded");
  EXPECT_EQ(twoSkips("0.6"), "exponential");
}

// Only 1 is 1: a skip a hair above it is exponential, a gain is not zero because 1 + it is 1.
TEST(S48, nearbyConstantsAreNotRounded) {
  EXPECT_EQ(classOf({Texts{"1.000000000001"}}), "exponential");
  EXPECT_EQ(classOf({branchOf("1e-14")}), "exponential");
  EXPECT_EQ(classOf({branchOf("~1e-200")}), "exponential");
  EXPECT_EQ(classOf({Texts{"2"}, Texts{"0.5", "0", "0", "~1e-30"}}), "exponential");
  EXPECT_EQ(classOf({Texts{"1e-10*l", "1"}}), "double_exponential");
  EXPECT_EQ(classOf({Texts{"1e-17", "1"}, Texts{"1e18"}}), "exponential");
  EXPECT_EQ(classOf({Texts{"1", "0", "0", "1e-6*l^-0.5"}}), "stretched(1/2)");
  EXPECT_EQ(classOf({Texts{"0.99999999999999999", "1"}}), "bounded");
}

// A reset after every branch bounds even a quadratic branch; what follows the last reset counts
// once.
TEST(S48, resetBoundsWhatComesBefore) {
  EXPECT_EQ(classOf({Texts{"1", "0", "5"}, normOf("1")}), "bounded");
  EXPECT_EQ(classOf({normOf("1"), stepOf("N^0.5")}), "power(1/2)");
  EXPECT_EQ(classOf({normOf("N^0.5"), Texts{"1", "0", "1"}}), "linear");
}

// A norm does not forget a quadratic branch in the same step.
TEST(S48, squareWithoutSkip) { EXPECT_EQ(classOf({Texts{"0", "1", "0.5"}}), "double_exponential"); }

// prod A ~ (N/l)^c multiplies the B of layer l only.
TEST(S48, harmonicBranchesWithSteps) {
  auto harmonic = [](const std::string &c) { return classOf({Texts{"1", "1", "0", c + "*l^-1"}}); };
  EXPECT_EQ(harmonic("0.5"), "linear");
  EXPECT_EQ(harmonic("~0.5"), "linear");
  EXPECT_EQ(harmonic("1"), "linear*log");
  EXPECT_EQ(harmonic("2"), "quadratic");
}

// The skip's own root beside the branch: sqrt(1 - 1/N) x + sqrt(1/N) f(x).
TEST(S50, deepscale) {
  const Schedule N = Schedule::depth(1), one = Schedule::constant(1);
  const Schedule skip = power(one - reciprocal(N), Schedule::constant(Scalar::fraction(1, 2)));
  StackSchedule branches = stackOf({branchOf("0.7*N^-0.5")}), steps = stackOf({stepOf("N^-0.5")});
  branches.steps[0].a = steps.steps[0].a = skip;
  EXPECT_EQ(classOf({branches}), "stretched(1/2)");
  EXPECT_EQ(classOf({steps}), "power(1/2)");
}

// Mix-LN: the first quarter of the layers Post, the others Pre. The class is that of the pieces in
// order; a = 0 is Pre, a = 1 is Post.
TEST(S50, mixLayerNorm) {
  const Scalar quarter = Scalar::fraction(1, 4);
  auto early = [&](const std::vector<Texts> &updates) {
    return stackOf(updates, {1, 0, quarter}, "0.25*N - 1 .. 0.25*N");
  };
  auto late = [&](const std::vector<Texts> &updates) {
    return stackOf(updates, {1, quarter, 1}, "0.75*N .. 0.75*N + 1");
  };
  const std::vector<Texts> post = {normOf("1"), normOf("1")}, pre = {stepOf("0.7"), stepOf("1.3")};
  EXPECT_EQ(classOf({early(post), late(pre)}), "linear");
  EXPECT_EQ(classOf({early(pre), late(post)}), "bounded");
  EXPECT_EQ(classOf({early({branchOf("0.5")}), late(post)}), "bounded");
  EXPECT_EQ(classOf({early(post), late({branchOf("0.5")})}), "exponential");
  EXPECT_EQ(classOf({early({stepOf("N^-1")}), late({stepOf("l^-1")})}), "bounded");
}

// Pieces of fixed length count by the size of their entries, not by their number.
TEST(S50, shortPieces) {
  auto rest = [](const std::vector<Texts> &updates, int64_t first = 2) {
    return stackOf(updates, {first, 0, 1}, "N - " + std::to_string(first - 1));
  };
  auto most = [](const std::vector<Texts> &updates) { return stackOf(updates, {}, "N - 1"); };
  EXPECT_EQ(classOf({fewOf({stepOf("7")}), rest({stepOf("N^-1")})}), "bounded");
  EXPECT_EQ(classOf({fewOf({stepOf("7*l")}, 1, 10), rest({stepOf("N^-1")}, 11)}), "bounded");
  EXPECT_EQ(classOf({most({stepOf("l^-1")}), lastOf({stepOf("7")})}), "log");
  EXPECT_EQ(classOf({most({stepOf("l^-2")}), lastOf({stepOf("l")})}), "linear");
  EXPECT_EQ(classOf({fewOf({stepOf("N")}), rest({stepOf("N^-1")})}), "linear");
  EXPECT_EQ(classOf({most({stepOf("1")}), lastOf({branchOf("N")})}), "quadratic");
  EXPECT_EQ(classOf({fewOf({Texts{"1", "0", "2"}}), rest({stepOf("1")})}), "linear");
  EXPECT_EQ(classOf({fewOf({branchOf("4")}, 1, 3), rest({stepOf("l^-1")}, 4)}), "log");
  EXPECT_EQ(classOf({fewOf({branchOf("4")}, 1, 100000)}), "bounded");
}

// Several stacks, each with a share of the depth.
TEST(S50, sharesOfTheDepth) {
  auto stack = [](const std::string &b, const Scalar &share) {
    return stackOf({stepOf(b)}, {1, 0, share}, (Schedule::depth(share)).print());
  };
  EXPECT_EQ(classOf({stack("l^-1", Scalar::fraction(1, 2)), stack("1", 2)}), "linear");
  GrowthFlow flow(Schedule::constant(0));
  flow.pass(stack("l^-0.5", 4));
  EXPECT_GE(valueOf(*flow.bound(), 1, 10000), 2 * std::sqrt(40000.0) - 2);
  EXPECT_LE(valueOf(*flow.bound(), 1, 10000), 2 * std::sqrt(40000.0) + 1);
}

// The list of 8.6: each schedule of the literature.
TEST(S101, schedulesOfTheLiterature) {
  auto everywhere = [](const std::string &dt) {
    return classOf({stepOf("0.8*" + dt), stepOf("~1.2*" + dt)});
  };
  EXPECT_EQ(everywhere("~0.70710678118654752*N^-0.5"), "power(1/2)");
  EXPECT_EQ(everywhere("N^-1"), "bounded");
  EXPECT_EQ(everywhere("l^-1"), "log");
  EXPECT_EQ(everywhere("l^-2"), "bounded");
  EXPECT_EQ(everywhere("l^-0.5"), "power(1/2)");
  // LayerNorm scaling: attention of degree 1 beside a SwiGLU of degree 2.
  EXPECT_EQ(classOf({stepOf("2*l^-0.5"), stepOf("5*l^-1")}), "power(1/2)");
}

// Steps outside the layers do not shift the index of the layers.
TEST(S50, stepsAroundTheLayers) {
  StackSchedule harmonic = stackOf({stepOf("l^-0.5"), branchOf("0.5*l^-1")});
  StackSchedule norm = fewOf({normOf("2")}), jump = fewOf({stepOf("5"), branchOf("3")});
  EXPECT_EQ(classOf({norm, harmonic}), "power(1/2)*log");
  EXPECT_EQ(classOf({jump, harmonic, jump}), "power(1/2)*log");
  EXPECT_EQ(classOf({harmonic, norm}), "bounded");
}

// A lower class is that of skips of at least 1: the sum of B from below, or a gain that stays.
TEST(S57, lowerClasses) {
  auto lower = [](const std::vector<Texts> &updates) {
    StackSchedule stack = stackOf(updates);
    return lowerClassOf(stack).print();
  };
  EXPECT_EQ(lower({stepOf("1")}), "linear");
  EXPECT_EQ(lower({stepOf("l^-1")}), "log");
  EXPECT_EQ(lower({stepOf("0 .. 1")}), "bounded");
  EXPECT_EQ(lower({stepOf("0.5*l^-0.5 .. 3")}), "power(1/2)");
  EXPECT_EQ(lower({branchOf("0.1")}), "exponential");
  EXPECT_EQ(lower({Texts{"0.9", "1"}}), "bounded");
  EXPECT_EQ(lower({normOf("1"), stepOf("1")}), "bounded");
}

// Bounds rise with every coefficient, with r0, and with the depth where A >= 1.
TEST(S47, boundsAreMonotone) {
  std::mt19937 random(11);
  std::uniform_real_distribution<double> number(0, 0.2);
  for (int run = 0; run < 200; ++run) {
    Coefficients k{1, number(random), run % 3 ? 0 : 1e-3 * number(random), number(random)};
    auto value = [&](const Coefficients &with, int64_t depth, double r0) {
      return evaluate([=](double l, double) { return Updates{with, {1, with.b / l, 0, 0}}; }, depth,
                      r0);
    };
    double base = value(k, 12, 1);
    EXPECT_LE(base, value(k, 13, 1));
    EXPECT_LE(base, value(k, 12, 1.1));
    for (double Coefficients::*member :
         {&Coefficients::a, &Coefficients::b, &Coefficients::c, &Coefficients::gain}) {
      Coefficients more = k;
      more.*member += 0.01;
      EXPECT_LE(base, value(more, 12, 1));
    }
  }
}
