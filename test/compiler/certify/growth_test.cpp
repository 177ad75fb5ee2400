// The classes that lnx-certify reads off schedules are those of the recurrences themselves,
// followed layer by layer at large depths; the verifier has no part in it.
#include "compiler/certify/Growth.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace lnx::certify;

namespace {
double valueOf(const std::vector<Monomial> &terms, double l, double n) {
  double sum = 0;
  for (const Monomial &x : terms)
    sum += x.c * std::pow(l, x.p) * std::pow(n, x.s) * std::pow(std::log(n), x.q);
  return sum;
}

Series seriesOf(const Rate &rate) { return Series({0}, rate); }

/// log(e^x + e^y).
double logSum(double x, double y) {
  double larger = std::max(x, y);
  return std::isinf(larger) ? larger : larger + std::log1p(std::exp(std::min(x, y) - larger));
}

/// log r behind N layers, from r = 1; 0 where it is less.
double follow(const std::vector<Update> &steps, int n, bool isLate) {
  double log = 0;
  for (int l = isLate ? n / 2 : 1; l <= n; ++l)
    for (const Update &step : steps)
      log = logSum(log + std::log(valueOf(*step.next.line.rate, l, n)),
                   std::log(valueOf(*step.next.one.rate, l, n)));
  return std::max(log, 0.0);
}

std::string print(const std::vector<Update> &steps) {
  std::string text;
  for (const Update &step : steps)
    for (auto [name, rate] : {std::pair("A", step.next.line.rate), {"B", step.next.one.rate}}) {
      text += std::string(name) + " =";
      for (const Monomial &x : *rate)
        text +=
            " + " + std::to_string(x.c) + " l^" + std::to_string(x.p) + " N^" + std::to_string(x.s);
      text += "; ";
    }
  return text;
}

class Draw {
public:
  explicit Draw(unsigned seed) : random(seed) {}
  double of(std::vector<double> list) { return list[random() % list.size()]; }
  Rate terms(int most, double level) {
    Rate rate = rateOf(level);
    for (int count = int(random() % (most + 1)); count > 0; --count)
      rate =
          sumOf(rate, std::vector<Monomial>{{of({0.25, 0.5, 1}), of({-2, -1.5, -1, -0.5, 0, 0.5}),
                                             of({-2, -1, -0.5, 0}), 0}});
    return rate;
  }
  std::mt19937 random;
};
} // namespace

TEST(CertifyGrowth, IsAboveRandomRecurrences) {
  int known = 0, tight = 0;
  for (unsigned seed = 0; seed < 1500; ++seed) {
    Draw draw(seed);
    std::vector<Update> steps;
    for (double count = draw.of({1, 1, 2, 3}); count > 0; --count) {
      Update step;
      step.next.line = seriesOf(draw.terms(2, draw.of({0, 0.5, 1, 1, 1, 2})));
      step.next.one = seriesOf(draw.terms(2, 0));
      step.share = 1.0;
      step.isFalling = draw.random() % 4 != 0;
      if (!step.isFalling) // the skip is 1, whatever else there is
        step.next.line = seriesOf(draw.terms(2, 1));
      steps.push_back(step);
    }
    const bool isLate = draw.random() % 4 == 0;
    const Span span = spanOf(isLate ? "1/2*N" : "1", "N");
    std::optional<Class> found = classBehind(steps, span, 12, Class());
    if (!found || found->kind == Class::unclear)
      continue;
    SCOPED_TRACE("seed " + std::to_string(seed) + (isLate ? ", late: " : ": ") + print(steps) +
                 "is " + ::lnx::certify::print(*found));
    ++known;
    const int n = 1 << 12;
    double small = follow(steps, n, isLate), large = follow(steps, 4 * n, isLate);
    if (found->kind == Class::polynomial) {
      double most = found->power * std::log(4) +
                    found->logs * std::log(std::log(4.0 * n) / std::log(double(n)));
      EXPECT_LE(large - small, most + 0.12);
      tight += large - small > most - 0.12;
    } else if (found->kind <= Class::exponential) {
      double power = found->kind == Class::stretched ? found->power : 1;
      EXPECT_LE(large, std::max(small, 1.0) * std::pow(4, power) * 1.15 + 5);
      tight += large > small * std::pow(4, power) / 1.3;
    }
  }
  std::printf("%d classes, %d of them no larger than what the recurrence does\n", known, tight);
  EXPECT_GT(known, 1000);
  EXPECT_GT(tight, known / 2);
}

