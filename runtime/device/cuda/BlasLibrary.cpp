// BlasLibrary: looks the functions up by name and says in words what fails.
// The major version is in the file's name: 13 comes first, 12 has all that is used.
#include "device/cuda/BlasLibrary.h"

#include <dlfcn.h>

using namespace lnx;
using namespace lnx::cuda;

namespace {

/// The library, or why it could not be opened.
struct Opened {
  BlasLibrary library{};
  std::optional<Error> error;
};

Opened open() {
  Opened opened;
  void *file = dlopen("libcublasLt.so.13", RTLD_NOW | RTLD_LOCAL);
  if (!file)
    file = dlopen("libcublasLt.so.12", RTLD_NOW | RTLD_LOCAL);
  if (!file) {
    const char *reason = dlerror();
    opened.error =
        Error{std::string("no cuBLASLt of CUDA 13 or 12: ") + (reason ? reason : "no reason given"),
              Exit::device};
    return opened;
  }
  auto find = [&](auto &function, const char *name) {
    void *symbol = dlsym(file, name);
    if (!symbol && !opened.error)
      opened.error =
          Error{std::string("cuBLASLt has no '") + name + "': it is older than CUDA 12, update it",
                Exit::device};
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(symbol);
  };
  BlasLibrary &l = opened.library;
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
  return opened;
}

} // namespace

Result<const BlasLibrary *> BlasLibrary::open() {
  // Opened once: threads may ask at the same time.
  static const Opened opened = ::open();
  if (opened.error)
    return *opened.error;
  return &opened.library;
}

std::optional<Error> BlasLibrary::check(int status, const std::string &what) const {
  if (status == 0)
    return std::nullopt;
  const char *words = getStatusString(status);
  return Error{"cuda: cuBLASLt cannot " + what + ": " +
                   (words ? words : "status " + std::to_string(status)),
               Exit::device};
}
