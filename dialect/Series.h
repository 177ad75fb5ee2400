// Series.h: a number of the model as the verifier carries it: its values in the layers of this
// depth, and its schedule, which says what they are at every other depth.
#ifndef LNX_DIALECT_SERIES_H
#define LNX_DIALECT_SERIES_H

#include "dialect/Schedule.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <limits>
#include <memory>
#include <optional>
#include <vector>

namespace mlir::lnx {

/// A number for each layer of a repeat, or one number for all of them. Values are shared and scaled
/// by a factor: arithmetic with one number costs the same whatever the number of layers.
class Series {
public:
  Series(double value = 0) : factor(value) {}
  /// A number for each layer. Without a schedule nothing is known of other depths.
  explicit Series(std::vector<double> values);
  explicit Series(llvm::ArrayRef<double> values) : Series(values.vec()) {}
  static Series top() { return std::numeric_limits<double>::infinity(); }

  double operator[](size_t layer) const { return layers ? factor * layers->list[layer] : factor; }
  /// 1 where all layers have one value.
  size_t size() const { return layers ? layers->list.size() : 1; }
  bool isUniform() const { return !layers; }
  bool isAll(double value) const;
  /// At every depth.
  bool isZero() const;
  bool isFinite() const;
  /// At this depth and at all large ones.
  bool isPositive() const;
  bool isNonNegative() const;
  /// Infinite where some value is not a number.
  double largest() const;
  double smallest() const;
  /// Over this many layers.
  double sum(int64_t count) const;
  bool operator==(const Series &other) const;
  /// This is at most `other` in every layer here; false where that takes a look at each of them.
  bool isBelow(const Series &other) const;

  /// As a function of l and N; a number without one is the same at every depth.
  Schedule schedule() const;
  bool hasSchedule() const { return formula != nullptr; }
  Series with(const Schedule &schedule) const;
  /// The number in layer `layer` (as the model counts them) at another depth; absent where that is
  /// not known exactly.
  std::optional<double> at(double layer, double depth) const;

  /// Any function of the values: nothing is known of it at other depths unless x is constant.
  Series map(llvm::function_ref<double(double)> f) const;
  static Series zip(const Series &x, const Series &y, llvm::function_ref<double(double, double)> f);

private:
  friend Series operator+(const Series &x, const Series &y);
  friend Series operator*(const Series &x, const Series &y);
  friend Series smaller(const Series &x, const Series &y);
  friend Series larger(const Series &x, const Series &y);
  struct Values;
  /// What was made of some values and of others, or of a number: a model asks for the same again
  /// and again.
  struct Derived {
    double (*function)(double, double);
    double factor, otherFactor;
    bool isOfNumber;
    std::weak_ptr<const Values> other;
    std::shared_ptr<const Values> values;
  };
  /// What is asked of all layers together is known once. A model is verified by one thread.
  struct Values {
    std::vector<double> list;
    double smallest = std::numeric_limits<double>::infinity(), largest = -smallest;
    mutable std::vector<Derived> derived;
  };
  template <double (*function)(double, double)>
  static Series combined(const Series &x, const Series &y);

  double factor;
  std::shared_ptr<const Values> layers;
  std::shared_ptr<const Schedule> formula;
};
Series operator+(const Series &x, const Series &y);
/// Nothing times anything is nothing, even times infinity.
Series operator*(const Series &x, const Series &y);
Series operator/(const Series &x, const Series &y);
Series smaller(const Series &x, const Series &y);
Series larger(const Series &x, const Series &y);
Series negated(const Series &x);
Series abs(const Series &x);
/// 1/x; infinite where x is 0.
Series reciprocal(const Series &x);
/// x^exponent, and 0 where x is negative.
Series power(const Series &x, double exponent);
/// 0 where x is negative.
Series sqrt(const Series &x);
Series exp(const Series &x);

} // namespace mlir::lnx

#endif
