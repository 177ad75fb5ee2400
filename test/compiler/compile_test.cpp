// Compiled programs against the evaluator: the same module at level grad, run by both.
// Programs run on PlainRuntime, so these tests need nothing of the runtime.
#include "PlainRuntime.h"
#include "compiler/Compiler.h"
#include "dialect/LnxDialect.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"

#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace mlir::lnx;

namespace {

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
        tokens(rows), targets(rows), results(std::max<int64_t>(program.vocabulary, 1)) {
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

Array toArray(ArrayRef<int64_t> shape, const float *data) {
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

    lnx_runtime runtime = ::lnx::test::plainRuntime();
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

    if (!expected->empty())
      expectClose((*expected)[0].data, memory.results.data(), "result");
    compareState(environment, *source, program, memory);
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

  void compareState(Environment &environment, ModuleOp module, const lnx_program &program,
                    Memory &memory) {
    int index = 0;
    for (auto parameter : module.getOps<ParameterOp>()) {
      const float *data = memory.state.data() + program.parameters[index++].offset;
      if (!writesState(module))
        expectClose(environment.gradients[parameter.getSymName()].data, data + program.state_floats,
                    "gradient of " + parameter.getSymName().str());
    }
    if (!writesState(module))
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
  static bool writesState(ModuleOp module) {
    return module.walk([](WriteStateOp) { return WalkResult::interrupt(); }).wasInterrupted();
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
    return llvm::formatv(
        "lnx.parameter @{0} \"{0}\" layers 1 from 0 <const, [1.0], [0.0]> : {1}\n", name, type);
  }

  MLIRContext context;
  CompileOptions options;
  double tolerance = 1e-5;
};

std::string replaceAll(std::string text, StringRef from, StringRef to) {
  for (size_t at = 0; (at = text.find(from.str(), at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to.str());
  return text;
}

// Layer norm of a residual sum: two reductions, values kept between nests; widths with every kind
// of tail (full vectors, a smaller vector, a mask, fewer than one vector).
constexpr char layerNorm[] = R"(
  %g = lnx.get @g : tensor<WxF>
  %dt = lnx.argument 0 : tensor<f32>
  %1 = lnx.mul %x, %dt : tensor<?xWxF>, tensor<f32>
  %2 = lnx.exp %1 : tensor<?xWxF>
  %s = lnx.add %x, %2 : tensor<?xWxF>, tensor<?xWxF>
  %m = lnx.mean %s : tensor<?xWxF>
  %c = lnx.sub %s, %m : tensor<?xWxF>, tensor<?x1xF>
  %cc = lnx.mul %c, %c : tensor<?xWxF>, tensor<?xWxF>
  %v = lnx.mean %cc : tensor<?xWxF>
  %e = lnx.constant 1.0e-5
  %ve = lnx.add %v, %e : tensor<?x1xF>, tensor<f32>
  %r = lnx.rsqrt %ve : tensor<?x1xF>
  %n = lnx.mul %c, %r : tensor<?xWxF>, tensor<?x1xF>
  %ng = lnx.mul %n, %g : tensor<?xWxF>, tensor<WxF>
  %y = lnx.add %ng, %s : tensor<?xWxF>, tensor<?xWxF>
)";

class WidthTest : public CompileTest, public testing::WithParamInterface<int64_t> {};

TEST_P(WidthTest, layerNormEqualsTheEvaluator) {
  std::string w = std::to_string(GetParam());
  std::string body = replaceAll(replaceAll(layerNorm, "xF>", "xf32>"), "W", w);
  check(rowsModule(GetParam(), GetParam(), parameter("g", "tensor<" + w + "xf32>"), body), "grad",
        2, 9, 11);
}

INSTANTIATE_TEST_SUITE_P(Widths, WidthTest,
                         testing::Values<int64_t>(1, 2, 3, 7, 8, 31, 32, 33, 48, 63, 64, 65, 96,
                                                  127, 200));

// Sums over rows go through 16 partial sums, also with fewer rows than that, and add to what is
// there.
TEST_F(CompileTest, sumsOverRows) {
  std::string body = R"(
    %y = lnx.tanh %x : tensor<?x40xf32>
    %sq = lnx.mul %y, %x : tensor<?x40xf32>, tensor<?x40xf32>
    %dg = lnx.sum_rows %sq : tensor<?x40xf32>
    lnx.accumulate @g, %dg : tensor<40xf32>
    %one = lnx.sum %sq : tensor<?x40xf32>
    %all = lnx.sum_rows %one : tensor<?x1xf32>
    lnx.accumulate @a, %all : tensor<1xf32>
  )";
  std::string text =
      rowsModule(40, 40, parameter("g", "tensor<40xf32>") + parameter("a", "tensor<1xf32>"), body);
  for (int64_t rows : {1, 5, 16, 17, 50})
    check(text, "grad", 1, rows, 11);
}

// Features with several dimensions: reductions along the last axis and along another one.
TEST_F(CompileTest, axesOfFeatures) {
  std::string body = R"(
    %h = lnx.reshape %x : tensor<?x60xf32> to tensor<?x4x15xf32>
    %sq = lnx.mul %h, %h : tensor<?x4x15xf32>, tensor<?x4x15xf32>
    %m = lnx.mean %sq : tensor<?x4x15xf32>
    %e = lnx.constant 1.0e-3
    %me = lnx.add %m, %e : tensor<?x4x1xf32>, tensor<f32>
    %r = lnx.rsqrt %me : tensor<?x4x1xf32>
    %n = lnx.mul %h, %r : tensor<?x4x15xf32>, tensor<?x4x1xf32>
    %q = lnx.get @q : tensor<15xf32>
    %nq = lnx.mul %n, %q : tensor<?x4x15xf32>, tensor<15xf32>
    %s = lnx.mean %nq {axis = -2} : tensor<?x4x15xf32>
    %z = lnx.add %nq, %s : tensor<?x4x15xf32>, tensor<?x1x15xf32>
    %y = lnx.reshape %z : tensor<?x4x15xf32> to tensor<?x60xf32>
  )";
  check(rowsModule(60, 60, parameter("q", "tensor<15xf32>"), body), "grad", 3, 7, 11);
}

// Activations and their derivatives use polynomials: within a few units in the last place.
TEST_F(CompileTest, activations) {
  std::string body = R"(
    %three = lnx.constant 3.0
    %b = lnx.mul %x, %three : tensor<?x33xf32>, tensor<f32>
    %1 = lnx.gelu %b : tensor<?x33xf32>
    %2 = lnx.silu %1 : tensor<?x33xf32>
    %3 = lnx.sigmoid %b : tensor<?x33xf32>
    %4 = lnx.log %3 : tensor<?x33xf32>
    %5 = lnx.sub %2, %4 : tensor<?x33xf32>, tensor<?x33xf32>
    %6 = lnx.relu %b : tensor<?x33xf32>
    %7 = lnx.maximum %5, %6 : tensor<?x33xf32>, tensor<?x33xf32>
    %8 = lnx.pow %3 {exponent = 1.5} : tensor<?x33xf32>
    %9 = lnx.sqrt %8 : tensor<?x33xf32>
    %10 = lnx.div %7, %9 : tensor<?x33xf32>, tensor<?x33xf32>
    %11 = lnx.sign %b : tensor<?x33xf32>
    %12 = lnx.mul %10, %11 : tensor<?x33xf32>, tensor<?x33xf32>
    %13 = lnx.abs %b : tensor<?x33xf32>
    %14 = lnx.minimum %12, %13 : tensor<?x33xf32>, tensor<?x33xf32>
    %15 = lnx.positive %b : tensor<?x33xf32>
    %16 = lnx.neg %14 : tensor<?x33xf32>
    %y = lnx.add %15, %16 : tensor<?x33xf32>, tensor<?x33xf32>
  )";
  check(rowsModule(33, 33, "", body), "grad", 2, 8, 11);
}

// Every operation in a group of its own gives the same numbers.
TEST_F(CompileTest, unfusedEqualsTheEvaluator) {
  options.fuse = false;
  std::string body = replaceAll(replaceAll(layerNorm, "xF>", "xf32>"), "W", "40");
  check(rowsModule(40, 40, parameter("g", "tensor<40xf32>"), body), "grad", 2, 9, 11);
}

// The reference lowering of every operation gives the same numbers.
TEST_F(CompileTest, referenceEqualsTheEvaluator) {
  options.reference = true;
  std::string body = replaceAll(replaceAll(layerNorm, "xF>", "xf32>"), "W", "40");
  check(rowsModule(40, 40, parameter("g", "tensor<40xf32>"), body), "grad", 2, 9, 11);
}

// The head in several chunks of rows, both ways around, and its gradients.
TEST_F(CompileTest, linearCrossEntropy) {
  for (bool transposed : {false, true}) {
    std::string body =
        llvm::formatv(R"(
      %w = lnx.get @W : tensor<{0}xf32>
      %one = lnx.argument 0 : tensor<f32>
      %loss, %y, %dw = lnx.linear_cross_entropy_grad %x, %w, %targets, %one {1}
        : tensor<?x5xf32>, tensor<{0}xf32>, tensor<?xi32>, tensor<f32>
      lnx.accumulate @W, %dw : tensor<{0}xf32>
    )",
                      transposed ? "3001x5" : "5x3001", transposed ? "{transpose_weight}" : "");
    std::string text = rowsModule(
        5, 5, parameter("W", transposed ? "tensor<3001x5xf32>" : "tensor<5x3001xf32>"), body);
    text = replaceAll(text, "return %zero", "return %loss");
    check(text, "grad", 2, 350, 11);
  }
}

