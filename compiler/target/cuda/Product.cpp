// Product: a matrix product with what stands behind it as one call of cuBLASLt.
// Relies on the groups that JoinEpilogues makes; matmul.def says which calls exist.
#include "compiler/target/cuda/Cuda.h"
#include "compiler/target/cuda/Epilogues.h"

#include "lnx/abi.h"

using namespace mlir;
using namespace mlir::lnx;

namespace {

/// The members of a group.
struct Members {
  MatmulOp product;
  AddOp add;
  GeluOp gelu;
  MulOp mul;
  SumRowsOp sum;
  Value bias;     ///< what `add` adds
  Value argument; ///< whose slope of GELU `mul` multiplies by

  /// What is computed last, but for a sum.
  Value last() {
    if (mul)
      return mul.getResult();
    return gelu ? gelu.getResult() : add ? add.getResult() : product.getResult();
  }
  int64_t epilogue(bool keeps) {
    if (sum)
      return sum.getX() == product.getRhs() ? LNX_EPILOGUE_SUM_B : LNX_EPILOGUE_SUM_A;
    if (mul)
      return LNX_EPILOGUE_GELU_GRAD;
    if (!gelu)
      return LNX_EPILOGUE_BIAS;
    if (keeps)
      return add ? LNX_EPILOGUE_BIAS_GELU_AUX : LNX_EPILOGUE_GELU_AUX;
    return add ? LNX_EPILOGUE_BIAS_GELU : LNX_EPILOGUE_GELU;
  }
};

} // namespace

static Value otherOperand(Operation *op, Value value) {
  return op->getOperand(op->getOperand(0) == value ? 1 : 0);
}

/// `value` is the product or its sum with a bias: who reads it?
static void findReaders(Members &members, Value value) {
  for (Operation *user : value.getUsers()) {
    if (auto gelu = dyn_cast<GeluOp>(user))
      members.gelu = gelu;
    if (auto mul = dyn_cast<MulOp>(user)) {
      members.mul = mul;
      members.argument = cuda::geluArgument(otherOperand(mul, value));
    }
    if (auto add = dyn_cast<AddOp>(user)) {
      members.add = add;
      members.bias = otherOperand(add, value);
      findReaders(members, add.getResult());
    }
  }
}

static Members membersOf(GroupOp group) {
  Members members;
  for (Operation &op : group.getBody().front()) {
    if (auto product = dyn_cast<MatmulOp>(op))
      members.product = product;
    if (auto sum = dyn_cast<SumRowsOp>(op))
      members.sum = sum;
  }
  findReaders(members, members.product.getResult());
  return members;
}

static int64_t typeNumber(Value buffer) {
  return cast<MemRefType>(buffer.getType()).getElementType().isBF16() ? LNX_TYPE_BF16
                                                                      : LNX_TYPE_F32;
}

static bool isOffered(int64_t ofOperands, int64_t ofResult, int64_t wanted, bool transposeA,
                      bool transposeB) {
#define LNX_PRODUCT(type, typeC, epilogue, layouts)                                                \
  if (type == ofOperands && typeC == ofResult && epilogue == wanted)                               \
    return (layouts >> (transposeA + 2 * transposeB) & 1) != 0;
#include "lnx/matmul.def"
#undef LNX_PRODUCT
  return false;
}

/// Vectors of all layers start at multiples of 16 bytes, and rows of the kept matrix at multiples
/// of 8 elements (abi.def).
static bool isAligned(int64_t elements) { return elements % 8 == 0; }

/// to += from
static void addVector(GroupBuffers &buffers, Value from, Value to) {
  auto type = cast<MemRefType>(to.getType());
  auto flat = [&](Value vector) -> Value {
    auto any = MemRefType::get({ShapedType::kDynamic}, type.getElementType());
    return memref::CastOp::create(buffers.builder, buffers.loc, any, vector);
  };
  cuda::transfer(buffers, flat(from), flat(to), buffers.index(type.getDimSize(0)), /*adds=*/true);
}

LogicalResult cuda::lowerProduct(GroupOp group, GroupBuffers &buffers) {
  Members members = membersOf(group);
  Operation *yield = group.getBody().front().getTerminator();
  Value c, aux, vector;
  bool addsC = false, addsVector = false;
  for (auto [i, yielded] : llvm::enumerate(yield->getOperands())) {
    Value output = beforeCast(yielded);
    bool isC = output == members.last(), isSum = members.sum && output == members.sum.getResult();
    (isC ? c : isSum ? vector : aux) = buffers.results[i];
    if (isC || isSum)
      (isC ? addsC : addsVector) = buffers.accumulate[i];
    else if (buffers.accumulate[i])
      return failure();
  }
  MatmulOp product = members.product;
  Value a = inputBuffer(buffers, product.getLhs()), b = inputBuffer(buffers, product.getRhs());
  if (members.add)
    vector = inputBuffer(buffers, members.bias);
  if (members.mul)
    aux = inputBuffer(buffers, members.argument);
  bool transposeA = product.getTransposeLhs(), transposeB = product.getTransposeRhs();
  const int64_t type = typeNumber(a), typeC = typeNumber(c),
                epilogue = members.epilogue(aux != nullptr);
  auto hasTypeOfC = [&](Value buffer) {
    return !buffer || (typeNumber(buffer) == typeC &&
                       isAligned(cast<MemRefType>(buffer.getType()).getShape().back()));
  };
  if (typeNumber(b) != type || !hasTypeOfC(aux) || !hasTypeOfC(vector) || (addsC && !members.sum) ||
      !isOffered(type, typeC, epilogue, transposeA, transposeB))
    return failure();
  // A sum is stored, so what it adds to waits.
  Value target = vector;
  if (addsVector)
    vector = buffers.allocate(cast<MemRefType>(vector.getType()));
  auto index = [&](int64_t value) { return buffers.index(value); };
  auto width = [&](Value matrix) { return sizeOf(buffers, matrix, 1); };
  auto address = [&](Value buffer) { return buffer ? buffers.address(buffer) : index(0); };
  buffers.call("lnx_matmul",
               {index(transposeA), index(transposeB), sizeOf(buffers, a, transposeA ? 1 : 0),
                sizeOf(buffers, b, transposeB ? 0 : 1), sizeOf(buffers, a, transposeA ? 0 : 1),
                index(type), address(a), width(a), address(b), width(b), index(addsC), index(typeC),
                address(c), width(c), index(epilogue), address(vector), address(aux),
                aux ? width(aux) : index(0)});
  if (addsVector)
    addVector(buffers, vector, target);
  return success();
}
