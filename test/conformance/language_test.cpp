// Every primitive can be tried, and its text survives a round trip.
// A primitive for which no sample can be built fails here.
#include "Samples.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace lnxtest;

namespace {
class Language : public testing::TestWithParam<Sample> {};
} // namespace

static std::string print(ModuleOp module, OpPrintingFlags flags = {}) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module.print(os, flags);
  return text;
}

TEST_P(Language, HasASample) {
  ASSERT_FALSE(GetParam().line.empty()) << "no sample can be built; give the op samples()";
  std::unique_ptr<MLIRContext> context = makeContext();
  EXPECT_TRUE(parseSample(*context, GetParam()).op) << "does not parse";
}

// Printing what was parsed from a print gives the same text, in the custom and the generic form.
TEST_P(Language, TextSurvivesARoundTrip) {
  std::unique_ptr<MLIRContext> context = makeContext();
  ParsedSample sample = parseSample(*context, GetParam());
  ASSERT_TRUE(sample.op);
  for (bool generic : {false, true}) {
    OpPrintingFlags flags;
    flags.printGenericOpForm(generic);
    std::string text = print(*sample.module, flags);
    OwningOpRef<ModuleOp> again = parseSourceString<ModuleOp>(text, context.get());
    ASSERT_TRUE(again) << text;
    EXPECT_EQ(print(*again, flags), text);
    EXPECT_EQ(print(*again), print(*sample.module));
  }
}

INSTANTIATE_TEST_SUITE_P(Primitives, Language, testing::ValuesIn(findSamples()));