TEST_F(CompileTest, crossEntropyAlone) {
  std::string body = R"(
    %seed = lnx.argument 0 : tensor<f32>
    %loss = lnx.cross_entropy %x, %targets : tensor<?x27xf32>, tensor<?xi32>
    %y = lnx.cross_entropy_grad %x, %targets, %seed : tensor<?x27xf32>, tensor<?xi32>, tensor<f32>
  )";
  std::string text = rowsModule(27, 27, "", body);
  check(replaceAll(text, "return %zero", "return %loss"), "grad", 2, 20, 11);
}

// Rows of tables by token and by position, and the sum by id back.
TEST_F(CompileTest, lookups) {
  std::string body = R"(
    %pos = lnx.positions %tokens : tensor<?xi32>
    %tq = lnx.get @Q : tensor<40x70xf32>
    %q = lnx.gather %tq, %pos : tensor<40x70xf32>, tensor<?xi32>
    %y = lnx.add %x, %q : tensor<?x70xf32>, tensor<?x70xf32>
    %back = lnx.scatter_rows %y, %tokens {count = 11 : i64} : tensor<?x70xf32>, tensor<?xi32>
    lnx.accumulate @X, %back : tensor<11x70xf32>
    %other = lnx.scatter_rows %x, %pos {count = 40 : i64} : tensor<?x70xf32>, tensor<?xi32>
    lnx.accumulate @Q, %other : tensor<40x70xf32>
  )";
  check(rowsModule(70, 70, parameter("Q", "tensor<40x70xf32>"), body), "grad", 3, 20, 11);
}

