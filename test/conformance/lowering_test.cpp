// The reference lowering, compiled, equals evaluate to 1e-5 of f32.
// All samples go through one module and one compilation; both storing and accumulating are tried.
#include "Samples.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MathToLibm/MathToLibm.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "llvm/Support/TargetSelect.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::lnx;
using namespace lnxtest;

//===-- kernels ----------------------------------------------------------------===//

static MemRefType bufferType(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return MemRefType::get(tensor.getShape(), tensor.getElementType());
}

// func @name(operand buffers, result buffers, batch, time) around the op's own lowering.
static void addKernel(ModuleOp module, const std::string &name, PrimitiveOpInterface op,
                      bool accumulate) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Location loc = builder.getUnknownLoc();
  SmallVector<Type> types;
  for (Type type : op->getOperandTypes())
    types.push_back(bufferType(type));
  for (Type type : op->getResultTypes())
    types.push_back(bufferType(type));
  types.append(2, builder.getIndexType());
  auto function = func::FuncOp::create(builder, loc, name, builder.getFunctionType(types, {}));
  function->setAttr("llvm.emit_c_interface", builder.getUnitAttr());
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToStart(body);
  auto arguments = body->getArguments();
  LoopBuilder loops{builder,
                    loc,
                    SmallVector<Value>(arguments.take_front(op->getNumOperands())),
                    SmallVector<Value>(arguments.drop_front(op->getNumOperands()).drop_back(2)),
                    SmallVector<bool>(op->getNumResults(), accumulate),
                    arguments.drop_back().back(),
                    arguments.back()};
  op.lower(loops);
  func::ReturnOp::create(builder, loc);
}

// func @name(operands, result: memref<8x...>): `emit` on whole vectors.
static void addVectorKernel(ModuleOp module, const std::string &name, ElementwiseOpInterface op) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Location loc = builder.getUnknownLoc();
  SmallVector<Type> types;
  for (Value operand : op->getOperands())
    types.push_back(MemRefType::get({8}, getElementTypeOrSelf(operand.getType())));
  types.push_back(MemRefType::get({8}, getElementTypeOrSelf(op->getResult(0).getType())));
  auto function = func::FuncOp::create(builder, loc, name, builder.getFunctionType(types, {}));
  function->setAttr("llvm.emit_c_interface", builder.getUnitAttr());
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToStart(body);
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  SmallVector<Value> operands;
  for (Value argument : body->getArguments().drop_back())
    operands.push_back(vector::LoadOp::create(
        builder, loc, VectorType::get({8}, getElementTypeOrSelf(argument.getType())), argument,
        zero));
  Value result = op.emit(builder, loc, operands);
  vector::StoreOp::create(builder, loc, result, body->getArguments().back(), zero);
  func::ReturnOp::create(builder, loc);
}

// Gradients accumulate, and they are f32.
static bool accumulates(PrimitiveOpInterface op) {
  return llvm::all_of(op->getResultTypes(),
                      [](Type type) { return getElementTypeOrSelf(type).isF32(); });
}

static LogicalResult lowerToLLVM(ModuleOp module) {
  PassManager passes(module.getContext());
  passes.addPass(arith::createArithExpandOpsPass({.includeBf16 = true}));
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createConvertVectorToLLVMPass());
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createConvertMathToLibmPass());
  passes.addPass(createConvertVectorToLLVMPass());
  passes.addPass(createFinalizeMemRefToLLVMConversionPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createConvertFuncToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
  return passes.run(module);
}

//===-- calls ------------------------------------------------------------------===//

