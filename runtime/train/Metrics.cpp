// Metrics.cpp: z-scores, smoothing, and rows.
// A non-finite value never enters a window.
#include "lnx/train/metrics.h"
#include "lnx/train/trainer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>

namespace lnx {

std::optional<double> SpikeWindow::add(double value) {
  if (!std::isfinite(value))
    return std::nullopt;
  std::optional<double> z;
  if (values.size() >= needed) {
    // Two passes: windows are short, and a running sum of squares loses the small deviations.
    double mean = 0, square = 0;
    for (double v : values)
      mean += v / static_cast<double>(values.size());
    for (double v : values)
      square += (v - mean) * (v - mean) / static_cast<double>(values.size());
    z = square > 0 ? (value - mean) / std::sqrt(square) : 0.0;
  }
  if (values.size() < length)
    values.push_back(value);
  else
    values[next] = value;
  next = (next + 1) % length;
  return z;
}

double SmoothedRate::add(double value) {
  constexpr double kept = 0.95;
  mean = kept * mean + (1 - kept) * value;
  weight = kept * weight + (1 - kept);
  return mean / weight;
}

std::string shortest(double value) {
  if (!std::isfinite(value))
    return "null";
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

// Layers whose bound is known.
static std::vector<BoundedSize> boundedSizes(const StepReport &report) {
  std::vector<BoundedSize> sizes;
  for (size_t i = 0; i < std::min(report.hidden.size(), report.hiddenBounds.size()); ++i)
    if (std::isfinite(report.hiddenBounds[i]))
      sizes.push_back({report.hidden[i].layer, report.hidden[i].meanAbs, report.hiddenBounds[i]});
  return sizes;
}

std::optional<BoundedSize> closestToBound(const StepReport &report) {
  std::optional<BoundedSize> closest;
  for (const BoundedSize &one : boundedSizes(report)) {
    if (std::isnan(one.meanAbs))
      return one;
    if (!closest || one.ratio() > closest->ratio())
      closest = one;
  }
  return closest;
}

std::optional<BoundedSize> largestExcess(const StepReport &report) {
  std::optional<BoundedSize> largest;
  for (const BoundedSize &one : boundedSizes(report))
    if (std::isfinite(one.meanAbs) && one.ratio() > (largest ? largest->ratio() : 1 + 1e-5))
      largest = one;
  return largest;
}

// Lists of numbers after each layer: mean |x|, variance, and what mean |x| cannot exceed.
static std::string hiddenFields(const StepReport &report) {
  std::string sizes, variances, bounds;
  auto add = [](std::string &list, double number) {
    list += (list.empty() ? "" : ",") + shortest(number);
  };
  for (const StreamSize &one : report.hidden) {
    add(sizes, one.meanAbs);
    add(variances, one.variance());
  }
  for (double bound : report.hiddenBounds)
    add(bounds, bound);
  std::string fields = fmt::format(R"(,"hid":[{}],"hid_var":[{}])", sizes, variances);
  if (!bounds.empty())
    fields += fmt::format(R"(,"hid_bound":[{}])", bounds);
  if (auto excess = largestExcess(report))
    fields += fmt::format(R"(,"hid_exceeded":{})", excess->layer);
  return fields;
}

std::string metricsRow(const StepReport &report) {
  std::string row =
      fmt::format(R"({{"step":{},"loss":{},"norm":{},"rate":{})", report.step,
                  shortest(report.loss), shortest(report.gradientNorm), shortest(report.rate));
  if (report.lossZ)
    row += fmt::format(R"(,"loss_z":{})", shortest(*report.lossZ));
  if (report.normZ)
    row += fmt::format(R"(,"norm_z":{})", shortest(*report.normZ));
  if (report.heldOutLoss)
    row += fmt::format(R"(,"val_loss":{})", shortest(*report.heldOutLoss));
  if (!report.hidden.empty())
    row += hiddenFields(report);
  row += fmt::format(R"(,"ms":{},"tok_per_s":{})", shortest(1e3 * report.seconds),
                     shortest(report.tokensPerSecond));
  if (!report.finite)
    row += R"(,"finite":false)";
  return row + "}";
}

std::string mainLogRows(const StepReport &report) {
  std::string rows = fmt::format("s:{} trl:{:.4f} lr:{:.6f} norm:{:.2f}\n", report.step,
                                 report.loss, report.rate, report.gradientNorm);
  if (report.heldOutLoss)
    rows += fmt::format("s:{} tel:{:.4f}\n", report.step, *report.heldOutLoss);
  return rows;
}

} // namespace lnx
