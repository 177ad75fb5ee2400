// Schedule: which warp runs next, and for how long.
// Ends when every CTA has ended, at a fault, or when nothing can move.
#ifndef LNX_TEST_EMULATOR_SCHEDULE_H
#define LNX_TEST_EMULATOR_SCHEDULE_H

#include "emulator/Warp.h"

namespace emulator {

// Runs all CTAs of the grid; a fault stays in `grid.fault`.
void runGrid(Grid &grid);

} // namespace emulator

#endif