namespace {
/// A buffer and its memref descriptor: two pointers, an offset, sizes, strides.
template <typename T> struct Buffer {
  Buffer(const Array &array, double fill) {
    data.assign(std::max<int64_t>(array.size(), 1), static_cast<T>(fill));
    auto address = reinterpret_cast<int64_t>(data.data());
    descriptor = {address, address, 0};
    llvm::append_range(descriptor, array.shape);
    SmallVector<int64_t> strides;
    int64_t stride = 1;
    for (int64_t size : llvm::reverse(array.shape)) {
      strides.push_back(stride);
      stride *= size;
    }
    llvm::append_range(descriptor, llvm::reverse(strides));
    place = descriptor.data();
  }
  std::vector<T> data;
  std::vector<int64_t> descriptor;
  int64_t *place;
};

static bool isHalf(Type type) { return getElementTypeOrSelf(type).isBF16(); }

/// bf16 is the upper half of f32; a buffer holds two in one place.
static uint16_t &halfOf(std::vector<float> &data, int64_t i) {
  return reinterpret_cast<uint16_t *>(data.data())[i];
}

/// Everything one call reads and writes; ids and floats have the same width, bf16 fits as well.
struct Call {
  std::vector<std::unique_ptr<Buffer<float>>> buffers;
  SmallVector<void *> arguments;

  Buffer<float> &add(const Array &array, double fill) {
    buffers.push_back(std::make_unique<Buffer<float>>(array, fill));
    arguments.push_back(&buffers.back()->place);
    return *buffers.back();
  }
  void addOperand(const Array &array, Type type) {
    Buffer<float> &buffer = add(array, 0);
    bool ids = getElementTypeOrSelf(type).isInteger();
    for (int64_t i = 0; i < array.size(); ++i)
      if (ids)
        reinterpret_cast<int32_t *>(buffer.data.data())[i] = static_cast<int32_t>(array.data[i]);
      else if (isHalf(type))
        halfOf(buffer.data, i) = llvm::bit_cast<uint32_t>(static_cast<float>(array.data[i])) >> 16;
      else
        buffer.data[i] = static_cast<float>(array.data[i]);
  }
  /// What a buffer of elements of `type` holds.
  std::vector<float> read(size_t place, Type type) {
    std::vector<float> &data = buffers[place]->data, values = data;
    for (size_t i = 0; i < values.size(); ++i)
      if (isHalf(type))
        values[i] = llvm::bit_cast<float>(uint32_t(halfOf(data, i)) << 16);
      else if (getElementTypeOrSelf(type).isInteger())
        values[i] = static_cast<float>(llvm::bit_cast<int32_t>(data[i]));
    return values;
  }
};

class Lowering : public testing::TestWithParam<Sample> {
protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite() {
    engine.reset();
    context.reset();
  }
  static std::string nameOf(const Sample &sample, const char *kind) {
    return kind + std::to_string(std::hash<std::string>()(sample.line));
  }
  void SetUp() override {
    ASSERT_TRUE(engine);
    if (!GetParam().line.empty())
      sample = parseSample(*context, GetParam());
    ASSERT_TRUE(sample.op);
  }
  void call(const char *kind, Call &call) {
    llvm::Error error =
        engine->invokePacked("_mlir_ciface_" + nameOf(GetParam(), kind), call.arguments);
    ASSERT_FALSE(static_cast<bool>(error)) << llvm::toString(std::move(error));
  }
  void compare(bool accumulate);

  static std::unique_ptr<MLIRContext> context;
  static std::unique_ptr<ExecutionEngine> engine;
  ParsedSample sample;
};
std::unique_ptr<MLIRContext> Lowering::context;
std::unique_ptr<ExecutionEngine> Lowering::engine;
} // namespace

