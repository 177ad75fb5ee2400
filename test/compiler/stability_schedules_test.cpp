// Classes of growth of whole models from the schedules of their steps (8.6): the pairs of S49,
// pieces and products of S50, and random formulas against the sums of their numbers in deep models.
#include "StabilityFixture.h"

#include <cmath>
#include <random>

using namespace lnx::test;
using namespace mlir::lnx::stability;

namespace {
/// gpt2 with these blocks `own`, every norm's gain at most 1 and no bias.
std::string model(const std::string &own, int64_t depth = 12) {
  return "def own(x, l, depth, heads)" + own + "\nmodel m(depth = " + std::to_string(depth) +
         ") {\n  assume norm.gain <= 1\n  assume norm.bias.max <= 0\n  assume x0.rms <= 1\n"
         "  return gpt2(depth = depth, width = 8, heads = 1, vocab = 8, context = 8, "
         "block = own)\n}\n";
}

std::string peri(const std::string &dt) {
  return " {\n  x <- x + (" + dt + ")*layernorm(mlp(x))\n  return x\n}";
}

/// The class without a bound on weights, and with one on every weight.
std::pair<std::string, std::string> classesOf(const std::string &own, int64_t depth = 12) {
  Verified verified(model(own, depth));
  const std::optional<Report> report = verified.verify();
  const Verdict *growth = find(report, "forward.growth");
  if (!growth)
    return {"none: " + verified.messages, "none"};
  const std::string bounded = growth->details.empty() ? "" : growth->details.back();
  return {growth->growth, bounded.substr(bounded.rfind(": ") + 2)};
}

std::string classOf(const std::string &own) { return classesOf(own).first; }
} // namespace

TEST(StabilitySchedules, s49_sums) {
  const std::pair<const char *, const char *> cases[] = {{"1", "linear"},
                                                         {"1/depth", "bounded"},
                                                         {"1/sqrt(2*depth)", "power(1/2)"},
                                                         {"1/l", "log"},
                                                         {"l^(-2)", "bounded"},
                                                         {"l^(-1/2)", "power(1/2)"},
                                                         {"rsqrt(l*depth)", "bounded"},
                                                         {"l/depth", "linear"},
                                                         {"l/depth^2", "bounded"},
                                                         {"l*depth", "power(3)"},
                                                         {"log(depth)/depth", "log"},
                                                         {"depth^(-1/3)", "power(2/3)"},
                                                         {"(8*depth)^(-1/4)", "power(3/4)"},
                                                         {"1 - l/depth", "linear"},
                                                         {"1/(l + 10)", "log"},
                                                         {"1/(2*depth + l)", "bounded"},
                                                         {"sqrt(l)/depth", "power(1/2)"},
                                                         {"-3/l", "log"},
                                                         {"log(l + 1) - log(l)", "log"},
                                                         {"2*log(l) - 2*log(l + 1)", "log"},
                                                         {"sqrt(l + 1) - sqrt(l)", "power(1/2)"},
                                                         {"1/l - 1/(l + 3)", "bounded"},
                                                         {"rsqrt(l) - rsqrt(l + 1)", "bounded"},
                                                         {"log(l + depth) - log(depth)", "linear"},
                                                         {"log(l + 1)/3 - log(l)/2", "linear*log"}};
  for (const auto &[dt, expected] : cases)
    EXPECT_EQ(classOf(peri(dt)), expected) << dt;
}

// The largest piece decides, if its length grows with the depth; one of some layers is one step.
TEST(StabilitySchedules, s50_pieces) {
  const auto pieces = [](const std::string &condition, const std::string &then,
                         const std::string &otherwise) {
    return classOf(" {\n  if " + condition + " { x <- x + (" + then +
                   ")*layernorm(mlp(x)) } else { x <- x + (" + otherwise +
                   ")*layernorm(mlp(x)) }\n  return x\n}");
  };
  EXPECT_EQ(pieces("l <= depth/4", "1", "1/l"), "linear");
  EXPECT_EQ(pieces("l <= depth/4", "1/l", "1/depth"), "log");
  EXPECT_EQ(pieces("l > depth/2", "1/l", "1/l^2"), "bounded");
  EXPECT_EQ(pieces("l <= 3", "1", "1/l^2"), "bounded");
  EXPECT_EQ(pieces("l == depth", "sqrt(depth)", "1/depth"), "power(1/2)");
  EXPECT_EQ(pieces("l == depth", "l", "1/depth"), "linear");
  EXPECT_EQ(pieces("l <= 3", "l", "1/depth"), "bounded");
}

