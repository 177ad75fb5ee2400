// BigramProgram.h: a bigram model written by hand, as the compiler would export it.
// Logits of a row are table[token] + bias; small enough to check training itself.
#ifndef LNX_TEST_BIGRAMPROGRAM_H
#define LNX_TEST_BIGRAMPROGRAM_H

#include "lnx/runtime.h"

extern "C" const lnx_program lnx_program_v1;

namespace lnx {

inline constexpr int64_t bigramVocabulary = 16;
inline constexpr int64_t bigramContext = 64;
// A row with one of these tokens spoils the loss, or one number of the gradient of `bias`, or makes
// it so large that its square is not finite.
inline constexpr int32_t spoilsLoss = 15, spoilsGradient = 14, overflowsNorm = 13;

inline Program bigramProgram() { return Program::fromMemory(&lnx_program_v1, nullptr); }

} // namespace lnx

#endif
