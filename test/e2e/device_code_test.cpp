// Device code at the shapes of GPT-2 and at wide ones: it loads, so it consists of instructions
// that the emulator knows, without local memory and calls; where there is ptxas, that accepts it
// too.
#include "test/e2e/Harness.h"

#include "emulator/driver/Assembler.h"
#include "runtime/device/Device.h"

#include <gtest/gtest.h>

using namespace lnx;
using namespace lnx::e2e;

namespace {
using mlir::lnx::Precision;

struct Shape {
  const char *name, *model;
};
void PrintTo(const Shape &shape, std::ostream *os) { *os << shape.model; }

class DeviceCode : public testing::TestWithParam<Shape> {
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
  Model model(std::string("model m = ") + GetParam().model + "\n");
  mlir::OwningOpRef<mlir::ModuleOp> module = model.at(mlir::lnx::Level::spec);
  auto compiled = mlir::lnx::compileToMemory(*module, {.target = "cuda", .precision = precision});
  ASSERT_TRUE(mlir::succeeded(compiled));
  Result<std::unique_ptr<Device>> device = createCudaDevice(*compiled->program);
  ASSERT_TRUE(device) << device.error().message;
}

TEST_P(DeviceCode, Loads) { load(Precision::f32); }
TEST_P(DeviceCode, LoadsWithRowsInBf16) { load(Precision::bf16); }

INSTANTIATE_TEST_SUITE_P(Gpt2, DeviceCode,
                         testing::Values(Shape{"pre_ln", "gpt2(block = pre_ln)"},
                                         Shape{"post_ln", "gpt2(block = post_ln)"},
                                         Shape{"peri_ln", "gpt2(block = peri_ln)"},
                                         Shape{"no_ln", "gpt2(block = no_ln)"},
                                         Shape{"sandwich", "gpt2(block = sandwich)"},
                                         Shape{"deepnorm", "gpt2(block = deepnorm)"},
                                         Shape{"rezero", "gpt2(block = rezero)"},
                                         Shape{"layerscale", "gpt2(block = layerscale)"},
                                         Shape{"parallel", "gpt2(block = parallel)"},
                                         Shape{"mix_ln", "gpt2(block = mix_ln)"},
                                         Shape{"ln_scaling", "gpt2(block = ln_scaling)"}),
                         [](const auto &info) { return std::string(info.param.name); });

// Rows that are more than a team keeps in registers: sums go to the block's memory, or the row is
// read again. The backward of Peri-LN spills from 4096 on.
INSTANTIATE_TEST_SUITE_P(
    Wide, DeviceCode,
    testing::Values(Shape{"large", "gpt2_large(block = peri_ln)"},
                    Shape{"xl", "gpt2_xl(block = peri_ln)"},
                    Shape{"mix_2048", "gpt2(block = mix_ln, width = 2048, heads = 16)"},
                    Shape{"deepnorm_3072", "gpt2(block = deepnorm, width = 3072, heads = 24)"}),
    [](const auto &info) { return std::string(info.param.name); });
