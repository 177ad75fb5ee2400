// What the elaborator says about other depths: schedules of numbers, the ends of runs of layers,
// and what is known at one depth only (S5, S49, S50).
#include "Elaborating.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace lnx;
using namespace lnx::test;

namespace ir = mlir::lnx;

namespace {
/// A model of one stack with this body, and its depth.
std::string stack(const std::string &body, int64_t depth, const std::string &range = "1..depth") {
  return "model m(depth = " + std::to_string(depth) +
         ", width = 8) {\n  param E : [16, width] ~ normal(0.02)\n  x = E[tokens]\n  repeat l in " +
         range + " {\n" + body + "\n  }\n  return x @ transpose(E)\n}\n";
}

/// The first number that the IR holds: its schedule, or "" for a number of all depths.
std::string scheduleOf(const std::string &number, int64_t depth = 12) {
  Elaborated model(stack("x <- x + (" + number + ")*x", depth));
  EXPECT_EQ(model.messages, "");
  std::vector<ir::TableOp> tables = model.all<ir::TableOp>();
  return tables.empty() || !tables[0].getSchedule() ? "" : tables[0].getSchedule()->str();
}

/// "1 to 3, 4 to N" of the runs.
std::string runsOf(Elaborated &model) {
  std::string text;
  for (ir::RepeatOp run : model.all<ir::RepeatOp>()) {
    const auto first = static_cast<int64_t>(run.getFirst()),
               count = static_cast<int64_t>(run.getCount());
    text += (text.empty() ? "" : ", ") +
            (run.getFrom() ? run.getFrom()->str() : std::to_string(first)) + " to " +
            (run.getTo() ? run.getTo()->str() : std::to_string(first + count - 1));
  }
  return text;
}

std::string runsOf(const std::string &text) {
  Elaborated model(text);
  EXPECT_EQ(model.messages, "");
  return runsOf(model);
}

bool isOfOneDepth(const std::string &text) {
  Elaborated model(text);
  EXPECT_EQ(model.messages, "");
  for (ir::ModelOp op : model.all<ir::ModelOp>())
    return op->hasAttr("one_depth");
  return true;
}

TEST(ElaborateSchedules, s49NumbersOfDepthAndLayer) {
  EXPECT_EQ(scheduleOf("1/depth"), "N^-1");
  EXPECT_EQ(scheduleOf("(2*depth)^(1/4)"), "~1.189207115002721*N^0.25");
  EXPECT_EQ(scheduleOf("1/sqrt(4*depth)"), "0.5*N^-0.5");
  EXPECT_EQ(scheduleOf("rsqrt(l)"), "l^-0.5");
  EXPECT_EQ(scheduleOf("1 - l/(2*depth)"), "1 - 0.5*l*N^-1");
  EXPECT_EQ(scheduleOf("log(depth)"), "log(N)");
  EXPECT_EQ(scheduleOf("3"), "");
  EXPECT_EQ(scheduleOf("width/depth*depth"), "");
}

// What no table of these depths shows.
TEST(ElaborateSchedules, s49NumbersThatTablesHide) {
  EXPECT_EQ(scheduleOf("max(1e-4, 1/depth)"), "0.0001");
  EXPECT_EQ(scheduleOf("1/depth + 1e-13"), "N^-1 + 1e-13");
  EXPECT_EQ(scheduleOf("1 - tanh(1e5/depth)"), "1 - 100000*N^-1 .. 1");
  EXPECT_EQ(scheduleOf("depth*exp(1 - depth)"), "0 .. ~12.74548950217317*N^-3");
  EXPECT_EQ(scheduleOf("sigmoid(depth - 100)"), "0 .. 1");
  EXPECT_EQ(scheduleOf("floor(depth/1000)", 1000), "0.001*N - 1 .. 0.001*N");
}

/// Whether the schedule that a number has at depth 12 bounds its values at this depth.
void expectBounds(const std::string &number, int64_t depth) {
  const std::string text = scheduleOf(number);
  const std::optional<ir::Schedule> schedule = ir::Schedule::parse(text);
  ASSERT_TRUE(schedule) << number << ": " << text;
  Elaborated model(stack("x <- x + (" + number + ")*x", depth));
  std::vector<ir::TableOp> tables = model.all<ir::TableOp>();
  ASSERT_EQ(tables.size(), 1u) << number;
  EXPECT_EQ(tables[0].getSchedule()->str(), text) << number;
  const llvm::ArrayRef<double> values = tables[0].getValues();
  for (int64_t l = 1; l <= depth; l = l < 50 ? l + 1 : l * 21 / 20) {
    const double value = values[values.size() > 1 ? l - 1 : 0];
    const double allowed = 1e-9 * std::max(1.0, std::abs(value));
    if (schedule->below())
      EXPECT_GE(value, valueOf(*schedule->below(), l, depth) - allowed)
          << number << ", layer " << l;
    if (schedule->above())
      EXPECT_LE(value, valueOf(*schedule->above(), l, depth) + allowed)
          << number << ", layer " << l;
  }
}

// Elaborated deeper, the numbers are what the shallow model says of them.
TEST(ElaborateSchedules, s49NumbersOfDeepModelsAreWithinTheirSchedules) {
  for (const char *number : {"1/depth",
                             "1/sqrt(2*depth)",
                             "l/depth",
                             "1 - l/(depth + 1)",
                             "(l + 2)^(1/3)/depth",
                             "log(l + depth)",
                             "exp(-l/depth)",
                             "min(1, 30/l)",
                             "max(l, depth/3)/depth",
                             "floor(l/3)/depth",
                             "ceil(sqrt(l))",
                             "round(l/depth)",
                             "abs(l - depth/2)",
                             "tanh(l/depth)",
                             "sigmoid(l - depth)",
                             "silu(l/depth - 1)",
                             "gelu(1 - l)",
                             "relu(l - depth/2)/depth",
                             "1/(l*l + depth)",
                             "(depth + 1 - l)^(-1/2)",
                             "l^(1/2)*depth^(-1/4)",
                             "rsqrt(l)",
                             "log(depth)/l",
                             "(1 + 1/depth)^depth",
                             "2^(1/l)",
                             "depth^(1/4) - 1"})
    expectBounds(number, 200000);
}

TEST(ElaborateSchedules, s50InitialisersFollowTheDepth) {
  Elaborated model("model m = gpt2(width = 32, heads = 2, vocab = 64, context = 8)\n");
  ASSERT_EQ(model.messages, "");
  ir::InitAttr init = model.param("attn.o.W").getInit();
  ASSERT_TRUE(init.getASchedule());
  EXPECT_EQ(init.getASchedule().str(), "~0.014142135623730949*N^-0.5");
  EXPECT_FALSE(init.getBSchedule());
  EXPECT_FALSE(model.param("attn.q.W").getInit().getASchedule());
}

// S5: the same pieces at every depth that has them.
TEST(ElaborateSchedules, s5ConditionsCutAtSharesOfTheDepth) {
  const std::string body = "if l <= depth/4 { x <- x + l*x } else { x <- x + x/l }";
  for (const int64_t depth : {4, 5, 7, 8, 1000}) {
    EXPECT_EQ(runsOf(stack(body, depth)), "1 to 0.25*N - 1 .. 0.25*N, 0.25*N .. 0.25*N + 1 to N")
        << depth;
    EXPECT_FALSE(isOfOneDepth(stack(body, depth))) << depth;
  }
  // Here the first piece has no layer.
  EXPECT_TRUE(isOfOneDepth(stack(body, 3)));
}

TEST(ElaborateSchedules, s5BordersOfWholeLayers) {
  EXPECT_EQ(runsOf(stack("if l == 1 { x <- 2*x } else { x <- 3*x }", 12)), "1 to 1, 2 to N");
  EXPECT_EQ(runsOf(stack("if l < 3 { x <- 2*x } else { x <- 3*x }", 12)), "1 to 2, 3 to N");
  EXPECT_EQ(runsOf(stack("if l == depth { x <- 2*x } else { x <- 3*x }", 12)),
            "1 to N - 1, N to N");
  EXPECT_EQ(runsOf(stack("if l > depth - 2 { x <- 2*x } else { x <- 3*x }", 12)),
            "1 to N - 2, N - 1 to N");
  EXPECT_EQ(runsOf(stack("if l == 3 { x <- 2*x } else { x <- 3*x }", 12)),
            "1 to 2, 3 to 3, 4 to N");
  // A run of one layer knows its number.
  Elaborated model(stack("if l == depth { x <- l*x } else { x <- 3*x }", 12));
  ASSERT_EQ(model.all<ir::TableOp>().size(), 1u);
  EXPECT_EQ(model.all<ir::TableOp>()[0].getSchedule()->str(), "N");
}

TEST(ElaborateSchedules, s5ConditionsThatHoldEverywhere) {
  for (const char *condition : {"l >= 1", "l <= depth", "l*l >= l", "2*l > depth/depth",
                                "depth > 3", "l < depth + 1/2", "sqrt(l) <= l", "l != 1/2"}) {
    const std::string text = stack(std::string("if ") + condition + " { x <- 2*x }", 12);
    EXPECT_FALSE(isOfOneDepth(text)) << condition;
    EXPECT_EQ(runsOf(text), "1 to N") << condition;
  }
}

// True of some depths and not of others, or of layers that no share of the depth tells apart.
TEST(ElaborateSchedules, s5ConditionsThatAreNotDecided) {
  for (const char *condition :
       {"l == depth/2", "l*l > 4*depth", "depth > 100", "l > 20", "l < depth - 20",
        "floor(l/2)*2 == l", "l <= ceil(depth/3)", "l*(depth - l) > 3*depth", "depth < 100",
        "1/depth > 0.01", "l <= depth/20"})
    EXPECT_TRUE(isOfOneDepth(stack(std::string("if ") + condition + " { x <- 2*x }", 12)))
        << condition;
}

TEST(ElaborateSchedules, RepeatsHaveSharesOfTheDepth) {
  EXPECT_EQ(runsOf(stack("x <- 2*x", 12, "1..depth/2")), "1 to 0.5*N");
  EXPECT_EQ(runsOf(stack("x <- 2*x", 12, "2..depth - 1")), "2 to N - 1");
  EXPECT_EQ(runsOf(stack("x <- 2*x", 12, "1..12")), "1 to 12");
  EXPECT_EQ(runsOf(stack("x <- 2*x", 12, "1..ceil(depth/5)")), "1 to 0.2*N .. 0.2*N + 1");
  EXPECT_TRUE(isOfOneDepth(stack("x <- 2*x", 12, "1..depth*depth")));
  EXPECT_TRUE(isOfOneDepth(stack("x <- 2*x", 12, "depth/2..depth - 7")));
  EXPECT_FALSE(isOfOneDepth(stack("x <- 2*x", 12, "1..0")));
}

// The first of depth, N and M is the N of schedules; another keeps its share of it.
TEST(ElaborateSchedules, EncoderAndDecoderGrowTogether) {
  EXPECT_EQ(runsOf("model m = encdec(N = 6, M = 3, vocab = 32, width = 8, heads = 1)\n"),
            "1 to N, 1 to 0.5*N");
}

TEST(ElaborateSchedules, PresetsHandTheirDepthOn) {
  const char *text = "model base(layers = 4, depth = 3) {\n"
                     "  param E : [16, 8] ~ normal(1/depth)\n"
                     "  x = E[tokens]\n"
                     "  repeat l in 1..depth { x <- x + x/depth }\n"
                     "  return x @ transpose(E)\n"
                     "}\n";
  EXPECT_EQ(runsOf(std::string(text) + "model m(depth = 5) = base(depth = 2*depth)\n"), "1 to 2*N");
  EXPECT_EQ(runsOf(std::string(text) + "model m = base(depth = 7)\n"), "1 to N");
}

// Sizes, exponents and laws have no schedule in the IR.
TEST(ElaborateSchedules, WhatShapesAModelKeepsItToItsDepth) {
  const std::string
      head = "model m(depth = 4, width = ",
      tail = ") {\n  param E : [16, width] ~ ones\n  x = E[tokens]\n  repeat l in 1..depth { x <- ";
  const std::string end = " }\n  return x @ transpose(E)\n}\n";
  EXPECT_TRUE(isOfOneDepth(head + "2*depth" + tail + "x" + end));
  EXPECT_TRUE(isOfOneDepth(head + "8" + tail + "x^depth" + end));
  EXPECT_TRUE(isOfOneDepth(head + "8" + tail + "attend(x, x, x, heads = depth)" + end));
  EXPECT_TRUE(isOfOneDepth(head + "8" + tail + "attend(x, x, x, 2, softcap = depth)" + end));
  EXPECT_FALSE(isOfOneDepth(head + "8" + tail + "attend(x, x, x, 2, scale = 1/depth)" + end));
  EXPECT_TRUE(isOfOneDepth("def f(x, depth) {\n  law size <= depth\n  return x\n}\n" + head + "8" +
                           tail + "f(x, depth)" + end));
}

TEST(ElaborateSchedules, PromisesFollowTheDepth) {
  const auto of = [](const std::string &claim) {
    return "model m(depth = 4) {\n  " + claim +
           "\n  return gpt2(width = 8, heads = 1, vocab = 8, depth = depth)\n}\n";
  };
  Elaborated model(of("assume x0.rms <= 1/depth"));
  ASSERT_EQ(model.all<ir::AssumeOp>().size(), 1u);
  EXPECT_EQ(model.all<ir::AssumeOp>()[0].getSchedule(), "N^-1");
  EXPECT_FALSE(Elaborated(of("assume x0.rms <= 1/4")).all<ir::AssumeOp>()[0].getSchedule());
  EXPECT_FALSE(isOfOneDepth(of("assume x0.rms <= 1/depth")));
  EXPECT_FALSE(isOfOneDepth(of("check forward.bound <= 3*depth")));
  EXPECT_TRUE(isOfOneDepth(of("assume adamw(lr = 1/depth, steps = 10)")));
}
} // namespace
