// GradBuilder.h: what `differentiate` is written with; rules read like mathematics.
// Relied on by every primitive and by the autodiff pass, which owns one per block.
#ifndef LNX_DIALECT_GRADBUILDER_H
#define LNX_DIALECT_GRADBUILDER_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace mlir::lnx {

/// A tensor value with arithmetic. Operators build element-wise primitives with broadcasting.
struct Term {
  OpBuilder *builder = nullptr;
  Location loc;
  Value value;

  operator Value() const { return value; }
};
Term operator+(Term a, Term b);
Term operator-(Term a, Term b);
Term operator*(Term a, Term b);
Term operator/(Term a, Term b);
Term operator-(Term a);
Term operator+(double a, Term b);
Term operator+(Term a, double b);
Term operator-(double a, Term b);
Term operator-(Term a, double b);
Term operator*(double a, Term b);
Term operator/(Term a, double b);

/// Gradients of the values of one block, as sums of contributions.
class GradBuilder {
public:
  /// `isActive` says whether a value's gradient is wanted; contributions to others are dropped.
  GradBuilder(OpBuilder &builder, Location loc, llvm::function_ref<bool(Value)> isActive)
      : builder(builder), loc(loc), isActive(isActive) {}

  /// The gradient that arrived at `value`, or null when nothing depends on it.
  Value gradient(Value value);
  /// The same as a term; only where gradient(value) is known to exist.
  Term operator[](Value value) { return term(gradient(value)); }
  /// Adds `contribution` to the gradient of `value`, summed over the dimensions along which `value`
  /// was broadcast to the contribution's type.
  void add(Value value, Value contribution);
  bool wants(Value value) const { return isActive(value); }
  /// The contributions of a value, unsummed; parameters add them to memory one by one.
  llvm::ArrayRef<Value> contributions(Value value) const;

  Term term(Value value) { return {&builder, loc, value}; }
  OpBuilder &getBuilder() { return builder; }
  Location getLoc() const { return loc; }
  void setLoc(Location newLoc) { loc = newLoc; }

private:
  OpBuilder &builder;
  Location loc;
  llvm::function_ref<bool(Value)> isActive;
  llvm::DenseMap<Value, llvm::SmallVector<Value, 2>> pending;
};

} // namespace mlir::lnx

#endif
