// Growth: classes of sums and products of schedules (claims S48..S51), read off their terms and
// then measured at large depths. Each case is named after the claim it tests.
#include "GrowthFixture.h"
#include "gtest/gtest.h"

using namespace mlir::lnx;
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
  Growth unknown = Growth::unknown();
  EXPECT_FALSE(unknown <= Growth::unbounded());
  EXPECT_FALSE(Growth::bounded() <= unknown);
  EXPECT_FALSE(unknown <= unknown);
  EXPECT_EQ(Growth::maximum(unknown, Growth::exponential()).kind(), Growth::Kind::unknown);
  EXPECT_EQ(Growth::maximum(unknown, Growth::unbounded()), Growth::unbounded());
  EXPECT_EQ(unknown.print(), "unknown");
}

// The variance's class is the square of the RMS's class.
TEST(S70, squares) {
  EXPECT_EQ(Growth::power(1).squared().print(), "quadratic");
  EXPECT_EQ(Growth::power(0.5).squared().print(), "linear");
  EXPECT_EQ(Growth::log().squared().print(), "log^2");
  for (const Growth &same : {Growth::bounded(), Growth::stretched(0.5), Growth::exponential(),
                             Growth::doubleExponential(), Growth::unbounded()})
    EXPECT_EQ(same.squared(), same);
  EXPECT_EQ(Growth::unknown().squared(), Growth::unknown());
}

namespace {
struct Row {
  const char *schedule;
  const char *sum;     // of it over the layers
  const char *product; // of 1 + half of it
};
} // namespace

static const Row rows[] = {
    {"1", "linear", "exponential"},
    {"N^-0.5", "power(1/2)", "stretched(1/2)"},
    {"N^-1", "bounded", "bounded"},
    {"N^-2", "bounded", "bounded"},
    {"l^-0.5", "power(1/2)", "stretched(1/2)"},
    {"l^-1", "log", "power(1/2)"},
    {"l^-2", "bounded", "bounded"},
    {"l^-0.25*N^-0.25", "power(1/2)", "stretched(1/2)"},
    {"l^-0.5*N^-0.25", "power(1/4)", "stretched(1/4)"},
    {"l^-0.5*N^-0.5", "bounded", "bounded"},
    {"l^-1/3*N^-1/3", "power(1/3)", "stretched(1/3)"},
    {"l^-1*N^0.5", "power(1/2)*log", "stretched(1/2)*log"},
    {"l^-1*N^-0.1", "bounded", "bounded"},
    {"l^-1.5*N^0.25", "power(1/4)", "stretched(1/4)"},
    {"l", "quadratic", "double_exponential"},
    {"l*N^-1", "linear", "exponential"},
    {"N^0.5", "power(3/2)", "double_exponential"},
    {"l^-0.7", "power(3/10)", "stretched(3/10)"},
    {"l^-0.123", "power(0.877)", "stretched(0.877)"},
};

static double valueOf(const std::string &text, double l, double N) {
  return valueOf(*Schedule::parse(text)->above(), l, N);
}

// The table of sums, whatever the constant.
TEST(S49, sumsOfSchedules) {
  for (const Row &row : rows)
    for (const char *c : {"1", "0.037", "41", "~0.1234"})
      EXPECT_EQ(classOf({stepOf(std::string(c) + "*" + row.schedule)}), row.sum)
          << row.schedule << " " << c;
}

// The same classes measured: increments of the partial sums at 20000, 40000 and 80000 layers; and
// the bound with its factor is above the sum.
TEST(S49, sumsAreWhatIsMeasured) {
  for (const Row &row : rows) {
    auto sumOf = [&](int64_t depth) {
      double sum = 0;
      for (int64_t l = 1; l <= depth; ++l)
        sum += valueOf(row.schedule, l, depth);
      return sum;
    };
    GrowthFlow flow(Schedule::constant(0));
    flow.pass(stackOf({stepOf(row.schedule)}));
    Growth growth = flow.result();
    double measured = measuredExponent(sumOf);
    if (growth.kind() == Growth::Kind::bounded)
      EXPECT_LT(measured, -0.05) << row.schedule;
    else
      EXPECT_NEAR(measured, growth.exponent(), growth.logs() > 0 ? 0.1 : 0.02) << row.schedule;
    ASSERT_TRUE(flow.bound()) << row.schedule;
    for (int64_t depth : {1000, 30000})
      EXPECT_LE(sumOf(depth), valueOf(*flow.bound(), 1, depth) * (1 + 1e-9)) << row.schedule;
  }
}