// What a schedule says holds, and no more is read into it.
TEST(CertifyGrowth, ReadsSchedules) {
  auto at = [](const char *text, double l, double n) {
    return valueOf(*rateOf(std::string(text)), l, n);
  };
  EXPECT_GE(at("1/2*l^-1*N^-1/2", 3, 1e4), 1 / 600.0 * (1 - 1e-12));
  EXPECT_LE(at("1/2*l^-1*N^-1/2", 3, 1e4), 1 / 600.0 * (1 + 1e-12));
  EXPECT_EQ(at("1 - N^-1", 3, 1e4), 1);
  EXPECT_EQ(at("1 - l^-1", 1, 1e4), 1);
  EXPECT_EQ(at("1 - 1/2*l^-1 .. 1", 1, 1e4), 1);
  EXPECT_GT(at("1 - 2*l^-1", 1, 1e4), 1); // negative in the first layer
  EXPECT_GT(at("1 - l^-1 - N^-1", 1, 1e4), 1);
  EXPECT_GT(at("l^-1 - N^-1/2", 1, 1e4), 1);
  EXPECT_GE(at("-2 .. 1/3", 1, 1e4), 2);
  EXPECT_GE(at("-N .. l", 1, 1e4), 1e4);
  EXPECT_EQ(at("~0.5*log(N)", 1, 1e4), INFINITY); // some number
  EXPECT_GE(at("~0.5", 1, 1e4), 0.5);
  for (const char *text : {"?", "0 .. ?", "", "l^", "1 +", "x", "N^1e-9", "-", "1*-2", "2 * l"})
    EXPECT_FALSE(rateOf(std::string(text))) << text;
  // what 1/x is, and never less
  const std::tuple<const char *, double, double, double> inverses[] = {
      {"1/2*N", 3, 1e4, 2e-4},     {"1 + l^-1", 1, 1e4, 1 / 2.0}, {"1 - N^-1", 3, 1e4, 1e4 / 9999},
      {"1 - 1/2*l^-1", 1, 1e4, 2}, {"2*l - 1", 1, 1e4, 1},        {"N - l + 1", 1e4, 1e4, 1},
      {"1/3 .. N", 1, 1e4, 3},     {"~0.25", 1, 1e4, 4}};
  for (const auto &[text, l, n, value] : inverses) {
    Rate rate = rateOfInverse(text);
    ASSERT_TRUE(rate) << text;
    EXPECT_GE(valueOf(*rate, l, n), value) << text;
    EXPECT_LE(valueOf(*rate, l, n), value * 2.1) << text;
  }
  for (const char *text : {"0 .. N", "1 - l^-1", "0", "N - 2*N", "-1", "?", "l^-1 - N^-1"})
    EXPECT_FALSE(rateOfInverse(text)) << text;
}

TEST(CertifyGrowth, ReadsLayers) {
  EXPECT_FALSE(spanOf("", "").isGrowing());
  EXPECT_TRUE(spanOf("1", "N").isGrowing());
  EXPECT_FALSE(spanOf("1", "N").isLate());
  EXPECT_TRUE(spanOf("1/4*N + 1 .. 1/4*N + 2", "N").isLate());
  EXPECT_FALSE(spanOf("1", "4").isGrowing());
  for (auto [from, to] : {std::pair("1", "N^1/2"), {"?", "N"}, {"1", "?"}, {"1", ""}})
    EXPECT_FALSE(spanOf(from, to).isKnown) << from << " " << to;
}

// Exponents that rounding may have moved are no class.
TEST(CertifyGrowth, KnowsWhatItDoesNotKnow) {
  const Span all = spanOf("1", "N");
  auto classOfStep = [&](const Rate &line, const Rate &one) {
    Update step;
    step.next.line = seriesOf(line);
    step.next.one = seriesOf(one);
    std::optional<Class> found = classBehind({step}, all, 12, Class());
    return found ? print(*found) : "none";
  };
  using Terms = std::vector<Monomial>;
  EXPECT_EQ(classOfStep(rateOf(1.0), Terms{{1, -1 + 1e-11, 0, 0}}), "unclear");
  EXPECT_EQ(classOfStep(rateOf(1.0), Terms{{1, -1, 0, 0}}), "log");
  Update half; // l/N <= 1/2 in the first half
  half.next.line = seriesOf(Terms{{0.4}, {1, 1, -1, 0}});
  EXPECT_EQ(print(*classBehind({half}, spanOf("1", "1/2*N"), 6, Class())), "bounded");
  EXPECT_EQ(print(*classBehind({half}, all, 6, Class())), "exponential");
  EXPECT_FALSE(classBehind({half}, spanOf("1", "1/2*N"), 6, std::nullopt));
  EXPECT_EQ(classOfStep(Terms{{1}, {0.5, -1, 0, 0}}, rateOf(0.0)), "power(1/2)");
  EXPECT_EQ(classOfStep(Terms{{1}, {INFINITY, -1, 0, 0}}, rateOf(0.0)), "none");
  EXPECT_EQ(classOfStep(Terms{{1}, {3, -0.5, 0, 0}}, rateOf(0.0)), "stretched(1/2)");
  EXPECT_EQ(classOfStep(Terms{{1}, {3, 0, -1, 0}}, rateOf(1.0)), "linear");
  EXPECT_EQ(classOfStep(Terms{{std::nextafter(1.0, 2.0)}}, rateOf(0.0)), "exponential");
  EXPECT_EQ(classOfStep(std::nullopt, rateOf(0.0)), "none");
}
