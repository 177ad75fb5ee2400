// Schedule.cpp: warm-up and cosine decay.
// The cosine is SGDR's (Loshchilov and Hutter 2017, equation 5) without restarts.
#include "lnx/train/schedule.h"

#include <cmath>
#include <numbers>

namespace lnx {

double Schedule::at(int64_t step) const {
  if (step < warmup)
    return rate * static_cast<double>(step) / static_cast<double>(warmup);
  if (step >= steps)
    return steps > warmup ? minimum : rate;
  double done = static_cast<double>(step - warmup) / static_cast<double>(steps - warmup);
  return minimum + 0.5 * (rate - minimum) * (1 + std::cos(std::numbers::pi * done));
}

} // namespace lnx
