// BlasLibrary: looks the functions up by name and says in words what fails.
// Which of the major versions is taken, Probe decides: 12 has all that is used.
#include "device/cuda/BlasLibrary.h"

#include "device/cuda/Probe.h"

#include <dlfcn.h>

using namespace lnx;
using namespace lnx::cuda;

namespace {

/// The library, or why it could not be opened.
struct Opened {
  BlasLibrary library{};
  std::optional<Error> error;
};

Opened open(const Driver &driver) {
  Opened opened;
  const Result<FoundBlas> found = findBlas(driver.version);
  if (!found) {
    opened.error = found.error();
    return opened;
  }
  auto find = [&](auto &function, const char *name) {
    void *symbol = dlsym(found->handle, name);
    if (!symbol && !opened.error)
      opened.error =
          Error{"'" + found->path + "' has no '" + name + "'\nhelp: install cuBLASLt 12 or 13 anew",
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

Result<const BlasLibrary *> BlasLibrary::open(const Driver &driver) {
  // Opened once: threads may ask at the same time.
  static const Opened opened = ::open(driver);
  if (opened.error)
    return *opened.error;
  return &opened.library;
}

std::optional<Error> BlasLibrary::check(int status, const std::string &what) const {
  if (status == 0)
    return std::nullopt;
  const char *words = getStatusString(status);
  return Error{"cuda: cuBLASLt cannot " + what + ": " +
                   (words ? words : "status " + std::to_string(status)) + blasHelpLine(status),
               Exit::device};
}
