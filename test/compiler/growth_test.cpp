// Growth: classes of sums and products of schedules (claims S48..S51), recognised and then measured
// at large depths. Each case is named after the claim it tests.
#include "GrowthFixture.h"
#include "gtest/gtest.h"

using namespace mlir::lnx::stability;

// Every class of the table is above the ones before it, and is read back as it is printed.
TEST(S48, classesAreOrderedAndReadBack) {
  const char *ascending[] = {"bounded",        "log",         "log^2",
                             "power(1/4)",     "power(1/2)",  "power(1/2)*log",
                             "linear",         "linear*log",  "power(3/2)",
                             "quadratic",      "power(3)",    "stretched(1/3)",
                             "stretched(1/2)", "exponential", "double_exponential",
                             "unbounded"};
  std::optional<Growth> previous;
  for (const char *word : ascending) {
    std::optional<Growth> growth = Growth::parse(word);
    ASSERT_TRUE(growth) << word;
    EXPECT_EQ(growth->print(), word);
    EXPECT_TRUE(*growth <= *growth);
    EXPECT_TRUE(*growth <= Growth::unbounded());
    if (previous) {
      EXPECT_TRUE(*previous <= *growth) << word;
      EXPECT_FALSE(*growth <= *previous) << word;
      EXPECT_EQ(Growth::maximum(*growth, *previous), *growth);
      EXPECT_EQ(Growth::maximum(*previous, *growth), *growth);
    }
    previous = growth;
  }
}

TEST(S48, otherWordsAreNotClasses) {
  for (const char *word :
       {"", "Linear", "power", "power()", "power(1/0)", "power(x)", "power(1", "stretched(1)",
        "stretched(0)", "log^", "exponential*log", "linear*2", "unknown", "linear "})
    EXPECT_FALSE(Growth::parse(word)) << word;
  EXPECT_EQ(Growth::parse("sqrt"), Growth::power(0.5));
  EXPECT_EQ(Growth::parse("power(0.5)"), Growth::power(0.5));
  EXPECT_EQ(Growth::parse("power(0)"), Growth::bounded());
}

// An unknown class proves nothing, in either direction; only top is above it.
TEST(S51, unknownIsComparableToNothing) {
  Growth unknown = Growth::unknown(0.7);
  EXPECT_FALSE(unknown <= Growth::unbounded());
  EXPECT_FALSE(Growth::bounded() <= unknown);
  EXPECT_FALSE(unknown <= unknown);
  EXPECT_EQ(Growth::maximum(unknown, Growth::exponential()).kind(), Growth::Kind::unknown);
  EXPECT_EQ(Growth::maximum(unknown, Growth::unbounded()), Growth::unbounded());
  EXPECT_EQ(unknown.print(), "unknown (fitted exponent 0.7)");
}

// The variance's class is the square of the RMS's class.
TEST(S70, squares) {
  EXPECT_EQ(Growth::power(1).squared().print(), "quadratic");
  EXPECT_EQ(Growth::power(0.5).squared().print(), "linear");
  EXPECT_EQ(Growth::log().squared().print(), "log^2");
  for (const Growth &same : {Growth::bounded(), Growth::stretched(0.5), Growth::exponential(),
                             Growth::doubleExponential(), Growth::unbounded()})
    EXPECT_EQ(same.squared(), same);
  EXPECT_EQ(Growth::unknown(1).squared(), Growth::unknown(2));
}

namespace {
struct Pair {
  double p, s;
  const char *sum;     // of l^-p N^-s
  const char *product; // of 1 + l^-p N^-s / 2
};
} // namespace

static const Pair pairs[] = {
    {0, 0, "linear", "exponential"},
    {0, 0.5, "power(1/2)", "stretched(1/2)"},
    {0, 1, "bounded", "bounded"},
    {0, 2, "bounded", "bounded"},
    {0.5, 0, "power(1/2)", "stretched(1/2)"},
    {1, 0, "log", "power(1/2)"},
    {2, 0, "bounded", "bounded"},
    {0.25, 0.25, "power(1/2)", "stretched(1/2)"},
    {0.5, 0.25, "power(1/4)", "stretched(1/4)"},
    {0.5, 0.5, "bounded", "bounded"},
    {1. / 3, 1. / 3, "power(1/3)", "stretched(1/3)"},
    {1, -0.5, "power(1/2)*log", "stretched(1/2)*log"},
    {1, 0.1, "bounded", "bounded"},
    {1.5, -0.25, "power(1/4)", "stretched(1/4)"},
    {-1, 0, "quadratic", "double_exponential"},
    {-1, 1, "linear", "exponential"},
    {0, -0.5, "power(3/2)", "double_exponential"},
    {0.7, 0, "power(3/10)", "stretched(3/10)"},
    {0.123, 0, "power(0.877)", "stretched(0.877)"},
};

