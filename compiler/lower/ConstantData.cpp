// ConstantData: globals and structures of the C world in the LLVM dialect.
// A structure that points at others is built by its initialiser.
#include "compiler/lower/ConstantData.h"

using namespace mlir;
using namespace mlir::lnx;

LLVM::GlobalOp ConstantData::create(StringRef name, Type type, Attribute value) {
  auto global = LLVM::GlobalOp::create(b, module.getLoc(), type, /*isConstant=*/true,
                                       LLVM::Linkage::Internal, name, value);
  global->remove();
  symbols.insert(global, module.getBody()->end());
  return global;
}

LLVM::GlobalOp ConstantData::bytes(StringRef name, StringRef value) {
  b.setInsertionPointToEnd(module.getBody());
  return create(name, LLVM::LLVMArrayType::get(b.getI8Type(), value.size()),
                b.getStringAttr(value));
}

StringRef ConstantData::text(StringRef value) {
  return bytes("lnx_text", (value + Twine('\0')).str()).getName();
}

StringRef ConstantData::numbers(ArrayRef<double> values) {
  b.setInsertionPointToEnd(module.getBody());
  auto size = static_cast<int64_t>(values.size());
  auto type = RankedTensorType::get({size}, b.getF64Type());
  return create("lnx_numbers", LLVM::LLVMArrayType::get(b.getF64Type(), size),
                DenseElementsAttr::get(type, values))
      .getName();
}

Value ConstantData::build(OpBuilder &b, Type type, ArrayRef<Field> fields) {
  Location loc = module.getLoc();
  Value whole = LLVM::PoisonOp::create(b, loc, type);
  for (auto [index, field] : llvm::enumerate(fields)) {
    Value value;
    if (field.bits)
      value =
          LLVM::ConstantOp::create(b, loc, b.getIntegerType(field.bits),
                                   b.getIntegerAttr(b.getIntegerType(field.bits), field.number));
    else if (field.symbol.empty())
      value = LLVM::ZeroOp::create(b, loc, pointer);
    else
      value = LLVM::AddressOfOp::create(b, loc, pointer, field.symbol);
    whole = LLVM::InsertValueOp::create(b, loc, whole, value,
                                        ArrayRef<int64_t>{static_cast<int64_t>(index)});
  }
  return whole;
}

LLVM::GlobalOp ConstantData::structures(StringRef name, ArrayRef<SmallVector<Field>> rows,
                                        bool isArray) {
  SmallVector<Type> types;
  for (const Field &field : rows.front())
    types.push_back(field.bits ? Type(b.getIntegerType(field.bits)) : pointer);
  Type element = LLVM::LLVMStructType::getLiteral(context, types);
  Type type = isArray ? Type(LLVM::LLVMArrayType::get(element, rows.size())) : element;
  b.setInsertionPointToEnd(module.getBody());
  LLVM::GlobalOp global = create(name, type);
  Location loc = module.getLoc();
  OpBuilder inside(context);
  inside.setInsertionPointToStart(inside.createBlock(&global.getInitializerRegion()));
  Value value;
  if (isArray) {
    value = LLVM::PoisonOp::create(inside, loc, type);
    for (auto [index, row] : llvm::enumerate(rows))
      value = LLVM::InsertValueOp::create(inside, loc, value, build(inside, element, row),
                                          ArrayRef<int64_t>{static_cast<int64_t>(index)});
  } else {
    value = build(inside, element, rows.front());
  }
  LLVM::ReturnOp::create(inside, loc, value);
  return global;
}

void ConstantData::keep(StringRef symbol) {
  Location loc = module.getLoc();
  auto type = LLVM::LLVMArrayType::get(pointer, 1);
  b.setInsertionPointToEnd(module.getBody());
  LLVM::GlobalOp used = create("llvm.used", type);
  used.setLinkage(LLVM::Linkage::Appending);
  used.setConstant(false);
  used.setSection("llvm.metadata");
  OpBuilder inside(context);
  inside.setInsertionPointToStart(inside.createBlock(&used.getInitializerRegion()));
  Value list = LLVM::PoisonOp::create(inside, loc, type);
  Value address = LLVM::AddressOfOp::create(inside, loc, pointer, symbol);
  list = LLVM::InsertValueOp::create(inside, loc, list, address, ArrayRef<int64_t>{0});
  LLVM::ReturnOp::create(inside, loc, list);
}
