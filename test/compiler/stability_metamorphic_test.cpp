// Relations between the verdicts of related models (8.7), and mutations that must lose a PROVED
// (8.8).
#include "Attack.h"

#include "compiler/stability/Growth.h"

using namespace lnx::test;
using namespace mlir::lnx::stability;

namespace {
const std::string start = "  assume x0.rms <= 1\n";
const std::string norms = "  assume norm.gain <= 1\n  assume norm.bias.max <= 0.5\n";
/// Promises about the weights of what the steps call.
std::string weightsOf(const std::string &steps) {
  std::string all;
  if (steps.find("attn(") != std::string::npos)
    all += "  assume spectral(W_V) <= 0.7\n  assume spectral(W_O) <= 2\n"
           "  assume max(v.b) <= 0.1\n  assume max(o.b) <= 0.2\n";
  if (steps.find("mlp(") != std::string::npos)
    all += "  assume spectral(W_1) <= 0.3\n  assume spectral(W_2) <= 3\n"
           "  assume max(up.b) <= 0.1\n  assume max(down.b) <= 0.3\n";
  return all;
}

std::optional<Report> verify(const std::string &text) {
  Verified source(text);
  std::optional<Report> report = source.verify();
  EXPECT_TRUE(report) << source.diagnostics.render() << source.messages << text;
  return report;
}
double bound(const std::string &text) {
  std::optional<Report> report = verify(text);
  const Verdict *verdict = find(report, "forward.bound");
  return verdict && verdict->number ? *verdict->number : INFINITY;
}
std::optional<Growth> growth(const std::string &text) {
  std::optional<Report> report = verify(text);
  const Verdict *verdict = find(report, "forward.growth");
  return verdict ? Growth::parse(verdict->growth) : std::nullopt;
}

/// Steps in all positions of the norm, with DT and A where the numbers stand.
const std::vector<std::string> families = {
    "    x <- A*x + DT*attn(layernorm(x), 2)\n    x <- A*x + DT*mlp(layernorm(x), hidden = 4)\n",
    "    x <- A*x + DT*layernorm(attn(layernorm(x), 2))\n"
    "    x <- A*x + DT*layernorm(mlp(x, hidden = 4))\n",
    "    x <- A*x + DT*attn(x, 4)\n    x <- A*x + DT*mlp(x, hidden = 4)\n",
    "    x <- A*x + DT*attn(layernorm(x), 2) + DT*mlp(layernorm(x), hidden = 4)\n",
    "    x <- layernorm(A*x + DT*attn(x, 2))\n    x <- A*x + DT*mlp(layernorm(x), hidden = 4)\n"};

std::string with(std::string steps, const std::string &a, const std::string &dt) {
  for (auto [name, value] : {std::pair(std::string("DT*"), dt + "*"), {"A*", a + "*"}})
    for (size_t at; (at = steps.find(name)) != std::string::npos;)
      steps.replace(at, name.size(), value);
  return steps;
}
} // namespace

TEST(StabilityMetamorphic, s59_more_of_anything_is_no_less) {
  for (const std::string &family : families) {
    std::string steps = with(family, "1", "0.5"), all = start + norms + weightsOf(family);
    double base = bound(stackOf(steps, all, 4));
    ASSERT_TRUE(std::isfinite(base)) << steps;
    EXPECT_LE(base, bound(stackOf(with(family, "1", "0.6"), all, 4))) << steps;
    EXPECT_LE(base, bound(stackOf(with(family, "1.1", "0.5"), all, 4))) << steps;
    EXPECT_LE(base, bound(stackOf(steps, all, 5))) << steps;
    EXPECT_LE(base, bound(stackOf(with(family, "1", "(-0.5)"), all, 4)) * (1 + 1e-9)) << steps;
    auto changed = [&](const std::string &from, const std::string &to) {
      std::string more = all;
      more.replace(more.find(from), from.size(), to);
      return bound(stackOf(steps, more, 4));
    };
    EXPECT_LE(base, changed("gain <= 1\n", "gain <= 1.5\n")) << steps;
    EXPECT_LE(base, changed("bias.max <= 0.5", "bias.max <= 0.6")) << steps;
    EXPECT_LE(base, changed("x0.rms <= 1", "x0.rms <= 2")) << steps;
    for (const char *path : {"W_V", "W_O", "W_1", "W_2"}) {
      std::string name = std::string("spectral(") + path + ") <= ";
      if (all.find(name) == std::string::npos)
        continue;
      EXPECT_LE(base, changed(name, name + "1")) << steps << path; // 0.7 becomes 10.7
    }
  }
}

