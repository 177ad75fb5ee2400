// Promises made from the depth, and classes of backward.sensitivity_bound, which follow schedules
// as those of growth do (S49, S83..S85).
#include "Attack.h"
#include "compiler/stability/Sensitivity.h"

using namespace lnx::test;
namespace st = mlir::lnx::stability;

namespace {
/// Word and class of a property; "none" without a report.
std::string classOf(const std::string &text, const char *property) {
  Verified verified(text);
  const std::optional<st::Report> report = verified.verify();
  const st::Verdict *verdict = find(report, property);
  return verdict ? st::spelling(verdict->word).str() + " " + verdict->growth
                 : "none " + verified.messages;
}

/// x <- x + dt (x @ W) with |W| <= most: linear, so that sizes and changes grow alike.
std::string linear(const std::string &dt, const std::string &most, int depth = 12) {
  return stackOf("    param W : [8, 8] ~ normal(1)\n    x <- x + (" + dt + ")*(x @ W)\n",
                 "  assume x0.rms <= 1\n  assume spectral(W) <= " + most + "\n", depth);
}

std::string growthOf(const std::string &text) { return classOf(text, "forward.growth"); }
std::string sensitivityOf(const std::string &text) {
  return classOf(text, "backward.sensitivity_bound");
}
} // namespace

// A promise carries a schedule as every other number does: |W| <= s(N) with a step of 1 has the
// class of |W| <= 1 with a step of s(N).
TEST(StabilityPromises, s49_of_the_depth) {
  const std::pair<const char *, const char *> cases[] = {
      {"1/depth", "PROVED bounded"},
      {"2", "PROVED exponential"},
      {"rsqrt(depth)", "PROVED stretched(1/2)"},
      {"(8*depth)^(-1/4)", "PROVED stretched(3/4)"},
      {"max(1e-4, 1/depth)", "PROVED exponential"},
      {"1/depth + 1e-13", "PROVED exponential"},
      {"log(depth)/depth", "PROVED linear"},
      {"depth^(-2)", "PROVED bounded"}};
  for (const auto &[most, expected] : cases) {
    EXPECT_EQ(growthOf(linear("1", most)), expected) << most;
    EXPECT_EQ(sensitivityOf(linear("1", most)), expected) << most;
    EXPECT_EQ(growthOf(linear(most, "1")), expected) << most;
    EXPECT_EQ(sensitivityOf(linear(most, "1")), expected) << most;
  }
}

// What a promise is at this depth says nothing: 1/12 is not the same number at every depth, and a
// promise that turns negative is one of 0.
TEST(StabilityPromises, s49_is_not_read_off_this_depth) {
  EXPECT_EQ(growthOf(linear("1", "depth/1000")), "PROVED double_exponential");
  EXPECT_EQ(growthOf(linear("1/depth", "depth/12")), "PROVED exponential");
  EXPECT_EQ(growthOf(linear("1/l^2", "depth/12")), "PROVED exponential");
  EXPECT_EQ(growthOf(linear("1", "12/depth - 1/2", 12)), "PROVED bounded");
  EXPECT_EQ(sensitivityOf(linear("1/depth", "depth/12")), "PROVED exponential");
}

// A part that doubles lose beside another, even where neither is the stream itself.
TEST(StabilityPromises, s48_parts_that_doubles_lose) {
  for (const char *step : {"x + 1e-17*(x @ W)", "abs(x) + 1e-17*(x @ W)", "relu(x) + 1e-17*abs(x)",
                           "2*(0.5*abs(x) + 1e-18*x)", "abs(x) + 1e-17*gelu(x @ W)"}) {
    const std::string text =
        stackOf("    param W : [8, 8] ~ normal(1)\n    x <- " + std::string(step) + "\n",
                "  assume x0.rms <= 1\n  assume spectral(W) <= 1\n", 12);
    EXPECT_EQ(growthOf(text), "PROVED exponential") << step;
    EXPECT_EQ(sensitivityOf(text), "PROVED exponential") << step;
  }
}

