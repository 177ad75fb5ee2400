// Random models: compiled code against the evaluator on programs nobody wrote by hand.
// LNX_RANDOM_MODELS=COUNT or FIRST:COUNT runs other seeds than those of every test run:
//   LNX_RANDOM_MODELS=1000:500 build/dev/bin/e2e-tests --gtest_filter='*RandomModels*'
#include "test/e2e/Harness.h"
#include "test/e2e/RandomModel.h"

#include <cmath>
#include <cstdlib>
#include <gtest/gtest.h>

using namespace lnx;
using namespace lnx::e2e;

namespace {

// f32 keeps 6e-8 of each number; up to twenty layers of sums over at most 200 terms of either sign
// leave about 1e-5 of a gradient's largest element, and 1e-4 in models without norms that multiply
// a growing stream by itself. No wrong factor, missing term or stale buffer is so small. Gradients
// that cancel (a key's bias, what stands before a norm) are as wrong as the terms they are made of,
// so the largest gradient counts a little too.
constexpr double ofLargest = 5e-4, ofLargestOfAll = 2e-5;

struct Seeds {
  uint64_t first = 1, count = 30;
};

Seeds seedsToRun() {
  Seeds seeds;
  if (const char *text = std::getenv("LNX_RANDOM_MODELS")) {
    char *rest = nullptr;
    seeds.count = std::strtoull(text, &rest, 10);
    if (*rest == ':') {
      seeds.first = seeds.count;
      seeds.count = std::strtoull(rest + 1, nullptr, 10);
    }
  }
  return seeds;
}

// Off their starting points: gains of one and biases of zero would hide what they multiply.
void disturb(Session &session, uint64_t seed) {
  uint64_t state = seed * 2654435761u + 99;
  for (ParameterView &view : session.parameters())
    for (float &value : view.value) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      value += 0.2f * (float(state >> 40) / float(1 << 24) - 0.5f);
    }
}

double largest(const std::vector<double> &values) {
  double most = 0;
  for (double value : values)
    most = std::fmax(most, std::fabs(value));
  return most;
}

void compareGradients(Session &session, const Oracle &oracle) {
  double ofAll = 0;
  for (ParameterView &view : session.parameters())
    ofAll = std::fmax(ofAll, largest(oracle.gradientOf(view.name)));
  for (ParameterView &view : session.parameters()) {
    const std::vector<double> expected = oracle.gradientOf(view.name);
    const double tolerance = ofLargest * largest(expected) + ofLargestOfAll * ofAll;
    ASSERT_EQ(view.gradient.size(), expected.size()) << view.name;
    for (size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(view.gradient[i], expected[i], tolerance) << view.name << " element " << i;
  }
}

void compareNext(Session &session, Oracle oracle, const Ids &ids) {
  const std::vector<int32_t> prompt = {ids.tokens.begin(), ids.tokens.begin() + (ids.time + 1) / 2};
  const std::vector<double> expected = oracle.next(prompt);
  Result<std::span<const float>> logits = session.next(prompt);
  ASSERT_TRUE(logits) << logits.error().message;
  ASSERT_EQ(logits->size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR((*logits)[i], expected[i], 1e-4 * (1 + largest(expected))) << "logit " << i;
}

// Loss and every gradient of some micro-batches together. A model that explodes does so on both
// sides.
void compareStep(Session &session, Oracle &oracle, const std::vector<Ids> &microBatches) {
  for (const Ids &ids : microBatches) {
    const Result<double> loss = session.gradient(ids.view(), 0.5);
    ASSERT_TRUE(loss) << loss.error().message;
    const double expected = oracle.gradient(ids, 0.5);
    ASSERT_EQ(std::isfinite(*loss), std::isfinite(expected));
    if (!std::isfinite(expected))
      return;
    ASSERT_NEAR(*loss, expected, 1e-4 * (1 + expected));
  }
  compareGradients(session, oracle);
}

// A step, the next logits, an update and a step of two micro-batches from where it has led. AdamW
// divides by the gradient's size, so an epsilon far above rounding keeps noise from becoming a
// step, and the second oracle starts from the session's parameters: rounding does not add up.
void compare(Model &model, const RandomModel &random, Session &session, uint64_t seed) {
  const UpdateOptions update{.rate = 1e-2f, .epsilon = 1e-3f};
  const auto ids = [&](int64_t batch, int64_t time, uint64_t seed) {
    return makeIds(batch, time, random.vocabulary, uint32_t(seed));
  };
  const Ids all = ids(random.batch, random.time, seed);
  Oracle oracle(model, session);
  ASSERT_NO_FATAL_FAILURE(compareStep(session, oracle, {all}));
  const double before = oracle.evaluate(all);
  const Result<UpdateReport> report = session.update(update);
  ASSERT_TRUE(report);
  ASSERT_EQ(report->finite, std::isfinite(before));
  if (!report->finite)
    return;
  ASSERT_NO_FATAL_FAILURE(compareNext(session, Oracle(model, session), all));
  oracle.update(update);
  const Result<double> after = session.evaluate(all.view());
  ASSERT_TRUE(after);
  ASSERT_NEAR(*after, oracle.evaluate(all), 1e-4 * (1 + before));
  Oracle second(model, session);
  compareStep(session, second,
              {ids(1, (random.time + 1) / 2, seed), ids(random.batch, random.time, seed + 1)});
}

Session sessionOf(const Program &program, const RandomModel &random, int threads, uint64_t seed) {
  Session session = makeSession(
      program, {.batch = random.batch, .time = random.time, .threads = threads, .seed = seed});
  disturb(session, seed);
  return session;
}

// The bits of one step do not depend on the number of threads.
void compareThreads(const Program &program, const RandomModel &random, uint64_t seed) {
  std::vector<uint64_t> hashes;
  for (int threads : {1, 3}) {
    Session session = sessionOf(program, random, threads, seed);
    const Ids ids = makeIds(random.batch, random.time, random.vocabulary, uint32_t(seed));
    ASSERT_TRUE(session.gradient(ids.view()) && session.update({.rate = 1e-2f}));
    hashes.push_back(session.parameterHash());
  }
  EXPECT_EQ(hashes[0], hashes[1]) << "one and three threads";
}

// What else the compiler can be asked to do, one thing for every second seed.
std::vector<mlir::lnx::CompileOptions> optionsFor(uint64_t seed) {
  switch (seed % 6) {
  case 0:
    return {{}, {.fuse = false}};
  case 2:
    return {{}, {.rematerialize = false}};
  case 4:
    return {{}, {.reference = true}};
  default:
    return {{}};
  }
}

class RandomModels : public testing::TestWithParam<uint64_t> {};

TEST_P(RandomModels, AgreeWithTheOracle) {
  const uint64_t seed = GetParam();
  const RandomModel random = makeRandomModel(seed);
  SCOPED_TRACE("batch " + std::to_string(random.batch) + ", time " + std::to_string(random.time) +
               ", program:\n" + random.text);
  Model model(random.text);
  for (const mlir::lnx::CompileOptions &options : optionsFor(seed)) {
    const Program program = model.compile(options);
    Session session = sessionOf(program, random, /*threads=*/2, seed);
    ASSERT_NO_FATAL_FAILURE(compare(model, random, session, seed));
    ASSERT_NO_FATAL_FAILURE(compareThreads(program, random, seed));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomModels,
                         testing::Range(seedsToRun().first,
                                        seedsToRun().first + seedsToRun().count),
                         [](const auto &info) { return std::to_string(info.param); });

} // namespace