TEST_F(CompileTest, attention) {
  std::string body = R"(
    %o, %lse = lnx.attend %x, %x, %x {heads = 4 : i64, kv_heads = 4 : i64, causal = true, scale = 0.5 : f64, softcap = 2.0 : f64}
      : tensor<?x24xf32>, tensor<?x24xf32>, tensor<?x24xf32>
    %dq, %dk, %dv = lnx.attend_grad %x, %x, %x, %o, %lse, %o {heads = 4 : i64, kv_heads = 4 : i64, causal = true, scale = 0.5 : f64, softcap = 2.0 : f64}
      : tensor<?x24xf32>, tensor<?x24xf32>, tensor<?x24xf32>, tensor<?x24xf32>, tensor<?x4xf32>, tensor<?x24xf32>
    %1 = lnx.add %dq, %dk : tensor<?x24xf32>, tensor<?x24xf32>
    %2 = lnx.add %1, %dv : tensor<?x24xf32>, tensor<?x24xf32>
    %y = lnx.add %2, %o : tensor<?x24xf32>, tensor<?x24xf32>
  )";
  check(rowsModule(24, 24, "", body), "grad", 2, 10, 11);
}

// Fixed tensors: whole segments of the state as rows of 1024, updated in place.
TEST_F(CompileTest, updatesState) {
  std::string text = R"(module attributes {lnx.name = "t"} {
    lnx.parameter @X "X" layers 2 from 1 <normal, [1.0], [0.0]> : tensor<50x45xf32>
    lnx.parameter @g "g" layers 1 from 0 <const, [1.0], [0.0]> : tensor<45xf32>
    func.func @sgd() attributes {lnx.entry} {
      %p = lnx.read_state "param" 0 : tensor<5x1024xf32>
      %g = lnx.read_state "grad" 0 : tensor<5x1024xf32>
      %m = lnx.read_state "m" 0 : tensor<5x1024xf32>
      %beta = lnx.argument 4 : tensor<f32>
      %rate = lnx.argument 1 : tensor<f32>
      %bm = lnx.mul %m, %beta : tensor<5x1024xf32>, tensor<f32>
      %m1 = lnx.add %bm, %g : tensor<5x1024xf32>, tensor<5x1024xf32>
      %step = lnx.mul %m1, %rate : tensor<5x1024xf32>, tensor<f32>
      %p1 = lnx.sub %p, %step : tensor<5x1024xf32>, tensor<5x1024xf32>
      %none = lnx.constant 0.0
      %g1 = lnx.mul %g, %none : tensor<5x1024xf32>, tensor<f32>
      lnx.write_state "param" 0, %p1 : tensor<5x1024xf32>
      lnx.write_state "m" 0, %m1 : tensor<5x1024xf32>
      lnx.write_state "grad" 0, %g1 : tensor<5x1024xf32>
      return
    }
  })";
  check(text, "sgd", 1, 1, 1);
}

