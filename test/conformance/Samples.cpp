// Samples.cpp: asks the registry which primitives there are and builds operands for each.
// An op gives its own lines by samples(); the others are tried on a table of operand types.
#include "Samples.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include <cmath>
#include <ostream>
#include <random>

using namespace mlir;
using namespace mlir::lnx;

namespace lnxtest {

std::ostream &operator<<(std::ostream &os, const Sample &sample) {
  return os << (sample.line.empty() ? sample.op : sample.line);
}

std::unique_ptr<MLIRContext> makeContext() {
  auto context = std::make_unique<MLIRContext>(MLIRContext::Threading::DISABLED);
  context->loadDialect<LnxDialect, func::FuncDialect, arith::ArithDialect, math::MathDialect,
                       memref::MemRefDialect, scf::SCFDialect, vector::VectorDialect>();
  return context;
}

// "%0: tensor<?x4xf32>, %1: tensor<4xf32>" from the types at the end of a line.
static std::string argumentList(StringRef line) {
  size_t colon = line.rfind(" : ");
  if (colon == StringRef::npos)
    return "";
  SmallVector<StringRef> types;
  line.substr(colon + 3).split(" to ").first.split(types, ", ");
  std::string list;
  for (auto [index, type] : llvm::enumerate(types))
    list += (index ? ", %" : "%") + std::to_string(index) + ": " + type.str();
  return list;
}

ParsedSample parseSample(MLIRContext &context, const Sample &sample) {
  ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) { return success(); });
  std::string text =
      "func.func @sample(" + argumentList(sample.line) + ") {\n" + sample.line + "\nreturn }";
  ParsedSample parsed;
  parsed.module = parseSourceString<ModuleOp>(text, &context);
  if (!parsed.module)
    return parsed;
  parsed.function = *parsed.module->getOps<func::FuncOp>().begin();
  parsed.op = dyn_cast<PrimitiveOpInterface>(&parsed.function.getBody().front().front());
  return parsed;
}

//===-- operand types to try -------------------------------------------------===//

static const char *const elementwiseTypes[] = {
    "%0 : tensor<?x4xf32>",
    "%0 : tensor<2x3xf32>",
    "%0, %1 : tensor<?x4xf32>, tensor<?x4xf32>",
    "%0, %1 : tensor<?x4xf32>, tensor<4xf32>",
    "%0, %1 : tensor<?x1xf32>, tensor<?x4xf32>",
    "%0, %1 : tensor<f32>, tensor<?x4xf32>",
    "%0, %1 : tensor<?x2x3xf32>, tensor<2x1xf32>",
    "%0, %1 : tensor<?xf32>, tensor<3xf32>",
    "%0, %1 : tensor<3xf32>, tensor<2x3xf32>",
};
static const char *const reductionTypes[] = {
    "%0 : tensor<?x4xf32>",
    "%0 {axis = -2 : i64} : tensor<?x2x3xf32>",
    "%0 : tensor<2x3xf32>",
};

static std::vector<Sample> samplesOf(RegisteredOperationName name, MLIRContext &context) {
  std::string op = name.getStringRef().str();
  std::vector<Sample> samples;
  for (StringRef line : name.getInterface<PrimitiveOpInterface>()->samples())
    samples.push_back({op, line.str()});
  if (!samples.empty())
    return samples;
  ArrayRef<const char *> table;
  if (name.hasInterface<ElementwiseOpInterface>())
    table = elementwiseTypes;
  else if (name.hasInterface<ReductionOpInterface>())
    table = reductionTypes;
  for (const char *types : table)
    if (Sample sample{op, op + " " + types}; parseSample(context, sample).module)
      samples.push_back(sample);
  return samples;
}

std::vector<Sample> findSamples() {
  std::unique_ptr<MLIRContext> context = makeContext();
  std::vector<Sample> all;
  for (RegisteredOperationName name : context->getRegisteredOperationsByDialect("lnx")) {
    if (!name.hasInterface<PrimitiveOpInterface>())
      continue;
    std::vector<Sample> samples = samplesOf(name, *context);
    if (samples.empty())
      samples.push_back({name.getStringRef().str(), ""});
    all.insert(all.end(), samples.begin(), samples.end());
  }
  return all;
}

//===-- operand values -------------------------------------------------------===//

double roundTo(Type type, double number) {
  APFloat rounded(number);
  bool isInexact = false;
  rounded.convert(cast<FloatType>(getElementTypeOrSelf(type)).getFloatSemantics(),
                  APFloat::rmNearestTiesToEven, &isInexact);
  return rounded.convertToDouble();
}

static Array drawArray(Type type, Batch batch, std::mt19937 &random) {
  Array array(Array::shapeOf(type, batch));
  std::normal_distribution<double> normal;
  bool ids = getElementTypeOrSelf(type).isInteger();
  for (double &value : array.data) {
    double draw = normal(random);
    value = ids ? static_cast<double>(random() % 3) : draw + std::copysign(0.3, draw);
    if (getElementTypeOrSelf(type).isBF16())
      value = roundTo(type, value);
  }
  return array;
}

static bool hasNan(ArrayRef<Array> arrays) {
  return llvm::any_of(arrays, [](const Array &array) {
    return llvm::any_of(array.data, [](double value) { return std::isnan(value); });
  });
}

SmallVector<Array> drawOperands(PrimitiveOpInterface op, Batch batch, unsigned seed) {
  std::mt19937 random(seed);
  SmallVector<Array> operands;
  for (Type type : op->getOperandTypes())
    operands.push_back(drawArray(type, batch, random));
  op.fitOperands(operands, batch);
  if (!hasNan(op.evaluate(operands, batch)))
    return operands;
  for (Array &operand : operands)
    for (double &value : operand.data)
      value = std::abs(value);
  return operands;
}

} // namespace lnxtest
