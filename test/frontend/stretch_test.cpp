// Where conditions on the layer cut a stack at every large depth, against counting the layers.
#include "frontend/Stretch.h"

#include <gtest/gtest.h>

#include <random>

using namespace lnx::spec;
using mlir::lnx::Scalar;
using mlir::lnx::Schedule;
using Op = lnx::ast::CompareOp;

namespace {
/// layer * l + share * N + offset, in twelfths.
struct Line {
  int64_t layer, share, offset;

  Schedule in(const Stretch &stretch) const {
    const auto over = [](int64_t n) { return Schedule::constant(Scalar::fraction(n, 12)); };
    return over(layer) * stretch.index() + over(share) * Schedule::depth(1) + over(offset);
  }
  int64_t at(int64_t l, int64_t depth) const { return layer * l + share * depth + offset; }
};

bool holds(Op op, int64_t a, int64_t b) {
  return op == Op::Less           ? a < b
         : op == Op::LessEqual    ? a <= b
         : op == Op::Greater      ? a > b
         : op == Op::GreaterEqual ? a >= b
         : op == Op::Equal        ? a == b
                                  : a != b;
}

bool isBetween(int64_t last, const Border &border, int64_t depth) {
  const Scalar place = border.share * Scalar(depth), layer = last;
  return Scalar::compare(place + border.low, layer) <= 0 &&
         Scalar::compare(layer, place + border.high) <= 0;
}

struct Random {
  std::mt19937 generator;
  int64_t draw(int64_t from, int64_t to) {
    return from + static_cast<int64_t>(generator() % static_cast<uint32_t>(to - from + 1));
  }
  Op op() {
    constexpr Op all[] = {Op::Less,         Op::LessEqual, Op::Greater,
                          Op::GreaterEqual, Op::Equal,     Op::NotEqual};
    return all[draw(0, 5)];
  }
  Line line() {
    const int64_t layers[] = {0, 12, 24, -12, 4}, shares[] = {0, 0, 3, 4, 6, 12, -3, 24};
    return {layers[draw(0, 4)], shares[draw(0, 7)], draw(0, 2) ? 0 : draw(-30, 30)};
  }
};

/// The layers that a condition has left so far, at one depth.
struct Layers {
  int64_t first, last;
};

/// Follows one condition in the layers of `at`, as the elaborator does: the first piece.
void follow(Op op, const Line &a, const Line &b, const Truth &truth, Layers &at, int64_t depth) {
  const auto isTrue = [&](int64_t l) { return holds(op, a.at(l, depth), b.at(l, depth)); };
  ASSERT_LE(at.first, at.last) << "no layer at depth " << depth;
  EXPECT_EQ(isTrue(at.first), truth.first) << "at depth " << depth;
  int64_t last = at.first;
  while (last < at.last && isTrue(last + 1) == truth.first)
    ++last;
  EXPECT_EQ(last < at.last, truth.until.has_value()) << "at depth " << depth;
  if (truth.until)
    EXPECT_TRUE(isBetween(last, *truth.until, depth)) << "layer " << last << " of " << depth;
  at.last = last;
}

// Two conditions, the second in what the first leaves; depths of every remainder.
TEST(Stretch, s5ConditionsCutWhereTheirLayersAre) {
  Random random{std::mt19937(7)};
  int decided = 0, cuts = 0;
  for (int round = 0; round < 20000; ++round) {
    Stretch stretch{Border::after(0, random.draw(0, 2)), Border::after(1, random.draw(-2, 0))};
    std::vector<std::pair<int64_t, Layers>> at;
    for (int64_t depth = 3000; depth < 3012; ++depth)
      at.push_back(
          {depth, {stretch.begin.low.whole().value() + 1, depth + *stretch.end.low.whole()}});
    for (int condition = 0; condition < 2; ++condition) {
      const Op op = random.op();
      const Line a = random.line(), b = random.line();
      const std::optional<Truth> truth = truthOf(op, a.in(stretch), b.in(stretch), stretch);
      if (!truth)
        break;
      ++decided;
      for (auto &[depth, layers] : at)
        follow(op, a, b, *truth, layers, depth);
      if (truth->until) {
        stretch.end = *truth->until;
        ++cuts;
      }
      ASSERT_FALSE(HasFailure()) << "round " << round << " condition " << condition << ": "
                                 << a.in(stretch).print() << " op " << int(op) << " "
                                 << b.in(stretch).print();
    }
  }
  EXPECT_GT(decided, 10000);
  EXPECT_GT(cuts, 3000);
}

// The layers that stand in schedules hold all that there are.
TEST(Stretch, s50LayersOfAStretchAreWithinItsShares) {
  Random random{std::mt19937(8)};
  for (int round = 0; round < 1000; ++round) {
    const Scalar share = Scalar::fraction(random.draw(1, 11), 12);
    const Scalar offset = Scalar::fraction(random.draw(-40, 40), 7);
    const Border border =
        random.draw(0, 1) ? Border::after(share, offset) : Border::before(share, offset);
    const mlir::lnx::Layers front = Stretch{Border(), border}.layers(),
                            back = Stretch{border, Border::after(1, 0)}.layers();
    for (int64_t depth = 30000; depth < 30012; ++depth) {
      int64_t last = *floor(share * Scalar(depth)).whole() - 20;
      const auto isBefore = [&](int64_t l) {
        const int order = Scalar::compare(Scalar(l), share * Scalar(depth) + offset);
        return border.kind == Border::Kind::After ? order <= 0 : order < 0;
      };
      while (isBefore(last + 1))
        ++last;
      EXPECT_LE(Scalar::compare(last, front.to * Scalar(depth)), 0);
      EXPECT_GE(Scalar::compare(last + 1, back.from * Scalar(depth)), 0);
    }
  }
}
} // namespace
