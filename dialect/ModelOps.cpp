// ModelOps.cpp: text form and rules of the frame: repeat, group, apply, table.
// Nothing here computes; primitives are in ops/.
#include "dialect/LnxDialect.h"
#include "dialect/Schedule.h"

using namespace mlir;
using namespace mlir::lnx;

//===-- text: a list of (%argument = %operand : type) -----------------------===//

namespace {
/// Region arguments bound to operands, as repeat and group write them.
struct Bindings {
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<Type> types; ///< of the operands
  SMLoc loc;
};
} // namespace

static ParseResult parseBindings(OpAsmParser &parser, Bindings &bindings) {
  bindings.loc = parser.getCurrentLocation();
  return parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, [&]() -> ParseResult {
    return failure(parser.parseArgument(bindings.arguments.emplace_back()) || parser.parseEqual() ||
                   parser.parseOperand(bindings.operands.emplace_back()) ||
                   parser.parseColonType(bindings.types.emplace_back()));
  });
}

static void printBindings(OpAsmPrinter &printer, ArrayRef<BlockArgument> arguments,
                          OperandRange operands) {
  printer << '(';
  llvm::interleaveComma(llvm::zip_equal(arguments, operands), printer, [&](auto pair) {
    printer.printOperand(std::get<0>(pair));
    printer << " = ";
    printer.printOperand(std::get<1>(pair));
    printer << " : " << std::get<1>(pair).getType();
  });
  printer << ')';
}

static LogicalResult verifyYield(Operation *op, Block &body, TypeRange expected, StringRef what) {
  auto yield = dyn_cast_if_present<YieldOp>(body.empty() ? nullptr : &body.back());
  if (!yield)
    return op->emitOpError("body must end in lnx.yield");
  if (yield.getNumOperands() != expected.size()) {
    InFlightDiagnostic error = op->emitOpError("has ") << expected.size() << ' ' << what;
    error << " but its body yields " << yield.getNumOperands() << " values";
    return error;
  }
  for (auto [index, pair] : llvm::enumerate(llvm::zip(yield.getOperandTypes(), expected))) {
    auto [yielded, wanted] = pair;
    if (yielded != wanted) {
      InFlightDiagnostic error = op->emitOpError("yields ") << yielded << " as value ";
      error << index << " where " << wanted << " is expected";
      return error;
    }
  }
  return success();
}

//===-- repeat -------------------------------------------------------------===//

RankedTensorType RepeatOp::getStackedType(Type element, int64_t count) {
  auto tensor = cast<RankedTensorType>(element);
  SmallVector<int64_t> shape = {count};
  llvm::append_range(shape, tensor.getShape());
  return RankedTensorType::get(shape, tensor.getElementType());
}

RankedTensorType RepeatOp::getLayerType(Type stacked) {
  auto tensor = cast<RankedTensorType>(stacked);
  return RankedTensorType::get(tensor.getShape().drop_front(), tensor.getElementType());
}

void RepeatOp::build(OpBuilder &builder, OperationState &state, int64_t first, int64_t count,
                     bool reverse, StringRef scope, ValueRange carries, ValueRange slices,
                     TypeRange stackElementTypes) {
  SmallVector<Type> types(carries.getTypes());
  for (Type element : stackElementTypes)
    types.push_back(getStackedType(element, count));
  build(builder, state, types, builder.getI64IntegerAttr(first), builder.getI64IntegerAttr(count),
        /*from=*/StringAttr(), /*to=*/StringAttr(), reverse ? builder.getUnitAttr() : UnitAttr(),
        builder.getStringAttr(scope), carries, slices);
  auto body = std::make_unique<Block>();
  body->addArgument(builder.getIndexType(), state.location);
  for (Value carry : carries)
    body->addArgument(carry.getType(), state.location);
  for (Value slice : slices)
    body->addArgument(getLayerType(slice.getType()), state.location);
  state.regions.front()->push_back(body.release());
}

void RepeatOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  if (region.getNumArguments() < 1 + getCarries().size())
    return;
  setName(getLayer(), "layer");
  for (BlockArgument carry : getCarryArguments())
    setName(carry, "carry");
  for (BlockArgument slice : getSliceArguments())
    setName(slice, "slice");
}

void RepeatOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printOperand(getLayer());
  printer << " first " << getFirst() << " count " << getCount();
  if (getFromAttr())
    printer << " from " << getFromAttr();
  if (getToAttr())
    printer << " to " << getToAttr();
  if (getReverse())
    printer << " reverse";
  printer << " scope " << getScopeAttr();
  if (!getCarries().empty()) {
    printer << " carries";
    printBindings(printer, getCarryArguments(), getCarries());
  }
  if (!getSlices().empty()) {
    printer << " slices";
    printBindings(printer, getSliceArguments(), getSlices());
  }
  if (getResults().size() > getCarries().size()) {
    printer << " stacks(";
    llvm::interleaveComma(getStackResults().getTypes(), printer);
    printer << ')';
  }
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(),
      {getFirstAttrName(), getCountAttrName(), getFromAttrName(), getToAttrName(),
       getReverseAttrName(), getScopeAttrName(), getOperandSegmentSizesAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

static ParseResult parseRepeatHead(OpAsmParser &parser, OperationState &result) {
  Builder &builder = parser.getBuilder();
  auto &properties = result.getOrAddProperties<RepeatOp::Properties>();
  int64_t first = 0, count = 0;
  StringAttr scope;
  if (parser.parseKeyword("first") || parser.parseInteger(first) || parser.parseKeyword("count") ||
      parser.parseInteger(count))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("from")) && parser.parseAttribute(properties.from))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("to")) && parser.parseAttribute(properties.to))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("reverse")))
    properties.reverse = builder.getUnitAttr();
  if (parser.parseKeyword("scope") || parser.parseAttribute(scope))
    return failure();
  properties.first = builder.getI64IntegerAttr(first);
  properties.count = builder.getI64IntegerAttr(count);
  properties.scope = scope;
  return success();
}

ParseResult RepeatOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::Argument layer;
  Bindings carries, slices;
  if (parser.parseArgument(layer) || parseRepeatHead(parser, result))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("carries")) && parseBindings(parser, carries))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("slices")) && parseBindings(parser, slices))
    return failure();
  result.addTypes(carries.types);
  auto parseStack = [&] { return parser.parseType(result.types.emplace_back()); };
  if (succeeded(parser.parseOptionalKeyword("stacks")) &&
      parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, parseStack))
    return failure();
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.resolveOperands(carries.operands, carries.types, carries.loc, result.operands) ||
      parser.resolveOperands(slices.operands, slices.types, slices.loc, result.operands))
    return failure();
  layer.type = parser.getBuilder().getIndexType();
  SmallVector<OpAsmParser::Argument> arguments = {layer};
  for (auto [argument, type] : llvm::zip(carries.arguments, carries.types)) {
    argument.type = type;
    arguments.push_back(argument);
  }
  for (auto [argument, type] : llvm::zip(slices.arguments, slices.types)) {
    auto stacked = dyn_cast<RankedTensorType>(type);
    if (!stacked || stacked.getRank() == 0)
      return parser.emitError(slices.loc, "cannot slice ") << type;
    argument.type = getLayerType(type);
    arguments.push_back(argument);
  }
  result.getOrAddProperties<Properties>().operandSegmentSizes = {
      static_cast<int32_t>(carries.operands.size()), static_cast<int32_t>(slices.operands.size())};
  return parser.parseRegion(*result.addRegion(), arguments);
}

static LogicalResult verifyRepeatArguments(RepeatOp op) {
  SmallVector<Type> expected = {IndexType::get(op.getContext())};
  llvm::append_range(expected, op.getCarries().getTypes());
  int64_t count = op.getCount();
  for (Type type : op.getSlices().getTypes()) {
    auto slice = cast<RankedTensorType>(type);
    if (slice.getRank() == 0 || slice.getDimSize(0) != count)
      return op.emitOpError("slices ") << type << " into " << count << " layers";
    expected.push_back(RepeatOp::getLayerType(type));
  }
  if (op.getBody().getNumArguments() != expected.size())
    return op.emitOpError("body has ") << op.getBody().getNumArguments() << " arguments where "
                                       << expected.size() << " are expected";
  for (auto [argument, type] : llvm::zip(op.getBody().getArguments(), expected))
    if (argument.getType() != type)
      return op.emitOpError("body argument ")
             << argument.getArgNumber() << " is " << argument.getType() << " where " << type
             << " is expected";
  return success();
}

