// Every message of the elaborator: its words, its place and its notes.
#include "Elaborating.h"

#include <gtest/gtest.h>

using namespace lnx;
using namespace lnx::test;

namespace {
TEST(ElaborateErrors, SizeThatIsNotWhole) {
  EXPECT_EQ(messagesOf("def wide(x, l, depth, heads) {\n"
                       "  param W : [dim(x), 8*dim(x)/3] ~ normal(0.02)\n"
                       "  return x\n}\n"
                       "model m(width = 1024) {\n"
                       "  param E : [10, width] ~ zeros\n"
                       "  x = wide(E[tokens], 1, 1, 1)\n"
                       "  return x\n}\n"),
            "m.lnx:2:22: error: size '8*dim(x)/3' is 2730.67, not a whole number\n"
            "      param W : [dim(x), 8*dim(x)/3] ~ normal(0.02)\n"
            "                         ^~~~~~~~~~\n"
            "m.lnx:7:7: note: 'dim(x)' is 1024 here\n"
            "help: round it: 'ceil(8*dim(x)/3)'\n");
}

TEST(ElaborateErrors, HeadsThatDoNotDivideTheWidth) {
  EXPECT_EQ(messagesOf("model m = gpt2(width = 770)\n"),
            "m.lnx:1:11: error: width 770 cannot be split into 12 heads\n"
            "    model m = gpt2(width = 770)\n"
            "              ^~~~~~~~~~~~~~~~~\n"
            "prelude/layers.lnx:*: note: in 'attn' of the prelude\n"
            "prelude/models.lnx:*: note: 'heads' is set here\n");
}
} // namespace
