// EntryLowering: one entry function on its way from tensors to buffers.
// Walks level fused in order; every value has its buffer before its first reader.
#include "compiler/lower/EntryLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::lnx;

memref::GlobalOp ProgramLowering::table(DenseF64ArrayAttr values) {
  memref::GlobalOp &global = tables[values];
  if (global)
    return global;
  OpBuilder builder(module.getContext());
  builder.setInsertionPointToStart(module.getBody());
  Type f32 = builder.getF32Type();
  SmallVector<Attribute> numbers;
  for (double value : values.asArrayRef())
    numbers.push_back(builder.getFloatAttr(f32, value));
  auto shape = RankedTensorType::get({values.size()}, f32);
  global = memref::GlobalOp::create(
      builder, module.getLoc(), ("table_" + Twine(tables.size() - 1)).str(),
      builder.getStringAttr("private"), MemRefType::get(shape.getShape(), f32),
      DenseElementsAttr::get(shape, numbers), /*constant=*/true, /*alignment=*/IntegerAttr());
  return global;
}

EntryLowering::EntryLowering(ProgramLowering &program, func::FuncOp source)
    : program(program), source(source), builder(source.getContext()), loc(source.getLoc()) {}

// The signature of every entry, and the numbers every entry derives from it.
func::FuncOp EntryLowering::createFunction() {
  builder.setInsertionPoint(source);
  auto vectorOf = [](Type element) { return MemRefType::get({ShapedType::kDynamic}, element); };
  Type bytes = vectorOf(builder.getI8Type()), ids = vectorOf(builder.getI32Type());
  Type floats = vectorOf(builder.getF32Type()), number = builder.getIndexType();
  auto type = builder.getFunctionType({bytes, bytes, ids, ids, number, number, floats, floats}, {});
  auto function = func::FuncOp::create(builder, loc, source.getName(), type);
  function->setDiscardableAttrs(source->getDiscardableAttrDictionary());
  Block *block = function.addEntryBlock();
  builder.setInsertionPointToStart(block);
  state = block->getArgument(0);
  scratch = block->getArgument(1);
  batch = block->getArgument(4);
  time = block->getArgument(5);
  arguments = block->getArgument(6);
  results = block->getArgument(7);
  for (BlockArgument argument : source.getArguments())
    buffers[argument] = block->getArgument(2 + argument.getArgNumber());
  rows = arith::MulIOp::create(builder, loc, batch, time);
  Value raised = arith::AddIOp::create(builder, loc, rows, index(15));
  paddedRows = arith::AndIOp::create(builder, loc, raised, index(-16));
  return function;
}

// The work of matrix products, for the exported program's account.
static void countFlops(func::FuncOp from, func::FuncOp to) {
  Flops sum;
  from.walk([&](PrimitiveOpInterface op) {
    double times = 1;
    for (auto repeat = op->getParentOfType<RepeatOp>(); repeat;
         repeat = repeat->getParentOfType<RepeatOp>())
      times *= repeat.getCount();
    Flops flops = op.getFlops();
    sum.perRow += times * flops.perRow;
    sum.perPair += times * flops.perPair;
  });
  Builder builder(to.getContext());
  to->setAttr("lnx.flops_per_row", builder.getI64IntegerAttr(sum.perRow));
  to->setAttr("lnx.flops_per_pair", builder.getI64IntegerAttr(sum.perPair));
}

LogicalResult EntryLowering::run() {
  if (failed(checkEntry()))
    return failure();
  func::FuncOp function = createFunction();
  countFlops(source, function);
  if (failed(lowerBlock(source.getBody().front())))
    return failure();
  func::ReturnOp::create(builder, loc);
  source.erase();
  return success();
}

LogicalResult EntryLowering::lowerBlock(Block &block) {
  for (Operation &op : block) {
    loc = op.getLoc();
    if (failed(lowerOp(op)))
      return failure();
  }
  return success();
}

