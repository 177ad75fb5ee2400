// Special: fills the rows of %tid, %ctaid and their like.
// Called once for each warp of a CTA, after its index is known.
#ifndef LNX_TEST_EMULATOR_SPECIAL_H
#define LNX_TEST_EMULATOR_SPECIAL_H

namespace emulator {

struct Warp;

void fillSpecials(Warp &w);

} // namespace emulator

#endif
