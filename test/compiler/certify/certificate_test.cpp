// Certificates of what the verifier proves are accepted, and say the same numbers; what they leave
// out is listed with a reason.
#include "Certificates.h"
#include "RandomSpecs.h"

using namespace lnx::test;
using namespace mlir;
using namespace mlir::lnx;

namespace {
/// The largest rms of a row.
double rmsOf(const Array &array) {
  int64_t width = array.shape.back();
  double largest = 0;
  for (int64_t at = 0; at < array.size(); at += width) {
    double sum = 0;
    for (int64_t i = 0; i < width; ++i)
      sum += array.data[at + i] * array.data[at + i];
    largest = std::max(largest, std::sqrt(sum / double(width)));
  }
  return largest;
}

const char *const blocks[] = {"pre_ln", "post_ln",    "peri_ln",  "no_ln",  "sandwich",  "deepnorm",
                              "rezero", "layerscale", "parallel", "mix_ln", "ln_scaling"};

std::string modelOf(const std::string &block) {
  return "model m(depth = 5, vocab = 20) = gpt2(block = " + block +
         ", depth = depth, width = 16, heads = 4, vocab = vocab, context = 8)\n";
}
} // namespace

// Every block of the prelude: the bound is certified wherever it is proved.
TEST(Certificate, OfEveryBlockHasItsBound) {
  for (const char *block : blocks) {
    SCOPED_TRACE(block);
    Verified verified(modelOf(block));
    std::optional<stable::Report> report = reportOf(verified, "", {}, /*isPromised=*/true);
    ASSERT_TRUE(report);
    ASSERT_EQ(refusalOf(report->certificate), "") << report->certificate;
    ::lnx::certify::Document document = read(report->certificate);
    for (const char *property : {"forward.bound", "forward.variance", "forward.wellposed",
                                 "attention.logit_bound", "precision.overflow"}) {
      const stable::Verdict *verdict = find(report, property);
      ASSERT_TRUE(verdict);
      EXPECT_EQ(verdict->word, stable::Word::proved) << property;
      const ::lnx::certify::Conclusion *conclusion = conclusionOf(document, property);
      ASSERT_TRUE(conclusion) << property << report->certificate;
      if (!verdict->number)
        continue;
      ASSERT_TRUE(conclusion->number) << property;
      EXPECT_GE(*conclusion->number, *verdict->number * (1 - 1e-11)) << property;
      EXPECT_LE(*conclusion->number, *verdict->number * (1 + 2e-8)) << property;
    }
  }
}

// Without a number for the start, the bound is a line in its size.
TEST(Certificate, BoundsByTheSizeOfTheStart) {
  ::lnx::certify::Document document = read(certificateOf(
      "model m(depth = 4) {\n  assume norm.gain <= 1\n  assume norm.bias.rms <= 0\n"
      "  return gpt2(block = peri_ln, depth = depth, dt = 0.5, width = 8, heads = 2)\n}\n"));
  const ::lnx::certify::Conclusion *bound = conclusionOf(document, "forward.bound");
  ASSERT_TRUE(bound && bound->factor && bound->number);
  EXPECT_EQ(*bound->factor, 1);
  EXPECT_NEAR(*bound->number, 4, 1e-7);
}

// Classes are certified where every layer at every depth is like these, and others are refused.
TEST(Certificate, StatesClasses) {
  const std::pair<const char *, const char *> classes[] = {
      {"peri_ln", "linear"},
      {"post_ln", "bounded"},
      {"pre_ln", "linear"},
      {"no_ln, ff = glu", "double_exponential"},
      {"no_ln", "exponential"},
      {"ln_scaling", "linear"},
      {"peri_ln, dt = depth^(-1/2)", "power(1/2)"},
      {"peri_ln, dt = 1/depth", "bounded"},
      {"no_ln, dt = 1/depth", "bounded"},
      {"no_ln, dt = depth^(-1/2)", "stretched(1/2)"},
      {"no_ln, dt = (1 - 1/depth)", "exponential"},
      {"mix_ln", "linear"}};
  for (auto [block, growth] : classes) {
    SCOPED_TRACE(block);
    Verified verified(modelOf(block));
    std::optional<stable::Report> report = reportOf(verified, "", {}, /*isPromised=*/true);
    ASSERT_TRUE(report);
    ::lnx::certify::Document document = read(report->certificate);
    const ::lnx::certify::Conclusion *conclusion = conclusionOf(document, "forward.growth");
    ASSERT_TRUE(conclusion) << report->certificate;
    EXPECT_EQ(conclusion->growth, growth);
    for (const char *other : {"bounded", "linear", "exponential", "double_exponential"}) {
      if (std::string(growth) == other)
        continue;
      for (auto &one : document.derivations[0].conclusions)
        if (one.property == "forward.growth")
          one.growth = other;
      EXPECT_NE(llvm::toString(::lnx::certify::certify(document)), "") << other;
    }
  }
  // lnx-certify knows of a promise what it is at this depth.
  const ::lnx::certify::Document promised = read(certificateOf(
      "model m(depth = 12) {\n  assume norm.gain <= 1/depth\n  assume norm.bias.max <= 0\n"
      "  return gpt2(block = peri_ln, depth = depth, width = 8, heads = 1, vocab = 8)\n}\n"));
  EXPECT_TRUE(promised.isOneDepth);
  EXPECT_FALSE(conclusionOf(promised, "forward.growth"));
}

