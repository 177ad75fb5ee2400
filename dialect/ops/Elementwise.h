// Elementwise.h: what all element-wise primitives, and what all reductions, answer alike.
// Called by the methods that Primitive.td and Reduce.td give to each op of the two classes.
#ifndef LNX_DIALECT_OPS_ELEMENTWISE_H
#define LNX_DIALECT_OPS_ELEMENTWISE_H

#include "dialect/LnxDialect.h"
#include <optional>

namespace mlir::lnx {

LogicalResult inferElementwise(MLIRContext *context, std::optional<Location> location,
                               ValueRange operands, SmallVectorImpl<Type> &types);
SmallVector<Array> evaluateElementwise(ElementwiseOpInterface op, ArrayRef<Array> operands,
                                       Batch batch);
void lowerElementwise(ElementwiseOpInterface op, LoopBuilder &loops);
/// Folds numbers, and operations that leave one operand as it is.
OpFoldResult foldElementwise(ElementwiseOpInterface op, ArrayRef<Attribute> operands);

/// The number behind a value, when it is an lnx.constant.
std::optional<double> getNumber(Value value);
/// An arith constant of a float type or of a vector of floats.
Value emitNumber(OpBuilder &builder, Location loc, Type type, double number);
/// a * b for bounds: nothing times anything is nothing, even times infinity.
double boundProduct(double a, double b);

/// Elements along feature axis `axis` (-1 is the last) of a tensor type.
int64_t getReducedSize(Type type, int64_t axis);
LogicalResult inferReduction(MLIRContext *context, std::optional<Location> location, Type operand,
                             int64_t axis, SmallVectorImpl<Type> &types);
/// factor * sum along `axis`.
Array evaluateReduction(const Array &x, int64_t axis, double factor);
Moments boundReduction(Moments x, Type type, int64_t axis, double factor);
Abstract transferReduction(const Abstract &x, Type type, int64_t axis, double factor);
void lowerReduction(LoopBuilder &loops, int64_t axis, double factor);

} // namespace mlir::lnx

#endif
