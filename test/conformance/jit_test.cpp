// Every primitive through the whole compiler equals evaluate, for each target.
// One entry point per sample: operands come from parameters, results go to gradients.
#include "../compiler/PlainRuntime.h"
#include "Samples.h"
#include "compiler/Compiler.h"
#include "mlir/Parser/Parser.h"
#include "runtime/device/Device.h"
#include "llvm/Support/FormatVariadic.h"
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

constexpr Batch batch{2, 3};
} // namespace

//===-- a program around one op ------------------------------------------------===//

static std::string typeText(ArrayRef<int64_t> shape) {
  std::string text = "tensor<";
  for (int64_t size : shape)
    text += std::to_string(size) + "x";
  return text + "f32>";
}

static std::string printed(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

static bool isIds(Type type) { return getElementTypeOrSelf(type).isInteger(); }

// lnx.parameter @name and its value %name: rows are looked up by the tokens, which are all
// different.
static void addOperand(std::string &table, std::string &body, unsigned index, Type type) {
  std::string shape = typeText(Array::shapeOf(type, batch));
  const char *parameter =
      "lnx.parameter @a{0} \"a{0}\" layers 1 from 0 <const, [0.0], [0.0]> : {1}\n";
  table += llvm::formatv(parameter, index, shape);
  std::string get = llvm::formatv("= lnx.get @a{0} : {1}\n", index, shape);
  if (!hasRows(type)) {
    body += llvm::formatv("%a{0} {1}", index, get);
    return;
  }
  body += llvm::formatv("%t{0} {1}", index, get);
  body += llvm::formatv("%a{0} = lnx.gather %t{0}, %tokens : {1}, tensor<?xi32>\n", index, shape);
}

// Adds a result to the gradient of @r<index>: row by row where it has rows.
static void addResult(std::string &table, std::string &body, unsigned index, Type type) {
  std::string shape = typeText(Array::shapeOf(type, batch)), value = llvm::formatv("%r#{0}", index);
  const char *parameter =
      "lnx.parameter @r{0} \"r{0}\" layers 1 from 0 <const, [0.0], [0.0]> : {1}\n";
  table += llvm::formatv(parameter, index, shape);
  if (hasRows(type)) {
    const char *scatter = "%s{0} = lnx.scatter_rows {1}, %tokens {{count = {2} : i64} : {3}, "
                          "tensor<?xi32>\n";
    body += llvm::formatv(scatter, index, value, batch.rows(), printed(type));
    value = llvm::formatv("%s{0}", index);
  }
  body += llvm::formatv("lnx.accumulate @r{0}, {1} : {2}\n", index, value, shape);
}

// Ids cannot be accumulated; they look up a table whose row i holds i.
static void addIdResult(std::string &table, std::string &body) {
  table +=
      "lnx.parameter @count \"count\" layers 1 from 0 <const, [0.0], [0.0]> : tensor<6x1xf32>\n"
      "lnx.parameter @r0 \"r0\" layers 1 from 0 <const, [0.0], [0.0]> : tensor<6x1xf32>\n";
  body +=
      "%count = lnx.get @count : tensor<6x1xf32>\n"
      "%rows = lnx.gather %count, %r#0 : tensor<6x1xf32>, tensor<?xi32>\n"
      "%s = lnx.scatter_rows %rows, %tokens {count = 6 : i64} : tensor<?x1xf32>, tensor<?xi32>\n"
      "lnx.accumulate @r0, %s : tensor<6x1xf32>\n";
}

static std::string programOf(PrimitiveOpInterface op, StringRef line) {
  std::string table, body;
  std::string renamed = line.str();
  for (unsigned index = op->getNumOperands(); index-- > 0;) {
    Type type = op->getOperand(index).getType();
    std::string name = isIds(type) ? "%targets" : "%a" + std::to_string(index);
    if (!isIds(type))
      addOperand(table, body, index, type);
    std::string old = "%" + std::to_string(index);
    for (size_t at = 0; (at = renamed.find(old, at)) != std::string::npos; at += name.size())
      renamed.replace(at, old.size(), name);
  }
  body += llvm::formatv("%r:{0} = {1}\n", op->getNumResults(), renamed);
  for (auto [index, type] : llvm::enumerate(op->getResultTypes()))
    if (isIds(type))
      addIdResult(table, body);
    else
      addResult(table, body, index, type);
  return llvm::formatv(R"(module attributes {{lnx.name = "sample", lnx.vocabulary = 8 : i64} {{
    {0}
    func.func @grad(%tokens: tensor<?xi32>, %targets: tensor<?xi32>) -> tensor<f32>
        attributes {{lnx.entry} {{
      {1}
      %zero = lnx.constant 0.0
      return %zero : tensor<f32>
    }
  })",
                       table, body);
}

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
  void call(std::vector<int32_t> targets) {
    if (program.device_code)
      return callOnDevice(std::move(targets));
    lnx_runtime runtime = ::lnx::test::plainRuntime();
    std::vector<float> arguments(LNX_ARGUMENT_COUNT, 1), results(8);
    auto aligned = (reinterpret_cast<uintptr_t>(scratch.data()) + 63) / 64 * 64;
    lnx_call call = {&runtime,      state.data(),     reinterpret_cast<void *>(aligned),
                     tokens.data(), targets.data(),   batch.batch,
                     batch.time,    arguments.data(), results.data()};
    program.entries[LNX_ENTRY_GRAD](&call);
  }

private:
  /// All memory is the device's; the state travels there and back.
  void callOnDevice(std::vector<int32_t> targets) {
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
                     static_cast<int32_t *>(give(tokens, "tokens")),
                     static_cast<int32_t *>(give(targets, "targets")),
                     batch.batch,
                     batch.time,
                     static_cast<float *>(give(arguments, "arguments")),
                     static_cast<float *>(give(std::vector<float>(8), "results"))};
    auto error = device.run(program.entries[LNX_ENTRY_GRAD], call);
    ASSERT_FALSE(error) << error->message;
    ASSERT_FALSE(device.download(state.data(), deviceState, state.size() * sizeof(float)));
  }

  const lnx_program &program;
  std::vector<int32_t> tokens = {3, 1, 5, 0, 2, 4};
  std::vector<float> state;
  std::vector<char> scratch;
};
} // namespace