TEST(StabilityMetamorphic, s58_a_norm_of_the_sum_never_grows_faster) {
  for (const std::string &family : families) {
    std::string steps = with(family, "1", "0.5"), normed;
    for (size_t at = 0, end; (end = steps.find('\n', at)) != std::string::npos; at = end + 1)
      normed += "    x <- layernorm(" + steps.substr(at + 9, end - at - 9) + ")\n";
    std::string all = start + norms + weightsOf(family);
    std::optional<Growth> before = growth(stackOf(steps, all)),
                          after = growth(stackOf(normed, all));
    ASSERT_TRUE(before && after) << normed;
    EXPECT_TRUE(*after <= *before) << normed << after->print() << " after " << before->print();
    EXPECT_EQ(after->print(), "bounded") << normed;
  }
}

TEST(StabilityMetamorphic, s71_without_an_output_norm_nothing_improves) {
  for (const char *f : {"attn(x, 2)", "mlp(layernorm(x))", "glu(x)", "moe(layernorm(x))"})
    for (const std::string &assumes : {std::string(), norms, norms + weightsOf(f)}) {
      auto judge = [&](const std::string &update) {
        return word(verify(stackOf("    x <- x + " + update + "\n", start + assumes)),
                    "forward.wellposed");
      };
      std::string normed = judge(std::string("layernorm(") + f + ")"), bare = judge(f);
      EXPECT_FALSE(bare == "P" && normed != "P") << f << assumes;
      EXPECT_FALSE(bare == "U" && normed == "R") << f << assumes;
    }
}

// The same equations, written otherwise.
TEST(StabilityMetamorphic, s8_spelling_does_not_matter) {
  const std::pair<const char *, const char *> pairs[] = {
      {"x + 0.5*layernorm(attn(x, 2))", "layernorm(attn(x, 2))*0.5 + x"},
      {"x + mlp(layernorm(x)) + attn(layernorm(x), 2)",
       "attn(layernorm(x), 2) + x + mlp(layernorm(x))"},
      {"layernorm(2*x + 0.5*attn(x, 2))", "layernorm(4*x + attn(x, 2))"},
      {"layernorm(2*x + 0.5*attn(x, 2))", "layernorm(x + 0.25*attn(x, 2))"},
      {"0.5*(x + n(attn(x, 2)))", "0.5*x + 0.5*n(attn(x, 2))"},
      {"x - n(mlp(x))", "x + (-1)*n(mlp(x))"}};
  for (auto [one, other] : pairs) {
    std::string all = start + norms + weightsOf(one);
    auto left = verify(stackOf(std::string("    x <- ") + one + "\n", all));
    auto right = verify(stackOf(std::string("    x <- ") + other + "\n", all));
    for (const char *property : {"forward.bound", "forward.growth", "forward.wellposed",
                                 "backward.identity_path", "backward.scale_invariance"}) {
      EXPECT_EQ(word(left, property), word(right, property)) << property << ": " << other;
      const Verdict *a = find(left, property), *b = find(right, property);
      if (a && b && a->number && b->number && std::string(property) == "forward.bound")
        EXPECT_NEAR(*a->number, *b->number, 1e-9 * *a->number) << other;
    }
  }
}

TEST(StabilityMetamorphic, s108_names_do_not_matter) {
  std::string text = stackOf("    x <- x + n(attn(x, 2))\n", start + norms + weightsOf("attn("));
  std::string renamed = text;
  for (size_t at; (at = renamed.find("x <- x + n(attn(x, 2))")) != std::string::npos;)
    renamed.replace(at, 22, "other <- other + unit(attn(other, 2))");
  for (auto [from, to] : {std::pair("x = E[tokens]", "other = E[tokens]"),
                          {"return x\n", "return other\n"},
                          {"def n(x)", "def unit(x)"}})
    renamed.replace(renamed.find(from), std::string(from).size(), to);
  EXPECT_EQ(bound(text), bound(renamed));
}

//===-- no false PROVED ------------------------------------------------------===//

