// Graphs: one recording for each call, known by its fields.
// Numbers that vary from step to step are in memory of the device, where kernels read them.
#include "device/cuda/Graphs.h"

using namespace lnx;
using namespace lnx::cuda;

Graphs::~Graphs() {
  for (const auto &[key, graph] : graphs)
    if (graph)
      driver.graphExecDestroy(graph);
}

Result<CUgraphExec> Graphs::record(CUstream stream,
                                   const std::function<std::optional<Error>()> &body) {
  // Other threads go on allocating meanwhile.
  constexpr int threadLocal = 1;
  if (auto error = driver.check(driver.streamBeginCapture(stream, threadLocal), "record a call"))
    return *error;
  std::optional<Error> error = body();
  CUgraph graph = nullptr;
  const CUresult ended = driver.streamEndCapture(stream, &graph);
  if (!error)
    error = driver.check(ended, "record a call");
  CUgraphExec executable = nullptr;
  if (!error)
    error = driver.check(driver.graphInstantiate(&executable, graph, 0), "prepare a graph");
  if (graph)
    driver.graphDestroy(graph);
  if (error)
    return *error;
  return executable;
}

std::optional<Error> Graphs::run(lnx_entry entry, const lnx_call &call, CUstream stream,
                                 const std::function<std::optional<Error>()> &body) {
  // A text that grows token by token has a call for each length.
  constexpr size_t most = 64;
  const auto [place, isFirst] =
      graphs.try_emplace({entry, call.state, call.scratch, call.tokens, call.targets, call.batch,
                          call.time, call.arguments, call.results});
  CUgraphExec &graph = place->second;
  if (isFirst || (!graph && recorded == most))
    return body();
  if (!graph) {
    Result<CUgraphExec> made = record(stream, body);
    if (!made)
      return made.error();
    graph = *made;
    ++recorded;
  }
  return driver.check(driver.graphLaunch(graph, stream), "launch a graph");
}
