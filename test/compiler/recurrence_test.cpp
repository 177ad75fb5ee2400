// Recurrence: r' = A r + B + C r^2 over all layers: its value, its class and their soundness (S47,
// S48, S50, 8.6, 8.7). Classes are compared with growth measured at 80000 layers.
#include "GrowthFixture.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <map>
#include <random>

using namespace mlir::lnx::stability;
using Layers = std::vector<Coefficients>;

TEST(S14, numbersAreRoundedUp) {
  EXPECT_GT(roundUp(1), 1);
  EXPECT_NEAR(roundUp(3), 3, 1e-11);
  // Against 64 bits of mantissa: never below, and near.
  std::mt19937 random(3);
  std::uniform_real_distribution<double> number(0, 1);
  for (int run = 0; run < 20; ++run) {
    Layers table;
    for (int k = 0; k < 20000; ++k)
      table.push_back(
          {number(random), number(random), 1e-3 * number(random), 1e-3 * number(random)});
    long double exact = 1;
    for (const Coefficients &k : table)
      exact = (static_cast<long double>(k.a) + k.gain) * exact + k.b + k.c * exact * exact;
    Recurrence r{[&](int64_t) { return table; }, nullptr};
    EXPECT_GE(r.evaluate(20000, 1), static_cast<double>(exact));
    EXPECT_LE(r.evaluate(20000, 1), static_cast<double>(exact * (1 + 1e-9L)));
  }
}

// A step below the rounding of the stream is lost by doubles every time, not by the bound.
TEST(S14, lostStepsAreCounted) {
  Recurrence r = recurrence([](double, double) { return Layers{step(1e-16)}; });
  EXPECT_GE(r.evaluate(100000, 1), 1 + 1e-11);
  EXPECT_LE(r.evaluate(100000, 1), 1 + 1e-9);
}

TEST(S47, overflowIsInfinity) {
  Recurrence squares = recurrence([](double, double) { return Layers{{1, 0, 1, 0}}; });
  EXPECT_LT(squares.evaluate(5, 1), 1e15);
  EXPECT_TRUE(std::isinf(squares.evaluate(100, 1)));
  EXPECT_TRUE(
      std::isinf(recurrence([](double, double) { return Layers{branch(1)}; }).evaluate(2000, 1)));
}

// A norm forgets even an overflown stream, but not a coefficient that is top.
TEST(S47, postNormForgets) {
  Recurrence r =
      recurrence([](double l, double) { return Layers{l < 1500 ? branch(1) : postNorm(3)}; });
  EXPECT_NEAR(r.evaluate(2000, 1), 3, 1e-9);
  EXPECT_TRUE(std::isinf(recurrence([](double l, double) {
                           return Layers{l == 1 ? step(HUGE_VAL) : postNorm(3)};
                         }).evaluate(12, 1)));
  EXPECT_TRUE(
      std::isinf(recurrence([](double, double) { return Layers{step(NAN)}; }).evaluate(12, 1)));
  EXPECT_TRUE(
      std::isinf(recurrence([](double, double) { return Layers{step(-1)}; }).evaluate(12, 1)));
}

// Small numbers round up too: a stream that shrinks below the smallest double is not zero.
// Behind a coefficient that is none nothing is known, until a norm forgets it.
TEST(S47, sizesAreThoseAfterEachUpdate) {
  Layers table = {branch(1), step(2), postNorm(3), step(1)};
  Recurrence r{[&](int64_t) { return table; }, nullptr};
  std::vector<double> sizes = r.sizes(4, 1), expected = {2, 4, 3, 4};
  ASSERT_EQ(sizes.size(), 4u);
  for (size_t k = 0; k < 4; ++k) {
    EXPECT_GE(sizes[k], expected[k]);
    EXPECT_NEAR(sizes[k], expected[k], 1e-10);
  }
  EXPECT_EQ(sizes[3], r.evaluate(4, 1));
  for (double bad : {HUGE_VAL, std::nan(""), -1.0}) {
    table[1] = step(bad);
    sizes = r.sizes(4, 1);
    EXPECT_NEAR(sizes[0], 2, 1e-10);
    EXPECT_EQ(sizes[1], HUGE_VAL);
    EXPECT_NEAR(sizes[2], 3, 1e-10);
  }
}

