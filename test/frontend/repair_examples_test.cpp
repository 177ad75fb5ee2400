// Every fix of every example, followed as text, gives what it says (claims S108, S109).
#include "Repairing.h"

#include <filesystem>
#include <regex>

using namespace lnx;
using namespace lnx::test;

namespace {
struct Example {
  std::string path, model;
};
std::vector<Example> examples() {
  std::vector<Example> all;
  const std::regex head("(^|\n)model (\\w+)");
  for (const auto &entry : std::filesystem::directory_iterator(LNX_SOURCE_DIR "/examples")) {
    if (entry.path().extension() != ".lnx")
      continue;
    const std::string text = read(entry.path());
    for (std::sregex_iterator at(text.begin(), text.end(), head), end; at != end; ++at)
      all.push_back({entry.path(), (*at)[2]});
  }
  std::ranges::sort(all, {}, &Example::model);
  return all;
}
class EveryFix : public testing::TestWithParam<Example> {};
} // namespace

TEST_P(EveryFix, GivesWhatItSays) {
  const Repaired before(read(GetParam().path), GetParam().model);
  EXPECT_GT(expectThatFixesHold(before, GetParam().model) + before.report.checks.size(), 0u);
}
INSTANTIATE_TEST_SUITE_P(Examples, EveryFix, testing::ValuesIn(examples()),
                         [](const auto &row) { return row.param.model; });

// The rows of section 7 that have a known cure, with their norms' promises: it is found.
TEST(Repair, S108EveryRowWithACureHasIt) {
  const std::string defs = read(LNX_SOURCE_DIR "/examples/architectures.lnx");
  for (const char *block :
       {"no_ln", "no_ln, ff = glu", "pre_ln", "pre_ln, dt = 0.1", "parallel", "mix_ln",
        "ln_scaling", "rezero", "layerscale", "fixup", "depth_mup", "completep", "dyt_pre"}) {
    const Repaired r(defs + modelOf(std::string("block = ") + block), "m",
                     {"growth", "wellposed", "scale_invariance"});
    for (const ir::Verdict &verdict : r.report.verdicts)
      EXPECT_TRUE(verdict.fix || verdict.word == ir::Word::proved)
          << block << " " << verdict.property << " " << verdict.tried;
    expectThatFixesHold(r, "m");
  }
  for (const char *block : {"post_ln", "labml_deepnorm", "mix_ln"}) {
    const Repaired r(defs + modelOf(std::string("block = ") + block), "m",
                     {"identity_path", "update_bound", "needs_warmup", "rank_collapse"});
    for (const ir::Verdict &verdict : r.report.verdicts)
      EXPECT_TRUE(verdict.fix || verdict.word == ir::Word::proved ||
                  verdict.word == ir::Word::predictedOk)
          << block << " " << verdict.property << " " << verdict.tried;
    expectThatFixesHold(r, "m");
  }
}
