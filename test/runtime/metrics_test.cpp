// Rows, lines, z-scores and the closing summary, word for word.
// What users and their scripts read must not change by accident.
#include "SharedData.h"
#include "lnx/train/metrics.h"
#include "lnx/train/progress.h"

#include <cmath>

using namespace lnx;

static StepReport example() {
  StepReport report;
  report.step = 120;
  report.steps = 600;
  report.loss = 2.31452;
  report.gradientNorm = 0.83;
  report.lossZ = 0.41;
  report.normZ = -0.12;
  report.rate = 3e-4;
  report.seconds = 0.0412;
  report.tokensPerSecond = 24800;
  report.secondsLeft = 19.8;
  return report;
}

TEST(StepLine, isAsDesigned) {
  EXPECT_EQ(stepLine(example()),
            "step 120/600 | loss 2.3145 (+0.4z) | norm 0.83 (-0.1z) | lr 3.0e-04 | 41.2 ms | "
            "24,800 tok/s | ETA 0:20");
  StepReport early = example();
  early.lossZ = early.normZ = std::nullopt;
  EXPECT_EQ(stepLine(early), "step 120/600 | loss 2.3145 | norm 0.83 | lr 3.0e-04 | 41.2 ms | "
                             "24,800 tok/s | ETA 0:20");
}

// Colour marks only what is three deviations away.
TEST(StepLine, coloursOutliers) {
  StepReport report = example();
  report.lossZ = 3.5;
  EXPECT_NE(stepLine(report, Colour::on).find("\x1b[33m (+3.5z)\x1b[0m"), std::string::npos);
  EXPECT_EQ(stepLine(report).find('\x1b'), std::string::npos);
}

/// Layers 1 and 2 with what their mean |x| is and cannot exceed.
static StepReport bounded(double first, double firstBound, double second, double secondBound) {
  StepReport report = example();
  report.hidden = {{.layer = 1, .meanAbs = first, .mean = 0, .meanSquare = 4},
                   {.layer = 2, .meanAbs = second, .mean = 1, .meanSquare = 4}};
  report.hiddenBounds = {firstBound, secondBound};
  return report;
}

static std::string hidden(const StepReport &report) {
  std::string line = stepLine(report);
  size_t begin = line.find("hid ");
  return begin == std::string::npos ? "" : line.substr(begin, line.rfind(" | ") - begin);
}

// The layer that is closest to its bound, not the largest; without bounds the largest.
TEST(StepLine, showsTheHiddenStateBesideItsBound) {
  EXPECT_EQ(hidden(bounded(1.234, 2, 3, 24)), "hid 1.23 <= 2 in layer 1");
  EXPECT_EQ(hidden(bounded(1.234, 200, 3, 24.04)), "hid 3 <= 24 in layer 2");
  EXPECT_EQ(hidden(bounded(1.234, INFINITY, 3, 1e9)), "hid 3 <= 1e+09 in layer 2");
  EXPECT_EQ(hidden(bounded(1.234, INFINITY, 3, INFINITY)), "hid 3");
  StepReport without = bounded(1.234, 1, 0.5, 1);
  without.hiddenBounds.clear();
  EXPECT_EQ(hidden(without), "hid 1.23");
  EXPECT_EQ(hidden(bounded(1.234, 2, std::nan(""), 24)), "hid nan <= 24 in layer 2");
  EXPECT_EQ(hidden(bounded(0, 0, 1, 3)), "hid 1 <= 3 in layer 2");
}

// 1e-5 is what f32 may add to a real number (S14).
TEST(LargestExcess, allowsForRounding) {
  EXPECT_FALSE(largestExcess(bounded(1, 2, 5 * (1 + 9e-6), 5)));
  EXPECT_TRUE(largestExcess(bounded(1, 2, 5 * (1 + 2e-5), 5)));
  EXPECT_TRUE(largestExcess(bounded(1e-30, 0, 1, 5)));
  EXPECT_FALSE(largestExcess(bounded(0, 0, 0, 0)));
  EXPECT_FALSE(largestExcess(example()));
}

// An overflow or what follows from one hides no excess and is none.
TEST(LargestExcess, isAFiniteNumber) {
  EXPECT_FALSE(largestExcess(bounded(1, 2, INFINITY, 1e200)));
  EXPECT_EQ(largestExcess(bounded(4, 2, std::nan(""), 1))->layer, 1);
  EXPECT_EQ(largestExcess(bounded(4, 2, 9, 3))->layer, 2);
}

TEST(MetricsRow, hasTheBoundOfEachLayer) {
  std::string row = metricsRow(bounded(1, 2, 3, INFINITY));
  EXPECT_NE(row.find(R"("hid":[1,3],"hid_var":[4,3],"hid_bound":[2,null],"ms")"), std::string::npos)
      << row;
  row = metricsRow(bounded(1, 2, 3, 2.5));
  EXPECT_NE(row.find(R"("hid_bound":[2,2.5],"hid_exceeded":2,"ms")"), std::string::npos) << row;
}

TEST(MetricsRow, isOneObject) {
  StepReport report = example();
  EXPECT_EQ(metricsRow(report), R"({"step":120,"loss":2.31452,"norm":0.83,"rate":3e-04,)"
                                R"("loss_z":0.41,"norm_z":-0.12,"ms":41.2,"tok_per_s":24800})");
  report.lossZ = report.normZ = std::nullopt;
  report.heldOutLoss = 0.1;
  report.loss = std::nan("");
  report.finite = false;
  EXPECT_EQ(metricsRow(report), R"({"step":120,"loss":null,"norm":0.83,"rate":3e-04,)"
                                R"("val_loss":0.1,"ms":41.2,"tok_per_s":24800,"finite":false})");
}

