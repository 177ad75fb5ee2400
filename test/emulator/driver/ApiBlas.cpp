// ApiBlas: handles, descriptors, heuristic and matmul of cuBLASLt.
// Offers three algorithms for what exists: one pass, and k split in two or four parts.
#include "emulator/driver/Matmul.h"

#include <cstring>

using namespace emulator;

using cublasLtHandle_t = void *;
using cublasLtMatmulDesc_t = MatmulDescription *;
using cublasLtMatrixLayout_t = MatrixLayout *;
using cublasLtMatmulPreference_t = MatmulPreference *;

namespace {

constexpr uint64_t AlgorithmMark = 0x6c6e782d656d7531; // first word of a blob of ours
constexpr unsigned Splits[] = {1, 2, 4};

template <typename T> cublasStatus_t assign(T &to, const void *from, size_t bytes) {
  if (bytes != sizeof(T))
    return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&to, from, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t refuse(cublasStatus_t status, std::string why) {
  driver().log = std::move(why);
  return status;
}

Matmul describe(cublasLtMatmulDesc_t q, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d) {
  Matmul x;
  x.description = *q;
  x.a = *a;
  x.b = *b;
  x.c = *c;
  x.d = *d;
  return x;
}

// An algorithm may count on the alignment that the preference named when it was chosen.
std::string misaligned(const Matmul &x, const uint64_t *alignment) {
  const uint64_t pointers[] = {x.pa, x.pb, x.pc, x.pd};
  for (int operand = 0; operand < 4; ++operand)
    if (alignment[operand] != 0 && pointers[operand] % alignment[operand])
      return std::string("matmul: the algorithm was chosen for a matrix ") + "ABCD"[operand] +
             " aligned to " + std::to_string(alignment[operand]) + " bytes";
  return "";
}

uint64_t workspaceOf(const Matmul &x, unsigned splits) {
  return splits == 1 ? 0 : x.m() * x.n() * 4 * splits;
}

// One algorithm takes half the time of the others, so that a choice by time has one answer.
uint64_t timeOf(const Matmul &x) {
  return x.m() * x.n() * x.k() * (x.splits == driver().fastestSplits ? 1 : 2);
}

cublasStatus_t enqueue(const Matmul &x, CUstream stream) {
  driver().streams.add(stream, [x] {
    if (driver().sticky != CUDA_SUCCESS)
      return;
    driver().streams.clock += timeOf(x);
    if (std::string bad = run(x, driver().memory); !bad.empty())
      driver().fail(CUDA_ERROR_LAUNCH_FAILED, bad);
  });
  return driver().sticky ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_SUCCESS;
}

} // namespace

EMULATED size_t cublasLtGetVersion() { return 130100; }

EMULATED const char *cublasLtGetStatusName(cublasStatus_t status) {
  switch (status) {
  case CUBLAS_STATUS_SUCCESS:
    return "CUBLAS_STATUS_SUCCESS";
  case CUBLAS_STATUS_NOT_INITIALIZED:
    return "CUBLAS_STATUS_NOT_INITIALIZED";
  case CUBLAS_STATUS_INVALID_VALUE:
    return "CUBLAS_STATUS_INVALID_VALUE";
  case CUBLAS_STATUS_EXECUTION_FAILED:
    return "CUBLAS_STATUS_EXECUTION_FAILED";
  case CUBLAS_STATUS_NOT_SUPPORTED:
    return "CUBLAS_STATUS_NOT_SUPPORTED";
  }
  return "unknown";
}

// With the emulator's sentence; lives until the next call.
EMULATED const char *cublasLtGetStatusString(cublasStatus_t status) {
  static std::string text;
  text = cublasLtGetStatusName(status);
  if (status != CUBLAS_STATUS_SUCCESS && !driver().log.empty())
    text += ": " + driver().log;
  return text.c_str();
}

EMULATED cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle) {
  std::lock_guard lock(driver().mutex);
  if (driver().ready() != CUDA_SUCCESS)
    return CUBLAS_STATUS_NOT_INITIALIZED;
  *handle = &driver();
  return CUBLAS_STATUS_SUCCESS;
}

