// Every primitive through the whole compiler equals evaluate, for each target and precision.
// One entry point per sample: operands come from parameters, results go to gradients.
#include "../compiler/PlainRuntime.h"
#include "SampleProgram.h"
#include "compiler/Compiler.h"
#include "mlir/Parser/Parser.h"
#include "runtime/device/Device.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::lnx;
using namespace lnxtest;

namespace {
struct Way {
  const char *name;
  bool reference;
  const char *target;
  Precision precision;
  /// Of f32 results, beside the largest expected one.
  double tolerance;
};
std::ostream &operator<<(std::ostream &os, const Way &way) { return os << way.name; }

class Jit : public testing::TestWithParam<std::tuple<Sample, Way>> {
protected:
  static void SetUpTestSuite() {
    DialectRegistry registry;
    registerAll(registry);
    context = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
    context->loadAllAvailableDialects();
  }
  static void TearDownTestSuite() { context.reset(); }
  static std::unique_ptr<MLIRContext> context;
};
std::unique_ptr<MLIRContext> Jit::context;

} // namespace

//===-- running it ---------------------------------------------------------------===//

namespace {
/// The memory of one call.
class Machine {
public:
  explicit Machine(const lnx_program &program)
      : program(program), state(4 * program.state_floats),
        scratch(program.scratch_bytes_per_row[LNX_ENTRY_GRAD] * 16 +
                    program.scratch_fixed_bytes[LNX_ENTRY_GRAD] + 64,
                char(0x7f)) {}
  /// The place of a parameter in an arena; null when the program has no such parameter.
  float *find(const std::string &name, int64_t arena) {
    for (int32_t i = 0; i < program.parameter_count; ++i)
      if (name == program.parameters[i].name)
        return state.data() + arena * program.state_floats + program.parameters[i].offset;
    return nullptr;
  }
  void call(const SampleProgram &sample) {
    if (program.device_code)
      return callOnDevice(sample);
    lnx_runtime runtime = ::lnx::test::plainRuntime();
    std::vector<float> arguments(LNX_ARGUMENT_COUNT, 1), results(8);
    auto aligned = (reinterpret_cast<uintptr_t>(scratch.data()) + 63) / 64 * 64;
    lnx_call call = {&runtime,
                     state.data(),
                     reinterpret_cast<void *>(aligned),
                     sample.tokens.data(),
                     sample.targets.data(),
                     sampleBatch.batch,
                     sampleBatch.time,
                     arguments.data(),
                     results.data()};
    program.entries[LNX_ENTRY_GRAD](&call);
  }

private:
  /// All memory is the device's; the state travels there and back.
  void callOnDevice(const SampleProgram &sample) {
    ::lnx::Result<std::unique_ptr<::lnx::Device>> made = ::lnx::createCudaDevice(program);
    ASSERT_TRUE(made) << made.error().message;
    ::lnx::Device &device = **made;
    std::vector<float> arguments(LNX_ARGUMENT_COUNT, 1);
    // Nobody has written the scratch: whoever reads it before he wrote it is found.
    auto reserve = [&](size_t bytes, const char *what) -> void * {
      ::lnx::Result<void *> place = device.reserve(bytes, what, ::lnx::Content::anything);
      EXPECT_TRUE(place) << what;
      return place ? *place : nullptr;
    };
    auto give = [&](const auto &values, const char *what) -> void * {
      size_t bytes = values.size() * sizeof(values[0]);
      void *place = reserve(bytes, what);
      EXPECT_FALSE(device.upload(place, values.data(), bytes)) << what;
      return place;
    };
    void *deviceState = give(state, "state");
    lnx_call call = {&device.calls(),
                     deviceState,
                     reserve(scratch.size(), "scratch"),
                     static_cast<int32_t *>(give(sample.tokens, "tokens")),
                     static_cast<int32_t *>(give(sample.targets, "targets")),
                     sampleBatch.batch,
                     sampleBatch.time,
                     static_cast<float *>(give(arguments, "arguments")),
                     static_cast<float *>(give(std::vector<float>(8), "results"))};
    auto error = device.run(program.entries[LNX_ENTRY_GRAD], call);
    ASSERT_FALSE(error) << error->message;
    ASSERT_FALSE(device.download(state.data(), deviceState, state.size() * sizeof(float)));
  }

  const lnx_program &program;
  std::vector<float> state;
  std::vector<char> scratch;
};
} // namespace

