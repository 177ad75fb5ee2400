// InitialValue: what fixed tensors hold at initialisation, a number for each layer.
// Read from the laws of parameters and from schedules; sees operations through their interfaces.
#ifndef LNX_COMPILER_STABILITY_INITIALVALUE_H
#define LNX_COMPILER_STABILITY_INITIALVALUE_H

#include "compiler/stability/MeanField.h"
#include "dialect/Abstract.h"
#include "dialect/LnxDialect.h"
#include <optional>
#include <vector>

namespace mlir::lnx::stability {

/// The number that every entry of `value` has at initialisation; absent where entries differ, are
/// drawn at random, or depend on the tokens.
std::optional<Series> initialNumber(Value value);

/// Variance of the entries of a matrix of independent random numbers of mean zero, and the
/// parameter that they are drawn for; absent for anything else.
struct RandomMatrix {
  Series variance;
  ParamOp parameter;
};
std::optional<RandomMatrix> randomMatrix(Value value);

/// A function of each entry of one value, as a chain of element-wise operations with numbers: the
/// value, and the function. Absent where there are several values, or none.
struct EntryFunction {
  Value argument;
  MeanFieldUpdate::Activation function;
};
/// The product of `factors` and `number`, as such a function. The operations must outlive it.
std::optional<EntryFunction> matchEntryFunction(llvm::ArrayRef<Value> factors, double number = 1);

/// The values that a chain of element-wise operations starts from, numbers apart.
llvm::SmallVector<Value> argumentsOf(Value value);

} // namespace mlir::lnx::stability

#endif