static Table schedule(double c, double p, double s) {
  return [=](int64_t depth) {
    std::vector<double> table;
    for (int64_t l = 1; l <= depth; ++l)
      table.push_back(c * std::pow(l, -p) * std::pow(depth, -s));
    return table;
  };
}

// The table of sums, whatever the constant and the depth of the model.
TEST(S49, sumsOfSchedules) {
  for (const Pair &pair : pairs)
    for (double c : {1.0, 0.037, 41.0})
      for (int64_t depth : {1, 12, 61, 1000})
        EXPECT_EQ(classOfSum(schedule(c, pair.p, pair.s), depth).print(), pair.sum)
            << pair.p << " " << pair.s << " " << c << " " << depth;
}

// The same classes measured: increments of the partial sums at 20000, 40000 and 80000 layers.
TEST(S49, sumsAreWhatIsMeasured) {
  for (const Pair &pair : pairs) {
    Growth growth = classOfSum(schedule(1, pair.p, pair.s), 12);
    double measured = measuredExponent([&](int64_t depth) {
      double sum = 0;
      for (double value : schedule(1, pair.p, pair.s)(depth))
        sum += value;
      return sum;
    });
    if (growth.kind() == Growth::Kind::bounded)
      EXPECT_LT(measured, -0.05) << pair.p << " " << pair.s;
    else
      EXPECT_NEAR(measured, growth.exponent(), growth.logs() > 0 ? 0.1 : 0.02)
          << pair.p << " " << pair.s;
  }
}

// p = 1: the sum is c N^-s ln N with the constant of the table.
TEST(S49, harmonicSumIsTheLogarithm) {
  double sum = 0;
  for (double value : schedule(3, 1, 0)(100000))
    sum += value;
  EXPECT_NEAR(sum / (3 * (std::log(100000) + 0.5772156649)), 1, 1e-6);
}

TEST(S50, productsOfSchedules) {
  for (const Pair &pair : pairs)
    for (int64_t depth : {1, 12, 61, 1000})
      EXPECT_EQ(classOfProduct(schedule(0.5, pair.p, pair.s), depth).print(), pair.product)
          << pair.p << " " << pair.s << " " << depth;
}

// log prod A has the class of the sum of c l^-p N^-s, measured.
TEST(S50, productsAreWhatIsMeasured) {
  for (const Pair &pair : pairs) {
    Growth sum = classOfSum(schedule(1, pair.p, pair.s), 12);
    double measured = measuredExponent([&](int64_t depth) {
      double log = 0;
      for (double value : schedule(0.5, pair.p, pair.s)(depth))
        log += std::log1p(value);
      return log;
    });
    if (sum.kind() == Growth::Kind::bounded)
      EXPECT_LT(measured, -0.05) << pair.p << " " << pair.s;
    else // log(1 + x) is below x, so never above
      EXPECT_LT(measured, sum.exponent() + 0.1) << pair.p << " " << pair.s;
  }
}

// A factor below 1 everywhere is a contraction, 1 - c/l does not grow either.
TEST(S50, factorsBelowOne) {
  EXPECT_EQ(classOfProduct(schedule(-0.1, 0, 0), 12).print(), "bounded");
  EXPECT_EQ(classOfProduct(schedule(-0.5, 1, 0), 12).print(), "bounded");
  EXPECT_EQ(classOfProduct(schedule(-1, 0, 1), 12).print(), "bounded");
}