// What an optimizer reaches is a derivation of its own (S73..S75).
TEST(Certificate, OfATrajectory) {
  for (const char *optimizer :
       {"adamw(lr = 1e-3, steps = 1000, decay = 0.1, beta1 = 0.9, beta2 = 0.95)",
        "sgd(lr = 1e-2, steps = 100, clip = 1)", "muon(lr = 1e-2, steps = 100, decay = 0.1)"}) {
    SCOPED_TRACE(optimizer);
    std::string certificate =
        certificateOf("model m(depth = 3) {\n  assume x0.rms <= 1\n  assume norm.gain <= 2\n"
                      "  assume norm.bias.rms <= 1\n  assume " +
                      std::string(optimizer) +
                      "\n  return gpt2(block = pre_ln, depth = depth, width = 8, heads = 2)\n}\n");
    EXPECT_EQ(refusalOf(certificate), "");
    bool isAny = false;
    for (const auto &derivation : read(certificate).derivations)
      isAny |= derivation.isTrajectory && !derivation.conclusions.empty();
    EXPECT_EQ(isAny, std::string(optimizer).find("muon") == std::string::npos) << certificate;
  }
}

// Nothing happens, and that is certified.
TEST(Certificate, OfStepsThatChangeNothing) {
  std::string certificate =
      certificateOf("def b(x, l, depth, heads) {\n  x <- x\n  return x\n}\n"
                    "model m(depth = 2) = gpt2(block = b, depth = depth, width = 8, heads = 2)\n");
  EXPECT_EQ(refusalOf(certificate), "");
  const ::lnx::certify::Document document = read(certificate);
  const ::lnx::certify::Conclusion *bound = conclusionOf(document, "forward.bound");
  ASSERT_TRUE(bound && bound->factor && bound->number) << certificate;
  EXPECT_EQ(*bound->factor, 1);
  EXPECT_EQ(*bound->number, 0);
}

// The stream is a summand of each step, whatever else is: older streams, laws, numbers behind
// norms.
TEST(Certificate, OfThePathOfTheStreamItself) {
  const std::pair<const char *, double> cases[] = {
      {"  y = x\n  x <- x + 0.1*layernorm(x)\n  x <- 0.5*x + layernorm(y)\n", 0.25},
      {"  y = x\n  x <- x + 0.1*layernorm(x)\n  x <- 0.5*x + y\n", 0},
      {"  x <- tame(x + exp(x))\n", 1},
      {"  x <- layernorm(x)\n  x <- 0.5*x + 0.1*layernorm(x)\n", 0}};
  for (const auto &[steps, path] : cases) {
    SCOPED_TRACE(steps);
    std::string certificate =
        certificateOf("def tame(x) {\n  law size <= 2\n  law peak <= 3\n  return x\n}\n"
                      "def b(x, l, depth, heads) {\n" +
                      std::string(steps) +
                      "  return x\n}\n"
                      "model m(depth = 2) {\n  assume norm.gain <= 1\n  assume norm.bias.max <= 0\n"
                      "  return gpt2(block = b, depth = depth, width = 8, heads = 2)\n}\n");
    EXPECT_EQ(refusalOf(certificate), "") << certificate;
    ::lnx::certify::Document document = read(certificate);
    const ::lnx::certify::Conclusion *found = conclusionOf(document, "backward.identity_path");
    ASSERT_EQ(found != nullptr, path > 0) << certificate;
    if (found)
      EXPECT_NEAR(found->number.value_or(0), path, 1e-8) << certificate;
  }
}

