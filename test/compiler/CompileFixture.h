// CompileFixture: runs the entries of a module compiled and evaluated, and compares everything they
// write. Programs run on PlainRuntime, so these tests need nothing of the runtime.
#ifndef LNX_TEST_COMPILER_COMPILEFIXTURE_H
#define LNX_TEST_COMPILER_COMPILEFIXTURE_H

#include "PlainRuntime.h"
#include "compiler/Compiler.h"
#include "dialect/LnxDialect.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"

#include <gtest/gtest.h>
#include <random>

namespace lnx::test {

using namespace mlir;
using namespace mlir::lnx;

/// What one call works on. Parameters are random, gradients start at 0.25 to see accumulation.
struct Memory {
  std::vector<float> state;
  std::vector<char> scratch;
  std::vector<int32_t> tokens, targets;
  std::vector<float> arguments = {0.5f, 0.1f, 0.01f, 0.9f, 0.9f, 0.95f, 1e-8f, 1.5f, 1.25f};
  std::vector<float> results;

  Memory(const lnx_program &program, int entry, int64_t rows, int32_t ids)
      : state(4 * program.state_floats),
        scratch(program.scratch_bytes_per_row[entry] * ((rows + 15) / 16 * 16) +
                program.scratch_fixed_bytes[entry] + 64),
        tokens(rows), targets(rows),
        results(std::max(program.vocabulary, 1 + program.observations)) {
    std::mt19937 random(7);
    std::uniform_real_distribution<float> value(-1, 1);
    for (int64_t i = 0; i < program.state_floats; ++i) {
      state[i] = value(random);
      state[program.state_floats + i] = 0.25f;
      state[2 * program.state_floats + i] = value(random);
      state[3 * program.state_floats + i] = 0.5f + 0.25f * value(random);
    }
    for (int64_t i = 0; i < rows; ++i) {
      tokens[i] = static_cast<int32_t>(random() % ids);
      targets[i] = static_cast<int32_t>(random() % ids);
    }
    std::fill(scratch.begin(), scratch.end(), char(0x7f)); // a huge float: reads of junk show
  }
};

inline Array toArray(ArrayRef<int64_t> shape, const float *data) {
  Array array(shape);
  std::copy_n(data, array.data.size(), array.data.begin());
  return array;
}

class CompileTest : public testing::Test {
protected:
  CompileTest() : context(makeRegistry(), MLIRContext::Threading::DISABLED) {
    context.loadAllAvailableDialects();
  }
  static DialectRegistry makeRegistry() {
    DialectRegistry registry;
    registerAll(registry);
    return registry;
  }
  OwningOpRef<ModuleOp> parse(const std::string &text) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module) << text;
    return module;
  }

  void expectClose(ArrayRef<double> expected, const float *got, const std::string &what) {
    double scale = 1e-3;
    for (double value : expected)
      scale = std::max(scale, std::abs(value));
    for (size_t i = 0; i < expected.size(); ++i)
      // f32 against double over at most a few thousand terms.
      ASSERT_NEAR(expected[i], got[i], tolerance * scale) << what << " [" << i << "]";
  }

  /// Runs `entry` of `text` compiled and evaluated and compares results, gradients and state.
  void check(const std::string &text, StringRef entry, int64_t batch, int64_t time, int32_t ids) {
    OwningOpRef<ModuleOp> source = parse(text), module = parse(text);
    ASSERT_TRUE(succeeded(lowerTo(*source, Level::grad, options)));
    FailureOr<MemoryProgram> compiled = compileToMemory(*module, options);
    ASSERT_TRUE(succeeded(compiled));
    const lnx_program &program = *compiled->program;
    int number = llvm::find(names, entry) - names;
    ASSERT_NE(program.entries[number], nullptr);
    Memory memory(program, number, batch * time, ids);
    Environment environment;
    fill(environment, *source, program, memory, {batch, time});
    auto function = source->lookupSymbol<func::FuncOp>(entry);
    std::vector<Array> inputs = {Array(ArrayRef<int64_t>{batch * time}),
                                 Array(ArrayRef<int64_t>{batch * time})};
    std::copy(memory.tokens.begin(), memory.tokens.end(), inputs[0].data.begin());
    std::copy(memory.targets.begin(), memory.targets.end(), inputs[1].data.begin());
    inputs.resize(function.getNumArguments());
    auto expected = evaluateFunction(function, inputs, environment);
    ASSERT_TRUE(succeeded(expected));

    lnx_runtime runtime = plainRuntime();
    auto aligned = (reinterpret_cast<uintptr_t>(memory.scratch.data()) + 63) / 64 * 64;
    lnx_call call = {&runtime,
                     memory.state.data(),
                     reinterpret_cast<void *>(aligned),
                     memory.tokens.data(),
                     memory.targets.data(),
                     batch,
                     time,
                     memory.arguments.data(),
                     memory.results.data()};
    program.entries[number](&call);

    const float *result = memory.results.data();
    for (const Array &array : *expected) {
      expectClose(array.data, result, "result");
      result += array.data.size();
    }
    compareState(environment, function, program, memory);
  }

  static constexpr llvm::StringLiteral names[] = {"grad",  "eval", "next", "norm",
                                                  "adamw", "adam", "sgd"};
  static constexpr llvm::StringLiteral arenas[] = {"param", "grad", "m", "v"};

  void fill(Environment &environment, ModuleOp module, const lnx_program &program, Memory &memory,
            Batch batch) {
    environment.batch = batch;
    environment.arguments.assign(memory.arguments.begin(), memory.arguments.end());
    int index = 0;
    for (auto parameter : module.getOps<ParameterOp>()) {
      SmallVector<int64_t> shape = {static_cast<int64_t>(parameter.getLayers())};
      llvm::append_range(shape, cast<RankedTensorType>(parameter.getType()).getShape());
      const float *data = memory.state.data() + program.parameters[index++].offset;
      environment.parameters[parameter.getSymName()] = toArray(shape, data);
      environment.gradients[parameter.getSymName()] = toArray(shape, data + program.state_floats);
    }
    for (int arena = 0; arena < 4; ++arena)
      for (int segment = 0; segment < 2; ++segment) {
        int64_t first = segment ? program.decay_floats : 0;
        int64_t size = segment ? program.state_floats - first : program.decay_floats;
        environment.state[(arenas[arena] + Twine(segment)).str()] = toArray(
            {size / 1024, 1024}, memory.state.data() + arena * program.state_floats + first);
      }
  }

  void compareState(Environment &environment, func::FuncOp function, const lnx_program &program,
                    Memory &memory) {
    auto module = function->getParentOfType<ModuleOp>();
    int index = 0;
    for (auto parameter : module.getOps<ParameterOp>()) {
      const float *data = memory.state.data() + program.parameters[index++].offset;
      if (!writesState(function))
        expectClose(environment.gradients[parameter.getSymName()].data, data + program.state_floats,
                    "gradient of " + parameter.getSymName().str());
    }
    if (!writesState(function))
      return;
    for (int arena = 0; arena < 4; ++arena)
      for (int segment = 0; segment < 2; ++segment) {
        std::string name = (arenas[arena] + Twine(segment)).str();
        expectClose(environment.state[name].data,
                    memory.state.data() + arena * program.state_floats +
                        (segment ? program.decay_floats : 0),
                    name);
      }
  }
  static bool writesState(func::FuncOp function) {
    return function.walk([](WriteStateOp) { return WalkResult::interrupt(); }).wasInterrupted();
  }

  /// A module whose @grad computes %y : tensor<?xWxf32> from the rows %x of the table X and adds
  /// %y^T p to the gradient of D, where p are the rows of the table P: every element of %y counts.
  static std::string rowsModule(int64_t width, int64_t out, StringRef parameters, StringRef body) {
    std::string w = std::to_string(width), o = std::to_string(out);
    return llvm::formatv(R"(module attributes {{lnx.name = "t", lnx.vocabulary = 8 : i64} {{
      lnx.parameter @X "X" layers 1 from 0 <normal, [1.0], [0.0]> : tensor<11x{0}xf32>
      lnx.parameter @P "P" layers 1 from 0 <normal, [1.0], [0.0]> : tensor<11x3xf32>
      lnx.parameter @D "D" layers 1 from 0 <normal, [1.0], [0.0]> : tensor<{1}x3xf32>
      {2}
      func.func @grad(%tokens: tensor<?xi32>, %targets: tensor<?xi32>) -> tensor<f32> attributes {{lnx.entry} {{
        %tx = lnx.get @X : tensor<11x{0}xf32>
        %tp = lnx.get @P : tensor<11x3xf32>
        %x = lnx.gather %tx, %tokens : tensor<11x{0}xf32>, tensor<?xi32>
        %p = lnx.gather %tp, %targets : tensor<11x3xf32>, tensor<?xi32>
        {3}
        %d = lnx.matmul %y, %p {{transpose_lhs} : tensor<?x{1}xf32>, tensor<?x3xf32>
        lnx.accumulate @D, %d : tensor<{1}x3xf32>
        %zero = lnx.constant 0.0
        return %zero : tensor<f32>
      }
    })",
                         w, o, parameters.str(), body.str());
  }
  static std::string parameter(StringRef name, StringRef type) {
    return llvm::formatv("lnx.parameter @{0} \"{0}\" layers 1 from 0 <const, [1.0], [0.0]> : {1}\n",
                         name, type);
  }

  MLIRContext context;
  CompileOptions options;
  double tolerance = 1e-5;
};

inline std::string replaceAll(std::string text, StringRef from, StringRef to) {
  for (size_t at = 0; (at = text.find(from.str(), at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to.str());
  return text;
}

} // namespace lnx::test

#endif
