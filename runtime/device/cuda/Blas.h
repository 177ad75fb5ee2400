// Blas: matrix products by cuBLASLt, opened when a session asks for it.
// Plans are made once for each product and kept: a step makes none. Relied on by Cuda.
#ifndef LNX_RUNTIME_DEVICE_CUDA_BLAS_H
#define LNX_RUNTIME_DEVICE_CUDA_BLAS_H

#include "device/cuda/Driver.h"

#include <array>
#include <compare>
#include <map>
#include <memory>

namespace lnx::cuda {

/// What `matmul` of abi.def is asked for, but for the addresses: C[m x n] = epilogue(op(A)[m x k]
/// op(B)[k x n] + (accumulate ? C : 0)), row major. Types are LNX_TYPE_F32 or LNX_TYPE_BF16.
struct Product {
  bool transposeA, transposeB;
  int64_t m, n, k;
  int64_t type, lda, ldb;
  bool accumulate;
  int64_t typeC, ldc;
  int64_t epilogue, ldAux;

  auto operator<=>(const Product &) const = default;
};

struct Operands {
  CUdeviceptr a, b, c, bias, aux;
};

class Blas {
public:
  /// Bytes of device memory that products may use while they run (32 MiB or more on Hopper).
  static constexpr size_t workspaceBytes = size_t{32} << 20;

  /// cuBLASLt 12 or 13, or why there is none.
  static Result<std::unique_ptr<Blas>> open();
  ~Blas();

  std::optional<Error> run(const Product &product, const Operands &at, CUdeviceptr workspace,
                           CUstream stream);

private:
  struct Library;
  struct Plan;
  /// Algorithms depend on what a, b and c are aligned to, in bytes.
  using Key = std::pair<Product, std::array<uint32_t, 3>>;

  Blas();
  std::optional<Error> check(int status, const std::string &what) const;
  Result<const Plan *> plan(const Key &key);
  std::optional<Error> describe(Plan &plan, const Product &product) const;
  std::optional<Error> choose(Plan &plan, const Key &key) const;

  const Library *library = nullptr;
  void *handle = nullptr;
  std::map<Key, std::unique_ptr<Plan>> plans;
};

} // namespace lnx::cuda

#endif
