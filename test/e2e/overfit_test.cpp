// Every prelude block learns one batch by heart.
#include "test/e2e/Harness.h"

#include <gtest/gtest.h>

using namespace lnx;
using namespace lnx::e2e;

namespace {

class Overfit : public testing::TestWithParam<const char *> {};

TEST_P(Overfit, OneBatchFallsBelowFiveHundredths) {
  Model model(gpt2(GetParam(), "width = 64, heads = 4, depth = 3, vocab = 61, context = 16"));
  Session session = makeSession(model.compile(), {.batch = 2, .time = 16, .seed = 1});
  Ids ids = makeIds(2, 16, 61, 5);
  double loss = 0;
  for (int step = 0; step < 600; ++step) {
    Result<double> result = session.gradient(ids.view());
    ASSERT_TRUE(result) << result.error().message;
    loss = *result;
    if (loss < 0.05)
      break;
    ASSERT_TRUE(session.update({.rate = 3e-3f, .decay = 0}));
  }
  EXPECT_LT(loss, 0.05);
}

INSTANTIATE_TEST_SUITE_P(Prelude, Overfit,
                         testing::Values("pre_ln", "post_ln", "peri_ln", "no_ln", "sandwich",
                                         "deepnorm", "rezero", "layerscale", "parallel", "mix_ln",
                                         "ln_scaling"),
                         [](const auto &info) { return std::string(info.param); });

} // namespace
