// Random equations, weights and tokens: no measured Jacobian exceeds what is said (8.1, S83..S85).
// LNX_SENSITIVITY_CASES sets the number of specs; each is tried with two draws of its weights.
#include "Attack.h"
#include "Jacobian.h"
#include "RandomSpecs.h"

using namespace lnx::test;
using namespace mlir;
using namespace mlir::lnx;
namespace st = mlir::lnx::stability;

namespace {
const std::string property = "backward.sensitivity_bound";
/// Central differences with steps of 1e-6: curvature and rounding are below this share.
constexpr double slack = 1 + 1e-5;

void promiseAtLeast(ModelOp model, const char *form, double least) {
  OpBuilder builder = OpBuilder::atBlockBegin(&model.getBody().front());
  AssumeOp::create(builder, model.getLoc(), builder.getStringAttr(form), DictionaryAttr(),
                   builder.getStringAttr(">="), builder.getF64FloatAttr(least), StringAttr());
}

/// The least of them.
double makeGainsPositive(ModelOp model, Environment &environment) {
  double least = INFINITY;
  model.walk([&](ParamOp op) {
    if (op.getPath().ends_with("g"))
      for (double &gain : environment.parameters[op.getPath()].data) {
        gain = std::abs(gain);
        least = std::min(least, gain);
      }
  });
  return std::isfinite(least) ? least : 0;
}

/// Steps small enough for norms to stay away from constant rows.
std::string gentleStep(Draw &draw, int number) {
  std::string dt = draw.oneOf({"0.02*", "(0.1/depth)*", "0.05*"});
  std::string n = draw.oneOf({"layernorm(x)", "rmsnorm(x)", "n(x)", "x"});
  switch (draw.below(4)) {
  case 0:
    return "x <- " + draw.oneOf({"x", "0.9*x", "1.1*x"}) + " + " + dt + branch(draw, n);
  case 1:
    return "x <- layernorm(4*x + " + dt + branch(draw, "x") + ")";
  case 2:
    return "y" + std::to_string(number) + " = " + branch(draw, n) + "\n  x <- x + " + dt + "y" +
           std::to_string(number) + "\n  x <- x - 0.01*y" + std::to_string(number);
  default:
    return "x <- x + " + dt + branch(draw, n) + " - " + dt + branch(draw, "x");
  }
}

std::string gentleSpec(Draw &draw) {
  std::string body;
  for (int steps = 1 + draw.below(2); steps > 0; --steps)
    body += "  " + gentleStep(draw, steps) + "\n";
  return "def n(x) = x / sqrt(mean(x*x) + 1e-12)\ndef b(x, l, depth, heads) {\n" + body +
         "  return x\n}\nmodel m(depth = " + std::to_string(1 + draw.below(3)) +
         ") {\n  param E : [8, 8] ~ normal(1)\n  x = E[tokens]\n"
         "  repeat l in 1..depth { x <- b(x, l, depth, 4) }\n  return x\n}\n";
}

/// Matrices below norm 1, gains around 1, small biases, tokens of about one size.
void makeGentle(Draw &draw, ModelOp model, Environment &environment) {
  model.walk([&](ParamOp op) {
    Array &array = environment.parameters[op.getPath()];
    Sizes sizes = sizesOf(op, array);
    for (int64_t i = 0; i < array.size(); ++i) {
      double &x = array.data[i];
      if (op.getPath() == "E")
        x = draw.normal() + alternating(i);
      else if (op.getType().getRank() == 2)
        x *= 0.8 / sizes.spectral;
      else
        x = op.getPath().ends_with("g") ? 1 + x / 20 : x / 50;
    }
  });
}

struct Tally {
  int cases = 0, finite = 0, proved = 0;
  double tightest = 0;
};

/// One draw of weights: the measured Jacobian is not above the number, whatever the word.
void compareOnce(Draw &draw, const std::string &text, ModuleOp elaborated, bool isGentle,
                 Tally &tally) {
  OwningOpRef<ModuleOp> module = elaborated.clone();
  ModelOp model = *module->getOps<ModelOp>().begin();
  Environment environment = drawTokens(draw, 4);
  drawValues(draw, model, environment, /*isStart=*/true);
  bool isPositive = isGentle || draw.below(2); // a norm over the sum needs its gain's least (S85)
  if (isGentle)
    makeGentle(draw, model, environment);
  double gain = isPositive ? makeGainsPositive(model, environment) : 0;
  declareSizes(draw, model, environment, /*isStart=*/true);
  promiseAtLeast(model, "x0.std", leastDeviation(environment.parameters["E"]));
  if (isPositive)
    promiseAtLeast(model, "norm.gain", gain);
  FailureOr<st::Report> report = st::verify(*module, {});
  ASSERT_TRUE(succeeded(report));
  const st::Verdict *verdict = find(*report, property);
  ASSERT_TRUE(verdict);
  ++tally.cases;
  ASSERT_NE(verdict->word, st::Word::refuted);
  tally.proved += verdict->word == st::Word::proved;
  if (!verdict->number)
    return;
  ++tally.finite;
  double measured = normOf(jacobianOf(model, environment, 4), 4);
  ASSERT_TRUE(!(measured > *verdict->number * slack + 1e-7))
      << measured << " > " << *verdict->number << "\n"
      << text << print(*report);
  tally.tightest = std::max(tally.tightest, measured / *verdict->number);
}

Tally compareMany(int specs, bool isGentle) {
  Tally tally;
  for (int index = 0; index < specs && !testing::Test::HasFailure(); ++index) {
    Draw draw(40000 + index);
    std::string text = isGentle ? gentleSpec(draw) : spec(draw);
    Verified source(text);
    OwningOpRef<ModuleOp> elaborated = source.at({});
    if (!elaborated) {
      ADD_FAILURE() << source.diagnostics.render() << text;
      return tally;
    }
    for (int turn = 0; turn < 2; ++turn)
      compareOnce(draw, text, *elaborated, isGentle, tally);
  }
  std::printf("%d cases, %d with a number, %d proved, tightest %.4f\n", tally.cases, tally.finite,
              tally.proved, tally.tightest);
  return tally;
}

int casesWanted(int usual) {
  const char *wanted = std::getenv("LNX_SENSITIVITY_CASES");
  return wanted ? std::atoi(wanted) : usual;
}
} // namespace

// Every number holds, vacuous or not, for random equations, weights and tokens (8.1).
TEST(StabilitySensitivity, MeasuredStaysBelowTheBound) {
  Tally tally = compareMany(casesWanted(200), /*isGentle=*/false);
  EXPECT_GT(tally.finite, tally.cases / 4);
  EXPECT_GT(tally.proved, tally.cases / 20);
}

// The same where most of it is proved, and near enough for a rule that is a little wrong to show.
TEST(StabilitySensitivity, MeasuredStaysBelowTheProvedBound) {
  Tally tally = compareMany(casesWanted(200), /*isGentle=*/true);
  EXPECT_GT(tally.proved, tally.cases / 3);
  EXPECT_GT(tally.tightest, 0.9);
}