LogicalResult EntryLowering::lowerOp(Operation &op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(&op)
      .Case([&](GroupOp group) { return lowerGroup(group); })
      .Case([&](RepeatOp repeat) { return lowerRepeat(repeat); })
      .Case([&](GetOp get) { return lowerGet(get), success(); })
      .Case([&](AccumulateOp accumulate) { return lowerAccumulate(accumulate), success(); })
      .Case([&](ArgumentOp argument) {
        Value number = memref::LoadOp::create(builder, loc, arguments, index(argument.getIndex()));
        return lowerNumber(argument.getResult(), number), success();
      })
      .Case([&](TableOp table) {
        memref::GlobalOp global = program.table(table.getValuesAttr());
        Value numbers =
            memref::GetGlobalOp::create(builder, loc, global.getType(), global.getSymName());
        Value layer = table.getLayer() ? buffers.lookup(table.getLayer()) : index(0);
        Value number = memref::LoadOp::create(builder, loc, numbers, layer);
        return lowerNumber(table.getResult(), number), success();
      })
      .Case([&](ReadStateOp read) { return lowerReadState(read), success(); })
      .Case([&](WriteStateOp write) { return lowerWriteState(write), success(); })
      .Case([&](ReshapeOp reshape) {
        auto type = cast<RankedTensorType>(reshape.getResult().getType());
        if (Value buffer = buffers.lookup(reshape.getX()))
          buffers[reshape.getResult()] = viewAs(buffer, type);
        return success();
      })
      .Case([&](func::ReturnOp op) { return lowerReturn(op), success(); })
      .Case([&](YieldOp) { return success(); })
      .Default([](Operation *op) {
        return op->emitOpError("is in no group: lnx-form-groups comes before lnx-lower-groups");
      });
}

LogicalResult EntryLowering::lowerGroup(GroupOp group) {
  GroupBuffers parts(builder, loc, program.kernels);
  parts.batch = batch;
  parts.time = time;
  parts.rows = rows;
  for (Value input : group.getInputs())
    parts.inputs.push_back(buffers.lookup(input));
  for (OpResult result : group->getResults()) {
    Place where = place(group, result);
    buffers[result] = where.buffer;
    parts.results.push_back(where.buffer);
    parts.accumulate.push_back(where.accumulates);
    parts.inPlace |= where.inPlace;
  }
  if (!program.target || failed(program.target->lowerGroup(group, parts)))
    lowerOneByOne(group, parts, program.target);
  return success();
}

void EntryLowering::lowerGet(GetOp get) {
  auto parameter = program.module.lookupSymbol<ParameterOp>(get.getParameter());
  buffers[get.getResult()] = viewParameter(/*arena=*/0, parameter, get.getLayer(),
                                           cast<RankedTensorType>(get.getResult().getType()));
}

void EntryLowering::lowerAccumulate(AccumulateOp accumulate) {
  if (satisfied.contains(&accumulate.getValueMutable()))
    return;
  auto parameter = program.module.lookupSymbol<ParameterOp>(accumulate.getParameter());
  Value gradient = viewParameter(/*arena=*/1, parameter, accumulate.getLayer(),
                                 cast<RankedTensorType>(accumulate.getValue().getType()));
  transfer(buffers.lookup(accumulate.getValue()), gradient, Transfer::Add);
}

void EntryLowering::lowerNumber(Value result, Value number) {
  Value buffer = allocate(cast<RankedTensorType>(result.getType()));
  memref::StoreOp::create(builder, loc, number, buffer, zerosFor(buffer));
  buffers[result] = buffer;
}

// A view of the arena, or a copy where someone reads it after it was overwritten.
void EntryLowering::lowerReadState(ReadStateOp read) {
  auto type = cast<RankedTensorType>(read.getResult().getType());
  Value view = viewSegment(read.getArena(), read.getSegment(), type);
  buffers[read.getResult()] = view;
  for (auto write : read->getBlock()->getOps<WriteStateOp>()) {
    bool isLate = write.getArena() == read.getArena() && write.getSegment() == read.getSegment() &&
                  read->isBeforeInBlock(write);
    if (!isLate || llvm::all_of(read->getUsers(), [&](Operation *user) {
          return user == write ||
                 read->getBlock()->findAncestorOpInBlock(*user)->isBeforeInBlock(write);
        }))
      continue;
    buffers[read.getResult()] = allocate(type);
    return transfer(view, buffers[read.getResult()], Transfer::Copy);
  }
}

void EntryLowering::lowerWriteState(WriteStateOp write) {
  if (satisfied.contains(&write.getValueMutable()))
    return;
  Value segment = viewSegment(write.getArena(), write.getSegment(),
                              cast<RankedTensorType>(write.getValue().getType()));
  transfer(buffers.lookup(write.getValue()), segment, Transfer::Copy);
}

// The first result lies at the start of the results, the others behind it.
void EntryLowering::lowerReturn(func::ReturnOp op) {
  int64_t offset = 0;
  for (OpOperand &use : op->getOpOperands()) {
    auto type = cast<RankedTensorType>(use.get().getType());
    if (use.getOperandNumber() > 0)
      appendResult(buffers.lookup(use.get()), offset, type);
    else if (!satisfied.contains(&use))
      transfer(buffers.lookup(use.get()), viewResult(type), Transfer::Copy);
    offset += type.getNumElements();
  }
}
