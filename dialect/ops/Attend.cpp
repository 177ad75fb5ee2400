// Attend.cpp: scaled dot-product attention and its gradient, on arrays and as types.
// The loops of the reference lowering are in AttendLoops.cpp.
#include "dialect/Scores.h"
#include "dialect/Sensitivity.h"
#include "dialect/ops/Attributes.h"
#include "dialect/ops/Elementwise.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;

namespace {
/// Places and sizes of one attend on arrays.
struct Heads {
  int64_t heads, group, size, queryWidth, keyWidth;
  bool causal;
  double scale, softcap;
  Batch batch;

  template <typename OpTy> static Heads of(OpTy op, Batch batch) {
    int64_t heads = op.getHeads(), keyHeads = op.getKvHeads();
    int64_t width = getFeatures(op.getQ().getType()).front();
    return {heads,
            heads / keyHeads,
            width / heads,
            width,
            getFeatures(op.getK().getType()).front(),
            op.getCausal(),
            op.getScaleAttr().getValueAsDouble(),
            op.getSoftcapAttr().getValueAsDouble(),
            batch};
  }
  int64_t query(int64_t row, int64_t head) const { return row * queryWidth + head * size; }
  int64_t key(int64_t row, int64_t head) const { return row * keyWidth + head / group * size; }
  /// Rows that `row` sees: [begin, end).
  std::pair<int64_t, int64_t> visible(int64_t row) const {
    int64_t begin = row - row % batch.time;
    return {begin, causal ? row + 1 : begin + batch.time};
  }
  double cap(double score) const {
    return softcap > 0 ? softcap * std::tanh(score / softcap) : score;
  }
  /// Derivative of cap, from the capped score.
  double capSlope(double capped) const {
    return softcap > 0 ? 1 - capped / softcap * (capped / softcap) : 1;
  }
};
} // namespace

static double dot(const double *a, const double *b, int64_t size) {
  double sum = 0;
  for (int64_t i = 0; i < size; ++i)
    sum += a[i] * b[i];
  return sum;
}

//===-- types --------------------------------------------------------------===//

// Types of q, k and v; the same for attend and attend_grad.
static LogicalResult inferHeads(std::optional<Location> location, ValueRange operands,
                                IntegerAttr headsAttr, IntegerAttr keyHeadsAttr) {
  if (failed(requireAttributes(location, {{"heads", headsAttr}, {"kv_heads", keyHeadsAttr}})))
    return failure();
  int64_t heads = headsAttr.getInt(), keyHeads = keyHeadsAttr.getInt();
  for (Value operand : operands.take_front(3))
    if (!hasRows(operand.getType()) || getFeatures(operand.getType()).size() != 1)
      return emitOptionalError(location, "attention needs rows of features, not ",
                               operand.getType());
  int64_t width = getFeatures(operands[0].getType()).front();
  int64_t keyWidth = getFeatures(operands[1].getType()).front();
  if (heads < 1 || width % heads != 0)
    return emitOptionalError(location, "width ", width, " cannot be split into ", heads, " heads");
  if (keyHeads < 1 || heads % keyHeads != 0)
    return emitOptionalError(location, heads, " heads cannot share ", keyHeads, " key heads");
  if (keyWidth != width / heads * keyHeads)
    return emitOptionalError(location, "keys are ", keyWidth, " wide where ", keyHeads,
                             " heads of ", width / heads, " are expected");
  if (operands[2].getType() != operands[1].getType())
    return emitOptionalError(location, "keys are ", operands[1].getType(), " but values are ",
                             operands[2].getType());
  return success();
}

LogicalResult AttendOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location,
                                         ValueRange operands, DictionaryAttr attributes,
                                         OpaqueProperties properties, RegionRange regions,
                                         SmallVectorImpl<Type> &types) {
  auto read = lnx::readProperties<AttendOp>(attributes, properties);
  if (failed(inferHeads(location, operands, read.heads, read.kv_heads)))
    return failure();
  int64_t heads = read.heads.getInt();
  types.assign({operands[0].getType(), getTensorType(context, {heads}, /*withRows=*/true)});
  return success();
}

LogicalResult AttendOp::verify() {
  if (getSoftcapAttr().getValueAsDouble() < 0)
    return emitOpError("softcap is ") << getSoftcapAttr().getValueAsDouble() << ", less than 0";
  return success();
}

