// GrowthRandom: no class is below the growth that is measured, and no bound below the size, for
// random recurrences (S48, 8.7). 9 of 10 must have a class.
#include "GrowthFixture.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <array>
#include <random>

using namespace mlir::lnx;
using namespace mlir::lnx::stability;
using Updates = std::vector<Coefficients>;

namespace {
/// A model of two pieces, the first `border` N layers and the others, with two updates each.
struct Model {
  std::string border;
  double share = 0;
  std::vector<Texts> first, second;

  std::vector<StackSchedule> stacks() const {
    if (border == "0")
      return {stackOf(second)};
    const Scalar from = Scalar::decimal(static_cast<uint64_t>(share * 100), -2);
    return {stackOf(first, {1, 0, from}, border + "*N - 1 .. " + border + "*N"),
            stackOf(second, {1, from, 1}, "0.5*N .. N")};
  }
  Layer layer() const {
    auto read = [](const std::vector<Texts> &updates) {
      std::vector<std::array<Sum, 3>> sums;
      for (const Texts &update : updates)
        sums.push_back({*Schedule::parse(update.a)->above(), *Schedule::parse(update.b)->above(),
                        *Schedule::parse(update.gain)->above()});
      return sums;
    };
    return [early = read(first), late = read(second), share = share](double l, double N) {
      Updates updates;
      for (const auto &[a, b, gain] : l <= share * N ? early : late)
        updates.push_back({valueOf(a, l, N), valueOf(b, l, N), 0, valueOf(gain, l, N)});
      return updates;
    };
  }
};

/// Random schedules: c l^-p N^-s (log N)^q with a second term, in branches, steps and skips.
struct RandomModels {
  std::mt19937 random;
  std::string pick(std::initializer_list<const char *> words) {
    return *(words.begin() + random() % words.size());
  }
  std::string schedule() {
    std::string text = pick({"0.01", "0.1", "0.5", "1"});
    text += pick({"", "", "*l^-0.5", "*l^-1", "*l^-2", "*l^-0.3"});
    text += pick({"", "", "*N^-0.5", "*N^-1", "*N^-0.25"});
    text += pick({"", "", "", "*log(N)"});
    return text + pick({"", " + 0.02*l^-1", " + 0.02*l^-1*N^-0.5"});
  }
  Texts update() {
    switch (random() % 6) {
    case 0:
      return {"1", "0", "0", "0.1*" + schedule()};
    case 1:
      return {"1", schedule(), "0", "0.1*" + schedule()};
    case 2:
      return {"0.8", "0.3"};
    case 3:
      return {"0", schedule()};
    default:
      return {"1", schedule()};
    }
  }
  Model model() {
    Model result;
    result.border = pick({"0", "0", "0.25", "0.5"});
    result.share = std::stod(result.border);
    result.first = {update(), update()};
    result.second = {update(), update()};
    return result;
  }
};
} // namespace

/// The branches alone: what a stretched class is about, without the polynomial that the steps add.
static Layer withoutSteps(const Layer &model) {
  return [=](double l, double N) {
    Updates layer = model(l, N);
    for (Coefficients &k : layer)
      k.b = k.a == 0 ? 1 : 0;
    return layer;
  };
}

// A class is never below the growth that is measured, whatever the schedules (the reverse of a
// false PROVED).
TEST(S48, randomModelsNeverGrowFasterThanTheirClass) {
  RandomModels models{std::mt19937(5)};
  int known = 0, total = 100;
  for (int run = 0; run < total; ++run) {
    const Model model = models.model();
    GrowthFlow flow(Schedule::constant(1));
    for (const StackSchedule &stack : model.stacks())
      flow.pass(stack);
    const Growth &growth = flow.result();
    known += growth.kind() != Growth::Kind::unknown;
    if (flow.bound())
      for (int64_t depth : {4000, 20000})
        EXPECT_LE(evaluate(model.layer(), depth, 1), valueOf(*flow.bound(), 1, depth) * (1 + 1e-9))
            << run << " " << growth.print();
    if (growth.kind() >= Growth::Kind::exponential)
      continue;
    bool isStretched = growth.kind() == Growth::Kind::stretched;
    Layer measurable = isStretched ? withoutSteps(model.layer()) : model.layer();
    double measured = NAN;
    for (int64_t depth = 16000; std::isnan(measured) && depth > 100; depth /= 4) // overflow
      measured = measuredGrowth(measurable, isStretched, depth);
    if (growth.kind() == Growth::Kind::power) // increments of N^0.002 are not yet monotone
      measured = std::min(measured, std::log2(evaluate(model.layer(), 64000, 1) /
                                              evaluate(model.layer(), 32000, 1)));
    // Logarithms and constants die out slowly.
    double allowed = growth.exponent() + 0.05 + 0.15 * growth.logs();
    if (growth.kind() == Growth::Kind::bounded)
      allowed = -0.02;
    EXPECT_LE(measured, allowed) << run << " " << growth.print();
  }
  EXPECT_GT(known, total * 9 / 10);
}

static Growth growthOf(const std::vector<StackSchedule> &stacks) {
  return classOf(Schedule::constant(1), stacks);
}

// A norm after the sum never raises the class, nor does a smaller step.
TEST(S48, normAfterTheSumNeverRaisesTheClass) {
  RandomModels models{std::mt19937(9)};
  for (int run = 0; run < 60; ++run) {
    const Model model = models.model();
    Growth before = growthOf(model.stacks());
    Model normed = model, smaller = model;
    for (auto *updates : {&normed.first, &normed.second})
      updates->push_back(normOf("1"));
    for (auto *updates : {&smaller.first, &smaller.second})
      for (Texts &update : *updates)
        for (std::string *text : {&update.b, &update.gain})
          *text = "0 .. " + text->substr(0, text->find(" + ")) + "*N^-1";
    if (before.kind() == Growth::Kind::unknown)
      continue;
    EXPECT_EQ(growthOf(normed.stacks()).print(), "bounded");
    Growth after = growthOf(smaller.stacks());
    if (after.kind() != Growth::Kind::unknown)
      EXPECT_TRUE(after <= before) << after.print() << " above " << before.print();
  }
}
