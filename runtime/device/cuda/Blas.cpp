// Blas: row-major products in cuBLASLt's column-major words: the transpose of everything.
// C = A B row by row is C^T = B^T A^T column by column, and a row-major matrix is its transpose in
// column-major order, so nothing is moved: cuBLASLt's A is our B, its rows of D are our columns.
#include "device/cuda/Blas.h"

#include "lnx/abi.h"

#include <dlfcn.h>

#include <algorithm>

using namespace lnx;
using namespace lnx::cuda;

namespace {

// cublasLt.h: the values used here.
constexpr int compute32F = 68, real32F = 0, real16BF = 14;
constexpr int attributeTransA = 3, attributeTransB = 4, attributeEpilogue = 7, attributeBias = 8,
              attributeAux = 11, attributeAuxLd = 12;
constexpr int preferenceMaxWorkspace = 1, preferenceAlignmentA = 5, preferenceAlignmentB = 6,
              preferenceAlignmentC = 7, preferenceAlignmentD = 8;
constexpr int32_t plain = 0, transposed = 1;

/// An epilogue of abi.h in cuBLASLt's words and ours. The bias goes along the rows of D, which are
/// our columns, and what is summed over k is the operand that we call by the other name.
struct Epilogue {
  int32_t value;
  const char *name;
  bool hasBias, hasAux;
};
constexpr std::array<Epilogue, LNX_EPILOGUE_COUNT> epilogues = {{
    {1, "no epilogue", false, false},              // DEFAULT
    {4, "a bias", true, false},                    // BIAS
    {32, "gelu", false, false},                    // GELU
    {36, "a bias and gelu", true, false},          // GELU_BIAS
    {160, "gelu kept", false, true},               // GELU_AUX
    {164, "a bias and gelu kept", true, true},     // GELU_AUX_BIAS
    {192, "the slope of gelu", false, true},       // DGELU
    {208, "the slope of gelu summed", true, true}, // DGELU_BGRAD
    {512, "sums of A", true, false},               // BGRADB
    {256, "sums of B", true, false},               // BGRADA
}};
static_assert(LNX_EPILOGUE_BIAS_GELU_AUX == 5 && LNX_EPILOGUE_SUM_A == 8 && LNX_EPILOGUE_SUM_B == 9,
              "the table is in the order of abi.h");

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

int typeOf(int64_t type) { return type == LNX_TYPE_BF16 ? real16BF : real32F; }

/// "bf16 to f32 with a bias, 32 x 64 x 128 (m x n x k), A transposed".
std::string describeInWords(const Product &p) {
  auto type = [](int64_t type) { return type == LNX_TYPE_BF16 ? "bf16" : "f32"; };
  return std::string(type(p.type)) + " to " + type(p.typeC) + " with " +
         epilogues[static_cast<size_t>(p.epilogue)].name + ", " + std::to_string(p.m) + " x " +
         std::to_string(p.n) + " x " + std::to_string(p.k) + " (m x n x k)" +
         (p.transposeA ? ", A transposed" : "") + (p.transposeB ? ", B transposed" : "");
}

/// The largest power of two up to 256 that divides an address.
uint32_t alignmentOf(CUdeviceptr address) {
  return static_cast<uint32_t>(std::min<uint64_t>(address & -address, 256));
}

} // namespace

struct Blas::Library {
  int (*create)(void **handle);
  int (*destroy)(void *handle);
  size_t (*getVersion)();
  const char *(*getStatusString)(int status);
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
  template <typename T> int set(int attribute, T value) const {
    return library.matmulDescSetAttribute(description, attribute, &value, sizeof value);
  }
};

Blas::Blas() = default;
Blas::~Blas() {
  plans.clear();
  if (handle)
    library->destroy(handle);
}

std::optional<Error> Blas::check(int status, const std::string &what) const {
  if (status == 0)
    return std::nullopt;
  const char *words = library->getStatusString(status);
  return Error{"cuda: cuBLASLt cannot " + what + ": " +
                   (words ? words : "status " + std::to_string(status)),
               Exit::device};
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
      result.error = Error{std::string("cuda: no cuBLASLt of CUDA 13 or 12: ") +
                               (reason ? reason : "no reason given"),
                           Exit::device};
      return result;
    }
    auto find = [&](auto &function, const char *name) {
      void *symbol = dlsym(file, name);
      if (!symbol && !result.error)
        result.error =
            Error{std::string("cuda: this cuBLASLt has no '") + name + "': install another",
                  Exit::device};
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(symbol);
    };
    Library &l = result.library;
    find(l.create, "cublasLtCreate");
    find(l.destroy, "cublasLtDestroy");
    find(l.getVersion, "cublasLtGetVersion");
    find(l.getStatusString, "cublasLtGetStatusString");
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
  if (auto error = blas->check(opened.library.create(&blas->handle), "start"))
    return *error;
  return blas;
}