// p = 1: the sum is c N^-s ln N with the constant of the table.
TEST(S49, harmonicSumIsTheLogarithm) {
  GrowthFlow flow(Schedule::constant(0));
  flow.pass(stackOf({stepOf("3*l^-1")}));
  double sum = 3 * (std::log(100000) + 0.5772156649);
  EXPECT_GE(valueOf(*flow.bound(), 1, 100000), sum);
  EXPECT_LE(valueOf(*flow.bound(), 1, 100000), sum + 2);
}

TEST(S50, productsOfSchedules) {
  for (const Row &row : rows)
    EXPECT_EQ(classOf({branchOf(std::string("0.5*") + row.schedule)}), row.product) << row.schedule;
}

// log prod A has the class of the sum of c l^-p N^-s, measured.
TEST(S50, productsAreWhatIsMeasured) {
  for (const Row &row : rows) {
    std::optional<Growth> sum =
        classOfSum(*Schedule::parse(row.schedule), Span::of({{}, Schedule::depth(1)}));
    ASSERT_TRUE(sum);
    double measured = measuredExponent([&](int64_t depth) {
      double log = 0;
      for (int64_t l = 1; l <= depth; ++l)
        log += std::log1p(0.5 * valueOf(row.schedule, l, depth));
      return log;
    });
    if (sum->kind() == Growth::Kind::bounded)
      EXPECT_LT(measured, -0.05) << row.schedule;
    else // log(1 + x) is below x, so never above
      EXPECT_LT(measured, sum->exponent() + 0.1) << row.schedule;
  }
}

// A factor below 1 everywhere is a contraction, 1 - c/l does not grow either.
TEST(S50, factorsBelowOne) {
  EXPECT_EQ(classOf({Texts{"0.9"}}), "bounded");
  EXPECT_EQ(classOf({Texts{"1 - 0.5*l^-1"}}), "bounded");
  EXPECT_EQ(classOf({Texts{"1 - N^-1"}}), "bounded");
}

// What a user writes: shifted indices, sums of terms, logarithms, parts of the depth.
TEST(S49, spellingsOfSchedules) {
  const Schedule l = Schedule::layer({}), N = Schedule::depth(1), one = Schedule::constant(1);
  auto half = Schedule::constant(Scalar::fraction(1, 2));
  auto root = [&](const Schedule &x) { return power(x, half); };
  auto sumOf = [](const Schedule &x) {
    std::optional<Growth> growth = classOfSum(x, Span::of({{}, Schedule::depth(1)}));
    return growth ? growth->print() : "none";
  };
  EXPECT_EQ(sumOf(reciprocal(root(N + N))), "power(1/2)");
  EXPECT_EQ(sumOf(reciprocal(N + N + one)), "bounded");
  EXPECT_EQ(sumOf(reciprocal(l + one)), "log");
  EXPECT_EQ(sumOf(reciprocal(root(l + l - one))), "power(1/2)");
  EXPECT_EQ(sumOf(root(l / N)), "linear");
  EXPECT_EQ(sumOf(one - l / N), "linear");
  EXPECT_EQ(sumOf((N + one - l) / (N * N)), "bounded");
  EXPECT_EQ(sumOf(reciprocal(root(l)) + reciprocal(l)), "power(1/2)");
  EXPECT_EQ(sumOf(reciprocal(root(l)) + one), "linear");
  EXPECT_EQ(sumOf(log(N) / N), "log");
  EXPECT_EQ(sumOf(minimum(one, reciprocal(N))), "bounded");
  EXPECT_EQ(sumOf(maximum(Schedule::constant(Scalar::decimal(1, -9)), reciprocal(N))), "linear");
}

// Nothing is claimed where a schedule has no bound, whatever beside it.
TEST(S51, unknownSchedules) {
  EXPECT_EQ(classOf({stepOf("0 .. ?")}).substr(0, 7), "unknown");
  EXPECT_EQ(classOf({branchOf("0 .. ?")}).substr(0, 7), "unknown");
  EXPECT_EQ(classOf({stepOf("1"), Texts{"?"}}).substr(0, 7), "unknown");
  EXPECT_EQ(classOf({stackOf({stepOf("1")}, {}, "?")}).substr(0, 7), "unknown");
  EXPECT_EQ(classOf({stepOf("0 .. 2*l^-1")}), "log");
  // A norm behind it forgets it.
  EXPECT_EQ(classOf({stackOf({stepOf("0 .. ?")}), fewOf({normOf("1")})}), "bounded");
}

// Exponents are compared exactly: what is almost a logarithm is a power.
TEST(S49, almostIsNotEqual) {
  EXPECT_EQ(classOf({stepOf("l^-0.999999999999")}), "power(1e-12)");
  EXPECT_EQ(classOf({stepOf("l^-1.000000000001")}), "bounded");
  EXPECT_EQ(classOf({stepOf("N^-0.999999999999")}), "power(1e-12)");
  EXPECT_EQ(classOf({stepOf("N^-1 + 1e-13")}), "linear");
}
