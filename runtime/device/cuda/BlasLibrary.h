// BlasLibrary: cuBLASLt, opened when a session asks for it; nothing of it is needed to build.
// Our own declarations of the few functions and values used (cuda-target 6.2). Relied on by Blas.
#ifndef LNX_RUNTIME_DEVICE_CUDA_BLASLIBRARY_H
#define LNX_RUNTIME_DEVICE_CUDA_BLASLIBRARY_H

#include "device/cuda/Driver.h"

#include <array>

namespace lnx::cuda {

/// What cuBLASLt keeps of an algorithm; it means something to the library's version only.
using Algorithm = std::array<uint64_t, 8>;

struct Heuristic {
  Algorithm algorithm;
  size_t workspace;
  int state; ///< 0 where the algorithm can be used
  float waves;
  std::array<int, 4> reserved;
};

/// The library's functions by their names without the prefix.
struct BlasLibrary {
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

  /// The library of this process, or why there is none that goes with the driver. It stays open to
  /// the end of the process.
  static Result<const BlasLibrary *> open(const Driver &driver);

  /// What went wrong in the library's words: "cuda: cuBLASLt cannot WHAT: ..." and, where one is
  /// known, a line "help: NEXT STEP"; nothing for success.
  std::optional<Error> check(int status, const std::string &what) const;
};

// cublasLt.h: the values used here.
inline constexpr int compute32F = 68, real32F = 0, real16BF = 14;
inline constexpr int attributeTransA = 3, attributeTransB = 4, attributeEpilogue = 7,
                     attributeBias = 8, attributeAux = 11, attributeAuxLd = 12;
inline constexpr int preferenceMaxWorkspace = 1, preferenceAlignmentA = 5, preferenceAlignmentB = 6,
                     preferenceAlignmentC = 7, preferenceAlignmentD = 8;

} // namespace lnx::cuda

#endif
