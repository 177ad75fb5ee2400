// Target: kernels found by what they compute, and the lowering that works everywhere.
// Relied on by LowerGroups and by every folder of target/; the list of targets is createTarget.
#include "compiler/target/Target.h"
#include "compiler/target/Single.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::lnx;

FailureOr<std::unique_ptr<Target>> lnx::createTarget(StringRef name) {
  if (name == "cpu")
    return createCpuTarget();
  if (name == "cuda")
    return createCudaTarget();
  if (name == "reference")
    return std::unique_ptr<Target>();
  return failure();
}

//===-- kernels ------------------------------------------------------------===//

func::FuncOp Kernels::get(StringRef key, StringRef hint, TypeRange arguments, Body body) {
  auto [entry, isNew] = byKey.try_emplace(key);
  if (!isNew)
    return entry->second;
  OpBuilder builder(module.getContext());
  SmallVector<Type> types(arguments);
  types.append(2, builder.getIndexType());
  auto function = func::FuncOp::create(module.getLoc(), hint, builder.getFunctionType(types, {}));
  function.setPrivate();
  symbols.insert(function, module.getBody()->end());
  entry->second = function;
  Block *block = function.addEntryBlock();
  builder.setInsertionPointToEnd(block);
  builder.setInsertionPoint(func::ReturnOp::create(builder, function.getLoc()));
  ValueRange values = block->getArguments();
  body(builder, values.drop_back(2), values[values.size() - 2], values.back());
  return function;
}

func::FuncOp Kernels::declare(StringRef name, TypeRange arguments) {
  if (auto function = symbols.lookup<func::FuncOp>(name))
    return function;
  OpBuilder builder(module.getContext());
  auto function =
      func::FuncOp::create(module.getLoc(), name, builder.getFunctionType(arguments, {}));
  function.setPrivate();
  symbols.insert(function, module.getBody()->end());
  return function;
}

//===-- one group ----------------------------------------------------------===//

Value GroupBuffers::allocate(MemRefType type) {
  SmallVector<Value> sizes(type.getNumDynamicDims(), rows);
  return memref::AllocOp::create(builder, loc, type, sizes);
}

Value GroupBuffers::index(int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}

Value GroupBuffers::number(double value) {
  return arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(value));
}

// Values are numbered by where they appear, so groups that differ only in names have equal keys.
std::string GroupBuffers::key(GroupOp group) const {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::DenseMap<Value, unsigned> numbers;
  for (Value argument : group.getBody().getArguments())
    numbers.try_emplace(argument, numbers.size());
  os << stringifyGroupKind(group.getKind());
  for (Operation &op : group.getBody().front()) {
    os << ';' << op.getName() << op.getAttrDictionary();
    for (Value operand : op.getOperands())
      os << ' ' << numbers.lookup(operand);
    for (Value result : op.getResults()) {
      numbers.try_emplace(result, numbers.size());
      os << ':' << result.getType();
    }
  }
  for (Value input : inputs)
    os << '<' << input.getType();
  for (auto [result, adds] : llvm::zip_equal(results, accumulate))
    os << (adds ? '+' : '>') << result.getType();
  if (inPlace)
    os << '=';
  return text;
}

void GroupBuffers::parallel(func::FuncOp kernel, ValueRange arguments, Value n, Value grain) {
  Value zero = index(0);
  scf::ParallelOp::create(builder, loc, zero, n, grain,
                          [&](OpBuilder &b, Location loc, ValueRange ivs) {
                            Value end = arith::AddIOp::create(b, loc, ivs[0], grain);
                            Value hi = arith::MinSIOp::create(b, loc, end, n);
                            SmallVector<Value> operands(arguments);
                            operands.append({ivs[0], hi});
                            func::CallOp::create(b, loc, kernel, operands);
                          });
}

void GroupBuffers::call(StringRef name, ValueRange arguments) {
  func::FuncOp callee = kernels.declare(name, arguments.getTypes());
  func::CallOp::create(builder, loc, callee, arguments);
}

Value GroupBuffers::address(Value buffer) {
  return memref::ExtractAlignedPointerAsIndexOp::create(builder, loc, buffer);
}

//===-- the reference lowering ---------------------------------------------===//

