// Number: a number known when compiling, exact as long as possible, perhaps different per layer.
// Sees scalars and schedules only; the elaborator's conditions and sizes rest on its exactness
// (S5).
#pragma once

#include "dialect/Schedule.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace lnx::spec {

using mlir::lnx::Scalar;
using mlir::lnx::Schedule;

/// One Scalar, or one for each layer of the repeat being elaborated.
class Number {
public:
  Number(Scalar value = {}) : single(value) {}
  /// Not empty; values that all agree become one.
  explicit Number(std::vector<Scalar> layers);

  bool isUniform() const { return !layers; }
  /// Of the first layer; the only one when uniform.
  const Scalar &front() const { return layers ? layers->front() : single; }
  const Scalar &at(size_t layer) const { return layers ? (*layers)[layer] : single; }
  size_t size() const { return layers ? layers->size() : 1; }
  std::vector<double> values() const;

  /// What it is at other depths, where these may differ; else the same number at every depth.
  bool hasSchedule() const { return formula != nullptr; }
  Schedule schedule() const;
  Number with(const Schedule &schedule) const;

  /// f of the values, g of the schedule.
  Number map(const std::function<Scalar(const Scalar &)> &f,
             const std::function<Schedule(const Schedule &)> &g) const;
  static Number map(const Number &a, const Number &b,
                    const std::function<Scalar(const Scalar &, const Scalar &)> &f,
                    const std::function<Schedule(const Schedule &, const Schedule &)> &g);
  bool any(const std::function<bool(const Scalar &)> &f) const;
  bool operator==(const Number &other) const;

private:
  Scalar single;
  std::shared_ptr<const std::vector<Scalar>> layers;
  std::shared_ptr<const Schedule> formula;
};

/// As messages show it: "768", "2730.67", "1e-05".
std::string format(double value);
std::string format(const Scalar &value);
/// The first value and that there are more: "0.5 (layer 1)".
std::string format(const Number &value);

} // namespace lnx::spec
