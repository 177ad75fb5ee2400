// Launch: runs a kernel over a grid and says what it found.
// The whole interface of the emulator, with Module and GlobalMemory.
#ifndef LNX_TEST_EMULATOR_LAUNCH_H
#define LNX_TEST_EMULATOR_LAUNCH_H

#include "emulator/Counters.h"
#include "emulator/Fault.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace emulator {

struct Kernel;
class GlobalMemory;

struct Options {
  uint64_t seed = 0;         // 0: warps in order, each until it waits; else a random schedule
  unsigned perturbUlps = 0;  // approximate operations are off by up to this many units
  unsigned residentCtas = 1; // CTAs that run interleaved
  bool eagerCopies = false;  // cp.async lands when issued, not at its wait
  bool globalRaces = true;   // between CTAs, and between warps of one, in global memory
  // A launch that stores, synchronises and ends nothing for so many warp instructions is stuck.
  uint64_t patience = 1ull << 28;
};

struct Outcome {
  std::optional<Fault> fault;
  Counters counters;
};

// Why a launch is refused before anything runs: block, grid, shared memory or parameters.
std::optional<Fault> refuseLaunch(const Kernel &kernel, std::array<uint32_t, 3> grid,
                                  std::array<uint32_t, 3> block, uint32_t sharedBytes,
                                  std::span<const uint8_t> parameters);

// `parameters` is the parameter block as the kernel declares it, padding included; `sharedBytes`
// is the dynamic shared memory. Example:
//   Module module = ...; GlobalMemory memory; uint64_t x = memory.allocate(1024);
//   launch(*module.kernel("norm"), memory, {8, 1, 1}, {96, 1, 1}, 0, bytesOf(x))
Outcome launch(const Kernel &kernel, GlobalMemory &memory, std::array<uint32_t, 3> grid,
               std::array<uint32_t, 3> block, uint32_t sharedBytes,
               std::span<const uint8_t> parameters, const Options &options = {});

// Most shared bytes a CTA of the emulated device can have, static and dynamic together.
inline constexpr uint32_t MaxSharedBytes = 232448;

} // namespace emulator

#endif
