// Repair: the change it finds is the one that the equations ask for (claim S109).
#include "Repairing.h"

using namespace lnx;
using namespace lnx::test;

// The block of the prelude is the only thing the user's file says: another block.
TEST(Repair, AnotherBlockOfTheSameSignature) {
  const Repaired r(modelOf("block = pre_ln"));
  EXPECT_EQ(r.fix("forward.growth"), "5:   return gpt2(depth = depth, block = peri_ln)");
  EXPECT_EQ(r.on("forward.growth").fix->growth, "linear");
  EXPECT_EQ(r.on("forward.bound").fix->number, r.on("forward.bound").fix->number);
  EXPECT_EQ(r.fix("forward.wellposed"), r.fix("forward.growth"));
  EXPECT_EQ(r.fix("backward.scale_invariance"), r.fix("forward.growth"));
}

// What holds for the minimisers of an objective is no repair of what fails for all weights (S72).
TEST(Repair, OfTheSameQuantifier) {
  const Repaired r(blockOf("  x <- x + attn(layernorm(x), heads, bias = 0)\n"
                           "  x <- x + mlp(layernorm(x), bias = 0)\n") +
                       modelOf("block = own", promises + "  assume l2(decay = 0.1)\n"),
                   "", {"forward.growth", "forward.wellposed"});
  EXPECT_EQ(r.on("forward.growth").basis, ir::Basis::worstCase);
  EXPECT_EQ(r.fix("forward.growth"),
            "2:   x <- x + layernorm(attn(layernorm(x), heads, bias = 0))\n"
            "  x <- x + layernorm(mlp(layernorm(x), bias = 0))");
  EXPECT_EQ(r.fix("forward.wellposed"), r.fix("forward.growth"));
}

// What only the old block takes goes with it.
TEST(Repair, AnotherBlockWithoutTheArgumentsOfTheOld) {
  EXPECT_EQ(Repaired(modelOf("block = layerscale, lam0 = 0.2, vocab = 300"), "", {"growth"})
                .fix("forward.growth"),
            "5:   return gpt2(depth = depth, block = peri_ln, vocab = 300)");
  EXPECT_EQ(Repaired("def own(x, l, depth, heads) = rezero(x, l, depth, heads, ff = glu)\n" +
                         modelOf("block = own"),
                     "", {"growth"})
                .fix("forward.growth"),
            "6:   return gpt2(depth = depth, block = peri_ln)");
}

// Every update of a block at once, by the norm that the block uses.
TEST(Repair, ANormAroundEveryUpdate) {
  const Repaired r(blockOf("  x <- x + 0.1 * attn(rmsnorm(x), heads)\n"
                           "  x <- x + 0.1 * mlp(rmsnorm(x)) # the second\n") +
                       modelOf("block = own"),
                   "", {"forward.wellposed", "forward.growth"});
  EXPECT_EQ(r.fix("forward.wellposed"), "2:   x <- x + 0.1 * rmsnorm(attn(rmsnorm(x), heads))\n"
                                        "  x <- x + 0.1 * rmsnorm(mlp(rmsnorm(x))) # the second");
  EXPECT_EQ(r.fix("forward.growth"), r.fix("forward.wellposed"));
}

// Of several streams, what is spread over them.
TEST(Repair, ANormInsideOuter) {
  const Repaired r(read(LNX_SOURCE_DIR "/examples/hyper_connections.lnx"), "",
                   {"scale_invariance"});
  EXPECT_EQ(
      r.fix("backward.scale_invariance"),
      "8:   X <- mix(A[0], X) + outer(b[0], layernorm(attn(layernorm(mix(m[0], X)), heads)))\n"
      "  X <- mix(A[1], X) + outer(b[1], layernorm(mlp(layernorm(mix(m[1], X)))))");
}

// An update that is normalised already stays as it is.
TEST(Repair, OnlyWhatLacksTheNorm) {
  const Repaired r(blockOf("  x <- x + layernorm(attn(x, heads))\n  x <- x + mlp(x)\n") +
                       modelOf("block = own"),
                   "", {"forward.growth"});
  EXPECT_EQ(r.fix("forward.growth"), "3:   x <- x + layernorm(mlp(x))");
}

