// Draw: one token from the logits of a model.
// Apart from Session::sample so that its frequencies can be tested without a model.
#ifndef LNX_RUNTIME_DRAW_H
#define LNX_RUNTIME_DRAW_H

#include <cstdint>
#include <optional>
#include <span>

namespace lnx {

// Draws from softmax(logits / temperature) over the topK largest; `uniform` is in [0, 1). Equal
// logits are ordered by id. Logits that are not finite are never drawn: nothing where none is.
std::optional<int32_t> drawToken(std::span<const float> logits, double temperature, int64_t topK,
                                 double uniform);

} // namespace lnx

#endif
