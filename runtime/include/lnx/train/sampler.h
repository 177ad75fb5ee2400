// sampler.h: continue a text with a trained model.
//
//   Sampler sampler(session, {.temperature = 0.8, .topK = 40, .seed = 1, .window = 128});
//   Result<int32_t> id = sampler.next(ids); // one more token
//
// The same seed, position and logits give the same token.
#ifndef LNX_TRAIN_SAMPLER_H
#define LNX_TRAIN_SAMPLER_H

#include "lnx/runtime.h"

namespace lnx {

struct SampleOptions {
  double temperature = 1; // 0: always the most likely token
  int64_t topK = 0;       // only the k most likely tokens; 0: all
  uint64_t seed = 1;
  int64_t window = 1;     // tokens of context the model sees, at most the session's rows
  int64_t vocabulary = 0; // only ids below it; 0: all the model has
};

class Sampler {
public:
  Sampler(Session &session, const SampleOptions &options) : session(session), options(options) {}
  // The token after `ids`, of which the last `window` are read; at least one. Errors as of
  // Session::next.
  Result<int32_t> next(std::span<const int32_t> ids);

private:
  Session &session;
  SampleOptions options;
  uint64_t drawn = 0;
};

// Draws from softmax(logits / temperature) over the topK largest; `uniform` is in [0, 1). Equal
// logits are ordered by id. Logits that are not finite are never drawn.
int32_t drawToken(std::span<const float> logits, double temperature, int64_t topK, double uniform);

} // namespace lnx

#endif