// Section 9.1: the number on the wrong operand, as an equation.
TEST(Repair, S109TheWrongOperand) {
  const Repaired r(
      blockOf(
          "  w = xavier((8*depth)^(-1/4))\n"
          "  x <- layernorm(x + (2*depth)^(1/4)*attn(x, heads, init = xavier(1), value_init = w, "
          "out_init = w))\n"
          "  x <- layernorm(x + (2*depth)^(1/4)*mlp(x, init = w))\n") +
          "model m(depth = 100) = gpt2(depth = depth, block = own)\n",
      "", {"update_bound", "needs_warmup"});
  const std::string after =
      "3:   x <- layernorm((2*depth)^(1/4)*x + attn(x, heads, init = xavier(1), value_init = w, "
      "out_init = w))\n  x <- layernorm((2*depth)^(1/4)*x + mlp(x, init = w))";
  EXPECT_EQ(r.fix("deepnorm.update_bound"), after);
  EXPECT_EQ(r.fix("needs_warmup"), after);
  const ir::Verdict &verdict = r.on("deepnorm.update_bound");
  EXPECT_NEAR(*verdict.number, 200, 1e-9);
  EXPECT_NEAR(*verdict.fix->number, 1, 1e-9);
  EXPECT_EQ(verdict.fix->growth, "bounded");
  EXPECT_NE(r.page.find("  fix       m.lnx:3: gives PROVED, 1, bounded in depth\n"
                        "          - x <- layernorm(x + (2*depth)^(1/4)*attn("),
            std::string::npos)
      << r.page;
  EXPECT_NE(r.page.find("  fix       m.lnx:3: gives PREDICTED_OK, bounded in depth, as for "
                        "deepnorm.update_bound\n"),
            std::string::npos)
      << r.page;
}

// The same mistake as an argument: the number belongs to another one.
TEST(Repair, S109TheWrongArgument) {
  const Repaired r("def misplaced(x, l, depth, heads) = post_ln(x, l, depth, heads, dt = "
                   "(2*depth)^(1/4), gain = (8*depth)^(-1/4))\n"
                   "model m(depth = 100) = gpt2(block = misplaced, depth = depth)\n",
                   "", {"update_bound"});
  EXPECT_EQ(r.fix("deepnorm.update_bound"),
            "1: def misplaced(x, l, depth, heads) = post_ln(x, l, depth, heads, a = "
            "(2*depth)^(1/4), gain = (8*depth)^(-1/4))");
}

// Where only norms carry the scale, promises are less than one more norm.
TEST(Repair, PromisesStandAtTheStartOfTheModel) {
  const Repaired r(modelOf("block = peri_ln", "  check wellposed\n"), "", {"wellposed"});
  EXPECT_EQ(r.fix("forward.wellposed"), "2:   assume norm.gain <= 2\n"
                                        "  assume norm.bias.rms <= 1\n"
                                        "  check wellposed");
  ASSERT_TRUE(r.report.checks[0].fix);
  EXPECT_EQ(r.report.checks[0].fix->after, r.on("forward.wellposed").fix->after);
  EXPECT_NE(r.page.find("m.lnx:2: gives PROVED\n"
                        "          + assume norm.gain <= 2\n"
                        "          + assume norm.bias.rms <= 1\n"),
            std::string::npos)
      << r.page;
}

// A model that is a call gets a body that returns it, with the parameters that were handed on.
TEST(Repair, AModelWithoutABodyGetsOne) {
  EXPECT_EQ(Repaired("model m = gpt2(block = peri_ln)\n", "", {"growth"}).fix("forward.growth"),
            "1: model m() {\n  assume norm.gain <= 2\n  assume norm.bias.rms <= 1\n"
            "  return gpt2(block = peri_ln)\n}");
  EXPECT_EQ(Repaired("model m(depth = 3) = gpt2(block = peri_ln)\n", "", {"growth"})
                .fix("forward.growth"),
            "1: model m(depth = 3) {\n  assume norm.gain <= 2\n  assume norm.bias.rms <= 1\n"
            "  return gpt2(block = peri_ln, depth = depth)\n}");
}

// A schedule: over the depth that the model names, or that it is made to name.
TEST(Repair, AScheduleForACheck) {
  const Repaired r(modelOf("block = peri_ln, dt = 0.1", promises + "  check growth <= bounded\n"),
                   "", {"growth"});
  ASSERT_TRUE(r.report.checks[0].fix);
  EXPECT_EQ(r.report.checks[0].fix->after,
            "  return gpt2(depth = depth, block = peri_ln, dt = 0.1/depth)");
  EXPECT_EQ(r.report.checks[0].fix->growth, "bounded");
  EXPECT_NE(r.page.find("check forward.growth <= bounded: UNKNOWN"), std::string::npos);
  EXPECT_NE(r.page.find("          + return gpt2(depth = depth, block = peri_ln, dt = 0.1/depth)"),
            std::string::npos)
      << r.page;
  EXPECT_EQ(Repaired("model m = gpt2(depth = 7, block = pre_ln)\n", "", {"depth.limit"})
                .fix("depth.limit"),
            "1: model m(depth = 7) = gpt2(depth = depth, block = pre_ln, dt = 1/depth)");
}

