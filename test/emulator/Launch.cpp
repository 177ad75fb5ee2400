// Launch: checks the configuration as the driver does, then runs the grid.
// Every refusal is a fault without a PTX line.
#include "emulator/Launch.h"

#include "emulator/Schedule.h"

using namespace emulator;

namespace {

std::string show(std::array<uint32_t, 3> d) {
  return "(" + std::to_string(d[0]) + "," + std::to_string(d[1]) + "," + std::to_string(d[2]) + ")";
}

Fault refuse(const Kernel &kernel, std::string what, std::string remedy) {
  Fault f;
  f.place.kernel = kernel.name;
  f.what = std::move(what);
  f.remedy = std::move(remedy);
  return f;
}

} // namespace

std::optional<Fault> emulator::refuseLaunch(const Kernel &k, std::array<uint32_t, 3> grid,
                                            std::array<uint32_t, 3> block, uint32_t sharedBytes,
                                            std::span<const uint8_t> parameters) {
  uint64_t threads = uint64_t(block[0]) * block[1] * block[2];
  if (threads == 0 || threads > 1024 || block[2] > 64)
    return refuse(k, "a block of " + show(block) + " threads", "a CTA has 1 to 1024 threads");
  if (grid[0] == 0 || grid[1] == 0 || grid[2] == 0 || grid[1] > 65535 || grid[2] > 65535)
    return refuse(k, "a grid of " + show(grid), "a grid has at least one CTA in each dimension");
  if (k.maxThreads[0] && threads > uint64_t(k.maxThreads[0]) * k.maxThreads[1] * k.maxThreads[2])
    return refuse(k, "a block of " + show(block) + " threads, above .maxntid " + show(k.maxThreads),
                  "launch with the block the kernel was compiled for");
  if (k.requiredThreads[0] && block != k.requiredThreads)
    return refuse(
        k, "a block of " + show(block) + " threads, but .reqntid says " + show(k.requiredThreads),
        "launch with the block the kernel was compiled for");
  if (uint64_t(k.staticSharedBytes) + sharedBytes > MaxSharedBytes)
    return refuse(k,
                  std::to_string(uint64_t(k.staticSharedBytes) + sharedBytes) +
                      " bytes of shared memory, above " + std::to_string(MaxSharedBytes),
                  "use smaller tiles");
  if (parameters.size() != k.parameterBytes)
    return refuse(k,
                  "a parameter block of " + std::to_string(parameters.size()) +
                      " bytes, but the kernel declares " + std::to_string(k.parameterBytes),
                  "pass every parameter at its declared size");
  return std::nullopt;
}

Outcome emulator::launch(const Kernel &kernel, GlobalMemory &memory, std::array<uint32_t, 3> grid,
                         std::array<uint32_t, 3> block, uint32_t sharedBytes,
                         std::span<const uint8_t> parameters, const Options &options) {
  Outcome outcome;
  outcome.fault = refuseLaunch(kernel, grid, block, sharedBytes, parameters);
  if (outcome.fault)
    return outcome;
  Grid running{
      kernel, memory, options, grid, block, sharedBytes, parameters, {}, 0, 1, memory.nextLaunch(),
      {}};
  running.random = options.seed * 0x9e3779b97f4a7c15ull | 1;
  runGrid(running);
  outcome.fault = std::move(running.fault);
  outcome.counters = running.counters;
  return outcome;
}
