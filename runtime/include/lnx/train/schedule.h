// schedule.h: the learning rate of each step: linear warm-up, then half a cosine.
//
//   Schedule schedule{.rate = 3e-4, .minimum = 3e-5, .warmup = 100, .steps = 1000};
//   schedule.at(100); // 3e-4
//
// Given at run time; a schedule never needs a recompilation.
#ifndef LNX_TRAIN_SCHEDULE_H
#define LNX_TRAIN_SCHEDULE_H

#include <cstdint>

namespace lnx {

struct Schedule {
  double rate = 3e-4;    // reached at step `warmup`
  double minimum = 3e-5; // reached at step `steps`, kept after it
  int64_t warmup = 0;
  int64_t steps = 1;

  // Steps count from 1.
  double at(int64_t step) const;
};

} // namespace lnx

#endif
