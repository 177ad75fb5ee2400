// GPT-2 exactness: logits, loss and gradients of a small GPT-2 equal those of an independent
// implementation (Inputs/gpt2_fixture.py wrote them).
#include "test/e2e/Harness.h"

#include <cmath>
#include <fstream>
#include <gtest/gtest.h>

using namespace lnx;
using namespace lnx::e2e;

namespace {

constexpr int64_t vocabulary = 31, batch = 2, timeSteps = 9;

struct Fixture {
  std::vector<std::string> names; // in the order that numbers the parameters
  std::map<std::string, std::vector<double>> gradients;
  std::vector<double> logits;
  double loss = 0;
};

Fixture readFixture() {
  Fixture fixture;
  std::ifstream file(LNX_TEST_INPUTS "/gpt2_fixture.txt");
  std::string kind, name;
  size_t count;
  while (file >> kind >> name >> count) {
    std::vector<double> values(count);
    for (double &value : values)
      file >> value;
    if (kind == "loss")
      fixture.loss = values[0];
    else if (kind == "logits")
      fixture.logits = values;
    else {
      fixture.names.push_back(name);
      fixture.gradients[name] = values;
    }
  }
  return fixture;
}

// The formulas of gpt2_fixture.py.
Ids fixtureIds() {
  Ids ids{{}, {}, batch, timeSteps};
  for (int b = 0; b < batch; ++b)
    for (int t = 0; t < timeSteps; ++t) {
      ids.tokens.push_back((7 * b + 3 * t + t * t) % vocabulary);
      ids.targets.push_back((5 * b + 11 * t + 2) % vocabulary);
    }
  return ids;
}

class Gpt2 : public testing::Test {
protected:
  Gpt2()
      : fixture(readFixture()),
        model("model m = gpt2(width = 16, heads = 2, depth = 2, vocab = 31, context = 10)\n"),
        session(makeSession(model.compile(), {.batch = batch, .time = timeSteps})) {
    for (ParameterView &view : session.parameters()) {
      auto found = std::find(fixture.names.begin(), fixture.names.end(), view.name);
      EXPECT_NE(found, fixture.names.end()) << view.name << " is not in the fixture";
      int number = int(found - fixture.names.begin());
      double base = view.name.ends_with(".g") ? 1 : 0;
      for (size_t i = 0; i < view.value.size(); ++i)
        view.value[i] = float(base + 0.1 * std::sin(0.37 * double(i) + 1.3 * number));
    }
  }
  Fixture fixture;
  Model model;
  Session session;
};

TEST_F(Gpt2, HasTheSameParameters) { EXPECT_EQ(session.parameters().size(), fixture.names.size()); }

TEST_F(Gpt2, LossAndGradients) {
  Ids ids = fixtureIds();
  Result<double> loss = session.gradient(ids.view());
  ASSERT_TRUE(loss) << loss.error().message;
  EXPECT_NEAR(*loss, fixture.loss, 1e-4);
  for (ParameterView &view : session.parameters()) {
    const std::vector<double> &expected = fixture.gradients.at(view.name);
    ASSERT_EQ(view.gradient.size(), expected.size()) << view.name;
    for (size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(view.gradient[i], expected[i], 1e-4) << view.name << " element " << i;
  }
}

// `next` gives the logits after the last token, so every prefix of a sequence is one row.
TEST_F(Gpt2, Logits) {
  Ids ids = fixtureIds();
  for (int b = 0; b < batch; ++b)
    for (int t = 0; t < timeSteps; ++t) {
      auto prefix = std::span<const int32_t>(ids.tokens).subspan(b * timeSteps, t + 1);
      Result<std::span<const float>> logits = session.next(prefix);
      ASSERT_TRUE(logits) << logits.error().message;
      for (int i = 0; i < vocabulary; ++i)
        ASSERT_NEAR((*logits)[i], fixture.logits[(b * timeSteps + t) * vocabulary + i], 1e-4);
    }
}

} // namespace