TEST(MainLog, hasTheFormOfLlmC) {
  StepReport report = example();
  report.heldOutLoss = 2.5;
  EXPECT_EQ(mainLogRows(report), "s:120 trl:2.3145 lr:0.000300 norm:0.83\ns:120 tel:2.5000\n");
}

TEST(Shortest, readsBack) {
  for (double value : {0.1, 1.0 / 3, 1e-300, 5e-324, 123456789.123, -0.0})
    EXPECT_EQ(std::strtod(shortest(value).c_str(), nullptr), value);
  EXPECT_EQ(shortest(0.1), "0.1");
  EXPECT_EQ(shortest(std::nan("")), "null");
}

TEST(SpikeWindow, measuresAgainstThePast) {
  SpikeWindow window(4, 2);
  EXPECT_FALSE(window.add(1));
  EXPECT_FALSE(window.add(3));
  EXPECT_DOUBLE_EQ(*window.add(4), 2); // mean 2, deviation 1
  EXPECT_TRUE(window.add(2));
  EXPECT_TRUE(window.add(100)); // replaces 1
  // 100, 3, 4, 2: mean 27.25
  EXPECT_NEAR(*window.add(27.25), 0, 1e-12);
}

// One infinite loss must not hide the spikes after it.
TEST(SpikeWindow, forgetsWhatIsNotFinite) {
  SpikeWindow window(4, 2);
  (void)window.add(1);
  (void)window.add(3);
  EXPECT_FALSE(window.add(std::nan("")));
  EXPECT_FALSE(window.add(INFINITY));
  EXPECT_DOUBLE_EQ(*window.add(3), 1);
}

TEST(SpikeWindow, isZeroWithoutSpread) {
  SpikeWindow window(4, 2);
  (void)window.add(1);
  (void)window.add(1);
  EXPECT_EQ(*window.add(5), 0);
}

TEST(SmoothedRate, hasNoBiasAtItsStart) {
  SmoothedRate rate;
  EXPECT_NEAR(rate.add(10), 10, 1e-12);
  EXPECT_NEAR(rate.add(10), 10, 1e-12);
}

TEST(Numbers, areEasyToRead) {
  EXPECT_EQ(withThousands(0), "0");
  EXPECT_EQ(withThousands(999), "999");
  EXPECT_EQ(withThousands(1000), "1,000");
  EXPECT_EQ(withThousands(-1234567), "-1,234,567");
  EXPECT_EQ(withThousands(-100), "-100");
  EXPECT_EQ(clockTime(20.2), "0:20");
  EXPECT_EQ(clockTime(3723), "1:02:03");
}

TEST(Summary, isKeyAndValue) {
  TrainSummary summary;
  summary.heldOutLoss = std::log(2.0);
  summary.tokensPerSecond = 24800.4;
  summary.peakMemory = 1234567;
  summary.parameterHash = 0xabc;
  summary.steps = 3;
  summary.lastLoss = 0.5;
  EXPECT_EQ(summaryLines(summary, 1),
            "val_loss: 0.6931\nval_bpb: 1.0000\ndiverged: no\ntok_per_s: 24800\n"
            "peak_memory: 1,234,567 bytes\nbitwise_id: 0000000000000abc\n");
  summary.heldOutLoss = 0.5;
  EXPECT_EQ(summaryJson(summary, 0),
            R"({"steps":3,"loss":0.5,"val_loss":0.5,"diverged":false,"tok_per_s":24800.4,)"
            R"("peak_memory":1234567,"bitwise_id":"0000000000000abc"})");
}

static std::string shown(ProgressOptions options, const std::vector<int64_t> &steps) {
  char *text = nullptr;
  size_t size = 0;
  std::FILE *stream = open_memstream(&text, &size);
  Progress progress(stream, options);
  StepReport report = example();
  for (int64_t step : steps) {
    report.step = step;
    progress.show(report);
  }
  progress.finish();
  std::fclose(stream);
  std::string copy(text, size);
  std::free(text);
  return copy;
}

// A pipe gets whole lines only, one every N steps.
TEST(Progress, isPlainInAPipe) {
  std::string text = shown({.every = 10}, {9, 10, 11, 20});
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_TRUE(text.starts_with("step 10/600 | "));
}

// It cannot happen: then it must not be overlooked.
TEST(Progress, warnsWhereAHiddenStateIsLargerThanItCanBe) {
  char *text = nullptr;
  size_t size = 0;
  std::FILE *stream = open_memstream(&text, &size);
  Progress progress(stream, {.every = 10});
  progress.show(bounded(1, 2, 3.25, 3));
  progress.show(bounded(1, 2, 3, 3));
  progress.finish();
  std::fclose(stream);
  std::string copy(text, size);
  std::free(text);
  size_t line = copy.find('\n') + 1;
  EXPECT_TRUE(copy.substr(line).starts_with(
      "warning: step 120: mean |x| after layer 2 is 3.25, its bound is 3\n"
      "  this model's equations do not allow it: the arithmetic, the verifier or a law is wrong\n"
      "step 120/600"))
      << copy;
  EXPECT_EQ(copy.find("warning", line + 1), std::string::npos);
}

TEST(Progress, rewritesOneLineOnATerminal) {
  std::string text = shown({.every = 10, .live = true}, {8, 9, 10, 11});
  EXPECT_TRUE(text.starts_with("\r\x1b[Kstep 8/600"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_TRUE(text.ends_with("\r\x1b[K"));
}

TEST(Progress, isNeverLiveInAFile) {
  ScratchFolder folder;
  std::FILE *file = std::fopen((folder / "out").c_str(), "w");
  EXPECT_FALSE(progressFor(file).live);
  EXPECT_FALSE(progressFor(file).colour);
  std::fclose(file);
}
