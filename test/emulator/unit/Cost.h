// Cost: what one request to memory costs a device, independent of any clock.
// Adds to the counters of the launch.
#ifndef LNX_TEST_EMULATOR_UNIT_COST_H
#define LNX_TEST_EMULATOR_UNIT_COST_H

#include "emulator/unit/Access.h"

namespace emulator {

void countCost(Warp &w, const Access &access, Touch touch);

} // namespace emulator

#endif