TEST(S49, recogniseGivesTheTerm) {
  std::optional<ScheduleTerm> term = recognise(schedule(2, 0.5, 0.25), 12);
  ASSERT_TRUE(term);
  EXPECT_NEAR(term->c, 2, 1e-9);
  EXPECT_EQ(term->p, 0.5);
  EXPECT_EQ(term->s, 0.25);
  EXPECT_EQ(term->q, 0);
  std::optional<ScheduleTerm> logs = recognise(
      [](int64_t depth) { return std::vector<double>(depth, std::sqrt(std::log(depth)) / depth); },
      100);
  ASSERT_TRUE(logs);
  EXPECT_EQ(logs->q, 0.5);
  EXPECT_EQ(logs->s, 1);
  EXPECT_FALSE(
      recognise([](int64_t depth) { return std::vector<double>(depth, 1 + 1.0 / depth); }, 12));
  std::optional<ScheduleTerm> zero =
      recognise([](int64_t depth) { return std::vector<double>(depth); }, 12);
  ASSERT_TRUE(zero);
  EXPECT_EQ(zero->c, 0);
}

/// The class of the sum of f(l, N) over the layers.
static std::string sumOf(double (*f)(double l, double N), int64_t depth = 12) {
  return classOf([=](double l, double N) { return std::vector{step(f(l, N))}; }, depth);
}

// What a user writes: shifted indices, sums of terms, logarithms, parts of the depth.
TEST(S49, spellingsOfSchedules) {
  EXPECT_EQ(sumOf([](double, double N) { return 1 / std::sqrt(2 * N); }), "power(1/2)");
  EXPECT_EQ(sumOf([](double, double N) { return 1 / (2 * N + 1); }), "bounded");
  EXPECT_EQ(sumOf([](double, double N) { return 1 / std::sqrt(2 * N + 1); }), "power(1/2)");
  EXPECT_EQ(sumOf([](double l, double) { return 1 / (l + 1); }), "log");
  EXPECT_EQ(sumOf([](double l, double) { return 1 / std::sqrt(2 * l - 1); }), "power(1/2)");
  EXPECT_EQ(sumOf([](double l, double N) { return std::sqrt(l / N); }), "linear");
  EXPECT_EQ(sumOf([](double l, double N) { return 1 - l / N; }), "linear");
  EXPECT_EQ(sumOf([](double l, double N) { return (N + 1 - l) / (N * N); }), "bounded");
  EXPECT_EQ(sumOf([](double l, double) { return 0.1 / std::sqrt(l) + 0.01; }), "linear");
  EXPECT_EQ(sumOf([](double l, double) { return 0.1 / std::sqrt(l) + 3 / l; }), "power(1/2)");
  EXPECT_EQ(sumOf([](double l, double) { return 1 / l + 2 / std::sqrt(l) + 3; }), "linear");
  EXPECT_EQ(sumOf([](double l, double) { return 1 / l + std::pow(l, -1.5); }), "log");
  EXPECT_EQ(sumOf([](double l, double) { return 0.2 + std::pow(l, -0.3); }), "linear");
  EXPECT_EQ(sumOf([](double, double N) { return std::log(N) / N; }), "log");
  EXPECT_EQ(sumOf([](double, double N) { return 1 / std::log(2 * N); }), "linear");
  EXPECT_EQ(sumOf([](double, double N) { return std::sqrt(std::log(2 * N) / N); }),
            "power(1/2)*log^1/2");
}

// Nothing is claimed where the table is not one of these, however smooth it is.
TEST(S51, otherSchedulesAreUnknown) {
  auto isUnknown = [](double (*f)(double, double)) {
    return sumOf(f).rfind("unknown (fitted exponent ", 0) == 0;
  };
  EXPECT_TRUE(isUnknown([](double l, double) { return 1 + 1e-7 * std::sin(l); }));
  EXPECT_TRUE(isUnknown([](double l, double) { return 1 / (l * std::log(l + 1)); }));
  EXPECT_TRUE(isUnknown([](double, double N) { return std::exp(-N / 100); }));
  EXPECT_TRUE(isUnknown([](double l, double N) { return 1 / (N + 1 - l); }));
  EXPECT_TRUE(isUnknown([](double l, double) { return std::fmod(l, 2); }));
  EXPECT_TRUE(isUnknown([](double, double N) { return std::max(0.01, 1 / N); }));
}

// The exponent beside the word is the measured one.
TEST(S51, fittedExponent) {
  Growth growth = recurrence([](double l, double) {
                    return std::vector{step(1 + 0.01 * std::sin(l))};
                  }).growth(12);
  EXPECT_EQ(growth.kind(), Growth::Kind::unknown);
  EXPECT_NEAR(growth.exponent(), 1, 0.05);
}
