// Graphs: what a call of the program adds to the stream, recorded once and then launched as one.
// A launch of a graph replaces hundreds of launches of kernels. Relied on by Cuda.
#ifndef LNX_RUNTIME_DEVICE_CUDA_GRAPHS_H
#define LNX_RUNTIME_DEVICE_CUDA_GRAPHS_H

#include "device/cuda/Driver.h"
#include "lnx/abi.h"

#include <functional>
#include <map>
#include <tuple>

namespace lnx::cuda {

class Graphs {
public:
  explicit Graphs(const Driver &driver) : driver(driver) {}
  ~Graphs();
  Graphs(const Graphs &) = delete;
  Graphs &operator=(const Graphs &) = delete;

  /// Adds the work of a call to the stream. `body` does it by itself the first time, when
  /// algorithms are chosen; the second time it is recorded, and from then on launched. An entry of
  /// a program with device code depends on the fields of its call alone (abi.h).
  std::optional<Error> run(lnx_entry entry, const lnx_call &call, CUstream stream,
                           const std::function<std::optional<Error>()> &body);

private:
  using Key = std::tuple<lnx_entry, void *, void *, const int32_t *, const int32_t *, int64_t,
                         int64_t, const float *, float *>;
  Result<CUgraphExec> record(CUstream stream, const std::function<std::optional<Error>()> &body);

  const Driver &driver;
  std::map<Key, CUgraphExec> graphs; ///< null after the first time
  size_t recorded = 0;
};

} // namespace lnx::cuda

#endif
