// Cpu: the processor as a device: pool, micro-kernels and their workspace behind the table of
// calls. Public to the tests and benchmarks of this folder; sessions see Device.
#ifndef LNX_RUNTIME_DEVICE_CPU_CPU_H
#define LNX_RUNTIME_DEVICE_CPU_CPU_H

#include "Block.h"
#include "device/Device.h"
#include "device/cpu/Attention.h"

#include <vector>

namespace lnx {

class Cpu final : public Device {
public:
  // `kernel` names a set of micro-kernels, null for the best this machine has.
  static Result<std::unique_ptr<Cpu>> create(int threads, const char *kernel = nullptr);

  const lnx_runtime &calls() const override { return table; }
  size_t workspaceBytes() const override { return memory.bytes(); }
  size_t freeBytes() const override { return availableMemory(); }
  std::string name() const override { return "this machine"; }
  bool sharesMemory() const override { return true; }
  Result<void *> reserve(size_t bytes, const char *purpose, Content content) override;
  std::optional<Error> upload(void *to, const void *from, size_t bytes) override;
  std::optional<Error> download(void *to, const void *from, size_t bytes) override;
  std::optional<Error> run(lnx_entry entry, const lnx_call &call) override;
  const MicroKernel &microKernel() const { return *kernel; }
  Pool &threads() { return pool; }
  const Workspace &lent() const { return workspace; }

private:
  Cpu(int threads, const MicroKernel &kernel);

  Pool pool;
  const MicroKernel *kernel;
  Block memory;
  std::vector<Block> reserved;
  std::atomic<uint64_t> serials{1};
  Workspace workspace{};
  lnx_runtime table{};
};

} // namespace lnx

#endif
