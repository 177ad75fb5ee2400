// Single: groups of one operation; what every target does with them in the same way.
// Relied on by the folders of target/.
#ifndef LNX_COMPILER_TARGET_SINGLE_H
#define LNX_COMPILER_TARGET_SINGLE_H

#include "compiler/target/Target.h"

namespace mlir::lnx {

/// The only operation of a group that reads its inputs and gives its results, as they are or by a
/// cast; null where there is none.
Operation *singleOp(GroupOp group);
/// The value before a change of precision, if that is what gives `value`.
Value beforeCast(Value value);
/// The buffer of operand `value` of the single op of a group; its elements are bf16 where the op
/// reads the input by a cast.
Value inputBuffer(GroupBuffers &buffers, Value value);
/// The size of a dimension of a buffer, as index.
Value sizeOf(GroupBuffers &buffers, Value buffer, unsigned dim);
/// Whether no buffer of the group holds bf16.
bool isFullPrecision(const GroupBuffers &buffers);
/// A row-major matrix in memory.
struct Matrix {
  Value address;
  Value distance; ///< of its rows, in elements
  Type type;      ///< f32 or bf16
};
/// A buffer of rank 2.
Matrix matrixOf(GroupBuffers &buffers, Value buffer);

/// c (+)= op(a) op(b), with op(a) [m x k] and op(b) [k x n] of one type.
struct Gemm {
  Value m, n, k;
  Matrix a;
  bool transposeA;
  Matrix b;
  bool transposeB;
  Matrix c;
  Value accumulate; ///< 0 or 1
};
/// Whether there is a call for a product of these types.
bool hasGemm(Type a, Type b, Type c);
/// A product as a call of `gemm`, or of `matmul` where there is bf16 (abi.def).
void callGemm(GroupBuffers &buffers, const Gemm &product);
/// A matrix product as a call of `gemm` (abi.def).
LogicalResult lowerGemm(MatmulOp matmul, GroupBuffers &buffers);

} // namespace mlir::lnx

#endif
