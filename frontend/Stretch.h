// Stretch: the layers of a repeat at every large depth, and where conditions cut them (S5, S50).
// Borders are whole functions of the depth N; what cannot be placed for all large N is not decided.
#pragma once

#include "dialect/Schedule.h"
#include "frontend/Ast.h"

#include <optional>
#include <string>

namespace lnx::spec {

/// The last layer before it is a whole number from share*N + low to share*N + high.
struct Border {
  /// How it comes from a place share*N + high between layers; of equal place and kind are equal.
  enum class Kind { Exact, After, Before, Rounded } kind = Kind::Exact;
  mlir::lnx::Scalar share = 0, low = 0, high = 0;

  /// Behind the last layer l with l <= share*N + offset (l < ...).
  static Border after(const mlir::lnx::Scalar &share, const mlir::lnx::Scalar &offset);
  static Border before(const mlir::lnx::Scalar &share, const mlir::lnx::Scalar &offset);
  /// Behind the layer `last`, which is whole; absent where it is no share of N.
  static std::optional<Border> behind(const mlir::lnx::Schedule &last);

  bool operator==(const Border &other) const;
  /// At least `layers` lie between it and `end`, for all large N.
  bool isAhead(const Border &end, int64_t layers) const;
};

/// The layers behind `begin` up to `end`.
struct Stretch {
  Border begin, end;

  /// Their index, as a function of itself and N.
  mlir::lnx::Schedule index() const;
  mlir::lnx::Layers layers() const;
  /// First and last layer as the IR writes them; empty where they are these at every depth.
  std::pair<std::string, std::string> ends() const;
};

/// What a condition is in a stretch for all large N.
struct Truth {
  bool first = false;          ///< in its first layers
  std::optional<Border> until; ///< where it changes; absent where it does not
};
/// Absent where it is not known.
std::optional<Truth> truthOf(ast::CompareOp op, const mlir::lnx::Schedule &lhs,
                             const mlir::lnx::Schedule &rhs, const Stretch &stretch);

} // namespace lnx::spec
