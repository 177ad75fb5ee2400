// What a session on device cuda says when the driver, the GPU or cuBLASLt is not what it needs, and
// that it reserves what it planned. The driver is stub_cuda.c over the emulator; since it is opened
// once, each case has a process of its own.
#include "lnx/plan.h"

#include <gtest/gtest.h>

#include <dlfcn.h>

#include <cstdlib>

using namespace lnx;

namespace {

// No kernels: nothing runs.
const char *noKernels = ".version 8.3\n.target sm_90a\n.address_size 64\n";

void nothing(const lnx_call *) {}

lnx_program program() {
  lnx_program code{};
  code.abi_version = LNX_ABI_VERSION;
  code.state_floats = code.decay_floats = 1024;
  code.entries[LNX_ENTRY_GRAD] = nothing;
  code.scratch_bytes_per_row[LNX_ENTRY_GRAD] = 24;
  code.scratch_fixed_bytes[LNX_ENTRY_GRAD] = 100;
  code.vocabulary = 50;
  code.name = "tiny";
  code.device_code = noKernels;
  return code;
}

const SessionOptions onCuda = {.device = "cuda", .batch = 4, .time = 5, .threads = 1};

Result<Session> makeSession(const SessionOptions &options = onCuda) {
  static const lnx_program code = program();
  return Session::create(Program::fromMemory(&code, nullptr), options);
}

// Says what creating a session says and exits with its code.
[[noreturn]] void create(const char *stub, const char *memory) {
  setenv("STUB_CUDA", stub, 1);
  setenv("LNX_EMULATOR_MEMORY", memory, 1);
  Result<Session> session = makeSession();
  if (!session)
    std::fprintf(stderr, "%s\n", session.error().message.c_str());
  std::exit(session ? 0 : static_cast<int>(session.error().exit));
}

struct Case {
  const char *stub, *says, *helps;
};

class Device : public testing::TestWithParam<Case> {};

} // namespace

TEST_P(Device, SaysWhatIsWrong) {
  const auto &[stub, says, helps] = GetParam();
  EXPECT_EXIT(create(stub, "0x100000000"), testing::ExitedWithCode(7),
              std::string(says) + "[^\n]*\n(note: .*\n)?help: .*" + helps);
}

// The numbers are those of cuda.h and cublas_api.h.
INSTANTIATE_TEST_SUITE_P(
    All, Device,
    testing::Values(
        Case{"cuInit=34", "libcuda.so.1' is the CUDA toolkit's stub for linking, no driver",
             "LD_LIBRARY_PATH"},
        Case{"cuInit=100", "the CUDA driver sees no GPU", "nvidia-smi -L"},
        Case{"cuInit=802", "cannot start the driver: .*SYSTEM_NOT_READY", "fabricmanager"},
        Case{"cuInit=803", "cannot start the driver: .*DRIVER_MISMATCH", "restart the machine"},
        Case{"cuInit=999", "cannot start the driver: .*ERROR_UNKNOWN", "nvidia-modprobe"},
        Case{"cuDriverGetVersion=12020",
             "the CUDA driver is of version 12.2, the kernels need 12.3", "driver 545"},
        Case{"cuDeviceGetCount=0", "the CUDA driver sees no GPU", "nvidia-smi -L"},
        Case{"capability=80", "has compute capability 8.0, the kernels are for 9.0", "H100"},
        Case{"capability=100", "has compute capability 10.0, the kernels are for 9.0", "H100"},
        Case{"cuDevicePrimaryCtxRetain=46", "cuda: cannot use '.*DEVICE_UNAVAILABLE",
             "another process"},
        Case{
            "cuDriverGetVersion=12080",
            "no cuBLASLt of CUDA 12: 'libcublasLt.so.13' needs a driver of CUDA 13, this one is of "
            "12.8; .*libcublasLt.so.12: file too short",
            "libcublas"},
        Case{"cublasLtGetVersion=110500", "libcublasLt.so.13' is cuBLASLt 11.5.0, its name says 13",
             "libcublas"},
        Case{"cublasLtCreate=1", "cuda: cuBLASLt cannot start: .*NOT_INITIALIZED", "lnx doctor"},
        Case{"cuModuleLoadDataEx=218",
             "cuda: cannot load the kernels of 'tiny': .*INVALID_PTX.*\n"
             "note: the driver's compiler says: ptxas fatal: planted by the test",
             "lnx doctor"},
        Case{"cuMemAlloc_v2=2", "has no room for the matrix products: 32.0 MiB are needed",
             "nvidia-smi"}),
    [](const auto &info) {
      std::string name;
      for (const char *at = info.param.stub; *at; ++at)
        name += std::isalnum(static_cast<unsigned char>(*at)) ? *at : '_';
      return name;
    });