// Row r of a value is row tokens[r] of its table.
static int64_t tableRow(int64_t row) { return std::array{3, 1, 5, 0, 2, 4}[row]; }

static void copyRows(const Array &array, Type type, float *table, bool toTable,
                     std::vector<double> *out = nullptr) {
  int64_t rows = hasRows(type) ? batch.rows() : 1, width = array.size() / rows;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = 0; i < width; ++i) {
      float &place = table[(hasRows(type) ? tableRow(row) : 0) * width + i];
      if (toTable)
        place = static_cast<float>(array.data[row * width + i]);
      else
        out->push_back(place);
    }
}

TEST_P(Jit, EqualsEvaluate) {
  const auto &[sample, way] = GetParam();
  ASSERT_FALSE(sample.line.empty());
  ParsedSample parsed = parseSample(*context, sample);
  ASSERT_TRUE(parsed.op);
  std::string text = programOf(parsed.op, sample.line);
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, context.get());
  ASSERT_TRUE(module) << text;
  CompileOptions options;
  options.reference = way.reference;
  options.target = way.target;
  options.optLevel = 1;
  FailureOr<MemoryProgram> compiled = compileToMemory(*module, options);
  ASSERT_TRUE(succeeded(compiled)) << text;
  Machine run(*compiled->program);

  SmallVector<Array> operands = drawOperands(parsed.op, batch, 5);
  std::vector<int32_t> targets(batch.rows());
  for (auto [index, operand] : llvm::enumerate(operands)) {
    Type type = parsed.op->getOperand(index).getType();
    if (isIds(type))
      targets.assign(operand.data.begin(), operand.data.end());
    else
      copyRows(operand, type, run.find("a" + std::to_string(index), 0), /*toTable=*/true);
  }
  if (float *count = run.find("count", 0))
    for (int i = 0; i < 6; ++i)
      count[i] = static_cast<float>(i);
  run.call(targets);

  for (auto [index, expected] : llvm::enumerate(parsed.op.evaluate(operands, batch))) {
    std::vector<double> actual;
    copyRows(expected, parsed.op->getResult(index).getType(),
             run.find("r" + std::to_string(index), 1), /*toTable=*/false, &actual);
    double scale = 1;
    for (double value : expected.data)
      scale = std::max(scale, std::abs(value));
    for (int64_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(actual[i], expected.data[i], way.tolerance * scale)
          << "result " << index << "[" << i << "]";
  }
}

// f32 with polynomials of exp and tanh is right to a few units in the last place; the GPU's own
// approximations of them and of quotients are off by 2^-22, and sums of a hundred terms add up.
INSTANTIATE_TEST_SUITE_P(Primitives, Jit,
                         testing::Combine(testing::ValuesIn(findSamples()),
                                          testing::Values(Way{"cpu", false, "cpu", 1e-5},
                                                          Way{"reference", true, "cpu", 1e-5},
                                                          Way{"cuda", false, "cuda", 1e-4})),
                         [](const auto &info) {
                           return std::get<1>(info.param).name + std::string("_") +
                                  std::to_string(info.index);
                         });
