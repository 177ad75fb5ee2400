// Blas: matrix products by cuBLASLt.
// Descriptors are made and algorithms chosen once for each product and kept: a step does neither.
// Relied on by Cuda.
#ifndef LNX_RUNTIME_DEVICE_CUDA_BLAS_H
#define LNX_RUNTIME_DEVICE_CUDA_BLAS_H

#include "device/cuda/BlasLibrary.h"

#include <compare>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

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
  /// What a, b and c are aligned to, in bytes: algorithms count on it.
  std::array<uint32_t, 3> alignment{};

  auto operator<=>(const Product &) const = default;
};

struct Operands {
  CUdeviceptr a, b, c, bias, aux;
};

/// The algorithm that was fastest for a product.
struct Choice {
  Product product;
  Algorithm algorithm;
};

class Blas {
public:
  /// Bytes of device memory that products may use while they run (32 MiB or more on Hopper).
  static constexpr size_t workspaceBytes = size_t{32} << 20;

  /// cuBLASLt 12 or 13, or why there is none that goes with the driver. Products run in `stream`
  /// and use `workspace`.
  static Result<std::unique_ptr<Blas>> open(const Driver &driver, CUdeviceptr workspace,
                                            CUstream stream);
  ~Blas();

  /// Adds the product to the stream; a bias or a sum for which the library has no epilogue takes a
  /// product of its own. The first time the candidates of the library are timed on
  /// these operands, which waits for the device, unless recall named the product.
  std::optional<Error> run(Product product, const Operands &at);

  /// Whether the library has an algorithm for a product whose operands are aligned as it says.
  bool offers(const Product &product) const;

  /// What was chosen so far. It decides the last bits of products, and means something to the same
  /// GPU and version of the library only.
  std::vector<Choice> choices() const;
  /// Takes up choices for products that have not run yet.
  void recall(std::span<const Choice> choices);
  size_t version() const { return library->getVersion(); }

private:
  struct Plan;
  Blas(const Driver &driver, const BlasLibrary *library, CUdeviceptr workspace, CUstream stream);
  /// Null where the epilogue takes a product of its own.
  Result<const Plan *> plan(const Product &product, const Operands &at);
  std::optional<Error> describe(Plan &plan, const Product &product) const;
  Result<std::vector<Heuristic>> candidates(const Plan &plan, const Product &product) const;
  std::optional<Error> choose(Plan &plan, const Product &product, const Operands &at) const;
  /// Starts the product with one algorithm; `result` takes the place of C, which stays as it is.
  int start(const Plan &plan, const Algorithm &algorithm, const Product &product,
            const Operands &at, CUdeviceptr result) const;

  // Unfused.cpp
  static bool canBeUnfused(const Product &product);
  std::optional<Error> runUnfused(const Product &product, const Operands &at);
  Result<CUdeviceptr> ones(int64_t type, int64_t count);

  const Driver &driver;
  const BlasLibrary *library;
  CUdeviceptr workspace;
  CUstream stream;
  void *handle = nullptr;
  std::map<Product, std::unique_ptr<Plan>> plans;
  std::map<Product, Algorithm> recalled;
  struct Ones {
    CUdeviceptr address;
    int64_t count;
  };
  std::map<int64_t, std::vector<Ones>> vectorsOfOnes; ///< by type; graphs know the addresses
};

} // namespace lnx::cuda

#endif
