// batches.h: which windows of the tokens each step trains on, and which are held out.
//
//   TrainingWindows windows(tokens, {.time = 128, .batch = 8, .seed = 1});
//   windows.draw(step, sequence, ids, targets); // step from 1; sequence in 0 .. batch - 1, any order
//
// What a sequence holds depends on (seed, step, sequence) alone, so it does not matter how a batch
// is cut into micro-batches, nor whether a run was interrupted.
#ifndef LNX_TRAIN_BATCHES_H
#define LNX_TRAIN_BATCHES_H

#include "lnx/train/tokens.h"

namespace lnx {

struct WindowOptions {
  int64_t time = 1;  // tokens per sequence
  int64_t batch = 1; // sequences per step, all micro-batches together
  uint64_t seed = 1;
};

// Each epoch visits every window once, in an order and from an offset of its own.
class TrainingWindows {
public:
  // `tokens` outlives this and holds at least time + 1.
  TrainingWindows(const Tokens &tokens, const WindowOptions &options);
  // First token of a sequence of a step; steps count from 1.
  int64_t start(int64_t step, int64_t sequence) const;
  // Both spans have `time` elements; targets are the tokens one further.
  void draw(int64_t step, int64_t sequence, std::span<int32_t> ids,
            std::span<int32_t> targets) const;
  int64_t windowsPerEpoch() const { return windows; }

private:
  const Tokens &tokens;
  WindowOptions options;
  int64_t windows, slack;
};

// Up to `limit` windows (0: all), evenly spread, in order; always the same ones.
class HeldOutWindows {
public:
  HeldOutWindows(const Tokens &tokens, int64_t time, int64_t limit);
  int64_t count() const { return windows; }
  // Both spans have `time` elements; `window` is below count().
  void read(int64_t window, std::span<int32_t> ids, std::span<int32_t> targets) const;

private:
  const Tokens &tokens;
  int64_t time, all, windows;
};

// The error when `tokens` cannot fill one window; `what` names them.
std::optional<Error> checkLength(const Tokens &tokens, int64_t time, std::string_view what);

} // namespace lnx

#endif