LogicalResult AttendGradOp::inferReturnTypes(MLIRContext *, std::optional<Location> location,
                                             ValueRange operands, DictionaryAttr attributes,
                                             OpaqueProperties properties, RegionRange regions,
                                             SmallVectorImpl<Type> &types) {
  auto read = lnx::readProperties<AttendGradOp>(attributes, properties);
  if (failed(inferHeads(location, operands, read.heads, read.kv_heads)))
    return failure();
  for (Value operand : {operands[3], operands[5]})
    if (operand.getType() != operands[0].getType())
      return emitOptionalError(location, "outputs are ", operand.getType(), " but queries are ",
                               operands[0].getType());
  types.assign({operands[0].getType(), operands[1].getType(), operands[2].getType()});
  return success();
}

OpClass AttendOp::getOpClass() { return OpClass::Mixing; }
OpClass AttendGradOp::getOpClass() { return OpClass::Mixing; }

//===-- values -------------------------------------------------------------===//

// One head of one row: its output and the log of its sum of exp.
static double attendRow(const Heads &h, ArrayRef<Array> operands, int64_t row, int64_t head,
                        double *output) {
  auto [begin, end] = h.visible(row);
  const double *q = operands[0].data.data() + h.query(row, head);
  SmallVector<double> scores;
  double largest = -INFINITY, sum = 0;
  for (int64_t other = begin; other < end; ++other) {
    const double *k = operands[1].data.data() + h.key(other, head);
    scores.push_back(h.cap(h.scale * dot(q, k, h.size)));
    largest = std::max(largest, scores.back());
  }
  for (double score : scores)
    sum += std::exp(score - largest);
  double lse = largest + std::log(sum);
  for (int64_t other = begin; other < end; ++other) {
    const double *v = operands[2].data.data() + h.key(other, head);
    double weight = std::exp(scores[other - begin] - lse);
    for (int64_t i = 0; i < h.size; ++i)
      output[i] += weight * v[i];
  }
  return lse;
}

// The output and the log of the sum of exp of every row.
static SmallVector<Array> attendAll(const Heads &h, ArrayRef<Array> operands) {
  Array output(operands[0].shape), lse({h.batch.rows(), h.heads});
  for (int64_t row = 0; row < h.batch.rows(); ++row)
    for (int64_t head = 0; head < h.heads; ++head)
      lse.data[row * h.heads + head] =
          attendRow(h, operands, row, head, output.data.data() + h.query(row, head));
  return {output, lse};
}

SmallVector<Array> AttendOp::evaluate(ArrayRef<Array> operands, Batch batch) {
  return attendAll(Heads::of(*this, batch), operands);
}

std::optional<double> lnx::largestScore(Operation *op, ArrayRef<Array> operands, Batch batch) {
  auto attend = dyn_cast<AttendOp>(op);
  if (!attend)
    return std::nullopt;
  Heads h = Heads::of(attend, batch);
  double largest = 0;
  for (int64_t row = 0; row < batch.rows(); ++row)
    for (int64_t head = 0; head < h.heads; ++head)
      for (auto [other, end] = h.visible(row); other < end; ++other) {
        const double *q = operands[0].data.data() + h.query(row, head);
        const double *k = operands[1].data.data() + h.key(other, head);
        largest = std::max(largest, std::abs(h.cap(h.scale * dot(q, k, h.size))));
      }
  return largest;
}

void AttendGradOp::fitOperands(MutableArrayRef<Array> operands, Batch batch) {
  SmallVector<Array> forward = attendAll(Heads::of(*this, batch), operands);
  operands[3] = forward[0];
  operands[4] = forward[1];
}

// With p = softmax(s): ds = p (dO.v - D) where D = dO.O, and dv = p dO.
static void attendRowGrad(const Heads &h, ArrayRef<Array> operands, int64_t row, int64_t head,
                          MutableArrayRef<Array> results) {
  auto [begin, end] = h.visible(row);
  int64_t at = h.query(row, head);
  const double *q = operands[0].data.data() + at, *dOutput = operands[5].data.data() + at;
  double delta = dot(dOutput, operands[3].data.data() + at, h.size);
  double lse = operands[4].data[row * h.heads + head];
  for (int64_t other = begin; other < end; ++other) {
    int64_t there = h.key(other, head);
    const double *k = operands[1].data.data() + there, *v = operands[2].data.data() + there;
    double score = h.cap(h.scale * dot(q, k, h.size)), weight = std::exp(score - lse);
    double slope = weight * (dot(dOutput, v, h.size) - delta) * h.capSlope(score) * h.scale;
    for (int64_t i = 0; i < h.size; ++i) {
      results[0].data[at + i] += slope * k[i];
      results[1].data[there + i] += slope * q[i];
      results[2].data[there + i] += weight * dOutput[i];
    }
  }
}