// Spellings of a norm that lnx-certify finds in the program (S6).
TEST(Certificate, OfNormsInAnySimpleSpelling) {
  for (const char *norm :
       {"g * c / sqrt(mean(c*c) + eps)", "g * (c / sqrt(mean(c^2) + eps))",
        "c * rsqrt(mean(c*c) + eps) * g", "c * (eps + mean(c*c))^(-1/2) * g",
        "(x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * g", "c / (mean(c*c)^(1/2) + eps) * g",
        "g * x / sqrt(sum(x*x))", "c * (mean(x^2) - mean(x)^2 + eps)^(-1/2) * g",
        "c * (0.5 / sqrt(mean(c*c) + eps)) * g",
        "g * (x - mean(x)) / sqrt(mean(x*x) - mean(x)*mean(x) + eps)"}) {
    SCOPED_TRACE(norm);
    std::string text =
        "def own(x, eps = 1e-5) {\n  param g : [dim(x)] ~ ones\n  c = x - mean(x)\n  return " +
        std::string(norm) + "\n}\n" +
        "model m(depth = 2) {\n  assume norm.gain <= 1.25\n  assume x0.rms <= 1\n"
        "  return gpt2(block = peri_ln, norm = own, depth = depth, width = 8, heads = 2)\n}\n";
    std::string certificate = certificateOf(text);
    EXPECT_EQ(refusalOf(certificate), "") << certificate;
    ::lnx::certify::Document document = read(certificate);
    EXPECT_TRUE(conclusionOf(document, "forward.bound")) << certificate;
    EXPECT_TRUE(conclusionOf(document, "backward.scale_invariance")) << certificate;
  }
}

// What cannot be followed is said.
TEST(Certificate, SaysWhatItLeavesOut) {
  const std::pair<std::string, std::string> cases[] = {
      {"def own(x) {\n  param g : [dim(x)] ~ ones\n"
       "  return x * (g / sqrt(mean(x*x) + 1e-5))\n}\n"
       "model m(depth = 2) {\n  assume norm.gain <= 1\n"
       "  return gpt2(block = post_ln, norm = own, depth = depth, width = 8, heads = 2)\n}\n",
       "spelled in a way"}};
  for (const auto &[text, reason] : cases) {
    std::string certificate = certificateOf(text);
    EXPECT_EQ(refusalOf(certificate), "");
    EXPECT_NE(certificate.find(reason), std::string::npos) << certificate;
    EXPECT_FALSE(conclusionOf(read(certificate), "forward.bound")) << certificate;
  }
}

// Weights drawn, and their exact norms promised: numbers that no test was written for.
TEST(Certificate, OfRandomPromisesIsAccepted) {
  int finite = 0;
  for (unsigned seed = 0; seed < 110; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Draw draw(seed);
    Verified verified(modelOf(blocks[seed % std::size(blocks)]));
    OwningOpRef<ModuleOp> module = verified.at({{"vocab", "8"}});
    ASSERT_TRUE(module) << verified.diagnostics.render();
    Environment environment = drawTokens(draw, 6);
    drawWeights(draw, *module->getOps<ModelOp>().begin(), environment);
    stable::VerifyOptions options;
    options.certificate = true;
    FailureOr<stable::Report> report = stable::verify(*module, options);
    ASSERT_TRUE(succeeded(report));
    ASSERT_EQ(refusalOf(report->certificate), "") << report->certificate;
    finite += conclusionOf(read(report->certificate), "forward.bound") != nullptr;
  }
  EXPECT_GT(finite, 60);
}

// Random steps: older streams, gates, experts, heads of all kinds. None is refused.
// LNX_SOUNDNESS_CASES sets the number of specs.
TEST(Certificate, OfRandomSpecsIsAcceptedOrSaysWhyNot) {
  const char *wanted = std::getenv("LNX_SOUNDNESS_CASES");
  int cases = wanted ? std::atoi(wanted) : 400, bounds = 0, rest = 0;
  std::map<std::string, int> reasons;
  for (int index = 0; index < cases; ++index) {
    SCOPED_TRACE("spec " + std::to_string(index));
    Draw draw(5000 + index);
    std::string text = spec(draw);
    Verified verified(text);
    OwningOpRef<ModuleOp> module = verified.at({});
    ASSERT_TRUE(module) << verified.diagnostics.render() << text;
    Environment environment = drawTokens(draw, 6);
    drawWeights(draw, *module->getOps<ModelOp>().begin(), environment);
    stable::VerifyOptions options;
    options.certificate = true;
    FailureOr<stable::Report> report = stable::verify(*module, options);
    ASSERT_TRUE(succeeded(report));
    EXPECT_EQ(refusalOf(report->certificate), "") << text << report->certificate;
    ::lnx::certify::Document document = read(report->certificate);
    const ::lnx::certify::Conclusion *bound = conclusionOf(document, "forward.bound");
    FailureOr<Array> output = evaluateModel(*module->getOps<ModelOp>().begin(), environment);
    ASSERT_TRUE(succeeded(output));
    if (bound && bound->number && !bound->factor)
      EXPECT_LE(rmsOf(*output), *bound->number * (1 + 1e-9)) << text;
    bounds += bound != nullptr;
    rest += !document.notCertified.empty();
    for (const auto &one : document.notCertified)
      if (++reasons[one.property + ": " + one.reason] == 1 && std::getenv("LNX_SURVEY"))
        std::printf("%s: %s\n%s", one.property.c_str(), one.reason.c_str(), text.c_str());
  }
  for (const auto &[reason, count] : reasons)
    std::printf("%4d %s\n", count, reason.c_str());
  std::printf("%d of %d random specs have a certified bound, %d leave something out\n", bounds,
              cases, rest);
  EXPECT_GT(bounds, cases / 2);
}

