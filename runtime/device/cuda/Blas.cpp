// Blas: row-major products in cuBLASLt's column-major words: the transpose of everything.
// C = A B row by row is C^T = B^T A^T column by column, and a row-major matrix is its transpose in
// column-major order, so nothing is moved.
#include "device/cuda/Blas.h"

#include <dlfcn.h>

#include <array>
#include <cstring>

using namespace lnx;
using namespace lnx::cuda;

namespace {

// cublasLt.h: the values used here.
constexpr int compute32F = 68, real32F = 0;
constexpr int attributeTransA = 3, attributeTransB = 4;
constexpr int preferenceMaxWorkspace = 1;
constexpr int32_t plain = 0, transposed = 1;

struct Algorithm {
  std::array<uint64_t, 8> data;
};
struct Heuristic {
  Algorithm algorithm;
  size_t workspace;
  int state;
  float waves;
  std::array<int, 4> reserved;
};

std::optional<Error> check(int status, const char *what) {
  if (status == 0)
    return std::nullopt;
  return Error{std::string("cublasLt: cannot ") + what + ": status " + std::to_string(status),
               Exit::device};
}

} // namespace

struct Blas::Library {
  int (*create)(void **handle);
  int (*destroy)(void *handle);
  size_t (*getVersion)();
  int (*matmul)(void *handle, void *description, const void *alpha, const void *a, void *aLayout,
                const void *b, void *bLayout, const void *beta, const void *c, void *cLayout,
                void *d, void *dLayout, const Algorithm *algorithm, void *workspace,
                size_t workspaceBytes, CUstream stream);
  int (*matmulDescCreate)(void **description, int compute, int scale);
  int (*matmulDescDestroy)(void *description);
  int (*matmulDescSetAttribute)(void *description, int attribute, const void *value, size_t bytes);
  int (*matrixLayoutCreate)(void **layout, int type, uint64_t rows, uint64_t columns, int64_t ld);
  int (*matrixLayoutDestroy)(void *layout);
  int (*matmulPreferenceCreate)(void **preference);
  int (*matmulPreferenceDestroy)(void *preference);
  int (*matmulPreferenceSetAttribute)(void *preference, int attribute, const void *value,
                                      size_t bytes);
  int (*matmulAlgoGetHeuristic)(void *handle, void *description, void *a, void *b, void *c, void *d,
                                void *preference, int wanted, Heuristic *results, int *found);
};

struct Blas::Plan {
  const Library &library;
  void *description = nullptr, *a = nullptr, *b = nullptr, *c = nullptr;
  Algorithm algorithm{};

  explicit Plan(const Library &library) : library(library) {}
  ~Plan() {
    if (description)
      library.matmulDescDestroy(description);
    for (void *layout : {a, b, c})
      if (layout)
        library.matrixLayoutDestroy(layout);
  }
};

Blas::Blas() = default;
Blas::~Blas() {
  plans.clear();
  if (handle)
    library->destroy(handle);
}

Result<std::unique_ptr<Blas>> Blas::open() {
  struct Opened {
    Library library{};
    std::optional<Error> error;
  };
  static const Opened opened = [] {
    Opened result;
    void *file = dlopen("libcublasLt.so.13", RTLD_NOW | RTLD_LOCAL);
    if (!file)
      file = dlopen("libcublasLt.so.12", RTLD_NOW | RTLD_LOCAL);
    if (!file) {
      const char *reason = dlerror();
      result.error = Error{std::string("no cuBLASLt of CUDA 13 or 12: ") +
                               (reason ? reason : "no reason given"),
                           Exit::device};
      return result;
    }
    auto find = [&](auto &function, const char *name) {
      void *symbol = dlsym(file, name);
      if (!symbol && !result.error)
        result.error = Error{std::string("cuBLASLt has no '") + name + "'", Exit::device};
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(symbol);
    };
    Library &l = result.library;
    find(l.create, "cublasLtCreate");
    find(l.destroy, "cublasLtDestroy");
    find(l.getVersion, "cublasLtGetVersion");
    find(l.matmul, "cublasLtMatmul");
    find(l.matmulDescCreate, "cublasLtMatmulDescCreate");
    find(l.matmulDescDestroy, "cublasLtMatmulDescDestroy");
    find(l.matmulDescSetAttribute, "cublasLtMatmulDescSetAttribute");
    find(l.matrixLayoutCreate, "cublasLtMatrixLayoutCreate");
    find(l.matrixLayoutDestroy, "cublasLtMatrixLayoutDestroy");
    find(l.matmulPreferenceCreate, "cublasLtMatmulPreferenceCreate");
    find(l.matmulPreferenceDestroy, "cublasLtMatmulPreferenceDestroy");
    find(l.matmulPreferenceSetAttribute, "cublasLtMatmulPreferenceSetAttribute");
    find(l.matmulAlgoGetHeuristic, "cublasLtMatmulAlgoGetHeuristic");
    return result;
  }();
  if (opened.error)
    return *opened.error;
  std::unique_ptr<Blas> blas(new Blas);
  blas->library = &opened.library;
  if (auto error = check(opened.library.create(&blas->handle), "start"))
    return *error;
  return blas;
}