// Without norms of the branch, with weights bounded: products of 1 + dt L.
TEST(StabilitySchedules, s50_products) {
  const std::pair<const char *, const char *> cases[] = {
      {"1", "exponential"},         {"1/depth", "bounded"}, {"rsqrt(depth)", "stretched(1/2)"},
      {"depth^(-2)", "bounded"},    {"1/l^2", "bounded"},   {"rsqrt(l)", "stretched(1/2)"},
      {"rsqrt(l*depth)", "bounded"}};
  for (const auto &[dt, expected] : cases) {
    const auto [own, bounded] =
        classesOf(" {\n  x <- x + (" + std::string(dt) + ")*mlp(x)\n  return x\n}");
    EXPECT_EQ(own, "unbounded") << dt;
    EXPECT_EQ(bounded, expected) << dt;
  }
}

TEST(StabilitySchedules, s48_factors_of_the_stream) {
  const auto factor = [](const std::string &a, const std::string &dt) {
    return classOf(" {\n  x <- (" + a + ")*x + (" + dt + ")*layernorm(mlp(x))\n  return x\n}");
  };
  EXPECT_EQ(factor("0.9", "1"), "bounded");
  EXPECT_EQ(factor("0.9", "depth"), "linear");
  EXPECT_EQ(factor("1 - 1/depth", "1"), "linear");
  EXPECT_EQ(factor("1 + 1/depth", "1/depth"), "bounded");
  EXPECT_EQ(factor("1 + 1/depth", "1"), "linear");
  EXPECT_EQ(factor("1.1", "1"), "exponential");
  EXPECT_EQ(factor("-1", "1/l"), "log");
}

// Thirds are not the decimals that doubles print: the parts of the stream add up to all of it.
TEST(StabilitySchedules, s48_factors_that_add_up_to_one) {
  const auto parts = [](const std::string &stream) {
    return classOf(" {\n  x <- " + stream + " + layernorm(mlp(x))\n  return x\n}");
  };
  EXPECT_NE(parts("(1/3)*x + (2/3)*x"), "bounded");
  EXPECT_NE(parts("(1/3)*x + (1/3)*x + (1/3)*x"), "bounded");
  EXPECT_NE(parts("(1/3)*(3*x)"), "bounded");
  EXPECT_NE(parts("3*(x/3)"), "bounded");
  EXPECT_NE(parts("0.1*x + 0.2*x + 0.7*x"), "bounded");
  EXPECT_NE(parts("sqrt(2)*(x/sqrt(2))"), "bounded");
  EXPECT_NE(parts("(1/7)*x + (6/7)*x"), "bounded");
  EXPECT_NE(parts("(depth/3)*x/depth + (2/3)*x"), "bounded");
}

// Mix-LN with no Post-LN layer is Pre-LN, with all of them Post-LN.
TEST(StabilitySchedules, s65_mix_ln_at_its_ends) {
  const auto mix = [](const char *part) {
    return classesOf(" = mix_ln(x, l, depth, heads, part = " + std::string(part) + ")");
  };
  EXPECT_EQ(mix("0"), std::pair(std::string("unbounded"), std::string("linear")));
  EXPECT_EQ(mix("1"), std::pair(std::string("bounded"), std::string("bounded")));
  EXPECT_EQ(mix("1/2"), std::pair(std::string("unbounded"), std::string("linear")));
}

