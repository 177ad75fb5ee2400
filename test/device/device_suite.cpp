// device-suite: what a GPU shows in its first minutes, from a folder that device-bundle has made.
//   device-suite FOLDER [--short] [--self-test]
// Needs the driver and cuBLASLt. Prints Markdown; exit 0 when everything agrees.
#include "test/device/Suite.h"

#include <cstdio>
#include <cstring>
#include <ctime>
#include <fmt/format.h>

using namespace lnx;
using namespace lnx::suite;

namespace {

/// The first line says what everything was measured on.
bool printDevice() {
  lnx_program program{};
  program.device_code = ".version 8.3\n.target sm_90a\n.address_size 64\n";
  Result<std::unique_ptr<cuda::Cuda>> made = cuda::Cuda::create(program);
  if (!made) {
    std::fprintf(stderr, "device-suite: %s\n", made.error().message.c_str());
    return false;
  }
  int version = 0;
  if (Result<const cuda::Driver *> driver = cuda::Driver::open())
    (*driver)->driverGetVersion(&version);
  char day[16] = "";
  const std::time_t now = std::time(nullptr);
  std::strftime(day, sizeof day, "%Y-%m-%d", std::gmtime(&now));
  fmt::print("# {}, CUDA driver {}.{}, cuBLASLt {}, {}\n\n", (*made)->name(), version / 1000,
             version % 1000 / 10, (*made)->products().version(), day);
  return true;
}

int runAll(const Bundle &bundle, const Options &options) {
  int wrong = compareCases(bundle, options) + compareTrainings(bundle, options);
  std::fflush(stdout);
  wrong += listProducts();
  const double bandwidth = copyBandwidth(options);
  for (const Entry<Timing> &timing : bundle.timings) {
    std::fflush(stdout);
    wrong += profileStep(timing, bandwidth, options);
  }
  return wrong + timeSteps(bundle, options);
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  const char *folder = nullptr;
  for (int i = 1; i < argc; ++i)
    if (std::strcmp(argv[i], "--short") == 0)
      options.isShort = true;
    else if (std::strcmp(argv[i], "--self-test") == 0)
      options.isSelfTest = true;
    else if (!folder && argv[i][0] != '-')
      folder = argv[i];
    else
      folder = nullptr, i = argc;
  if (!folder) {
    std::fprintf(stderr, "usage: device-suite FOLDER [--short] [--self-test]\n");
    return static_cast<int>(Exit::usage);
  }
  std::string problem;
  const std::optional<Bundle> bundle = readBundle(folder, problem);
  if (!bundle) {
    std::fprintf(stderr, "device-suite: %s\n", problem.c_str());
    return static_cast<int>(Exit::input);
  }
  if (!printDevice())
    return static_cast<int>(Exit::device);
  if (options.isSelfTest) {
    const auto expected = static_cast<int>(bundle->cases.size() + bundle->trainings.size());
    const int found = compareCases(*bundle, options) + compareTrainings(*bundle, options);
    fmt::print("{} of {} moved expectations were found.\n", found, expected);
    return found == expected ? 0 : 1;
  }
  const int wrong = runAll(*bundle, options);
  fmt::print("{}\n", wrong ? fmt::format("**{} things are wrong.**", wrong) : "Everything agrees.");
  return wrong ? 1 : 0;
}