TEST(S47, underflowIsNotZero) {
  Recurrence half = recurrence([](double, double) { return Layers{{0.5, 0, 0, 0}}; });
  EXPECT_GT(half.evaluate(5000, 1), 0);
  EXPECT_EQ(half.evaluate(5000, 0), 0);
}

// r_N <= |a|^(KN) r0 + dt G (1 - |a|^(KN))/(1 - |a|), and r0 + K N dt G for a = 1.
TEST(S52, closedForms) {
  for (double a : {0.5, 0.9, 0.999, 1.001, 1.01}) {
    Recurrence r =
        recurrence([=](double, double) { return Layers{{a, 0.3, 0, 0}, {a, 0.3, 0, 0}}; });
    double power = std::pow(a, 2 * 48);
    EXPECT_NEAR(r.evaluate(48, 2) / (power * 2 + 0.3 * (1 - power) / (1 - a)), 1, 1e-10);
  }
  Recurrence peri = recurrence([](double, double) { return Layers{step(1), step(1)}; });
  EXPECT_NEAR(peri.evaluate(12, 0.0282842712), 24.0282842712, 1e-8);
  EXPECT_NEAR(peri.evaluate(100000, 1), 200001, 1e-3);
}

// The rows of the table, each with its example.
TEST(S48, tableOfClasses) {
  EXPECT_EQ(classOf([](double, double) { return Layers{{1, 0, 0.1, 0}}; }), "double_exponential");
  EXPECT_EQ(classOf([](double l, double) { return Layers{{1, 1 / (l * l), 0, 1 / (l * l)}}; }),
            "bounded");
  EXPECT_EQ(classOf([](double, double) { return Layers{step(1.5), step(2)}; }), "linear");
  EXPECT_EQ(classOf([](double, double) { return Layers{{0.9, 0.1, 0, 0}}; }), "bounded");
  EXPECT_EQ(classOf([](double l, double) { return Layers{branch(0.5 / l)}; }), "power(1/2)");
  EXPECT_EQ(classOf([](double, double N) { return Layers{branch(0.5 / std::sqrt(N))}; }),
            "stretched(1/2)");
  EXPECT_EQ(classOf([](double, double) { return Layers{branch(0.5)}; }), "exponential");
  EXPECT_EQ(classOf([](double, double) { return Layers{step(1), step(HUGE_VAL)}; }), "unbounded");
  EXPECT_EQ(classOf([](double, double) { return Layers{{1, 0, HUGE_VAL, 0}}; }), "unbounded");
  EXPECT_EQ(classOf([](double, double) { return Layers{{0, 2, 0, 0}, {0, 3, 0, 0}}; }), "bounded");
}

// A const < 1: max(r0, B/(1 - A)).
TEST(S48, contraction) {
  Recurrence r = recurrence([](double, double) { return Layers{{0.9, 0.5, 0, 0}}; });
  EXPECT_EQ(r.growth(12).print(), "bounded");
  EXPECT_LE(r.evaluate(100000, 1), 5 * (1 + 1e-9));
  EXPECT_LE(r.evaluate(100000, 30), 30);
  // B that grows is followed, and what vanishes beside A does not disturb.
  EXPECT_EQ(classOf([](double, double N) { return Layers{{0.9, std::sqrt(N), 0, 0}}; }),
            "power(1/2)");
  EXPECT_EQ(classOf([](double l, double N) { return Layers{{0.9, std::sqrt(N) / l, 0, 0}}; }),
            "power(1/2)");
  EXPECT_EQ(classOf([](double, double N) { return Layers{{0.9, 1, 0, 3 / N}}; }), "bounded");
  EXPECT_EQ(classOf([](double, double) { return Layers{{0.9, 1, 0, 0.2}}; }), "exponential");
}

// Skips that cancel within a layer: 2 and 1/2 keep, 2 and 0.4 shrink, 2 and 0.6 grow.
TEST(S48, productOverALayer) {
  auto twoSkips = [](double second) {
    return classOf([=](double, double) { return Layers{{2, 1, 0, 0}, {second, 1, 0, 0}}; });
  };
  EXPECT_EQ(twoSkips(0.5), "linear");
  EXPECT_EQ(twoSkips(0.4), "bounded");
  EXPECT_EQ(twoSkips(0.6), "exponential");
}

