// Blas: matrix products by cuBLASLt, opened when a session asks for it.
// Plans are made once for each shape and kept: a step makes none. Relied on by Cuda.
#ifndef LNX_RUNTIME_DEVICE_CUDA_BLAS_H
#define LNX_RUNTIME_DEVICE_CUDA_BLAS_H

#include "device/cuda/Driver.h"

#include <map>
#include <memory>
#include <tuple>

namespace lnx::cuda {

/// C[m x n] = op(A)[m x k] op(B)[k x n] + (accumulate ? C : 0), row major, f32, on the device.
struct Product {
  bool transposeA, transposeB;
  int64_t m, n, k, lda, ldb, ldc;
  bool accumulate;

  auto key() const {
    return std::tuple(transposeA, transposeB, m, n, k, lda, ldb, ldc, accumulate);
  }
};

class Blas {
public:
  /// Bytes of device memory that products may use while they run (32 MiB or more on Hopper).
  static constexpr size_t workspaceBytes = size_t{32} << 20;

  /// cuBLASLt 12 or 13, or why there is none.
  static Result<std::unique_ptr<Blas>> open();
  ~Blas();

  std::optional<Error> run(const Product &product, CUdeviceptr a, CUdeviceptr b, CUdeviceptr c,
                           CUdeviceptr workspace, CUstream stream);

private:
  struct Library;
  struct Plan;
  Blas();
  Result<const Plan *> plan(const Product &product);

  const Library *library = nullptr;
  void *handle = nullptr;
  std::map<decltype(Product().key()), std::unique_ptr<Plan>> plans;
};

} // namespace lnx::cuda

#endif