// Each takes from Peri-LN what its proof rests on; depth 6, all norms declared.
TEST(StabilityMutations, s71_peri_loses_its_proof) {
  const std::pair<const char *, std::string> mutations[] = {
      {"    x <- x + attn(layernorm(x), 2)\n    x <- x + layernorm(mlp(layernorm(x)))\n", norms},
      {"    x <- x + layernorm(attn(x, 2))\n    x <- x + mlp(layernorm(x))\n", norms},
      {"    if l == 3 { x <- x + mlp(x) } else { x <- x + layernorm(mlp(x)) }\n", norms},
      {"    if l == depth { x <- x + mlp(layernorm(x)) } else { x <- x + layernorm(mlp(x)) }\n",
       norms},
      {"    if l < depth { x <- x + layernorm(mlp(x)) } else { x <- layernorm(x) + mlp(x) }\n",
       norms},
      {"    x <- x + layernorm(mlp(x))\n", "  assume norm.bias.max <= 0.5\n"},
      {"    x <- x + layernorm(mlp(x))\n", "  assume norm.gain <= 1\n"},
      {"    param dt : [] ~ zeros\n    x <- x + dt*layernorm(mlp(x))\n", norms},
      {"    param dt : [8] ~ zeros\n    x <- x + dt*layernorm(mlp(x))\n", norms},
      {"    param lam : [8] ~ ones\n    x <- x + lam*rmsnorm(mlp(x))\n", norms},
      {"    x <- x + glu(layernorm(x))\n", norms},
      {"    x <- x + log(abs(mlp(x)))\n", norms},
      {"    x <- x + layernorm(mlp(x))/mlp(x)\n", norms},
      {"    x <- x + layernorm(mlp(x))*mlp(layernorm(x))\n", norms},
      {"    x <- x + exp(mlp(layernorm(x)))\n", norms},
      {"    x <- x + linear(layernorm(mlp(x)), 8)\n", norms},
      {"    x <- x + sqrt(abs(mlp(x)))\n", norms},
      {"    x <- x + abs(mlp(x))^(1/4)\n", norms},
      {"    x <- x + max(layernorm(mlp(x)), mlp(x))\n", norms},
      {"    x <- x + layernorm(mlp(x)) + 0.000001*mlp(x)\n", norms},
      {"    x <- x + mlp(x)/sqrt(mean(x*x) + 1)\n", norms},
      {"    y = mlp(x)\n    x <- x + y/sqrt(mean(y*y) - mean(y) + 1)\n", norms},
      {"    y = mlp(x)\n    x <- x + y*sqrt(mean(y*y) + 1)\n", norms},
      {"    y = mlp(x)\n    z = mlp(x)\n    x <- x + y/sqrt(mean(z*z) + 1)\n", norms},
      {"    x <- x + dyt(mlp(x))\n", "  assume max(a) <= 1\n"}};
  for (const auto &[steps, assumes] : mutations) {
    std::optional<Report> report = verify(stackOf(steps, start + assumes, 6));
    for (const char *property : {"forward.wellposed", "forward.bound", "forward.growth"})
      EXPECT_NE(word(report, property), "P") << property << "\n" << steps << print(report);
    const Verdict *number = find(report, "forward.bound");
    EXPECT_FALSE(number && number->number) << steps;
  }
}

// What no proof rests on may go: eps, signs, the inner norm, any activation.
TEST(StabilityMutations, s59_peri_keeps_its_proof) {
  const std::pair<const char *, double> variants[] = {{"layernorm(mlp(x), eps = 0)", 1.5},
                                                      {"layernorm(glu(x))", 1.5},
                                                      {"layernorm(mlp(x)^3)", 1.5},
                                                      {"rmsnorm(exp(tanh(x))*mlp(x))", 1},
                                                      {"layernorm(attn(x, 4) - mlp(x))", 1.5},
                                                      {"(-1)*layernorm(mlp(x))", 1.5},
                                                      {"l2norm(mlp(x))", 1 / std::sqrt(8)},
                                                      {"tanh(mlp(x))", 1}};
  for (auto [update, size] : variants) {
    std::optional<Report> report =
        verify(stackOf(std::string("    x <- x + ") + update + "\n", start + norms, 6));
    EXPECT_EQ(word(report, "forward.wellposed"), "P") << update;
    const Verdict *number = find(report, "forward.bound");
    ASSERT_TRUE(number && number->number) << update;
    EXPECT_NEAR(*number->number, 1 + 6 * size, 1e-6) << update;
  }
}

// A norm over the sum, taken away in one layer only.
TEST(StabilityMutations, s61_post_loses_its_proof) {
  for (const char *steps :
       {"    if l == 3 { x <- x + attn(x, 2) } else { x <- layernorm(x + attn(x, 2)) }\n",
        "    x <- layernorm(x) + attn(x, 2)\n", "    x <- layernorm(x + attn(x, 2))*mlp(x)\n",
        "    x <- layernorm(x) + layernorm(attn(x, 2))*x*x*x\n"})
    EXPECT_NE(word(verify(stackOf(steps, start + norms, 6)), "forward.bound"), "P") << steps;
}
