// Driver: limits from the environment, kernels, the sticky failure.
// A failed launch poisons the context as on a device: only a new process recovers.
#include "emulator/driver/Driver.h"

#include <cstdlib>

using namespace emulator;

namespace {

uint64_t fromEnvironment(const char *name, uint64_t fallback) {
  const char *text = std::getenv(name);
  return text && *text ? std::strtoull(text, nullptr, 0) : fallback;
}

} // namespace

Driver &emulator::driver() {
  static Driver instance;
  return instance;
}

bool &emulator::contextIsCurrent() {
  thread_local bool current = false;
  return current;
}

Driver::Driver()
    : memory(fromEnvironment("LNX_EMULATOR_MEMORY", 8ull << 30)),
      multiprocessors(static_cast<uint32_t>(fromEnvironment("LNX_EMULATOR_SMS", 8))) {
  options.seed = fromEnvironment("LNX_EMULATOR_SEED", 0);
  options.perturbUlps = static_cast<unsigned>(fromEnvironment("LNX_EMULATOR_ULPS", 0));
}

bool Driver::isPinned(const void *address) const {
  auto it = pinnedBytes.upper_bound(static_cast<const uint8_t *>(address));
  return it != pinnedBytes.begin() &&
         static_cast<const uint8_t *>(address) < std::prev(it)->first + std::prev(it)->second;
}

CUresult Driver::refuse(CUresult code, std::string why) {
  log = std::move(why);
  return code;
}

void Driver::fail(CUresult code, std::string why) {
  if (sticky != CUDA_SUCCESS)
    return;
  sticky = code;
  log = std::move(why);
}

CUresult Driver::ready() const {
  if (!initialised)
    return CUDA_ERROR_NOT_INITIALIZED;
  if (!contextIsCurrent())
    return CUDA_ERROR_INVALID_CONTEXT;
  return sticky;
}

CUresult Driver::readyOutsideCapture() {
  if (CUresult r = ready())
    return r;
  if (streams.spoilCaptures())
    return refuse(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                  "the call allocates or waits, which a stream capture forbids");
  return CUDA_SUCCESS;
}

void Driver::runKernel(const Kernel &kernel, std::array<uint32_t, 3> grid,
                       std::array<uint32_t, 3> block, uint32_t shared,
                       const std::vector<uint8_t> &parameters) {
  if (sticky != CUDA_SUCCESS)
    return;
  Outcome outcome = launch(kernel, memory, grid, block, shared, parameters, options);
  counters[kernel.name] += outcome.counters;
  streams.clock += outcome.counters.instructions;
  if (outcome.fault)
    fail(CUDA_ERROR_LAUNCH_FAILED, outcome.fault->text());
}