// An argument that the called def has, in the user's own call of it.
TEST(Repair, AnArgumentOfACalledDef) {
  const std::string block = blockOf("  x <- x + attn(layernorm(x), heads)\n");
  EXPECT_EQ(
      Repaired(block + modelOf("block = own"), "", {"logit_bound"}).fix("attention.logit_bound"),
      "2:   x <- x + attn(layernorm(x), heads, softcap = 50)");
  const std::string own = "def look(x, heads, qk_norm = id) {\n"
                          "  q = qk_norm(split_heads(linear(x, dim(x)), heads))\n"
                          "  k = qk_norm(split_heads(linear(x, dim(x)), heads))\n"
                          "  return attend(join_heads(q), join_heads(k), x, heads)\n}\n" +
                          blockOf("  x <- x + look(layernorm(x), heads)\n");
  EXPECT_EQ(
      Repaired(own + modelOf("block = own"), "", {"logit_bound"}).fix("attention.logit_bound"),
      "7:   x <- x + look(layernorm(x), heads, qk_norm = layernorm)");
}

// An argument that is smaller than its default loses the updates; without it they are kept.
TEST(Repair, AnArgumentThatIsLeftOut) {
  const Repaired r("model m(depth = 36) = gpt2(depth = depth, block = layerscale, lam0 = 1e-6)\n",
                   "", {"absorption"});
  EXPECT_EQ(r.fix("precision.absorption"),
            "1: model m(depth = 36) = gpt2(depth = depth, block = layerscale)");
}

// The norm goes from the sum to the update.
TEST(Repair, TheNormGoesToTheUpdate) {
  const Repaired r(blockOf("  x <- layernorm(x + attn(x, heads))\n"
                           "  x <- layernorm(x + mlp(x))\n") +
                       modelOf("block = own"),
                   "", {"identity_path"});
  EXPECT_EQ(r.fix("backward.identity_path"),
            "2:   x <- x + layernorm(attn(x, heads))\n  x <- x + layernorm(mlp(x))");
}

// What costs a proof is not said while something else does not, and then says so.
TEST(Repair, ALossIsNamed) {
  const Repaired r(modelOf("block = deepnorm"), "", {"scale_invariance", "update_bound"});
  const ir::Verdict &verdict = r.on("backward.scale_invariance");
  ASSERT_TRUE(verdict.fix);
  EXPECT_EQ(verdict.fix->lost, std::vector<std::string>{"deepnorm.update_bound"});
  EXPECT_NE(r.page.find("gives PROVED, but no longer deepnorm.update_bound"), std::string::npos)
      << r.page;
}

TEST(Repair, NothingIsSaidWhereNothingWasFound) {
  const Repaired r("model m = encdec(enc = deepnorm_enc, dec = deepnorm_dec)\n", "",
                   {"identity_path"});
  const ir::Verdict &verdict = r.on("backward.identity_path");
  EXPECT_FALSE(verdict.fix);
  EXPECT_GT(verdict.tried, 1);
  EXPECT_NE(r.page.find("  fix       no single change found among " +
                        std::to_string(verdict.tried) + " tried\n"),
            std::string::npos)
      << r.page;
}

// Only what is asked for is computed, and what the checks of the model need.
TEST(Repair, PropertiesThatNobodyAskedForAreLeftOut) {
  const auto propertiesOf = [](const Repaired &of) {
    std::vector<std::string> names;
    for (const ir::Verdict &verdict : of.report.verdicts)
      names.push_back(verdict.property);
    return names;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(propertiesOf(Repaired(modelOf("block = peri_ln"), "", {"needs_warmup"}, false)),
            Names{"needs_warmup"});
  EXPECT_EQ(propertiesOf(Repaired(modelOf("block = peri_ln", promises + "  check wellposed\n"), "",
                                  {"identity_path"}, false)),
            (Names{"forward.wellposed", "backward.identity_path"}));
  EXPECT_EQ(propertiesOf(Repaired(modelOf("block = peri_ln"), "", {}, false)), ir::propertyNames());
}

// What holds needs no change, and a model of the prelude cannot have one.
TEST(Repair, WhatHoldsIsLeftAlone) {
  const Repaired good(modelOf("block = peri_ln"), "", {"growth"});
  EXPECT_EQ(good.fix("forward.growth"), "none of 0");
  EXPECT_EQ(Repaired("def f(x) = x\n", "gpt2", {"growth"}).fix("forward.growth"), "none of 0");
}
