// SessionMemory: what a session keeps on its device, and what of it the host sees.
// A device with memory of its own has a mirror of the arenas here, fetched and given back as
// needed.
#ifndef LNX_RUNTIME_SESSIONMEMORY_H
#define LNX_RUNTIME_SESSIONMEMORY_H

#include "Block.h"
#include "device/Device.h"
#include "lnx/runtime.h"

#include <array>
#include <span>

namespace lnx {

class SessionMemory {
public:
  struct Sizes {
    size_t arenas, scratch, results, ids; // bytes
  };
  struct Call {
    std::span<const int32_t> tokens, targets;
    int64_t batch, time;
    const std::array<float, LNX_ARGUMENT_COUNT> &arguments;
  };

  SessionMemory() = default;
  static Result<SessionMemory> reserve(std::unique_ptr<Device> device, const Sizes &sizes);

  Device &device() const { return *machine; }
  // Of the host: parameters, gradient, m and v, as they were fetched last.
  float *arenas() const;
  // The same, up to date; what the host writes there is given to the device before the next call.
  float *lendArenas();
  // Brings arenas() up to date.
  std::optional<Error> fetch();
  // What the last call has written.
  float *results() const { return outcome.floats(); }
  // Runs an entry that writes `count` results.
  std::optional<Error> run(lnx_entry entry, size_t count, const Call &call);
  Session::Memory bytes() const;

private:
  std::optional<Error> give();

  std::unique_ptr<Device> machine;
  Sizes sizes{};
  // Of the device; the last four only where it has memory of its own.
  void *state = nullptr, *scratch = nullptr;
  void *written = nullptr, *tokens = nullptr, *targets = nullptr, *arguments = nullptr;
  Block mirror, outcome; // of the host
  bool isLent = false;   // the host may have changed the mirror
};

} // namespace lnx

#endif