// The buffers of one op of a group: `buffers` maps the values before it, `places` says where the
// group's results go.
static LoopBuilder prepareLoops(Operation &op, GroupBuffers &group,
                                llvm::DenseMap<Value, Value> &buffers,
                                llvm::DenseMap<Value, unsigned> &places) {
  LoopBuilder loops{group.builder, op.getLoc(), {}, {}, {}, group.batch, group.time};
  for (Value operand : op.getOperands())
    loops.operands.push_back(buffers.lookup(operand));
  for (Value result : op.getResults()) {
    auto place = places.find(result);
    bool isOutput = place != places.end();
    auto tensor = cast<RankedTensorType>(result.getType());
    Value buffer =
        isOutput ? group.results[place->second]
                 : group.allocate(MemRefType::get(tensor.getShape(), tensor.getElementType()));
    buffers[result] = buffer;
    loops.results.push_back(buffer);
    loops.accumulate.push_back(isOutput && group.accumulate[place->second]);
  }
  return loops;
}

// Copies or adds `source` to result `index` of the group.
static void writeResult(GroupBuffers &group, unsigned index, Value source) {
  LoopBuilder loops{
      group.builder, group.loc, {source}, {group.results[index]}, {group.accumulate[index]},
      group.batch,   group.time};
  SmallVector<Value> sizes;
  for (int64_t dim = 0, rank = cast<MemRefType>(source.getType()).getRank(); dim < rank; ++dim)
    sizes.push_back(loops.size(source, dim));
  loops.forEach(sizes, [&](ValueRange at) { loops.store(0, at, loops.load(source, at)); });
}

// Offers one operation of a declined group to the target as a group of its own. All its results are
// yielded there, so attention whose sums of exponents nobody reads is still known for what it is.
static LogicalResult lowerPiece(Target *target, GroupOp whole, Operation &op,
                                const LoopBuilder &loops, const GroupBuffers &buffers) {
  bool isAlone = llvm::hasSingleElement(whole.getBody().front().without_terminator());
  if (!target || (isAlone && singleOp(whole))) // it has been offered already
    return failure();
  OpBuilder detached(op.getContext());
  bool isRowwise = cast<PrimitiveOpInterface>(op).getOpClass() == OpClass::Rowwise;
  auto kind = GroupKindAttr::get(op.getContext(), isRowwise ? GroupKind::rows : whole.getKind());
  OwningOpRef<GroupOp> piece = GroupOp::create(detached, op.getLoc(), op.getResultTypes(), kind,
                                               /*inputs=*/ValueRange());
  Block &body = piece->getBody().emplaceBlock();
  IRMapping mapping;
  for (Value operand : op.getOperands())
    mapping.map(operand, body.addArgument(operand.getType(), op.getLoc()));
  OpBuilder inner = OpBuilder::atBlockEnd(&body);
  Operation *copy = inner.clone(op, mapping);
  YieldOp::create(inner, op.getLoc(), copy->getResults());
  GroupBuffers parts(buffers.builder, op.getLoc(), buffers.kernels);
  parts.inputs = loops.operands;
  parts.results = loops.results;
  parts.accumulate = loops.accumulate;
  parts.batch = buffers.batch;
  parts.time = buffers.time;
  parts.rows = buffers.rows;
  return target->lowerGroup(*piece, parts);
}

void lnx::lowerOneByOne(GroupOp group, GroupBuffers &buffers, Target *target) {
  llvm::DenseMap<Value, Value> bufferOf;
  for (auto [argument, input] : llvm::zip_equal(group.getBody().getArguments(), buffers.inputs))
    bufferOf[argument] = input;
  // Operations run one after another here: a result that shares memory with an input, adds to its
  // buffer while others read the value, or is an input handed through, is written at the end.
  Operation *yield = group.getBody().front().getTerminator();
  llvm::DenseMap<Value, unsigned> places;
  SmallVector<std::pair<unsigned, Value>> late;
  for (auto [index, value] : llvm::enumerate(yield->getOperands())) {
    bool direct = !buffers.inPlace && value.getDefiningOp() &&
                  (!buffers.accumulate[index] || value.hasOneUse());
    if (!direct || !places.try_emplace(value, index).second)
      late.emplace_back(index, value);
  }
  for (Operation &op : group.getBody().front().without_terminator()) {
    LoopBuilder loops = prepareLoops(op, buffers, bufferOf, places);
    if (failed(lowerPiece(target, group, op, loops, buffers)))
      cast<PrimitiveOpInterface>(op).lower(loops);
  }
  for (auto [index, value] : late)
    writeResult(buffers, index, bufferOf.lookup(value));
}
