// SessionMemory: what a session keeps on its device, and what of it the host sees.
// A device with memory of its own has a mirror of the arenas here; of it only what is asked for is
// fetched, and only what the host may have changed is given back.
#ifndef LNX_RUNTIME_SESSIONMEMORY_H
#define LNX_RUNTIME_SESSIONMEMORY_H

#include "Block.h"
#include "device/Device.h"
#include "lnx/plan.h"

#include <array>
#include <span>
#include <vector>

namespace lnx {

class SessionMemory {
public:
  struct Call {
    std::span<const int32_t> tokens, targets;
    int64_t batch, time;
    const std::array<float, LNX_ARGUMENT_COUNT> &arguments;
  };

  SessionMemory() = default;
  static Result<SessionMemory> reserve(std::unique_ptr<Device> device, const MemoryPlan &plan);

  Device &device() const { return *machine; }
  // Of the host: parameters, gradient, m and v, as they were fetched last.
  float *arenas() const;
  // Floats [from, from + count) of arenas().
  struct Range {
    int64_t from, count;
    int64_t end() const { return from + count; }
  };
  Range everything() const { return {0, static_cast<int64_t>(plan.state() / sizeof(float))}; }
  // Brings a range up to date, except where the host may have changed it since it was lent.
  std::optional<Error> fetch(Range range);
  // The device gets before the next call what the host writes there until then.
  void lend(Range range);
  // What the last call has written.
  float *results() const { return outcome.floats(); }
  // Runs an entry that writes `count` results.
  std::optional<Error> run(lnx_entry entry, size_t count, const Call &call);
  Session::Memory bytes() const;

private:
  std::optional<Error> give();

  std::unique_ptr<Device> machine;
  MemoryPlan plan;
  // Of the device; the last two only where it has memory of its own.
  void *state = nullptr, *scratch = nullptr;
  void *written = nullptr, *inputs = nullptr;
  Block mirror, outcome, prepared; // of the host
  std::vector<Range> lent;         // the host may have changed the mirror here
};

} // namespace lnx

#endif
