// trainer.h: the training loop over a Session.
//
//   Trainer trainer(session, data->training, &data->heldOut, options);
//   Result<TrainSummary> summary = trainer.run(observer);
//
// One step draws `batch` sequences, adds the gradients of its micro-batches, and updates once.
#ifndef LNX_TRAIN_TRAINER_H
#define LNX_TRAIN_TRAINER_H

#include "lnx/runtime.h"
#include "lnx/train/batches.h"
#include "lnx/train/schedule.h"

#include <atomic>
#include <cmath>
#include <functional>

namespace lnx {

struct TrainOptions {
  int64_t steps = 1000;
  int64_t batch = 8;      // sequences per step
  int64_t microBatch = 8; // sequences per gradient call; divides batch, the session's batch
  int64_t time = 128;     // tokens per sequence, the session's time
  uint64_t seed = 1;      // of the order of the data
  Schedule schedule;      // replaces update.rate step by step
  UpdateOptions update;
  int64_t evaluateEvery = 0;  // steps; 0: only after the last step
  int64_t heldOutWindows = 0; // sequences per evaluation; 0: all
  // What mean |x| cannot exceed with the parameters of this moment, in the order of
  // Session::hiddenStatistics; infinity where that is not known. Called between gradient and update
  // in the first step, the last, and every `boundEvery`th; may be empty.
  std::function<std::vector<double>()> hiddenBounds = {};
  int64_t boundEvery = 1;
};

struct StepReport {
  int64_t step = 0, steps = 0;
  double loss = 0, gradientNorm = 0;  // the norm is before clipping
  std::optional<double> lossZ, normZ; // standard deviations from the mean of the steps before
  double rate = 0;
  double seconds = 0;         // this step, without evaluation
  double tokensPerSecond = 0; // smoothed
  double secondsLeft = 0;
  std::optional<double> heldOutLoss;     // in steps that evaluate
  bool finite = true;                    // false: nothing was updated
  std::vector<StreamSize> hidden = {};   // after each layer, over the step's whole batch
  std::vector<double> hiddenBounds = {}; // of each; empty where they were not evaluated
};

// A layer's mean |x| and what it cannot exceed.
struct BoundedSize {
  int64_t layer = 0;
  double meanAbs = 0, bound = 0;

  double ratio() const { return bound > 0 ? meanAbs / bound : meanAbs > 0 ? HUGE_VAL : 0; }
};

// The layer that comes closest to its bound, one that is no number before all others; none where no
// bound is known.
std::optional<BoundedSize> closestToBound(const StepReport &report);

// The layer that exceeds its bound by most, and by more than the 1e-5 that sums in f32 may be off
// (S14); none where all bounds hold. An overflow is no excess: a bound may be larger than any
// float.
std::optional<BoundedSize> largestExcess(const StepReport &report);

enum class Outcome { finished, stopped, unstable };

struct TrainSummary {
  Outcome outcome = Outcome::finished;
  std::string reason; // of an outcome other than finished
  int64_t steps = 0;  // updates made
  double lastLoss = 0;
  std::optional<double> heldOutLoss; // of the final parameters
  double tokensPerSecond = 0;        // over all steps, without evaluation
  size_t peakMemory = 0;             // bytes, Session::memory().total()
  uint64_t parameterHash = 0;
};

class TrainObserver {
public:
  virtual ~TrainObserver() = default;
  virtual void onStep(const StepReport &report) = 0;
};

class Trainer {
public:
  // All references outlive the trainer; `heldOut` may be null.
  Trainer(Session &session, const Tokens &training, const Tokens *heldOut,
          const TrainOptions &options);

  // Trains until the last step, until `*stop` is true (the step is finished first), or until a loss
  // or gradient is not finite. Errors are those of checkTraining and of the session.
  Result<TrainSummary> run(TrainObserver &observer, const std::atomic<bool> *stop = nullptr);

private:
  struct Tally;
  Result<double> accumulate(const TrainingWindows &windows, int64_t step);
  void addObservations(double share);
  Result<bool> step(const TrainingWindows &windows, StepReport &report);
  std::optional<Error> loop(Tally &tally, TrainObserver &observer, const std::atomic<bool> *stop);
  std::optional<Error> evaluate(StepReport &report);

  Session &session;
  const Tokens &training;
  const Tokens *heldOut;
  TrainOptions options;
  std::vector<int32_t> ids, targets; // of one micro-batch
  std::vector<StreamSize> hidden;    // of the running step
};

// The error when these options cannot train this program on these tokens.
std::optional<Error> checkTraining(const lnx_program &program, const Tokens &training,
                                   const Tokens *heldOut, const TrainOptions &options);

struct HeldOutReport {
  double loss = 0;               // mean over tokens, in nats
  double sequencePerplexity = 0; // mean over sequences of exp(mean loss); micro-batch 1 only
  int64_t tokens = 0;
};

// Mean loss over held-out windows, `microBatch` at a time; changes nothing.
Result<HeldOutReport> evaluateHeldOut(Session &session, const HeldOutWindows &windows, int64_t time,
                                      int64_t microBatch);

// "the first non-finite gradient is '7.attn.q.W' (3 of 768 numbers)", or what is known instead.
std::string firstBadTensor(Session &session);

} // namespace lnx

#endif
