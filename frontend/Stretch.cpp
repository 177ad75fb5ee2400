// Stretch: a comparison that is linear in the layer is a place between layers; any other is decided
// only where one sign holds in all of them.
#include "frontend/Stretch.h"

namespace lnx::spec {
namespace {
using mlir::lnx::Layers;
using mlir::lnx::Monomial;
using mlir::lnx::Scalar;
using mlir::lnx::Schedule;
using mlir::lnx::Sum;
using Op = ast::CompareOp;

/// layer * l + share * N + offset.
struct Line {
  Scalar layer = 0, share = 0, offset = 0;
};

std::optional<Line> lineOf(const Sum &sum) {
  Line line;
  for (const Monomial &term : sum) {
    Scalar *const part = !term.q.isZero() || !term.c.isExact() ? nullptr
                         : term.p == 1 && term.s.isZero()      ? &line.layer
                         : term.s == 1 && term.p.isZero()      ? &line.share
                         : term.isConstant()                   ? &line.offset
                                                               : nullptr;
    if (!part)
      return std::nullopt;
    *part = term.c;
  }
  return line;
}

bool isWhole(const Scalar &x) { return x.isExact() && x.whole().has_value(); }

/// share * N + offset.
Schedule at(const Scalar &share, const Scalar &offset) {
  return Schedule::depth(1) * Schedule::constant(share) + Schedule::constant(offset);
}

Schedule between(const Border &border, int64_t more) {
  const Schedule low = at(border.share, border.low + more);
  const Schedule high = at(border.share, border.high + more);
  const std::string text = low.print() + " .. " + high.print();
  return border.low == border.high ? low : *Schedule::parse(text);
}
} // namespace

//===-- borders ------------------------------------------------------------===//

Border Border::after(const Scalar &share, const Scalar &offset) {
  if (isWhole(share))
    return {Kind::Exact, share, floor(offset), floor(offset)};
  return {Kind::After, share, offset - 1, offset};
}

Border Border::before(const Scalar &share, const Scalar &offset) {
  if (isWhole(share))
    return {Kind::Exact, share, ceil(offset) - 1, ceil(offset) - 1};
  return {Kind::Before, share, offset - 1, offset};
}

std::optional<Border> Border::behind(const Schedule &last) {
  const std::optional<Line> low = last.below() ? lineOf(*last.below()) : std::nullopt;
  const std::optional<Line> high = last.above() ? lineOf(*last.above()) : std::nullopt;
  if (!low || !high || !low->layer.isZero() || !high->layer.isZero() ||
      !(low->share == high->share))
    return std::nullopt;
  const Kind kind = last.isExact() ? Kind::Exact : Kind::Rounded;
  return Border{kind, low->share, low->offset, high->offset};
}

bool Border::operator==(const Border &other) const {
  return kind == other.kind && kind != Kind::Rounded && share == other.share && low == other.low &&
         high == other.high;
}

bool Border::isAhead(const Border &end, int64_t layers) const {
  if (const int order = Scalar::compare(share, end.share); order != 0)
    return order < 0;
  if (*this == end)
    return layers <= 0;
  return Scalar::compare(ceil(end.low - high), layers) >= 0;
}

//===-- stretches ----------------------------------------------------------===//

Layers Stretch::layers() const {
  Layers layers;
  // A share is widened where the border lies beyond it by some layers: no large depth notices.
  if (isPositive(begin.share))
    layers.from =
        Scalar::compare(begin.low, -1) < 0 ? begin.share * Scalar::fraction(63, 64) : begin.share;
  else if (isPositive(begin.low))
    layers.first = begin.low + 1;
  if (isPositive(end.share)) {
    layers.to = isPositive(end.high) ? end.share * Scalar::fraction(65, 64) : end.share;
  } else {
    layers.to = 0;
    layers.last = end.high;
  }
  return layers;
}

Schedule Stretch::index() const {
  // Monomials are those of positive numbers.
  if (!isPositive(begin.share) && isNegative(begin.low))
    return Schedule::unknown(/*ofLayer=*/true);
  const bool isSingle = begin.kind == Border::Kind::Exact && end.kind == Border::Kind::Exact &&
                        begin.share == end.share && end.low == begin.low + 1;
  return isSingle ? at(end.share, end.low) : Schedule::layer(layers());
}

std::pair<std::string, std::string> Stretch::ends() const {
  if (begin.share.isZero() && end.share.isZero())
    return {};
  return {between(begin, 1).print(), between(end, 0).print()};
}

//===-- conditions ---------------------------------------------------------===//

namespace {
/// What holds of a number in all layers, for all large N.
struct Sign {
  explicit Sign(const Schedule &x) {
    const auto above = x.positiveFloor(), below = (-x).positiveFloor();
    isPositive = above && !above->empty();
    isNegative = below && !below->empty();
    isNotNegative = above.has_value();
    isNotPositive = below.has_value();
  }
  bool isPositive, isNegative, isNotNegative, isNotPositive;
};

std::optional<bool> either(bool isTrue, bool isFalse) {
  return isTrue ? std::optional(true) : isFalse ? std::optional(false) : std::nullopt;
}

/// By the sign of rhs - lhs.
std::optional<bool> truthOf(Op op, const Sign &sign) {
  switch (op) {
  case Op::Less:
    return either(sign.isPositive, sign.isNotPositive);
  case Op::LessEqual:
    return either(sign.isNotNegative, sign.isNegative);
  case Op::Greater:
    return either(sign.isNegative, sign.isNotNegative);
  case Op::GreaterEqual:
    return either(sign.isNotPositive, sign.isPositive);
  case Op::Equal:
    return either(sign.isNotNegative && sign.isNotPositive, sign.isPositive || sign.isNegative);
  case Op::NotEqual:
    return either(sign.isPositive || sign.isNegative, sign.isNotNegative && sign.isNotPositive);
  }
  return std::nullopt;
}

/// `first` up to the border and the opposite behind it.
std::optional<Truth> cut(const Stretch &stretch, const Border &border, bool first) {
  if (stretch.end.isAhead(border, 0))
    return Truth{first, {}};
  if (border.isAhead(stretch.begin, 0))
    return Truth{!first, {}};
  if (stretch.begin.isAhead(border, 1) && border.isAhead(stretch.end, 1))
    return Truth{first, border};
  return std::nullopt;
}

/// Of l == share*N + offset.
std::optional<Truth> cutAt(const Stretch &stretch, const Scalar &share, const Scalar &offset) {
  if (!isWhole(share))
    return std::nullopt; // it depends on what N is divided by
  if (!isWhole(offset))
    return Truth{false, {}};
  const Border before = Border::before(share, offset), after = Border::after(share, offset);
  std::optional<Truth> truth = cut(stretch, before, /*first=*/false);
  if (!truth || truth->until || !truth->first)
    return truth;
  return cut(stretch, after, /*first=*/true);
}
} // namespace

std::optional<Truth> truthOf(Op op, const Schedule &lhs, const Schedule &rhs,
                             const Stretch &stretch) {
  const Schedule difference = rhs - lhs;
  if (const std::optional<bool> everywhere = truthOf(op, Sign(difference)))
    return Truth{*everywhere, {}};
  const std::optional<Line> line =
      difference.isExact() ? lineOf(*difference.below()) : std::nullopt;
  if (!line || line->layer.isZero())
    return std::nullopt;
  const Scalar share = -line->share / line->layer, offset = -line->offset / line->layer;
  if (!share.isExact() || !offset.isExact())
    return std::nullopt;
  if (op == Op::Equal || op == Op::NotEqual) {
    std::optional<Truth> truth = cutAt(stretch, share, offset);
    if (truth && op == Op::NotEqual)
      truth->first = !truth->first;
    return truth;
  }
  // rhs - lhs = layer*l - ...: it is positive behind the place where layer > 0.
  const bool holdsFirst = (op == Op::Less || op == Op::LessEqual) == isNegative(line->layer);
  const bool isStrict = op == Op::Less || op == Op::Greater;
  const bool isPlaceFirst = isStrict != holdsFirst; // l = the place belongs to the first layers
  return cut(stretch, isPlaceFirst ? Border::after(share, offset) : Border::before(share, offset),
             holdsFirst);
}

} // namespace lnx::spec