void Lowering::SetUpTestSuite() {
  context = makeContext();
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  registerBuiltinDialectTranslation(*context);
  registerLLVMDialectTranslation(*context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(context.get()));
  for (const Sample &sample : findSamples()) {
    ParsedSample parsed = sample.line.empty() ? ParsedSample() : parseSample(*context, sample);
    if (!parsed.op)
      continue;
    addKernel(*module, nameOf(sample, "store"), parsed.op, /*accumulate=*/false);
    if (accumulates(parsed.op))
      addKernel(*module, nameOf(sample, "add"), parsed.op, /*accumulate=*/true);
    auto elementwise = dyn_cast<ElementwiseOpInterface>(parsed.op.getOperation());
    if (elementwise && elementwise->getNumOperands() > 0)
      addVectorKernel(*module, nameOf(sample, "vector"), elementwise);
  }
  ASSERT_TRUE(succeeded(verify(*module)));
  ASSERT_TRUE(succeeded(lowerToLLVM(*module)));
  llvm::Expected<std::unique_ptr<ExecutionEngine>> created = ExecutionEngine::create(*module);
  ASSERT_TRUE(static_cast<bool>(created)) << llvm::toString(created.takeError());
  engine = std::move(*created);
}

//===-- lower = evaluate -------------------------------------------------------===//

static void expectClose(ArrayRef<float> actual, const Array &expected, double before) {
  double scale = 1;
  for (double value : expected.data)
    scale = std::max(scale, std::abs(value));
  for (int64_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(actual[i], expected.data[i] + before, 1e-5 * scale) << "element " << i;
}

// Results that are stored overwrite what was there; results that accumulate add to it.
void Lowering::compare(bool accumulate) {
  const Batch batch{2, 3};
  const double before = accumulate ? 0.5 : 0;
  SmallVector<Array> operands = drawOperands(sample.op, batch, 11);
  Call arguments;
  for (auto [operand, type] : llvm::zip_equal(operands, sample.op->getOperandTypes()))
    arguments.addOperand(operand, type);
  SmallVector<Array> expected = sample.op.evaluate(operands, batch);
  for (const Array &array : expected)
    arguments.add(array, accumulate ? before : -77);
  int64_t sequences = batch.batch, time = batch.time;
  arguments.arguments.append({&sequences, &time});
  call(accumulate ? "add" : "store", arguments);
  for (auto [index, array] : llvm::enumerate(expected)) {
    std::vector<float> actual =
        arguments.read(operands.size() + index, sample.op->getResult(index).getType());
    expectClose(actual, array, before);
  }
}

TEST_P(Lowering, EqualsEvaluate) { compare(/*accumulate=*/false); }

TEST_P(Lowering, Accumulates) {
  if (accumulates(sample.op))
    compare(/*accumulate=*/true);
}

// `emit` means the same on vectors as `compute` on single elements.
TEST_P(Lowering, EmitsVectors) {
  auto op = dyn_cast<ElementwiseOpInterface>(sample.op.getOperation());
  if (!op || op->getNumOperands() == 0)
    return;
  SmallVector<Array> operands;
  for (unsigned place = 0; place < op->getNumOperands(); ++place) {
    Array &operand = operands.emplace_back(ArrayRef<int64_t>{8});
    for (int64_t i = 0; i < 8; ++i)
      operand.data[i] = roundTo(op->getOperand(place).getType(),
                                0.4 * (static_cast<double>(i) - 3.6) + 0.1 * place);
  }
  auto evaluate = [&] {
    Array result({8});
    for (int64_t i = 0; i < 8; ++i) {
      SmallVector<double> elements;
      for (const Array &operand : operands)
        elements.push_back(operand.data[i]);
      result.data[i] = op.compute(elements);
    }
    return result;
  };
  Array expected = evaluate();
  if (llvm::any_of(expected.data, [](double value) { return std::isnan(value); })) {
    for (Array &operand : operands)
      for (double &value : operand.data)
        value = std::abs(value);
    expected = evaluate();
  }
  Call arguments;
  for (const Array &operand : operands)
    arguments.addOperand(operand, sample.op->getOperand(0).getType());
  arguments.add(expected, -77);
  call("vector", arguments);
  expectClose(arguments.read(operands.size(), sample.op->getResult(0).getType()), expected, 0);
}

INSTANTIATE_TEST_SUITE_P(Primitives, Lowering, testing::ValuesIn(findSamples()));
