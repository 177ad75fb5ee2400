// LnxDialect.cpp: registers the dialect and answers what its tensor types mean.
// Relied on by everything that reads or builds the IR.
#include "dialect/LnxDialect.h"
#include "dialect/Schedule.h"
#include "dialect/ops/Attributes.h"
#include "dialect/ops/Elementwise.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::lnx;

#include "dialect/LnxDialect.cpp.inc"
#include "dialect/LnxEnums.cpp.inc"
#include "dialect/LnxInterfaces.cpp.inc"

//===-- numbers in text ----------------------------------------------------===//

// A plain stream would print six digits; numbers must survive the round trip.
static void printNumbers(AsmPrinter &printer, DenseF64ArrayAttr numbers) {
  printer << '[';
  llvm::interleaveComma(numbers.asArrayRef(), printer.getStream(),
                        [&](double number) { printer.printFloat(APFloat(number)); });
  printer << ']';
}
static void printNumbers(AsmPrinter &printer, Operation *, DenseF64ArrayAttr numbers) {
  printNumbers(printer, numbers);
}

static ParseResult parseNumbers(AsmParser &parser, DenseF64ArrayAttr &numbers) {
  SmallVector<double> values;
  auto parseOne = [&] { return parser.parseFloat(values.emplace_back()); };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseOne))
    return failure();
  numbers = DenseF64ArrayAttr::get(parser.getContext(), values);
  return success();
}

// Laws are words, so they are written without quotes.
static void printLaw(AsmPrinter &printer, StringRef law) { printer.printKeywordOrString(law); }

static ParseResult parseLaw(AsmParser &parser, std::string &law) {
  return parser.parseKeywordOrString(&law);
}

LogicalResult lnx::verifySchedule(function_ref<InFlightDiagnostic()> emitError, StringAttr text) {
  if (!text || Schedule::parse(text.getValue()))
    return success();
  return emitError() << "'" << text.getValue() << "' is no schedule";
}

LogicalResult InitAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef,
                               DenseF64ArrayAttr, DenseF64ArrayAttr, StringAttr aSchedule,
                               StringAttr bSchedule) {
  return failure(failed(verifySchedule(emitError, aSchedule)) ||
                 failed(verifySchedule(emitError, bSchedule)));
}

#define GET_ATTRDEF_CLASSES
#include "dialect/LnxAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "dialect/LnxOps.cpp.inc"

void LnxDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialect/LnxAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialect/LnxOps.cpp.inc"
      >();
}

Operation *LnxDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type,
                                           Location loc) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  auto number = dyn_cast<FloatAttr>(value);
  if (!tensor || tensor.getRank() != 0 || !number)
    return nullptr;
  return ConstantOp::create(builder, loc, number.getValueAsDouble());
}

//===-- tensor types -------------------------------------------------------===//

// The dimension of a shape that counts rows, or -1.
static int64_t rowDimension(ArrayRef<int64_t> shape) {
  const auto *place = llvm::find(shape, ShapedType::kDynamic);
  return place == shape.end() ? -1 : place - shape.begin();
}

bool lnx::hasRows(Type type) {
  auto tensor = dyn_cast<ShapedType>(type);
  return tensor && tensor.hasRank() && rowDimension(tensor.getShape()) >= 0;
}

ArrayRef<int64_t> lnx::getFeatures(Type type) {
  ArrayRef<int64_t> shape = cast<ShapedType>(type).getShape();
  return shape.drop_front(rowDimension(shape) + 1);
}

RankedTensorType lnx::getTensorType(MLIRContext *context, ArrayRef<int64_t> features,
                                    bool withRows) {
  SmallVector<int64_t> shape;
  if (withRows)
    shape.push_back(ShapedType::kDynamic);
  llvm::append_range(shape, features);
  return RankedTensorType::get(shape, Float32Type::get(context));
}

FailureOr<RankedTensorType> lnx::broadcastTypes(ArrayRef<Type> types) {
  SmallVector<int64_t> features; // from the last to the first
  bool withRows = false;
  for (Type type : types) {
    withRows |= hasRows(type);
    for (auto [place, size] : llvm::enumerate(llvm::reverse(getFeatures(type)))) {
      if (place == features.size())
        features.push_back(size);
      else if (features[place] == 1)
        features[place] = size;
      else if (size != 1 && size != features[place])
        return failure();
    }
  }
  std::reverse(features.begin(), features.end());
  return getTensorType(types.front().getContext(), features, withRows);
}