std::optional<Error> Blas::describe(Plan &plan, const Product &p) const {
  const Library &l = *library;
  const Epilogue &epilogue = epilogues[static_cast<size_t>(p.epilogue)];
  auto layout = [&](void *&made, int64_t type, bool isTransposed, int64_t rows, int64_t columns,
                    int64_t ld) {
    if (isTransposed)
      std::swap(rows, columns);
    return l.matrixLayoutCreate(&made, typeOf(type), static_cast<uint64_t>(columns),
                                static_cast<uint64_t>(rows), ld);
  };
  int status = l.matmulDescCreate(&plan.description, compute32F, real32F);
  if (status == 0)
    status = plan.set(attributeTransA, p.transposeB ? transposed : plain);
  if (status == 0)
    status = plan.set(attributeTransB, p.transposeA ? transposed : plain);
  if (status == 0)
    status = plan.set(attributeEpilogue, epilogue.value);
  if (status == 0 && epilogue.hasAux)
    status = plan.set(attributeAuxLd, p.ldAux);
  if (status == 0)
    status = layout(plan.a, p.type, p.transposeA, p.m, p.k, p.lda);
  if (status == 0)
    status = layout(plan.b, p.type, p.transposeB, p.k, p.n, p.ldb);
  if (status == 0)
    status = layout(plan.c, p.typeC, false, p.m, p.n, p.ldc);
  return check(status, "describe a product of " + describeInWords(p));
}

std::optional<Error> Blas::choose(Plan &plan, const Key &key) const {
  const Library &l = *library;
  const auto &[product, alignments] = key;
  void *preference = nullptr;
  int status = l.matmulPreferenceCreate(&preference);
  auto prefer = [&](int attribute, auto value) {
    if (status == 0)
      status = l.matmulPreferenceSetAttribute(preference, attribute, &value, sizeof value);
  };
  prefer(preferenceMaxWorkspace, uint64_t{workspaceBytes});
  prefer(preferenceAlignmentA, alignments[1]);
  prefer(preferenceAlignmentB, alignments[0]);
  prefer(preferenceAlignmentC, alignments[2]);
  prefer(preferenceAlignmentD, alignments[2]);
  Heuristic best{};
  int found = 0;
  if (status == 0)
    status = l.matmulAlgoGetHeuristic(handle, plan.description, plan.b, plan.a, plan.c, plan.c,
                                      preference, 1, &best, &found);
  if (preference)
    l.matmulPreferenceDestroy(preference);
  if (auto error = check(status, "compute a product of " + describeInWords(product)))
    return error;
  if (found == 0)
    return Error{"cuda: cuBLASLt has no algorithm for a product of " + describeInWords(product),
                 Exit::device};
  plan.algorithm = best.algorithm;
  return std::nullopt;
}

Result<const Blas::Plan *> Blas::plan(const Key &key) {
  if (auto known = plans.find(key); known != plans.end())
    return known->second.get();
  auto made = std::make_unique<Plan>(*library);
  if (auto error = describe(*made, key.first))
    return *error;
  if (auto error = choose(*made, key))
    return *error;
  return (plans[key] = std::move(made)).get();
}

std::optional<Error> Blas::run(const Product &product, const Operands &at, CUdeviceptr workspace,
                               CUstream stream) {
  Result<const Plan *> planned =
      plan({product, {alignmentOf(at.a), alignmentOf(at.b), alignmentOf(at.c)}});
  if (!planned)
    return planned.error();
  const Plan &p = **planned;
  const Epilogue &epilogue = epilogues[static_cast<size_t>(product.epilogue)];
  // Layers share a plan but not their vectors.
  int status = epilogue.hasBias ? p.set(attributeBias, at.bias) : 0;
  if (status == 0 && epilogue.hasAux)
    status = p.set(attributeAux, at.aux);
  const float one = 1, keep = product.accumulate ? 1 : 0;
  auto address = [](CUdeviceptr at) { return reinterpret_cast<void *>(at); };
  if (status == 0)
    status = library->matmul(handle, p.description, &one, address(at.b), p.b, address(at.a), p.a,
                             &keep, address(at.c), p.c, address(at.c), p.c, &p.algorithm,
                             address(workspace), workspaceBytes, stream);
  return check(status, "start a product of " + describeInWords(product));
}
