// Device code at the shapes of GPT-2 124M: it loads, so it consists of instructions that the
// emulator knows, without local memory and calls; where there is ptxas, that accepts it too.
#include "test/e2e/Harness.h"

#include "emulator/driver/Assembler.h"
#include "runtime/device/Device.h"

#include <gtest/gtest.h>

using namespace lnx;
using namespace lnx::e2e;

namespace {
using mlir::lnx::Precision;

class DeviceCode : public testing::TestWithParam<const char *> {
protected:
  void load(Precision precision);
};
} // namespace

// The modules of these tests, and of all that run kernels in the emulator, were assembled by ptxas
// before they ran, or this says that they were not.
TEST(Ptxas, AcceptsWhatTheseTestsRun) {
  emulator::Assembler assembler;
  if (assembler.path().empty())
    GTEST_SKIP() << "no ptxas in PATH or /usr/local/cuda/bin: nothing was assembled";
}

void DeviceCode::load(Precision precision) {
  Model model(gpt2(GetParam(), "width = 768, heads = 12, depth = 12"));
  mlir::OwningOpRef<mlir::ModuleOp> module = model.at(mlir::lnx::Level::spec);
  auto compiled = mlir::lnx::compileToMemory(*module, {.target = "cuda", .precision = precision});
  ASSERT_TRUE(mlir::succeeded(compiled));
  Result<std::unique_ptr<Device>> device = createCudaDevice(*compiled->program);
  ASSERT_TRUE(device) << device.error().message;
}

TEST_P(DeviceCode, LoadsAtTheShapesOfGpt2) { load(Precision::f32); }
TEST_P(DeviceCode, LoadsWithRowsInBf16) { load(Precision::bf16); }

INSTANTIATE_TEST_SUITE_P(Prelude, DeviceCode,
                         testing::Values("pre_ln", "post_ln", "peri_ln", "no_ln", "sandwich",
                                         "deepnorm", "rezero", "layerscale", "parallel", "mix_ln",
                                         "ln_scaling"),
                         [](const auto &info) { return std::string(info.param); });