TEST(DeviceSession, WorksWhereNothingFails) {
  EXPECT_EXIT(create("", "0x100000000"), testing::ExitedWithCode(0), "");
}

// 32 MiB of workspace, 4 arenas of 4 KiB, 24 bytes of scratch for each of 32 rows and 100 more, 200
// of results, 64 of arguments, 128 each of tokens and targets.
constexpr size_t planned = (32u << 20) + 4 * 4096 + 32 * 24 + 100 + 200 + 64 + 2 * 128;

TEST(DeviceSession, SaysWhatWouldFit) {
  EXPECT_EXIT(create("", std::to_string(planned).c_str()), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(create("", std::to_string(planned - 1).c_str()), testing::ExitedWithCode(7),
              "batch 4 of time 5 needs 32.0 MiB of memory .*, 32.0 MiB are available on "
              "'lnx PTX emulator.*'\nhelp: a micro-batch of 3 of time 5 fits");
  EXPECT_EXIT(create("", std::to_string((32u << 20) + 4000).c_str()), testing::ExitedWithCode(7),
              "help: not even one sequence of time 5 fits");
}

// What the driver says is taken, against the plan.
[[noreturn]] static void compareWithPlan() {
  setenv("STUB_CUDA", "", 1);
  Result<Session> session = makeSession();
  auto info = reinterpret_cast<int (*)(size_t *, size_t *)>(
      dlsym(dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL), "cuMemGetInfo_v2"));
  size_t available = 0, total = 0;
  info(&available, &total);
  const lnx_program code = program();
  const size_t wanted = planMemory(code, onCuda)->total();
  std::fprintf(stderr, "%zu reserved, %zu planned", total - available, wanted);
  std::exit(session && wanted == planned && total - available == wanted ? 0 : 1);
}

TEST(DeviceSession, ReservesWhatWasPlanned) {
  EXPECT_EXIT(compareWithPlan(), testing::ExitedWithCode(0), "");
}

TEST(Plan, CountsEachClassAndFindsTheLargestBatch) {
  lnx_program code = program();
  code.device_code = nullptr;
  SessionOptions options = {.device = "cpu", .batch = 2, .time = 5, .threads = 2};
  Result<MemoryPlan> plan = planMemory(code, options);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->parameters, 4096u);
  EXPECT_EQ(plan->gradients, 4096u);
  EXPECT_EQ(plan->optimizer, 8192u);
  EXPECT_EQ(plan->scratchRows, 16u * 24);
  EXPECT_EQ(plan->scratchFixed, 100u);
  EXPECT_EQ(plan->results, 200u);
  EXPECT_EQ(plan->inputs, 0u);
  EXPECT_EQ(plan->host, 0u);
  // Rows are reserved in groups of 16: 48 of them hold nine sequences of five.
  const size_t others = plan->total() - plan->scratchRows;
  EXPECT_EQ(largestBatch(code, options, others + 48 * 24), 9);
  EXPECT_EQ(largestBatch(code, options, others + 48 * 24 - 1), 6);
  EXPECT_EQ(largestBatch(code, options, others), 0);
  options.batch = int64_t{1} << 60;
  EXPECT_EQ(planMemory(code, options).error().exit, Exit::io);
  options.device = "tpu";
  EXPECT_EQ(planMemory(code, options).error().message,
            "there is no device 'tpu', only 'cpu' and 'cuda'");
}
