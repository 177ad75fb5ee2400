// InitialValue: what fixed tensors hold at initialisation, a number for each layer.
// Read from the laws of parameters and from schedules; sees operations through their interfaces.
#ifndef LNX_COMPILER_STABILITY_INITIALVALUE_H
#define LNX_COMPILER_STABILITY_INITIALVALUE_H

#include "compiler/stability/MeanField.h"
#include "dialect/LnxDialect.h"
#include <optional>
#include <vector>

namespace mlir::lnx::stability {

/// One number for all layers of a repeat, or one for each.
class Numbers {
public:
  Numbers(double value = 1) : values{value} {}
  explicit Numbers(llvm::ArrayRef<double> values) : values(values.begin(), values.end()) {}

  double operator[](size_t layer) const { return values.size() == 1 ? values[0] : values[layer]; }
  bool isUniform() const { return values.size() == 1; }
  bool isAll(double value) const {
    return llvm::all_of(values, [&](double v) { return v == value; });
  }
  Numbers map(llvm::function_ref<double(double)> f) const;
  static Numbers zip(const Numbers &x, const Numbers &y,
                     llvm::function_ref<double(double, double)> f);

private:
  std::vector<double> values;
};
Numbers operator*(const Numbers &x, const Numbers &y);
Numbers operator/(const Numbers &x, const Numbers &y);
Numbers operator+(const Numbers &x, const Numbers &y);

/// The number that every entry of `value` has at initialisation; absent where entries differ, are
/// drawn at random, or depend on the tokens.
std::optional<Numbers> initialNumber(Value value);

/// Variance of the entries of a matrix of independent random numbers of mean zero, and the
/// parameter that they are drawn for; absent for anything else.
struct RandomMatrix {
  Numbers variance;
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
