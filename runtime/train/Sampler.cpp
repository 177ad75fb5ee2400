// Sampler.cpp: temperature, top-k, and one draw.
// The context slides: the model sees the last `window` tokens.
#include "lnx/train/sampler.h"
#include "runtime/train/CounterRandom.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

namespace lnx {

int32_t drawToken(std::span<const float> logits, double temperature, int64_t topK, double uniform) {
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::erase_if(order, [&](int32_t id) { return !std::isfinite(logits[static_cast<size_t>(id)]); });
  if (order.empty())
    return 0;
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

Result<int32_t> Sampler::next(std::span<const int32_t> ids) {
  assert(!ids.empty() && "a sample starts from at least one token");
  auto seen = std::min(ids.size(), static_cast<size_t>(options.window));
  Result<std::span<const float>> logits = session.next(ids.last(seen));
  if (!logits)
    return logits.error();
  std::span<const float> allowed = *logits;
  if (options.vocabulary > 0)
    allowed = allowed.first(std::min(allowed.size(), static_cast<size_t>(options.vocabulary)));
  return drawToken(allowed, options.temperature, options.topK,
                   randomUniform(options.seed, drawn++));
}

} // namespace lnx