EMULATED cublasStatus_t cublasLtDestroy(cublasLtHandle_t) { return CUBLAS_STATUS_SUCCESS; }

EMULATED cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *out, int compute,
                                                 int scale) {
  std::lock_guard lock(driver().mutex);
  driver().calls["cublasLtMatmulDescCreate"] += 1;
  *out = new MatmulDescription;
  (*out)->computeType = compute;
  (*out)->scaleType = scale;
  return CUBLAS_STATUS_SUCCESS;
}
EMULATED cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t q) {
  delete q;
  return CUBLAS_STATUS_SUCCESS;
}

EMULATED cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t q, int attribute,
                                                       const void *from, size_t bytes) {
  switch (attribute) {
  case CUBLASLT_MATMUL_DESC_COMPUTE_TYPE:
    return assign(q->computeType, from, bytes);
  case CUBLASLT_MATMUL_DESC_SCALE_TYPE:
    return assign(q->scaleType, from, bytes);
  case CUBLASLT_MATMUL_DESC_POINTER_MODE:
    return assign(q->pointerMode, from, bytes);
  case CUBLASLT_MATMUL_DESC_TRANSA:
    return assign(q->transposeA, from, bytes);
  case CUBLASLT_MATMUL_DESC_TRANSB:
    return assign(q->transposeB, from, bytes);
  case CUBLASLT_MATMUL_DESC_EPILOGUE:
    return assign(q->epilogue, from, bytes);
  case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
    return assign(q->bias, from, bytes);
  case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER:
    return assign(q->aux, from, bytes);
  case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD:
    return assign(q->auxLd, from, bytes);
  case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE:
    return assign(q->auxType, from, bytes);
  case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
    return assign(q->biasType, from, bytes);
  }
  return refuse(CUBLAS_STATUS_INVALID_VALUE,
                "attribute " + std::to_string(attribute) + " of a product is not emulated");
}

EMULATED cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *out, int type,
                                                   uint64_t rows, uint64_t columns, int64_t ld) {
  std::lock_guard lock(driver().mutex);
  driver().calls["cublasLtMatrixLayoutCreate"] += 1;
  *out = new MatrixLayout{type, 0, rows, columns, ld, 1, 0};
  return CUBLAS_STATUS_SUCCESS;
}
EMULATED cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t l) {
  delete l;
  return CUBLAS_STATUS_SUCCESS;
}

EMULATED cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t l, int attribute,
                                                         const void *from, size_t bytes) {
  switch (attribute) {
  case CUBLASLT_MATRIX_LAYOUT_TYPE:
    return assign(l->type, from, bytes);
  case CUBLASLT_MATRIX_LAYOUT_ORDER:
    return assign(l->order, from, bytes);
  case CUBLASLT_MATRIX_LAYOUT_ROWS:
    return assign(l->rows, from, bytes);
  case CUBLASLT_MATRIX_LAYOUT_COLS:
    return assign(l->columns, from, bytes);
  case CUBLASLT_MATRIX_LAYOUT_LD:
    return assign(l->ld, from, bytes);
  case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
    return assign(l->batches, from, bytes);
  case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
    return assign(l->stride, from, bytes);
  }
  return refuse(CUBLAS_STATUS_INVALID_VALUE,
                "attribute " + std::to_string(attribute) + " of a layout is not emulated");
}

EMULATED cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *out) {
  *out = new MatmulPreference;
  return CUBLAS_STATUS_SUCCESS;
}
EMULATED cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t p) {
  delete p;
  return CUBLAS_STATUS_SUCCESS;
}
EMULATED cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t p,
                                                             int attribute, const void *from,
                                                             size_t bytes) {
  if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES)
    return assign(p->workspace, from, bytes);
  if (attribute >= CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES &&
      attribute <= CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES)
    return assign(p->alignment[attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES], from,
                  bytes);
  bool known = attribute == CUBLASLT_MATMUL_PREF_SEARCH_MODE ||
               attribute == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK;
  return known ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