// What is listed as assumed is the bound at this depth, and says so.
TEST(StabilityPromises, s3_says_where_a_promise_changes) {
  const auto listed = [](const std::string &most) {
    const std::optional<st::Report> report = Verified(linear("1", most)).verify();
    const st::Verdict *verdict = find(report, "forward.growth");
    return verdict ? llvm::join(verdict->assumptions, "; ") : "none";
  };
  EXPECT_EQ(listed("1/depth"), "spectral(W) <= 0.0833333 at this depth");
  EXPECT_EQ(listed("1/4"), "spectral(W) <= 0.25");
}

// The start of a stream may depend on the depth as well.
TEST(StabilityPromises, s49_of_the_embedding) {
  const auto peri = [](const std::string &rms) {
    return growthOf(
        stackOf("    x <- x + (1/depth)*n(x)\n", "  assume x0.rms <= " + rms + "\n", 12));
  };
  EXPECT_EQ(peri("1"), "PROVED bounded");
  EXPECT_EQ(peri("depth"), "PROVED linear");
  EXPECT_EQ(peri("sqrt(depth)/10"), "PROVED power(1/2)");
  EXPECT_EQ(peri("3/depth"), "PROVED bounded");
}

// S84 needs a deviation that is left at every depth: 12/depth is 1 here and nothing at last.
// Without eps nothing else bounds the slope of a norm.
TEST(StabilityPromises, s84_deviations) {
  const auto change = [](const std::string &std, const std::string &dt) {
    return sensitivityOf(stackOf(
        "    param W : [8, 8] ~ normal(1)\n    x <- x + (" + dt + ")*((x / sqrt(mean(x*x))) @ W)\n",
        "  assume x0.std >= " + std + "\n  assume spectral(W) <= 1\n", 12));
  };
  EXPECT_EQ(change("1", "0.4/depth"), "PROVED bounded");
  EXPECT_EQ(change("12/depth", "0.4/depth"), "PROVED unknown");
  EXPECT_EQ(change("1/2 + 6/depth", "0.4/depth"), "PROVED bounded");
  EXPECT_EQ(change("1/2 + 6/depth", "0.6/depth"), "PROVED unknown");
  EXPECT_EQ(change("depth/12", "1/(2*l^2)"), "PROVED bounded");
  // All of it is taken in deeper models.
  EXPECT_EQ(change("1", "0.05"), "PROVED unknown");
  EXPECT_EQ(change("1", "0.05/sqrt(l)"), "PROVED unknown");
}

// S85 rests on gains of exactly 1, at every depth.
TEST(StabilityPromises, s85_gains) {
  const auto change = [](const std::string &least, const std::string &most) {
    return sensitivityOf(
        stackOf("    param W : [8, 8] ~ normal(1)\n    x <- layernorm(3*x + (1/depth)*(x @ W))\n",
                "  assume x0.std >= 1\n  assume x0.rms <= 1\n  assume norm.bias.max <= 0\n"
                "  assume spectral(W) <= 1\n  assume norm.gain >= " +
                    least + "\n  assume norm.gain <= " + most + "\n",
                12));
  };
  EXPECT_EQ(change("1", "1"), "PROVED bounded");
  EXPECT_NE(change("1", "depth/12"), "PROVED bounded");
  EXPECT_NE(change("12/depth", "1"), "PROVED bounded");
  EXPECT_NE(change("1", "2"), "PROVED bounded");
  // One gain for all features: its deviation is at least 1 times, its change up to twice as large.
  const std::string norm = "def own(x) {\n  param g : [1] ~ ones\n  c = x - mean(x)\n"
                           "  return g*(c/sqrt(mean(c*c) + 1e-5))\n}\n",
                    text = stackOf("    param W : [8, 8] ~ normal(1)\n"
                                   "    x <- own(3*x + (1/depth)*(x @ W))\n",
                                   "  assume x0.std >= 1\n  assume x0.rms <= 1\n"
                                   "  assume spectral(W) <= 1\n  assume norm.gain >= 1\n"
                                   "  assume norm.gain <= ",
                                   12);
  const auto with = [&](const std::string &most) {
    std::string all = norm + text;
    const size_t at = all.find("norm.gain <= ") + 13;
    return sensitivityOf(all.substr(0, at) + most + "\n" + all.substr(at));
  };
  EXPECT_EQ(with("1"), "PROVED bounded");
  EXPECT_EQ(with("2"), "PROVED exponential");
}

