// Random models of several streams, stacks, copies and choices: what is returned stays below the
// bound, whatever stream it is and wherever it was last stepped (S47, S59, 8.1, 8.8).
#include "Adversary.h"

using namespace lnx::test;
using namespace mlir;
using namespace mlir::lnx;
namespace st = mlir::lnx::stability;

namespace {
/// Writes a model; updates are nearly free of parameters, so that bounds are nearly reached.
class ModelWriter {
public:
  explicit ModelWriter(unsigned seed) : draw(seed) {}
  Draw draw;

  std::string write() {
    std::string body;
    for (int i = 0, count = 3 + draw.below(4); i < count; ++i)
      body += draw.below(2) ? statement("  ", names) : stack();
    // What is returned has to be a stream: one more step makes it one.
    std::string result = pick(names);
    return "def n(x) = x / sqrt(mean(x*x) + 1e-6)\n"
           "def blk(x, l) {\n  x <- x + l*n(x)\n  x <- 0.5*x\n  return x\n}\n"
           "model m(depth = " +
           std::to_string(1 + draw.below(4)) +
           ") {\n  param E : [8, 8] ~ normal(1)\n  param F : [8, 8] ~ normal(1)\n"
           "  param w : [] ~ ones\n  x = E[tokens]\n  y = F[tokens]\n" +
           body + "  " + result + " <- 0.5*" + result + "\n  return " + result + "\n}\n";
  }

private:
  std::vector<std::string> names = {"x", "y"};
  int next = 0;

  std::string pick(const std::vector<std::string> &from) {
    return from[draw.below(static_cast<int>(from.size()))];
  }
  std::string form(const std::vector<std::string> &from) {
    std::string a = pick(from), b = pick(from);
    return draw.oneOf({a, "2*" + a, "0.5*" + a, a + " + " + b, a + " - 0.5*" + b,
                       a + " + 0.3*n(" + b + ")", "n(" + a + ")", a + "*tanh(" + b + ")",
                       "n(" + a + " + " + b + ")", "relu(" + a + ") + " + b, "w*" + a + " + " + b,
                       "l2norm(" + a + ")", "max(" + a + ", " + b + ")", "tanh(" + a + ") + " + b,
                       "10*n(" + a + ")", "n(" + a + ")*n(" + b + ")", "0*" + a + " + " + b});
  }
  std::string statement(const std::string &indent, std::vector<std::string> &from) {
    if (draw.below(3))
      return indent + pick(from) + " <- " + form(from) + "\n";
    std::string name = "z" + std::to_string(next++);
    std::string text = indent + name + " = " + form(from) + "\n";
    from.push_back(name);
    return text;
  }
  std::string stack() {
    std::vector<std::string> inner = names;
    std::string body;
    for (int i = 0, count = 1 + draw.below(3); i < count; ++i)
      switch (draw.below(6)) {
      case 0: {
        std::string s = pick(inner);
        body += "    if l == " + draw.oneOf({"1", "2", "depth"}) + " { " + s + " <- " +
                form(inner) + " } else { " + s + " <- " + form(inner) + " }\n";
        break;
      }
      case 1: {
        std::string s = pick(inner);
        body += "    " + s + " <- blk(" + pick(inner) + ", l)\n";
        break;
      }
      default:
        body += statement("    ", inner);
      }
    return "  repeat l in 1..depth {\n" + body + "  }\n";
  }
};
} // namespace

TEST(StabilityPrograms, WhatIsReturnedIsBelowTheBound) {
  const char *wanted = std::getenv("LNX_SOUNDNESS_CASES");
  int specs = wanted ? std::atoi(wanted) : 500, checked = 0, finite = 0, skipped = 0;
  double tightest = 0;
  for (int index = 0; index < specs; ++index) {
    ModelWriter writer(31000 + index);
    std::string text = writer.write();
    Verified source(text);
    OwningOpRef<ModuleOp> elaborated = source.at({});
    if (!elaborated) {
      if (skipped++ < 3 && wanted)
        std::printf("%s%s\n", text.c_str(), source.diagnostics.render().c_str());
      continue;
    }
    for (int turn = 0; turn < 6; ++turn) {
      OwningOpRef<ModuleOp> module = elaborated->clone();
      ModelOp model = *module->getOps<ModelOp>().begin();
      Environment environment = drawTokens(writer.draw, 4);
      drawWeights(writer.draw, model, environment, /*isStart=*/false);
      FailureOr<st::Report> report = st::verify(*module, {});
      ASSERT_TRUE(succeeded(report)) << text;
      FailureOr<Array> output = evaluateModel(model, environment);
      ASSERT_TRUE(succeeded(output)) << text;
      ++checked;
      const st::Verdict *bound = find(*report, "forward.bound");
      if (!bound || !bound->number)
        continue;
      ++finite;
      auto [rms, peak] = measure(*output);
      ASSERT_TRUE(!(rms > *bound->number * (1 + 1e-9)))
          << rms << " > " << *bound->number << "\nspec " << index << " turn " << turn << "\n"
          << text << print(*report);
      tightest = std::max(tightest, rms / *bound->number);
      if (const st::Verdict *largest = find(*report, "precision.overflow");
          largest && largest->number)
        ASSERT_TRUE(!(peak > *largest->number * (1 + 1e-9)))
            << peak << " > " << *largest->number << "\nspec " << index << "\n"
            << text << print(*report);
    }
  }
  std::printf("%d cases, %d with a finite bound, tightest %.4f, %d specs skipped\n", checked,
              finite, tightest, skipped);
  EXPECT_GT(finite, checked / 3);
  EXPECT_LT(skipped, specs / 10);
}
