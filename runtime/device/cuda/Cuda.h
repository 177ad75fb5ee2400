// Cuda: a GPU as a device: memory, launches and products behind the table of calls.
// Everything runs in one stream, in the order in which it was asked for; sessions see Device.
#ifndef LNX_RUNTIME_DEVICE_CUDA_CUDA_H
#define LNX_RUNTIME_DEVICE_CUDA_CUDA_H

#include "device/Device.h"
#include "device/cuda/Blas.h"
#include "device/cuda/Graphs.h"

#include <vector>

namespace lnx::cuda {

class Cuda final : public Device {
public:
  /// The first GPU of compute capability 9.0, with the kernels of `program`.
  static Result<std::unique_ptr<Cuda>> create(const lnx_program &program);
  ~Cuda() override;

  const lnx_runtime &calls() const override { return table; }
  size_t workspaceBytes() const override { return Blas::workspaceBytes; }
  size_t freeBytes() const override;
  /// "NVIDIA H100 80GB HBM3".
  std::string name() const override { return deviceName; }
  bool sharesMemory() const override { return false; }
  Result<void *> reserve(size_t bytes, const char *purpose, Content content) override;
  std::optional<Error> upload(void *to, const void *from, size_t bytes) override;
  std::optional<Error> download(void *to, const void *from, size_t bytes) override;
  std::optional<Error> run(lnx_entry entry, const lnx_call &call) override;

  /// The products' algorithms, to be kept with what was computed by them: choices() for name()
  /// and version() can be recalled by a later session.
  Blas &products() { return *blas; }

private:
  explicit Cuda(const Driver &driver) : driver(driver) {}
  std::optional<Error> start();
  std::optional<Error> load(const lnx_program &program);
  void launch(int64_t kernel, const uint64_t *slots, int64_t count, int64_t blocks);
  void multiply(const Product &product, const Operands &at);
  void note(std::optional<Error> error);

  const Driver &driver;
  CUdevice device = 0;
  CUcontext context = nullptr;
  CUstream stream = nullptr;
  CUmodule module = nullptr;
  std::string deviceName;
  struct Kernel {
    CUfunction function;
    unsigned threads;
    const char *name;
  };
  std::vector<Kernel> kernels;
  std::vector<CUdeviceptr> reserved;
  std::unique_ptr<Blas> blas;
  std::unique_ptr<Graphs> graphs;
  std::optional<Error> failed; ///< the first call of an entry that did not work
  lnx_runtime table{};
};

} // namespace lnx::cuda

#endif
