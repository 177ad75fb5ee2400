// HeldOut.cpp: the mean loss over held-out windows.
// Windows that do not fill a micro-batch are evaluated in a smaller one.
#include "lnx/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace lnx {

Result<HeldOutReport> evaluateHeldOut(Session &session, const HeldOutWindows &windows, int64_t time,
                                      int64_t microBatch) {
  std::vector<int32_t> ids(static_cast<size_t>(microBatch * time)), targets(ids.size());
  HeldOutReport report;
  for (int64_t window = 0; window < windows.count(); window += microBatch) {
    int64_t batch = std::min(microBatch, windows.count() - window);
    for (int64_t i = 0; i < batch; ++i) {
      auto row = static_cast<size_t>(i * time);
      windows.read(window + i, std::span(ids).subspan(row, static_cast<size_t>(time)),
                   std::span(targets).subspan(row, static_cast<size_t>(time)));
    }
    auto rows = static_cast<size_t>(batch * time);
    Result<double> loss =
        session.evaluate({std::span(ids).first(rows), std::span(targets).first(rows), batch, time});
    if (!loss)
      return loss.error();
    report.loss += *loss * static_cast<double>(batch);
    report.sequencePerplexity += std::exp(*loss) * static_cast<double>(batch);
    report.tokens += batch * time;
  }
  report.loss /= static_cast<double>(windows.count());
  report.sequencePerplexity /= static_cast<double>(windows.count());
  return report;
}

static int64_t countBad(std::span<const float> values) {
  return std::count_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
}

// A sum of squares overflows before its terms do.
static std::string largestGradient(const std::vector<ParameterView> &parameters) {
  float largest = 0;
  const ParameterView *owner = nullptr;
  for (const ParameterView &parameter : parameters)
    for (float gradient : parameter.gradient)
      if (std::abs(gradient) > largest) {
        largest = std::abs(gradient);
        owner = &parameter;
      }
  if (!owner)
    return "all parameters and gradients are finite";
  return fmt::format(
      "all parameters and gradients are finite, the largest gradient is {:.1e} in '{}'", largest,
      owner->name);
}

std::string firstBadTensor(Session &session) {
  std::vector<ParameterView> parameters = session.parameters();
  for (const ParameterView &parameter : parameters)
    if (int64_t bad = countBad(parameter.value))
      return fmt::format("the first non-finite parameter is '{}' ({} of {} numbers)",
                         parameter.name, bad, parameter.value.size());
  for (const ParameterView &parameter : parameters)
    if (int64_t bad = countBad(parameter.gradient))
      return fmt::format("the first non-finite gradient is '{}' ({} of {} numbers)", parameter.name,
                         bad, parameter.gradient.size());
  return largestGradient(parameters);
}

} // namespace lnx
