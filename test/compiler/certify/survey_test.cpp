// Survey: every PROVED of the examples, of the prelude's blocks and of the golden table is
// certified, or is in the short list below with its reason. LNX_SURVEY=1 prints all that is not.
#include "Certificates.h"
#include "Surveyed.h"

using namespace lnx::test;

namespace {
/// What may be left out: a property and words of the reason.
struct Excuse {
  const char *property, *reason;
};
constexpr Excuse excused[] = {
    // Its number is certified.
    {"backward.sensitivity_bound", "number of this depth only"},
    // About the scalar model of a paper, not about this model's weights.
    {"deepnorm.update_bound", "its basis is paper_model"},
};

struct Survey {
  int proved = 0, certified = 0;
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> rest;

  void add(const std::string &name, const std::optional<stable::Report> &report);
  void print() const;
};
} // namespace

void Survey::add(const std::string &name, const std::optional<stable::Report> &report) {
  ASSERT_TRUE(report) << name;
  ASSERT_EQ(refusalOf(report->certificate), "") << name << "\n" << report->certificate;
  const ::lnx::certify::Document document = read(report->certificate);
  std::set<std::string> left;
  for (const auto &one : document.notCertified) {
    rest[{one.property, one.reason}].push_back(name);
    left.insert(one.property);
  }
  for (const stable::Verdict &verdict : report->verdicts) {
    if (verdict.word != stable::Word::proved)
      continue;
    ++proved;
    const bool isSaid = conclusionOf(document, verdict.property) || left.count(verdict.property);
    EXPECT_TRUE(isSaid) << name << ": " << verdict.property << " is left out silently";
    certified += !left.count(verdict.property);
  }
}

void Survey::print() const {
  std::printf("%d proved, %d certified\n", proved, certified);
  if (!std::getenv("LNX_SURVEY"))
    return;
  for (const auto &[key, names] : rest) {
    std::printf("%4zu %s: %s\n     ", names.size(), key.first.c_str(), key.second.c_str());
    for (const std::string &name : names)
      std::printf(" %s,", name.c_str());
    std::printf("\n");
  }
}

TEST(Survey, EveryProvedIsCertifiedOrExcused) {
  Survey survey;
  for (const Surveyed &one : surveyed())
    for (bool isPromised : {false, true}) {
      Verified verified(one.text);
      survey.add(one.name + (isPromised ? "+" : ""), reportOf(verified, one.model, {}, isPromised));
    }
  survey.print();
  EXPECT_GT(survey.certified, 700);
  std::set<const Excuse *> used;
  for (const auto &[key, names] : survey.rest) {
    const Excuse *found = llvm::find_if(excused, [&, key = key](const Excuse &excuse) {
      return key.first == excuse.property && key.second.find(excuse.reason) != std::string::npos;
    });
    used.insert(found);
    EXPECT_NE(found, std::end(excused))
        << key.first << " of " << names.front() << ": " << key.second;
  }
  for (const Excuse &excuse : excused)
    EXPECT_TRUE(used.count(&excuse))
        << "nothing needs it any more: " << excuse.property << ", " << excuse.reason;
}