// The stream stands once in what a norm reads.
TEST(StabilityPromises, s85_sums) {
  const auto change = [](const std::string &sum) {
    return sensitivityOf(
        stackOf("    param W : [8, 8] ~ normal(1)\n    x <- layernorm(" + sum + ")\n",
                "  assume x0.std >= 1\n  assume x0.rms <= 1\n  assume norm.bias.max <= 0\n"
                "  assume spectral(W) <= 1\n  assume norm.gain >= 1\n  assume norm.gain <= 1\n",
                12));
  };
  EXPECT_EQ(change("3*x + (1/depth)*(x @ W) + (1/l^2)*(x @ W)/9"), "PROVED bounded");
  EXPECT_EQ(change("(2*depth)^(1/3)*x + (x @ W)/10"), "PROVED stretched(2/3)");
  EXPECT_NE(change("(2*depth)^(1/3)*x + 1e-18*depth^(1/3)*x + (x @ W)/10"),
            "PROVED stretched(2/3)");
  EXPECT_EQ(change("3*x + 0.1*(x @ W)"), "PROVED exponential");
}

// A check asks about this depth and keeps no class from the model.
TEST(StabilityPromises, checks) {
  EXPECT_EQ(growthOf(stackOf("    x <- x + (1/depth)*n(x)\n",
                             "  assume x0.rms <= 1\n  check forward.bound <= 2*depth\n")),
            "PROVED bounded");
}

// A factor of the stream that is known between bounds only is no difference of them.
TEST(StabilityPromises, s83_factors_of_the_stream) {
  const std::pair<const char *, const char *> cases[] = {
      {"sqrt(1 - 1/depth)*x + (1/depth)*(x @ W)", "PROVED bounded"},
      {"sqrt(1 - 1/l^2)*x + (1/l^2)*(x @ W)", "PROVED bounded"},
      {"sqrt(1 - 1/(2*depth))*x + sqrt(1/(2*depth))*(x @ W)", "PROVED stretched(1/2)"},
      {"sqrt(l/(l + 1))*x + (1/(l + 1))*(x @ W)", "PROVED linear"},
      {"(x @ W)/(l + 1) + (l/(l + 1))*x", "PROVED linear"},
      {"rsqrt(2)*x + rsqrt(2)*(x @ W)", "PROVED exponential"},
      {"(2*depth)^(1/4)*x*depth^(-1/4) + (x @ W)/depth", "PROVED exponential"},
      {"x + (x + (x @ W))/depth", "PROVED bounded"},
      {"x + x/depth + (x @ W)", "PROVED exponential"},
      {"x + (1/depth)*(x @ W) + 1e-18*x", "PROVED exponential"}};
  for (const auto &[step, expected] : cases) {
    const std::string text =
        stackOf("    param W : [8, 8] ~ normal(1)\n    x <- " + std::string(step) + "\n",
                "  assume x0.rms <= 1\n  assume spectral(W) <= 1\n", 12);
    EXPECT_EQ(growthOf(text), expected) << step;
    EXPECT_EQ(sensitivityOf(text), expected) << step;
  }
}

// Sizes and changes of a linear stack are the same recurrence.
TEST(StabilityPromises, s83_linear_steps_change_as_they_grow) {
  const char *const steps[] = {
      "1/l",           "1/depth",        "rsqrt(l*depth)", "l/depth^2",      "2/l",
      "1/(l + depth)", "log(depth)/l^2", "tanh(l/depth)",  "min(1, 30/l)",   "1/(3*l)",
      "-1/l",          "l^(-3/2)",       "log(1 + 1/l)",   "depth^(-1/3)/l", "max(1/l, 1/depth)",
      "1e-17"};
  const char *const promises[] = {"1", "2", "sqrt(2)", "depth^(-1/2)", "1 + 1/depth", "log(depth)"};
  for (const char *dt : steps)
    for (const char *most : promises) {
      const auto word = [](const std::string &text) { return text.substr(text.rfind(' ')); };
      const std::string growth = word(growthOf(linear(dt, most)));
      EXPECT_EQ(word(sensitivityOf(linear(dt, most))), growth) << dt << ", |W| <= " << most;
      EXPECT_EQ(word(growthOf(linear("(" + std::string(dt) + ")*(" + most + ")", "1"))), growth)
          << dt << ", |W| <= " << most;
    }
}