TEST_F(CompileTest, sumOfSquaresOfTheGradient) {
  std::string text = R"(module attributes {lnx.name = "t"} {
    lnx.parameter @X "X" layers 2 from 1 <normal, [1.0], [0.0]> : tensor<50x450xf32>
    func.func @norm() -> tensor<f32> attributes {lnx.entry} {
      %g = lnx.read_state "grad" 0 : tensor<44x1024xf32>
      %q = lnx.mul %g, %g : tensor<44x1024xf32>, tensor<44x1024xf32>
      %r = lnx.sum %q : tensor<44x1024xf32>
      %s = lnx.sum_rows %r : tensor<44x1xf32>
      %t = lnx.reshape %s : tensor<1xf32> to tensor<f32>
      return %t : tensor<f32>
    }
  })";
  check(text, "norm", 1, 1, 1);
}

//===-- files ------------------------------------------------------------===//

class FileTest : public CompileTest {
protected:
  FileTest()
      : path(std::filesystem::temp_directory_path() /
             llvm::formatv("lnx-compile-{0}.so", getpid()).str()) {}
  ~FileTest() override { std::filesystem::remove(path); }
  std::string small() { return rowsModule(8, 8, "", "%y = lnx.exp %x : tensor<?x8xf32>"); }
  std::filesystem::path path;
};

// A model.so can be opened by itself and says what it is.
TEST_F(FileTest, sharedObjectStandsAlone) {
  options.cpu = "x86-64-v3";
  options.spec = "model t";
  OwningOpRef<ModuleOp> module = parse(small());
  ASSERT_TRUE(succeeded(compileToFile(*module, path.string(), options)));
  void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(handle, nullptr) << dlerror();
  auto *program = static_cast<const lnx_program *>(dlsym(handle, LNX_PROGRAM_SYMBOL));
  ASSERT_NE(program, nullptr);
  EXPECT_EQ(program->abi_version, LNX_ABI_VERSION);
  EXPECT_EQ(program->parameter_count, 3);
  EXPECT_STREQ(program->parameters[0].name, "X");
  EXPECT_EQ(program->parameters[0].rank, 2);
  EXPECT_EQ(program->parameters[0].shape[0], 11);
  EXPECT_EQ(program->parameters[0].shape[1], 8);
  EXPECT_EQ(program->parameters[0].shape[2], 1);
  EXPECT_EQ(program->parameters[0].init, LNX_INIT_NORMAL);
  EXPECT_EQ(program->parameters[0].init_a[0], 1.0);
  EXPECT_EQ(program->parameters[0].decay, 1);
  EXPECT_EQ(program->entries[LNX_ENTRY_EVAL], nullptr);
  EXPECT_STREQ(program->name, "t");
  EXPECT_STREQ(program->spec, "model t");
  EXPECT_STREQ(program->cpu, "x86-64-v3");
  dlclose(handle);
}

// The note is found without mapping any code.
TEST_F(FileTest, noteNamesAbiAndCpu) {
  options.cpu = "x86-64-v2";
  OwningOpRef<ModuleOp> module = parse(small());
  ASSERT_TRUE(succeeded(compileToFile(*module, path.string(), options)));
  std::ifstream in(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  const char note[] = "\4\0\0\0\16\0\0\0\1\0\0\0lnx\0\1\0\0\0x86-64-v2\0\0";
  EXPECT_NE(bytes.find(std::string(note, sizeof(note) - 1)), std::string::npos);
}

// What cannot be written is reported once, with the path, and leaves nothing behind.
TEST_F(FileTest, unwritablePath) {
  OwningOpRef<ModuleOp> module = parse(small());
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) { message += d.str(); });
  EXPECT_TRUE(failed(compileToFile(*module, "/nowhere/model.so", options)));
  EXPECT_NE(message.find("cannot write '/nowhere/model.so': "), std::string::npos) << message;
}

TEST_F(FileTest, unknownCpu) {
  OwningOpRef<ModuleOp> module = parse(small());
  options.cpu = "z80";
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) { message += d.str(); });
  EXPECT_TRUE(failed(compileToFile(*module, path.string(), options)));
  EXPECT_EQ(message,
            "unknown CPU 'z80': native, x86-64, x86-64-v2, x86-64-v3, x86-64-v4 are known");
}

// Two compilations of one module give the same bytes.
TEST_F(FileTest, outputIsReproducible) {
  std::string first;
  for (int run = 0; run < 2; ++run) {
    OwningOpRef<ModuleOp> module = parse(small());
    ASSERT_TRUE(succeeded(compileToFile(*module, path.string(), options)));
    std::ifstream in(path, std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(in)), {});
    if (run == 0)
      first = bytes;
    else
      EXPECT_TRUE(first == bytes);
  }
}

} // namespace