LogicalResult RepeatOp::verify() {
  int64_t count = getCount();
  if (count < 1)
    return emitOpError("repeats ") << count << " layers; there must be at least 1";
  for (StringAttr end : {getFromAttr(), getToAttr()}) {
    if (failed(verifySchedule([this] { return emitOpError(); }, end)))
      return failure();
    if (end && Schedule::parse(end.getValue())->isOfLayer())
      return emitOpError("reaches ") << end << ", which depends on the layer";
  }
  if (!getFromAttr() != !getToAttr())
    return emitOpError("says only at one end which layers it has at other depths");
  if (failed(verifyRepeatArguments(*this)))
    return failure();
  if (getResults().size() < getCarries().size())
    return emitOpError("has ") << getResults().size() << " results for " << getCarries().size()
                               << " carried values";
  SmallVector<Type> yielded(getCarries().getTypes());
  for (auto [result, carry] : llvm::zip(getCarryResults(), getCarries()))
    if (result.getType() != carry.getType())
      return emitOpError("carries ") << carry.getType() << " but results in " << result.getType();
  for (Type type : getStackResults().getTypes()) {
    auto stack = cast<RankedTensorType>(type);
    if (stack.getRank() == 0 || stack.getDimSize(0) != count)
      return emitOpError("stacks ") << count << " layers into " << type;
    yielded.push_back(getLayerType(type));
  }
  return verifyYield(*this, getBody().front(), yielded, "carries and stacks");
}

//===-- group --------------------------------------------------------------===//

void GroupOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  for (BlockArgument argument : region.getArguments())
    setName(argument, "in");
}

void GroupOp::print(OpAsmPrinter &printer) {
  printer << ' ' << stringifyGroupKind(getKind());
  printBindings(printer, getBody().getArguments(), getInputs());
  if (!getResults().empty()) {
    printer << " -> (";
    llvm::interleaveComma(getResultTypes(), printer);
    printer << ')';
  }
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {getKindAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

ParseResult GroupOp::parse(OpAsmParser &parser, OperationState &result) {
  StringRef keyword;
  SMLoc place = parser.getCurrentLocation();
  Bindings inputs;
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<GroupKind> kind = symbolizeGroupKind(keyword);
  if (!kind)
    return parser.emitError(place, "unknown kind of group '") << keyword << "'";
  result.getOrAddProperties<Properties>().kind = GroupKindAttr::get(parser.getContext(), *kind);
  if (parseBindings(parser, inputs))
    return failure();
  auto parseResult = [&] { return parser.parseType(result.types.emplace_back()); };
  if (succeeded(parser.parseOptionalArrow()) &&
      parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, parseResult))
    return failure();
  for (auto [argument, type] : llvm::zip(inputs.arguments, inputs.types))
    argument.type = type;
  return failure(
      parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.resolveOperands(inputs.operands, inputs.types, inputs.loc, result.operands) ||
      parser.parseRegion(*result.addRegion(), inputs.arguments));
}

LogicalResult GroupOp::verify() {
  Block &body = getBody().front();
  if (body.getNumArguments() != getInputs().size())
    return emitOpError("has ") << getInputs().size() << " inputs but its body has "
                               << body.getNumArguments() << " arguments";
  for (auto [argument, input] : llvm::zip(body.getArguments(), getInputs()))
    if (argument.getType() != input.getType())
      return emitOpError("body argument ")
             << argument.getArgNumber() << " is " << argument.getType() << " where "
             << input.getType() << " is expected";
  for (Operation &op : body)
    if (!isa<PrimitiveOpInterface, YieldOp>(op))
      return emitOpError("may hold primitives only, not '") << op.getName() << "'";
  return verifyYield(*this, body, getResultTypes(), "results");
}

//===-- apply and table ----------------------------------------------------===//

LogicalResult ApplyOp::verify() {
  return verifyYield(*this, getBody().front(), getResultTypes(), "results");
}

LogicalResult TableOp::verify() {
  if (failed(verifySchedule([this] { return emitOpError(); }, getScheduleAttr())))
    return failure();
  if (!getLayer() && getValues().size() != 1)
    return emitOpError("holds ") << getValues().size() << " numbers and no layer to choose one";
  auto argument = dyn_cast_if_present<BlockArgument>(getLayer());
  auto repeat = argument ? dyn_cast<RepeatOp>(argument.getOwner()->getParentOp()) : RepeatOp();
  if (repeat && getValues().size() != repeat.getCount())
    return emitOpError("holds ") << getValues().size() << " numbers for " << repeat.getCount()
                                 << " layers";
  return success();
}
