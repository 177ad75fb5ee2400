// Sample: temperature, top-k, and one draw after another.
// The context slides: the model sees the last `window` tokens.
#include "lnx/runtime.h"
#include "runtime/CounterRandom.h"
#include "runtime/Draw.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numeric>
#include <vector>

namespace lnx {

std::optional<int32_t> drawToken(std::span<const float> logits, double temperature, int64_t topK,
                                 double uniform) {
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::erase_if(order, [&](int32_t id) { return !std::isfinite(logits[static_cast<size_t>(id)]); });
  if (order.empty())
    return std::nullopt;
  auto above = [&](int32_t a, int32_t b) {
    float x = logits[static_cast<size_t>(a)], y = logits[static_cast<size_t>(b)];
    return x != y ? x > y : a < b;
  };
  std::sort(order.begin(), order.end(), above);
  if (temperature <= 0)
    return order.front();
  if (topK > 0 && topK < static_cast<int64_t>(order.size()))
    order.resize(static_cast<size_t>(topK));
  double largest = logits[static_cast<size_t>(order.front())], sum = 0;
  std::vector<double> weights;
  for (int32_t id : order) {
    weights.push_back(std::exp((logits[static_cast<size_t>(id)] - largest) / temperature));
    sum += weights.back();
  }
  double left = uniform * sum;
  for (size_t i = 0; i < order.size(); ++i)
    if ((left -= weights[i]) < 0)
      return order[i];
  return order.back();
}

static std::optional<Error> check(const SampleOptions &options, int64_t count) {
  if (!(options.temperature >= 0) || std::isinf(options.temperature))
    return Error{fmt::format("temperature is {}, it must be a finite number of at least 0",
                             options.temperature)};
  for (const auto &[name, value] :
       {std::pair("count", count), std::pair("topK", options.topK),
        std::pair("window", options.window), std::pair("vocabulary", options.vocabulary)})
    if (value < 0)
      return Error{fmt::format("{} is {}, it must be at least 0", name, value)};
  return std::nullopt;
}

Result<std::vector<int32_t>> Session::sample(std::span<const int32_t> prompt, int64_t count,
                                             const SampleOptions &options) {
  if (auto error = check(options, count))
    return *error;
  if (prompt.empty())
    return Error{"the prompt is empty, a sample starts from at least one token"};
  const auto window = static_cast<size_t>(options.window > 0 ? options.window : reach());
  std::vector<int32_t> ids(prompt.begin(), prompt.end());
  for (int64_t i = 0; i < count; ++i) {
    const Result<std::span<const float>> logits =
        next(std::span(ids).last(std::min(ids.size(), window)));
    if (!logits)
      return logits.error();
    std::span<const float> allowed = *logits;
    if (options.vocabulary > 0)
      allowed = allowed.first(std::min(allowed.size(), static_cast<size_t>(options.vocabulary)));
    const std::optional<int32_t> id =
        drawToken(allowed, options.temperature, options.topK,
                  randomUniform(options.seed, static_cast<uint64_t>(options.drawn + i)));
    if (!id)
      return Error{fmt::format("no logit behind {} tokens is finite", ids.size()), Exit::unstable};
    ids.push_back(*id);
  }
  return std::vector<int32_t>(ids.end() - count, ids.end());
}

} // namespace lnx
