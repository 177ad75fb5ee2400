// plan.h: what a session will reserve, before there is one.
//
//   Result<Program> program = Program::load("model.so");
//   const lnx_program &code = **program;
//   SessionOptions options = {.device = "cuda", .batch = 8, .time = 1024};
//   Result<MemoryPlan> plan = planMemory(code, options);
//   const size_t bytes = size_t{80} << 30;
//   if (plan && plan->total() > bytes)
//     options.batch = largestBatch(code, options, bytes);
//
// Session::create reserves by the same plan, so nothing here is an estimate.
#ifndef LNX_PLAN_H
#define LNX_PLAN_H

#include "lnx/runtime.h"

namespace lnx {

/// Bytes that a session of one program and shape reserves on its device, by class.
struct MemoryPlan {
  size_t parameters = 0;
  size_t gradients = 0;
  size_t optimizer = 0;    ///< both moments, whichever optimizer uses them
  size_t scratchRows = 0;  ///< of the largest entry: what grows with the tokens of a micro-batch
  size_t scratchFixed = 0; ///< of the same entry: what does not
  size_t workspace = 0;    ///< of the device's own functions: matrix products, attention
  size_t results = 0;      ///< logits or observations, whichever are more
  /// Arguments, tokens and targets of a call; the caller's own where the device shares memory.
  size_t inputs = 0;
  /// Bytes of the host beside a device with memory of its own: the arenas as it sees them, results.
  size_t host = 0;

  /// Of `inputs`: the arguments before, then tokens and targets, each from a 64-byte boundary.
  static constexpr size_t argumentBytes = 64;
  size_t idBytes() const { return (inputs - argumentBytes) / 2; }

  size_t state() const { return parameters + gradients + optimizer; }
  size_t scratch() const { return scratchRows + scratchFixed; }
  size_t total() const { return state() + scratch() + workspace + results + inputs; }
};

/// The plan of `options`, of which `seed` does not matter. Errors: a device, batch, time or number
/// of threads that no session has, sizes beyond what can be counted.
Result<MemoryPlan> planMemory(const lnx_program &program, const SessionOptions &options);

/// The largest `batch` of which the plan needs at most `bytes`; 0 where even one sequence of
/// `options.time` is too much.
int64_t largestBatch(const lnx_program &program, SessionOptions options, size_t bytes);

} // namespace lnx

#endif