SmallVector<Array> AttendGradOp::evaluate(ArrayRef<Array> operands, Batch batch) {
  Heads h = Heads::of(*this, batch);
  SmallVector<Array> results;
  for (Type type : getOperation()->getResultTypes())
    results.emplace_back(Array::shapeOf(type, batch));
  for (int64_t row = 0; row < batch.rows(); ++row)
    for (int64_t head = 0; head < h.heads; ++head)
      attendRowGrad(h, operands, row, head, results);
  return results;
}

//===-- gradients, bounds, work --------------------------------------------===//

void AttendOp::differentiate(GradBuilder &grad) {
  Value dOutput = grad.gradient(getOutput());
  if (grad.gradient(getLse())) {
    emitOpError("has no derivative of 'lse'");
    return;
  }
  auto back = AttendGradOp::create(grad.getBuilder(), grad.getLoc(), getQ(), getK(), getV(),
                                   getOutput(), getLse(), dOutput, getHeadsAttr(), getKvHeadsAttr(),
                                   getCausalAttr(), getScaleAttr(), getSoftcapAttr());
  grad.add(getQ(), back.getDQ());
  grad.add(getK(), back.getDK());
  grad.add(getV(), back.getDV());
}

void AttendGradOp::differentiate(GradBuilder &) { emitOpError("has no derivative"); }

// An output head is a mean of value heads, each of norm at most the whole row's.
SmallVector<Moments> AttendOp::moments(ArrayRef<Moments> x) {
  double keyHeads = static_cast<double>(getKvHeads());
  return {Moments{std::sqrt(keyHeads) * x[2].rms, x[2].peak}.tightened(), Moments::unknown()};
}

SmallVector<Moments> AttendGradOp::moments(ArrayRef<Moments>) {
  return SmallVector<Moments>(3, Moments::unknown());
}

// Each product of two heads costs 2 size for a pair of rows; masks are the reader's business.
static Flops pairFlops(Type q, double products) {
  return {.perPair = products * 2 * static_cast<double>(getFeatures(q).front())};
}

Flops AttendOp::getFlops() { return pairFlops(getQ().getType(), 2); }
Flops AttendGradOp::getFlops() { return pairFlops(getQ().getType(), 5); }

//===-- abstract values ----------------------------------------------------===//

// A row's output is a convex combination of values, head by head (S42..S44); scores are at most
// scale |q^h| |k^h|, or the cap (S96).
std::vector<Abstract> AttendOp::transfer(ArrayRef<Abstract> x) {
  const Abstract &q = x[0], &k = x[1], &v = x[2];
  int64_t size = getFeatures(getQ().getType()).front() / static_cast<int64_t>(getHeads());
  double groups = static_cast<double>(getKvHeads()), scale = getScaleAttr().getValueAsDouble();
  double cap = getSoftcapAttr().getValueAsDouble();
  Bound scores = Series(double(size) * std::abs(scale)) *
                 (partOf(q, getQ().getType(), size) * partOf(k, getK().getType(), size));
  if (cap > 0)
    scores = better(scores, Bound::constant(cap));
  Abstract output = join({v});
  output.whole = better(Series(std::sqrt(groups)) * v.whole, partOf(v, getV().getType(), size));
  output.whole = better(output.whole, v.across);
  output.part = partOf(v, getV().getType(), size);
  output.partSize = size;
  output.across = v.across;
  output.peak = v.peak;
  output.branches = v.branches;
  bool isMixed = !q.wholeDegree().isZero() || !k.wholeDegree().isZero();
  output.stream = isMixed ? Degree::none() : v.wholeDegree();
  output.degrees.clear();
  for (const auto &[key, degree] : v.degrees)
    if (q.degreeIn(key).isZero() && k.degreeIn(key).isZero())
      output.degrees.push_back({key, degree});
    else
      output.degrees.push_back({key, Degree::none()});
  for (const Abstract *side : {&q, &k})
    for (const auto &[key, degree] : side->degrees)
      if (output.degreeIn(key).isZero() && !llvm::is_contained(side->last, key))
        output.degrees.push_back({key, degree.isZero() ? Degree() : Degree::none()});
  HeadSizes sizes = {static_cast<int64_t>(getHeads()), static_cast<int64_t>(getKvHeads()), size,
                     std::abs(scale)};
  output.slope = tightened(slopeOfAttention(q, getQ().getType(), k, v, getV().getType(), sizes),
                           getQ().getType());
  Abstract lse = join({q, k});
  output.scores = lse.scores = scores;
  return {output, lse};
}
std::vector<Abstract> AttendGradOp::transfer(ArrayRef<Abstract> x) {
  return {join(x), join(x), join(x)};
}