// Their classes, which the verifier reads off other depths: what is certified is never another.
TEST(Certificate, OfRandomSpecsHasTheirClasses) {
  int classes = 0;
  for (int index = 0; index < 150; ++index) {
    SCOPED_TRACE("spec " + std::to_string(index));
    Draw draw(9000 + index);
    std::string text = spec(draw);
    Verified verified(text);
    std::optional<stable::Report> report = reportOf(verified, "", {}, /*isPromised=*/true);
    ASSERT_TRUE(report);
    EXPECT_EQ(refusalOf(report->certificate), "") << text << report->certificate;
    const ::lnx::certify::Document document = read(report->certificate);
    const ::lnx::certify::Conclusion *growth = conclusionOf(document, "forward.growth");
    classes += growth && !growth->growth.empty();
  }
  std::printf("%d of 150 random specs have a certified class\n", classes);
  EXPECT_GT(classes, 20);
}

// Factors that change with the layer and the depth, stacks that do: no class is refused.
// LNX_SOUNDNESS_CASES sets the number of models.
TEST(Certificate, OfRandomSchedulesHasTheirClasses) {
  const std::vector<std::string> numbers = {"1",
                                            "1",
                                            "0.5",
                                            "1/3",
                                            "2",
                                            "1/depth",
                                            "1/l",
                                            "l^(-1/2)",
                                            "depth^(-1/2)",
                                            "2/l",
                                            "l/depth",
                                            "(1 - 1/(2*l))",
                                            "(1 - 1/depth)",
                                            "(1 + 1/l)",
                                            "max(1/l, 1/depth)",
                                            "min(1, 12/depth)",
                                            "log(depth)/depth",
                                            "l^(-3/2)",
                                            "(l*depth)^(-1/2)",
                                            "(depth - l + 1)/depth"};
  const char *wanted = std::getenv("LNX_SOUNDNESS_CASES");
  int cases = wanted ? std::atoi(wanted) : 250, classes = 0;
  for (int index = 0; index < cases; ++index) {
    Draw draw(100 + index);
    std::string body, other;
    for (std::string *steps : {&body, &other})
      for (int count = 1 + draw.below(2); count > 0; --count) {
        std::string a = draw.oneOf(numbers), dt = draw.oneOf(numbers);
        std::string update = draw.oneOf(
            {"mlp(x, hidden = 6, bias = 0)", "mlp(layernorm(x), hidden = 6)",
             "layernorm(mlp(x, hidden = 6))", "glu(x, hidden = 5)", "attn(rmsnorm(x), heads)",
             "glu(" + draw.oneOf(numbers) + "*layernorm(x), hidden = 5, act = tanh)",
             "lam*mlp(x/" + draw.oneOf(numbers) + ", hidden = 6, bias = 0)", "tanh(x)"});
        std::string step = a + "*x + " + dt + "*" + update;
        *steps += "x <- " + (draw.below(5) == 0 ? "layernorm(" + step + ")" : step) + "\n";
      }
    if (draw.below(3) == 0)
      body =
          "if l <= depth/" + draw.oneOf({"2", "4"}) + " {\n" + body + "} else {\n" + other + "}\n";
    std::string text = "def b(x, l, depth, heads) {\n  param lam : [dim(x)] ~ ones\n" + body +
                       "  return x\n}\nmodel m(depth = 12) = gpt2(block = b, depth = depth, width "
                       "= 8, heads = 2, vocab = 12, context = 4)\n";
    SCOPED_TRACE("model " + std::to_string(index) + "\n" + text);
    Verified verified(text);
    std::optional<stable::Report> report = reportOf(verified, "", {}, /*isPromised=*/true);
    ASSERT_TRUE(report);
    EXPECT_EQ(refusalOf(report->certificate), "") << print(report);
    const ::lnx::certify::Document document = read(report->certificate);
    const ::lnx::certify::Conclusion *growth = conclusionOf(document, "forward.growth");
    const stable::Verdict *verdict = find(report, "forward.growth");
    ASSERT_TRUE(verdict);
    if (growth)
      EXPECT_EQ(growth->growth, verdict->growth);
    classes += growth && !growth->growth.empty();
  }
  std::printf("%d of %d random schedules have a certified class\n", classes, cases);
  EXPECT_GT(classes, cases / 3);
}
