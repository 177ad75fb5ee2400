// FakeProgram.h: a bigram model written by hand, as a compiler would export it.
// Logits of a row are table[token] + bias; small enough to check training itself.
#ifndef LNX_TEST_FAKEPROGRAM_H
#define LNX_TEST_FAKEPROGRAM_H

#include "lnx/runtime.h"

namespace lnx {

inline constexpr int64_t fakeVocabulary = 16;
inline constexpr int64_t fakeContext = 64;
// A row with one of these tokens spoils the loss, or one number of the gradient of `bias`.
inline constexpr int32_t spoilsLoss = 15, spoilsGradient = 14;

Program fakeProgram();

} // namespace lnx

#endif