// Layers that no depth counts: nothing grows with it.
TEST(StabilitySchedules, s49_the_class_does_not_depend_on_the_depth_at_hand) {
  for (const char *dt : {"1/sqrt(2*depth)", "1/l", "max(1e-4, 1/depth)", "l/depth^2"}) {
    const std::string expected = classOf(peri(dt));
    for (int64_t depth : {5, 48, 1000, 30000})
      EXPECT_EQ(classesOf(peri(dt), depth).first, expected) << dt << " at " << depth;
  }
}

//===-- random formulas --------------------------------------------------------===//

namespace {
/// A formula of l and depth whose form shows below 10^5 layers.
class Formula {
public:
  explicit Formula(uint32_t seed) : random(seed) {}
  std::string draw() { return make(3); }

private:
  int below(int n) { return static_cast<int>(random() % static_cast<uint32_t>(n)); }

  std::string make(int height) {
    static const char *const leaves[] = {"1",     "2",     "1/2", "l",      "l",
                                         "depth", "depth", "1/l", "1/depth"};
    static const char *const powers[] = {"(1/2)", "(-1/2)", "(-1)", "2", "(-2)", "(1/3)"};
    if (height == 0 || below(5) == 0)
      return leaves[below(9)];
    const std::string x = make(height - 1);
    switch (below(10)) {
    case 9:
      return "(log(" + x + " + 1) - log(" + x + "))";
    case 0:
      return "(" + x + " + " + make(height - 1) + ")";
    case 1:
    case 2:
      return "(" + x + " * " + make(height - 1) + ")";
    case 3:
      return "min(" + x + ", " + make(height - 1) + ")";
    case 4:
      return "max(" + x + ", " + make(height - 1) + ")";
    case 5:
      return "log(1 + " + x + ")";
    case 6:
      return "tanh(" + x + ")";
    default:
      return "(" + x + ")^" + powers[below(6)];
    }
  }

  std::mt19937 random;
};

/// The sum of the steps of all layers, from the numbers in the IR.
double sumOf(const std::string &dt, int64_t depth) {
  Verified verified(model(" {\n  x <- x + (" + dt + ")*(x*2)\n  return x\n}", depth));
  mlir::OwningOpRef<mlir::ModuleOp> module = verified.at({});
  EXPECT_TRUE(module) << dt << verified.diagnostics.render();
  double sum = NAN;
  if (module)
    module->walk([&](mlir::lnx::TableOp table) {
      sum = 0;
      for (int64_t l = 0; l < depth; ++l)
        sum += std::fabs(table.getValues()[table.getLayer() ? l : 0]);
    });
  return sum;
}

/// The exponent that a class allows; log and bounded have some room for what still converges.
double exponentOf(const std::string &growth) {
  if (growth == "bounded")
    return 0.02;
  if (growth == "log")
    return 0.12;
  if (growth == "linear")
    return 1;
  if (growth == "quadratic")
    return 2;
  double above = 0, under = 1;
  const int read = std::sscanf(growth.c_str(), "power(%lf/%lf)", &above, &under);
  return read > 0 ? above / (read > 1 ? under : 1) : INFINITY;
}
} // namespace

// What is added between 40,000 and 80,000 layers grows no faster than the class says.
TEST(StabilitySchedules, s49_random_formulas) {
  int known = 0;
  for (uint32_t seed = 0; seed < 150; ++seed) {
    const std::string dt = Formula(seed).draw();
    const std::string growth = classOf(peri(dt));
    const double exponent = exponentOf(growth);
    if (!std::isfinite(exponent))
      continue;
    const double half = sumOf(dt, 40000), whole = sumOf(dt, 80000);
    if (std::isnan(half) || half == 0)
      continue; // the same number in every layer of every depth, or one that doubles lose
    ++known;
    // A logarithm beside a power adds 1/log N to the exponent that is measured.
    EXPECT_LE(std::log2(whole / half), exponent + 0.14)
        << dt << ": " << growth << ", seed " << seed;
  }
  EXPECT_GT(known, 60);
}