// Only 1 is 1: a skip a hair above it is exponential, one that starts at a hair is not zero.
TEST(S48, nearbyConstantsAreNotRounded) {
  EXPECT_EQ(classOf([](double, double) { return Layers{{1 + 1e-12, 0, 0, 0}}; }), "exponential");
  EXPECT_EQ(classOf([](double, double) { return Layers{branch(1e-14)}; }), "exponential");
  EXPECT_EQ(classOf([](double l, double) { return Layers{{1e-10 * l, 1, 0, 0}}; }),
            "double_exponential");
  EXPECT_EQ(classOf([](double, double) { return Layers{{1e-17, 1, 0, 0}, {1e18, 0, 0, 0}}; }),
            "exponential");
  EXPECT_EQ(classOf([](double l, double) { return Layers{{1 + 1e-6 / std::sqrt(l), 0, 0, 0}}; }),
            "stretched(1/2)");
}

// A reset after every branch bounds even a quadratic branch; what follows the last reset counts
// once.
TEST(S48, resetBoundsWhatComesBefore) {
  EXPECT_EQ(classOf([](double, double) { return Layers{{1, 0, 5, 0}, postNorm(1)}; }), "bounded");
  EXPECT_EQ(classOf([](double, double N) { return Layers{postNorm(1), step(std::sqrt(N))}; }),
            "power(1/2)");
  EXPECT_EQ(classOf([](double, double N) { return Layers{postNorm(std::sqrt(N)), {1, 0, 1, 0}}; }),
            "linear");
}

// A norm does not forget a quadratic branch in the same step.
TEST(S48, squareWithoutSkip) {
  EXPECT_EQ(classOf([](double, double) { return Layers{{0, 1, 0.5, 0}}; }), "double_exponential");
}

// prod A ~ (N/l)^c multiplies the B of layer l only.
TEST(S48, harmonicBranchesWithSteps) {
  auto harmonic = [](double c) {
    return classOf([=](double l, double) { return Layers{{1, 1, 0, c / l}}; });
  };
  EXPECT_EQ(harmonic(0.5), "linear");
  EXPECT_EQ(harmonic(1), "linear*log");
  EXPECT_EQ(harmonic(2), "quadratic");
}

// The skip's own root is recognised beside the branch: sqrt(1 - 1/N) x + sqrt(1/N) f(x).
TEST(S50, deepscale) {
  EXPECT_EQ(classOf([](double, double N) {
              return Layers{{std::sqrt(1 - 1 / N), 0, 0, 0.7 / std::sqrt(N)}};
            }),
            "stretched(1/2)");
  EXPECT_EQ(classOf([](double, double N) {
              return Layers{{std::sqrt(1 - 1 / N), 1 / std::sqrt(N), 0, 0}};
            }),
            "power(1/2)");
}

/// Mix-LN: the first `part` of the layers Post, the others Pre.
static Layer mixed(double part) {
  return [=](double l, double N) {
    return l <= part * N ? Layers{postNorm(1), postNorm(1)} : Layers{step(0.7), step(1.3)};
  };
}

// The class is that of the pieces in order; a = 0 is Pre, a = 1 is Post, and the model's own depth
// does not matter.
TEST(S50, mixLayerNorm) {
  for (int64_t depth : {4, 5, 12, 48, 49, 57, 96, 1000, 10001}) {
    EXPECT_EQ(classOf(mixed(0.25), depth), "linear") << depth;
    EXPECT_EQ(classOf(mixed(0), depth), "linear") << depth;
    EXPECT_EQ(classOf(mixed(1), depth), "bounded") << depth;
  }
  EXPECT_NEAR(recurrence(mixed(0.25)).evaluate(1000, 1), 1 + 750 * 2, 1e-6);
  EXPECT_EQ(
      classOf([](double l, double N) { return Layers{l > N / 3 ? postNorm(1) : branch(0.5)}; }),
      "bounded");
  EXPECT_EQ(
      classOf([](double l, double N) { return Layers{l > N / 3 ? branch(0.5) : postNorm(1)}; }),
      "exponential");
  EXPECT_EQ(classOf([](double l, double N) { return Layers{step(l > N / 2 ? 1 / l : 1 / N)}; }),
            "bounded");
}