//===-- against numbers --------------------------------------------------------===//

namespace {
/// log prod_k L_k of a model, layer by layer; absent where a deviation is lost, as what follows
/// then from eps is far from what it will be.
std::optional<double> logarithmOf(const std::string &text) {
  Verified source(text);
  mlir::OwningOpRef<mlir::ModuleOp> module = source.at({});
  EXPECT_TRUE(module) << text << source.diagnostics.render();
  if (!module)
    return std::nullopt;
  mlir::lnx::ModelOp model = *module->getOps<mlir::lnx::ModelOp>().begin();
  mlir::FailureOr<st::Assumptions> promises = st::Assumptions::read(model);
  EXPECT_TRUE(mlir::succeeded(promises));
  const st::Analysis plain(model, *promises, st::Weights::declared);
  const st::Sensitivity change = st::sensitivityOf(plain, st::Detail::eachLayer);
  return change.least > 0 ? std::optional(change.logarithm) : std::nullopt;
}

/// The largest logarithm that a class allows at 1000 layers where it is `half` at 500, with room
/// for what still converges.
double mostOf(const std::string &growth, double half) {
  const std::optional<st::Growth> read = st::Growth::parse(growth);
  const auto kind = read ? read->kind() : st::Growth::Kind::unknown;
  if (kind <= st::Growth::Kind::power)
    return half + std::log(2) * (read->exponent() + 0.2 * read->logs()) + 0.05;
  return INFINITY;
}
} // namespace

// Pre-, peri- and post-norm blocks: the product of 1000 layers is below what a class up to powers
// allows.
TEST(StabilityPromises, s83_classes_against_products) {
  const char *const steps[] = {
      "0.1/depth", "0.01/l^2",         "rsqrt(depth)/100",      "1/(50*l)",
      "0.001",     "0.05/(l + depth)", "log(depth)/(99*depth)", "0.01*rsqrt(l*depth)"};
  const char *const promises[] = {"0.5", "rsqrt(depth)", "2/depth", "(8*depth)^(-1/4)"};
  int known = 0;
  for (const char *dt : steps)
    for (const char *most : promises)
      for (int kind = 0; kind < 4; ++kind) {
        const auto textAt = [&](int depth) {
          const std::string step = "(" + std::string(dt) + ")*", branch = "mlp(n(x), bias = 0)";
          const std::string bodies[] = {"x + " + step + branch, "x + " + step + "n(" + branch + ")",
                                        "layernorm(2*x + " + step + "mlp(x, bias = 0))",
                                        "0.999*x + " + step + "attn(n(x), 1, bias = 0)"};
          std::string promised =
              "  assume x0.rms <= 1\n  assume x0.std >= 1\n  assume norm.gain <= 1\n"
              "  assume norm.gain >= 1\n  assume norm.bias.max <= 0\n";
          promised += kind == 3 ? "" : "  assume std(mlp) >= 0.01\n";
          const std::vector<std::string> attention = {"W_Q", "W_K", "W_V", "W_O"},
                                         mlp = {"W_1", "W_2"};
          for (const std::string &matrix : kind == 3 ? attention : mlp)
            promised += "  assume spectral(" + matrix + ") <= " + most + "\n";
          return stackOf("    x <- " + bodies[kind] + "\n", promised, depth);
        };
        const std::string said = sensitivityOf(textAt(12)),
                          growth = said.substr(said.rfind(' ') + 1);
        const std::optional<double> half = logarithmOf(textAt(500)),
                                    whole = logarithmOf(textAt(1000));
        if (!half || !whole)
          continue;
        known += std::isfinite(mostOf(growth, *half));
        EXPECT_LE(*whole, mostOf(growth, *half))
            << textAt(12) << said << ", " << *half << " at 500";
      }
  EXPECT_GT(known, 60);
}