Result<const Blas::Plan *> Blas::plan(const Product &p) {
  std::unique_ptr<Plan> &known = plans[p.key()];
  if (known)
    return known.get();
  auto made = std::make_unique<Plan>(*library);
  const Library &l = *library;
  // The first operand is B, the second A.
  const int32_t first = p.transposeB ? transposed : plain,
                second = p.transposeA ? transposed : plain;
  auto size = [](int64_t value) { return static_cast<uint64_t>(value); };
  int status = l.matmulDescCreate(&made->description, compute32F, real32F);
  for (auto [attribute, value] : {std::pair(attributeTransA, &first), {attributeTransB, &second}})
    if (status == 0)
      status = l.matmulDescSetAttribute(made->description, attribute, value, sizeof *value);
  if (status == 0)
    status = l.matrixLayoutCreate(&made->b, real32F, size(p.transposeB ? p.k : p.n),
                                  size(p.transposeB ? p.n : p.k), p.ldb);
  if (status == 0)
    status = l.matrixLayoutCreate(&made->a, real32F, size(p.transposeA ? p.m : p.k),
                                  size(p.transposeA ? p.k : p.m), p.lda);
  if (status == 0)
    status = l.matrixLayoutCreate(&made->c, real32F, size(p.n), size(p.m), p.ldc);
  if (auto error = check(status, "describe a product"))
    return *error;
  void *preference = nullptr;
  status = l.matmulPreferenceCreate(&preference);
  const uint64_t most = workspaceBytes;
  if (status == 0)
    status = l.matmulPreferenceSetAttribute(preference, preferenceMaxWorkspace, &most, sizeof most);
  Heuristic best{};
  int found = 0;
  if (status == 0)
    status = l.matmulAlgoGetHeuristic(handle, made->description, made->b, made->a, made->c, made->c,
                                      preference, 1, &best, &found);
  if (preference)
    l.matmulPreferenceDestroy(preference);
  if (auto error = check(status, "choose an algorithm"))
    return *error;
  if (found == 0)
    return Error{"cublasLt has no algorithm for a product of " + std::to_string(p.m) + " x " +
                     std::to_string(p.n) + " x " + std::to_string(p.k),
                 Exit::device};
  made->algorithm = best.algorithm;
  known = std::move(made);
  return known.get();
}

std::optional<Error> Blas::run(const Product &product, CUdeviceptr a, CUdeviceptr b, CUdeviceptr c,
                               CUdeviceptr workspace, CUstream stream) {
  Result<const Plan *> planned = plan(product);
  if (!planned) {
    plans.erase(product.key());
    return planned.error();
  }
  const Plan &p = **planned;
  const float one = 1, keep = product.accumulate ? 1 : 0;
  auto address = [](CUdeviceptr at) { return reinterpret_cast<void *>(at); };
  return check(library->matmul(handle, p.description, &one, address(b), p.b, address(a), p.a, &keep,
                               address(c), p.c, address(c), p.c, &p.algorithm, address(workspace),
                               workspaceBytes, stream),
               "start a product");
}