// Pieces of fixed length count by the size of their entries, not by their number.
TEST(S50, shortPieces) {
  EXPECT_EQ(classOf([](double l, double N) { return Layers{step(l == 1 ? 7 : 1 / N)}; }),
            "bounded");
  EXPECT_EQ(classOf([](double l, double N) { return Layers{step(l <= 10 ? 7 : 1 / N)}; }),
            "bounded");
  EXPECT_EQ(classOf([](double l, double N) { return Layers{step(l == N ? 7 : 1 / l)}; }), "log");
  EXPECT_EQ(classOf([](double l, double N) { return Layers{step(l == 1 ? N : 1 / N)}; }), "linear");
  EXPECT_EQ(classOf([](double l, double N) { return Layers{l == N ? branch(N) : step(1)}; }),
            "quadratic");
  EXPECT_EQ(
      classOf([](double l, double) { return Layers{l == 1 ? Coefficients{1, 0, 2, 0} : step(1)}; }),
      "linear");
  EXPECT_EQ(classOf([](double l, double) { return Layers{l <= 3 ? branch(4) : step(1 / l)}; }),
            "log");
}

// The list of 8.6: each schedule of the literature.
TEST(S101, schedulesOfTheLiterature) {
  auto everywhere = [](double (*dt)(double l, double N)) {
    return classOf(
        [=](double l, double N) { return Layers{step(0.8 * dt(l, N)), step(1.2 * dt(l, N))}; });
  };
  EXPECT_EQ(everywhere([](double, double N) { return 1 / std::sqrt(2 * N); }), "power(1/2)");
  EXPECT_EQ(everywhere([](double, double N) { return 1 / N; }), "bounded");
  EXPECT_EQ(everywhere([](double l, double) { return 1 / l; }), "log");
  EXPECT_EQ(everywhere([](double l, double) { return 1 / (l * l); }), "bounded");
  EXPECT_EQ(everywhere([](double l, double) { return 1 / std::sqrt(l); }), "power(1/2)");
  // LayerNorm scaling: attention of degree 1 beside a SwiGLU of degree 2.
  EXPECT_EQ(classOf([](double l, double) { return Layers{step(2 / std::sqrt(l)), step(5 / l)}; }),
            "power(1/2)");
  // The index of the sub-layer, k = 2 (l - 1) + j.
  EXPECT_EQ(classOf([](double l, double) {
              return Layers{step(1 / std::sqrt(2 * l - 1)), step(1 / std::sqrt(2 * l))};
            }),
            "power(1/2)");
  Recurrence damped = recurrence([](double, double) { return Layers{{0.9, 0.3, 0, 0}}; });
  EXPECT_EQ(damped.growth(12).print(), "bounded");
  EXPECT_LE(damped.evaluate(1000, 1), 10 * 0.3 * (1 + 1e-9));
}

// A case distinction on the depth is seen where single layers can be asked for.
TEST(S51, deepCaseDistinctions) {
  auto floor = [](double, double N) { return Layers{step(std::max(1e-4, 1 / N))}; };
  Recurrence r = recurrence(floor);
  r.layerAt = [&](int64_t depth, int64_t layer) { return floor(layer, depth); };
  EXPECT_EQ(r.growth(12).kind(), Growth::Kind::unknown);
  Recurrence known = recurrence(floor);
  EXPECT_EQ(known.growth(50000).kind(), Growth::Kind::unknown);
  Recurrence mix = recurrence(mixed(0.25));
  mix.layerAt = [](int64_t depth, int64_t layer) { return mixed(0.25)(layer, depth); };
  EXPECT_EQ(mix.growth(12).print(), "linear");
}

/// `layer` for the layers, with steps before them and after them.
static Recurrence surrounded(const Layer &layer, const Layers &before, const Layers &after) {
  Recurrence r;
  r.at = [=](int64_t depth) {
    Layers table = before;
    for (const Coefficients &k : recurrence(layer).at(depth))
      table.push_back(k);
    table.insert(table.end(), after.begin(), after.end());
    return table;
  };
  return r;
}

