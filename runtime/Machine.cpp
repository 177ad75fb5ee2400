// Machine: reads what Linux says about processors and memory.
// Everything is optional: what the system does not say is left out.
#include "lnx/machine.h"
#include "Block.h"
#include "device/cpu/MicroKernel.h"
#include "device/cpu/Pool.h"

#include <unistd.h>

#include <fstream>
#include <string_view>

using namespace lnx;

static std::string cpuName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name"))
      if (const size_t colon = line.find(": "); colon != std::string::npos)
        return line.substr(colon + 2);
  return "unknown";
}

// "200000 100000": microseconds of each period; "max 100000" where there is no limit.
static std::optional<double> cpuQuota() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  double share = 0, period = 0;
  if (file >> share >> period && period > 0)
    return share / period;
  return std::nullopt;
}

Machine lnx::describeMachine() {
  const auto pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  return {cpuName(),
          findMicroKernel(nullptr)->name,
          static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)),
          Pool::threadCount(0),
          cpuQuota(),
          static_cast<size_t>(pages) * static_cast<size_t>(page),
          availableMemory()};
}