// What the double evaluator makes of the program at level fused, where rounding is in it.
static std::vector<SampleProgram::Result>
evaluateFused(ModuleOp program, const CompileOptions &options, const SampleProgram &sample) {
  OwningOpRef<ModuleOp> module(program.clone());
  EXPECT_TRUE(succeeded(lowerTo(*module, Level::fused, options)));
  Environment environment;
  environment.batch = sampleBatch;
  environment.arguments.assign(LNX_ARGUMENT_COUNT, 1);
  for (auto parameter : module->getOps<ParameterOp>()) {
    std::string name = parameter.getSymName().str();
    Array table(RepeatOp::getStackedType(parameter.getType(), parameter.getLayers()).getShape());
    if (auto known = sample.parameters.find(name); known != sample.parameters.end())
      table.data.assign(known->second.begin(), known->second.end());
    environment.parameters[name] = std::move(table);
  }
  auto ids = [](ArrayRef<int32_t> values) {
    Array array(ArrayRef<int64_t>{static_cast<int64_t>(values.size())});
    array.data.assign(values.begin(), values.end());
    return array;
  };
  auto entry = module->lookupSymbol<func::FuncOp>("grad");
  SmallVector<Array> arguments = {ids(sample.tokens), ids(sample.targets)};
  EXPECT_TRUE(succeeded(evaluateFunction(entry, arguments, environment)));
  std::vector<SampleProgram::Result> results = sample.results;
  for (SampleProgram::Result &result : results)
    result.values = environment.gradients[result.name].data;
  return results;
}

/// Beside the largest size of a result.
static double toleranceOf(const Way &way, PrimitiveOpInterface op) {
  // A product inside of a library call is rounded by kernels that the evaluator knows nothing of,
  // and the CPU's attention here takes its softmax from rounded rows instead of the lse it is
  // given.
  OpClass kind = op.getOpClass();
  bool roundsInside = (kind == OpClass::Library && op.getFlops().perRow != 0) ||
                      (kind == OpClass::Mixing && StringRef(way.target) == "cpu");
  return way.precision == Precision::bf16 && roundsInside ? 0x1p-6 : way.tolerance;
}

TEST_P(Jit, EqualsEvaluate) {
  const auto &[sample, way] = GetParam();
  ASSERT_FALSE(sample.line.empty());
  ParsedSample parsed = parseSample(*context, sample);
  ASSERT_TRUE(parsed.op);
  SampleProgram program(parsed.op, sample.line);
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(program.text, context.get());
  ASSERT_TRUE(module) << program.text;
  CompileOptions options;
  options.reference = way.reference;
  options.target = way.target;
  options.precision = way.precision;
  options.optLevel = 1;
  std::vector<SampleProgram::Result> results =
      way.precision == Precision::f32 ? program.results : evaluateFused(*module, options, program);
  FailureOr<MemoryProgram> compiled = compileToMemory(*module, options);
  ASSERT_TRUE(succeeded(compiled)) << program.text;
  Machine run(*compiled->program);

  for (const auto &[name, values] : program.parameters)
    if (float *place = run.find(name, 0))
      std::copy(values.begin(), values.end(), place);
  run.call(program);

  for (const SampleProgram::Result &expected : results) {
    const float *actual = run.find(expected.name, 1);
    ASSERT_TRUE(actual) << expected.name;
    for (size_t i = 0; i < expected.values.size(); ++i)
      EXPECT_NEAR(actual[i], expected.values[i], toleranceOf(way, parsed.op) * expected.scale)
          << expected.name << "[" << i << "]";
  }
}

// f32 with polynomials of exp and tanh is right to a few units in the last place; the GPU's own
// approximations of them and of quotients are off by 2^-22, and sums of a hundred terms add up.
// With rows in bf16 the evaluator rounds as the program does, so the tolerance is the same: no
// number of these samples is so nearly tied between two bf16 numbers that this decides it.
INSTANTIATE_TEST_SUITE_P(
    Primitives, Jit,
    testing::Combine(testing::ValuesIn(findSamples()),
                     testing::Values(Way{"cpu", false, "cpu", Precision::f32, 1e-5},
                                     Way{"reference", true, "cpu", Precision::f32, 1e-5},
                                     Way{"cpu_rounded", false, "cpu", Precision::bf16, 1e-5},
                                     Way{"cuda", false, "cuda", Precision::f32, 1e-4},
                                     Way{"cuda_rounded", false, "cuda", Precision::bf16, 1e-4})),
    [](const auto &info) {
      return std::get<1>(info.param).name + std::string("_") + std::to_string(info.index);
    });
