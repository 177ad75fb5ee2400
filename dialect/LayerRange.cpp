// LayerRange.cpp: ends of a repeat as shares of the depth; a share is widened where the end lies
// beyond it by a few layers, which no large depth notices.
#include "dialect/LayerRange.h"

using namespace mlir;
using namespace mlir::lnx;

namespace {
/// share * N + offset.
struct Line {
  Scalar share = 0, offset = 0;
};
} // namespace

static std::optional<Line> lineOf(const std::optional<Sum> &sum) {
  Line line;
  if (!sum)
    return std::nullopt;
  for (const Monomial &term : *sum) {
    if (term.isConstant())
      line.offset = term.c;
    else if (term.p.isZero() && term.q.isZero() && term.s == 1)
      line.share = term.c;
    else
      return std::nullopt;
  }
  return line;
}

static Layers layersBetween(const Line &from, const Line &to) {
  Layers layers;
  if (isPositive(from.share))
    layers.from = isNegative(from.offset) ? from.share * Scalar::fraction(63, 64) : from.share;
  else if (Scalar::compare(from.offset, 1) > 0)
    layers.first = from.offset;
  if (isPositive(to.share)) {
    layers.to = isPositive(to.offset) ? to.share * Scalar::fraction(65, 64) : to.share;
  } else {
    layers.to = 0;
    layers.last = to.offset;
  }
  return layers;
}

LayerRange lnx::layersOf(RepeatOp repeat) {
  if (!repeat)
    return {};
  LayerRange range;
  if (repeat.getFromAttr() && repeat.getToAttr()) {
    const std::optional<Schedule> from = Schedule::parse(*repeat.getFrom()),
                                  to = Schedule::parse(*repeat.getTo());
    const std::optional<Line> first = from ? lineOf(from->below()) : std::nullopt,
                              last = to ? lineOf(to->above()) : std::nullopt;
    if (first && last) {
      range.layers = layersBetween(*first, *last);
      range.count = *to - *from + Schedule::constant(1);
    } else { // layers that no share of the depth bounds
      range.count = Schedule::unknown(/*ofLayer=*/false);
    }
    return range;
  }
  auto first = static_cast<int64_t>(repeat.getFirst());
  auto count = static_cast<int64_t>(repeat.getCount());
  range.layers = {std::max<int64_t>(1, first), 0, 0, std::max<int64_t>(1, first + count - 1)};
  range.count = Schedule::constant(count);
  return range;
}

Series lnx::seriesOf(ArrayRef<double> values, StringAttr schedule, RepeatOp repeat) {
  if (schedule) {
    std::optional<Schedule> parsed = Schedule::parse(schedule.getValue());
    if (!parsed)
      return Series(values).with(Schedule::unknown(/*ofLayer=*/true));
    return Series(values).with(parsed->in(layersOf(repeat).layers));
  }
  Series series(values);
  if (series.isUniform() || (repeat && repeat.getFromAttr()))
    return series; // the same at every depth, or nothing is known of others
  return series.with(
      Schedule::between(Scalar::inexact(series.smallest()), Scalar::inexact(series.largest())));
}

Series lnx::seriesOf(TableOp table) {
  return seriesOf(table.getValues(), table.getScheduleAttr(), table->getParentOfType<RepeatOp>());
}
