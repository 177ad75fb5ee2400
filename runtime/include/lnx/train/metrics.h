// metrics.h: numbers of a run: spikes, smoothed speed, and the lines of metrics.jsonl and main.log.
//
//   metricsRow(report);  // {"step":1,"loss":5.549,"norm":1.25,...}
//
// Floats are written as the shortest text that reads back to the same bits.
#ifndef LNX_TRAIN_METRICS_H
#define LNX_TRAIN_METRICS_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lnx {

struct StepReport;

// How unusual a value is among the finite ones before it.
class SpikeWindow {
public:
  explicit SpikeWindow(size_t length = 128, size_t needed = 16) : length(length), needed(needed) {}
  // The z-score of `value`, once `needed` values are known; none for a value that is not finite,
  // which is not remembered either.
  std::optional<double> add(double value);

private:
  size_t length, needed, next = 0;
  std::vector<double> values;
};

// An exponential mean without the bias of its start, as Adam corrects it.
class SmoothedRate {
public:
  double add(double value);

private:
  double mean = 0, weight = 0;
};

// Shortest decimal form that reads back to `value`; "null" when it is not finite.
std::string shortest(double value);

// One line of metrics.jsonl, without the newline.
std::string metricsRow(const StepReport &report);

// Lines of main.log in llm.c's form, each with its newline.
std::string mainLogRows(const StepReport &report);

} // namespace lnx

#endif