// Steps outside the layers do not shift the index of the layers.
TEST(S50, stepsAroundTheLayers) {
  Layer harmonic = [](double l, double) { return Layers{step(1 / std::sqrt(l)), branch(0.5 / l)}; };
  Layers norm = {postNorm(2), Coefficients()}, jump = {step(5), branch(3)};
  for (int64_t depth : {12, 50000}) {
    EXPECT_EQ(surrounded(harmonic, norm, {}).growth(depth).print(), "power(1/2)*log");
    EXPECT_EQ(surrounded(harmonic, jump, jump).growth(depth).print(), "power(1/2)*log");
    EXPECT_EQ(surrounded(harmonic, {}, norm).growth(depth).print(), "bounded");
    EXPECT_EQ(surrounded(harmonic, {step(HUGE_VAL), {}}, {}).growth(depth).print(), "unbounded");
  }
  EXPECT_EQ(surrounded(mixed(0.25), norm, jump).growth(12).print(), "linear");
}

// What only some depths show is enough to say nothing: a last layer at odd depths, 3e-9 at one
// depth.
TEST(S51, everyDepthCounts) {
  auto isUnknown = [](const Layer &layer) {
    return recurrence(layer).growth(48).kind() == Growth::Kind::unknown;
  };
  EXPECT_TRUE(isUnknown(
      [](double l, double N) { return Layers{step(l == N && std::fmod(N, 2) == 1 ? 7 : 1)}; }));
  EXPECT_TRUE(isUnknown([](double, double N) { return Layers{step(N == 96 ? 1 + 3e-9 : 1)}; }));
  EXPECT_TRUE(isUnknown(
      [](double l, double N) { return Layers{step(N == 145 && l == 77 ? 1 + 1e-8 : 1)}; }));
  EXPECT_FALSE(isUnknown([](double, double) { return Layers{step(1)}; }));
}

// Layers with different numbers of updates are not lined up by guessing.
TEST(S51, irregularTables) {
  EXPECT_EQ(recurrence([](double l, double N) { return Layers(l > N / 2 ? 2 : 1, step(1)); })
                .growth(12)
                .kind(),
            Growth::Kind::unknown);
  EXPECT_EQ(recurrence([](double, double) { return Layers{step(-1)}; }).growth(12).kind(),
            Growth::Kind::unknown);
  EXPECT_EQ(classOf([](double, double) { return Layers{}; }), "bounded");
}

/// How many layers growth() reads in all tables together, beyond those of the model itself.
static size_t layersRead(const Layer &layer, int64_t depth, const std::string &expected) {
  size_t read = 0;
  Recurrence r;
  r.at = [&](int64_t d) {
    Layers table = recurrence(layer).at(d);
    read += d == depth ? 0 : table.size();
    return table;
  };
  EXPECT_EQ(r.growth(depth).print().substr(0, expected.size()), expected);
  return read;
}

// Beside its own table a model of a hundred thousand layers costs what a shallow one does: the
// depths that are looked at do not grow with it.
TEST(S51, theWorkDoesNotGrowWithDepth) {
  Layer roots = [](double l, double) { return Layers{step(1 / std::sqrt(l)), step(2 / l)}; };
  Layer noise = [](double l, double) { return Layers{step(1 + 0.1 * std::sin(l)), step(1)}; };
  EXPECT_LT(layersRead(roots, 12, "power(1/2)"), 10000u);
  EXPECT_LT(layersRead(roots, 100000, "power(1/2)"), 10000u);
  EXPECT_LT(layersRead(mixed(0.25), 100000, "linear"), 10000u);
  EXPECT_LT(layersRead(noise, 100000, "unknown"), 10000u);
}

// Bounds rise with every coefficient, with r0, and with the depth where A >= 1.
TEST(S47, boundsAreMonotone) {
  std::mt19937 random(11);
  std::uniform_real_distribution<double> number(0, 0.2);
  for (int run = 0; run < 200; ++run) {
    Coefficients k{1, number(random), run % 3 ? 0 : 1e-3 * number(random), number(random)};
    auto value = [&](const Coefficients &with, int64_t depth, double r0) {
      return recurrence([=](double l, double) { return Layers{with, {1, with.b / l, 0, 0}}; })
          .evaluate(depth, r0);
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