EMULATED cublasStatus_t cublasLtMatmulAlgoGetHeuristic(
    cublasLtHandle_t handle, cublasLtMatmulDesc_t q, cublasLtMatrixLayout_t a,
    cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
    cublasLtMatmulPreference_t preference, int requested, cublasLtMatmulHeuristicResult_t *results,
    int *found) {
  std::lock_guard lock(driver().mutex);
  driver().calls["cublasLtMatmulAlgoGetHeuristic"] += 1;
  *found = 0;
  if (!handle)
    return CUBLAS_STATUS_NOT_INITIALIZED;
  Matmul x = describe(q, a, b, c, d);
  if (std::string why = unsupported(x); !why.empty())
    return refuse(CUBLAS_STATUS_NOT_SUPPORTED, why);
  for (unsigned splits : Splits) {
    uint64_t workspace = workspaceOf(x, splits);
    if (*found >= requested || workspace > preference->workspace || splits > x.k())
      continue;
    cublasLtMatmulHeuristicResult_t &r = results[(*found)++];
    r = {};
    r.algo.data[0] = AlgorithmMark;
    r.algo.data[1] = splits;
    for (int operand = 0; operand < 4; ++operand)
      r.algo.data[2 + operand] = preference->alignment[operand];
    r.workspaceSize = workspace;
    r.wavesCount = 1;
  }
  return *found ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

EMULATED cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t q,
                                       const void *alpha, const void *pa, cublasLtMatrixLayout_t a,
                                       const void *pb, cublasLtMatrixLayout_t b, const void *beta,
                                       const void *pc, cublasLtMatrixLayout_t c, void *pd,
                                       cublasLtMatrixLayout_t d, const cublasLtMatmulAlgo_t *algo,
                                       void *workspace, size_t workspaceBytes, CUstream stream) {
  std::lock_guard lock(driver().mutex);
  driver().calls["cublasLtMatmul"] += 1;
  if (!handle || driver().ready() != CUDA_SUCCESS)
    return driver().sticky ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_NOT_INITIALIZED;
  if (!driver().streams.exists(stream))
    return refuse(CUBLAS_STATUS_INVALID_VALUE, "matmul: no such stream");
  Matmul x = describe(q, a, b, c, d);
  if (std::string why = unsupported(x); !why.empty())
    return refuse(CUBLAS_STATUS_NOT_SUPPORTED, why);
  x.pa = reinterpret_cast<uint64_t>(pa);
  x.pb = reinterpret_cast<uint64_t>(pb);
  x.pc = reinterpret_cast<uint64_t>(pc);
  x.pd = reinterpret_cast<uint64_t>(pd);
  std::memcpy(&x.alpha, alpha, sizeof(float));
  std::memcpy(&x.beta, beta, sizeof(float));
  if (algo && (algo->data[0] != AlgorithmMark || algo->data[1] == 0 || algo->data[1] > x.k()))
    return refuse(CUBLAS_STATUS_INVALID_VALUE, "matmul: the algorithm is not one of this library");
  if (std::string why = algo ? misaligned(x, algo->data + 2) : ""; !why.empty())
    return refuse(CUBLAS_STATUS_INVALID_VALUE, why);
  x.splits = algo ? static_cast<unsigned>(algo->data[1]) : 1;
  x.workspace = reinterpret_cast<uint64_t>(workspace);
  x.workspaceBytes = workspaceBytes;
  if (workspaceOf(x, x.splits) > workspaceBytes)
    return refuse(CUBLAS_STATUS_INVALID_VALUE,
                  "matmul: the algorithm needs " + std::to_string(workspaceOf(x, x.splits)) +
                      " bytes of workspace, the call has " + std::to_string(workspaceBytes));
  if (std::string why = badPointers(x, driver().memory); !why.empty())
    return refuse(CUBLAS_STATUS_INVALID_VALUE, why);
  return enqueue(x, stream);
}
