// Device: what a session needs from the machine that runs its program.
// One implementation a folder; compiled code sees only the table of calls.
#ifndef LNX_RUNTIME_DEVICE_DEVICE_H
#define LNX_RUNTIME_DEVICE_DEVICE_H

#include "lnx/abi.h"
#include "lnx/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace lnx {

// What memory holds that nobody has written yet.
enum class Content { zeros, anything };

class Device {
public:
  virtual ~Device() = default;

  // The functions compiled code may call; valid while the device lives.
  virtual const lnx_runtime &calls() const = 0;
  // Bytes those functions reserved for themselves; they allocate nothing when called.
  virtual size_t workspaceBytes() const = 0;

  // Bytes that reserve can still hand out, as far as the machine tells; `name` of the device.
  virtual size_t freeBytes() const = 0;
  virtual std::string name() const = 0;

  // Whether entries work on the host's memory. If not, all pointers of a call but `runtime` must
  // come from reserve.
  virtual bool sharesMemory() const = 0;
  // Memory of the device, which keeps it to its end; 64-byte aligned.
  virtual Result<void *> reserve(size_t bytes, const char *purpose, Content content) = 0;
  // `from` may change once it returns; calls of run that follow see what it was.
  virtual std::optional<Error> upload(void *to, const void *from, size_t bytes) = 0;
  virtual std::optional<Error> download(void *to, const void *from, size_t bytes) = 0;
  // Runs an entry to its end.
  virtual std::optional<Error> run(lnx_entry entry, const lnx_call &call) = 0;

  // Calls `body(lo, hi)` over [0, n) in chunks of `grain` on the device's threads.
  template <typename Body> void parallel(int64_t n, int64_t grain, const Body &body) const {
    calls().parallel(
        calls().context,
        [](const uint64_t *slots, int64_t lo, int64_t hi) {
          (*reinterpret_cast<const Body *>(slots))(lo, hi);
        },
        reinterpret_cast<const uint64_t *>(&body), n, grain);
  }
};

// The processor with `threads` threads, 0 for as many as this process may use.
Result<std::unique_ptr<Device>> createCpuDevice(int threads);

// workspaceBytes() of devices that do not exist yet.
Result<size_t> cpuWorkspaceBytes(int threads);
size_t cudaWorkspaceBytes();

// The first GPU that can run the device code of `program`, or why there is none.
Result<std::unique_ptr<Device>> createCudaDevice(const lnx_program &program);

} // namespace lnx

#endif
