// What `transfer` says of every primitive holds on random draws: sizes, smallest entries, norms.
// Operands are known by what was measured of them: as streams, as parameters and as numbers.
#include "Samples.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <set>

using namespace mlir;
using namespace mlir::lnx;
using namespace lnxtest;

//===-- measuring ------------------------------------------------------------===//

static bool isMatrix(Type type) { return !hasRows(type) && getFeatures(type).size() == 2; }

static double rmsOf(ArrayRef<double> values) {
  double squares = 0;
  for (double value : values)
    squares += value * value;
  return values.empty() ? 0 : std::sqrt(squares / static_cast<double>(values.size()));
}

// Largest rms of `size` neighbours.
static double largestBlock(ArrayRef<double> values, int64_t size) {
  double largest = 0;
  for (; !values.empty(); values = values.drop_front(size))
    largest = std::max(largest, rmsOf(values.take_front(size)));
  return largest;
}

// |A|_2 as the limit of |(A^T A)^(2^i)|_F^(1 / 2^(i+1)), which comes from above.
static double spectralOf(const Array &matrix) {
  int64_t rows = matrix.shape[0], n = matrix.shape[1];
  std::vector<double> power(n * n);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = 0; i < n * n; ++i)
      power[i] += matrix.data[row * n + i / n] * matrix.data[row * n + i % n];
  double logarithm = 0, weight = 0.5;
  for (int step = 0; step < 45; ++step, weight /= 2) {
    double norm = rmsOf(power) * static_cast<double>(n);
    if (norm == 0)
      return 0;
    logarithm += weight * std::log(norm);
    std::vector<double> square(n * n);
    for (int64_t i = 0; i < n * n; ++i)
      for (int64_t k = 0; k < n; ++k)
        square[i] += power[(i / n) * n + k] * power[k * n + i % n] / (norm * norm);
    power = std::move(square);
  }
  return std::exp(logarithm);
}

static Array columnsOf(const Array &matrix, int64_t first, int64_t count) {
  Array columns({matrix.shape[0], count});
  for (int64_t i = 0; i < columns.size(); ++i)
    columns.data[i] = matrix.data[(i / count) * matrix.shape[1] + first + i % count];
  return columns;
}

static void measureMatrix(Abstract &x, const Array &matrix) {
  x.spectral = spectralOf(matrix);
  double rowSum = 0, perhead = 0;
  for (ArrayRef<double> rest = matrix.data; !rest.empty();
       rest = rest.drop_front(matrix.shape[1])) {
    double sum = 0;
    for (double value : rest.take_front(matrix.shape[1]))
      sum += std::abs(value);
    rowSum = std::max(rowSum, sum);
  }
  for (int64_t first = 0; first < matrix.shape[1]; first += x.partSize)
    perhead = std::max(perhead, spectralOf(columnsOf(matrix, first, x.partSize)));
  x.rowSum = rowSum;
  x.perhead = perhead;
}

// Standard deviation of each row over the last axis; the smallest, and the largest |mean|.
static std::pair<double, double> spreadOf(const Array &array, int64_t size) {
  double least = INFINITY, mean = 0;
  for (ArrayRef<double> rest = array.data; !rest.empty(); rest = rest.drop_front(size)) {
    double sum = 0, squares = 0;
    for (double value : rest.take_front(size))
      sum += value / static_cast<double>(size);
    for (double value : rest.take_front(size))
      squares += (value - sum) * (value - sum) / static_cast<double>(size);
    least = std::min(least, std::sqrt(squares));
    mean = std::max(mean, std::abs(sum));
  }
  return {least, mean};
}

// The least that is true of an array, with blocks of `partSize` features.
static Abstract measure(const Array &array, Type type, int64_t partSize) {
  Abstract x;
  int64_t rows = hasRows(type) ? array.shape[0] : 1, width = array.size() / rows;
  double whole = 0, part = 0, peak = 0, low = INFINITY;
  std::vector<double> largest(width);
  for (int64_t row = 0; row < rows; ++row) {
    ArrayRef<double> values = ArrayRef<double>(array.data).slice(row * width, width);
    whole = std::max(whole, rmsOf(values));
    part = std::max(part, largestBlock(values, partSize));
    for (auto [size, value] : llvm::zip_equal(largest, values)) {
      size = std::max(size, std::abs(value));
      peak = std::max(peak, std::abs(value));
      low = std::min(low, value);
    }
  }
  x.whole = Bound::constant(whole);
  x.part = Bound::constant(part);
  x.across = Bound::constant(rmsOf(largest));
  x.peak = Bound::constant(peak);
  x.low = low;
  x.partSize = partSize;
  x.stream = Degree::of(1);
  auto [spread, mean] = spreadOf(array, lastOf(type));
  x.spread = Spread::constant(spread);
  x.hasNoMean = mean <= 1e-14 * peak;
  return x;
}

// The slope of a value that changes by `change` where the stream changes by 1.
static Slope measureSlope(const Array &change, Type type, int64_t partSize) {
  Abstract x = measure(change, type, partSize);
  double size = static_cast<double>(ShapedType::getNumElements(getFeatures(type)));
  Slope slope;
  slope.whole = Series(std::sqrt(size)) * x.whole.b;
  slope.across = Series(std::sqrt(size)) * x.across.b;
  slope.part = Series(std::sqrt(static_cast<double>(partSize))) * x.part.b;
  slope.partSize = partSize;
  return slope;
}

static Abstract measureFixed(const Array &array, Type type, int64_t partSize) {
  Abstract x = measure(array, type, partSize);
  x.isFixed = true;
  x.slope = Slope::none();
  x.stream = Degree();
  x.frobenius = rmsOf(array.data) * std::sqrt(static_cast<double>(array.size()));
  if (!hasRows(type))
    x.rowRms = largestBlock(array.data, lastOf(type));
  if (isMatrix(type))
    measureMatrix(x, array);
  return x;
}

//===-- draws ----------------------------------------------------------------===//

namespace {
/// How operands are known: all as streams; those without rows as parameters; all as numbers.
enum class Kind { streams, parameters, numbers };

struct Draw {
  Batch batch;
  SmallVector<Array> operands;
  SmallVector<Array> changes; ///< directions in which the operands move together
  std::vector<Abstract> known;
};
} // namespace

static Abstract know(const Array &operand, Type type, Kind kind, bool hasHeads) {
  if (kind == Kind::numbers)
    return Abstract::number(operand.data[0]);
  int64_t partSize = lastOf(type);
  if (hasHeads && partSize % 2 == 0)
    partSize /= 2;
  return kind == Kind::streams || hasRows(type) ? measure(operand, type, partSize)
                                                : measureFixed(operand, type, partSize);
}

// A direction with entries of one size, of one feature, or along the operand itself.
static Array drawChange(const Array &operand, bool isFixed, unsigned seed) {
  Array change = operand;
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  for (auto [index, value] : llvm::enumerate(change.data))
    value = isFixed         ? 0
            : seed % 3 == 0 ? normal(random)
            : seed % 3 == 1 ? static_cast<double>(index % 4 == seed / 3 % 4)
                            : value / (1 + std::abs(operand.data[0]));
  return change;
}

// Rows without mean: what a centred norm hands to its gain.
static void centre(Array &array, int64_t size) {
  for (MutableArrayRef<double> rest = array.data; !rest.empty(); rest = rest.drop_front(size)) {
    double mean = 0;
    for (double value : rest.take_front(size))
      mean += value / static_cast<double>(size);
    for (double &value : rest.take_front(size))
      value -= mean;
  }
}

// Small, plain and large; every other draw is positive, where that is a promise `low` can make.
static Draw draw(PrimitiveOpInterface op, Kind kind, unsigned seed) {
  Draw result;
  result.batch = {1 + seed % 3, 2 + seed % 4};
  result.operands = drawOperands(op, result.batch, seed);
  const double scales[] = {1e-3, 1, 20};
  for (auto [operand, type] : llvm::zip_equal(result.operands, op->getOperandTypes()))
    for (double &value : operand.data) {
      if (!getElementTypeOrSelf(type).isFloat())
        continue;
      value = (seed % 2 ? std::abs(value) : value) * scales[seed / 2 % 3];
      if (kind == Kind::numbers)
        value = operand.data[0];
    }
  for (auto [operand, type] : llvm::zip_equal(result.operands, op->getOperandTypes()))
    if (kind == Kind::parameters && seed % 7 == 1 && hasRows(type) &&
        getElementTypeOrSelf(type).isFloat())
      centre(operand, lastOf(type));
  op.fitOperands(result.operands, result.batch);
  for (auto [operand, type] : llvm::zip_equal(result.operands, op->getOperandTypes())) {
    result.known.push_back(know(operand, type, kind, seed % 5 < 2));
    Abstract &x = result.known.back();
    bool isFixed = x.isFixed || !getElementTypeOrSelf(type).isFloat();
    result.changes.push_back(drawChange(operand, isFixed, seed + 97 * result.known.size()));
    if (!x.isFixed)
      x.slope = measureSlope(result.changes.back(), type, x.partSize);
  }
  return result;
}

//===-- tests ----------------------------------------------------------------===//

static constexpr double slack = 1 + 1e-9; // the rounding of what is measured

static void expectAtMost(const Bound &actual, const Bound &bound, const char *what) {
  EXPECT_FALSE(std::isnan(bound.at(0, 1))) << what;
  EXPECT_LE(actual.b[0], bound.at(0, 1) * slack) << what;
}

static void expectAtMost(const Series &actual, const Series &bound, const char *what) {
  expectAtMost(Bound::constant(actual), Bound::constant(bound), what);
}

// Central differences, exact to about 1e-5 of the largest slope.
static void expectSlopeHolds(const Slope &claim, const Array &change, Type type) {
  const Series off = 1 + 1e-4;
  Slope actual = measureSlope(change, type, lastOf(type));
  expectAtMost(actual.whole, off * claim.whole + 1e-7, "slope.whole");
  expectAtMost(actual.across, off * claim.across + 1e-7, "slope.across");
  if (claim.partSize > 0 && ShapedType::getNumElements(getFeatures(type)) % claim.partSize == 0)
    expectAtMost(measureSlope(change, type, claim.partSize).part, off * claim.part + 1e-7,
                 "slope.part");
}

static void expectHolds(const Abstract &claim, const Array &array, Type type) {
  bool hasBlocks =
      claim.partSize > 0 && ShapedType::getNumElements(getFeatures(type)) % claim.partSize == 0;
  Abstract actual = measureFixed(array, type, lastOf(type));
  expectAtMost(actual.whole, claim.whole, "whole");
  expectAtMost(actual.across, claim.across, "across");
  expectAtMost(actual.peak, claim.peak, "peak");
  if (hasBlocks)
    expectAtMost(measure(array, type, claim.partSize).part, claim.part, "part");
  EXPECT_GE(actual.low[0] + std::abs(actual.low[0]) * 1e-9, claim.low[0]) << "low";
  if (!hasRows(type)) {
    expectAtMost(Bound::constant(actual.frobenius), Bound::constant(claim.frobenius), "frobenius");
    expectAtMost(Bound::constant(actual.rowRms), Bound::constant(claim.rowRms), "rowRms");
  }
  if (isMatrix(type)) {
    expectAtMost(Bound::constant(actual.spectral), Bound::constant(claim.spectral), "spectral");
    expectAtMost(Bound::constant(actual.rowSum), Bound::constant(claim.rowSum), "rowSum");
  }
  auto [spread, mean] = spreadOf(array, lastOf(type));
  EXPECT_GE(spread * slack + 1e-12 * actual.peak.b[0], claim.spread.at(0, /*stream=*/0))
      << "spread";
  EXPECT_TRUE(!claim.hasNoMean || mean <= 1e-12 * actual.peak.b[0]) << "mean " << mean;
  if (claim.isNumber)
    for (double value : array.data)
      EXPECT_NEAR(value, claim.low[0], std::abs(value) * 1e-9) << "not that number";
}

// (f(x + h dx) - f(x - h dx)) / 2h, all operands together.
static SmallVector<Array> differences(PrimitiveOpInterface op, const Draw &draw) {
  const double h = 1e-6;
  SmallVector<Array> above(draw.operands), below(draw.operands);
  for (auto [left, right, change] : llvm::zip_equal(above, below, draw.changes))
    for (auto [x, y, d] : llvm::zip_equal(left.data, right.data, change.data)) {
      x += h * d;
      y -= h * d;
    }
  SmallVector<Array> results = op.evaluate(above, draw.batch);
  for (auto [result, other] : llvm::zip_equal(results, op.evaluate(below, draw.batch)))
    for (auto [x, y] : llvm::zip_equal(result.data, other.data))
      x = (x - y) / (2 * h);
  return results;
}

namespace {
class Bounds : public testing::TestWithParam<Sample> {
protected:
  void SetUp() override {
    context = makeContext();
    if (!GetParam().line.empty())
      sample = parseSample(*context, GetParam());
    ASSERT_TRUE(sample.op);
  }
  void expectAllHold(Kind kind) {
    for (unsigned seed = 0; seed < 60; ++seed) {
      SCOPED_TRACE("seed " + std::to_string(seed));
      Draw one = draw(sample.op, kind, seed);
      SmallVector<Array> results = sample.op.evaluate(one.operands, one.batch);
      std::vector<Abstract> claims = sample.op.transfer(one.known);
      ASSERT_EQ(claims.size(), results.size());
      for (auto [claim, result, type] :
           llvm::zip_equal(claims, results, sample.op->getResultTypes()))
        expectHolds(claim, result, type);
      if (HasFailure())
        return;
    }
  }
  std::unique_ptr<MLIRContext> context;
  ParsedSample sample;
};
} // namespace

// No result changes faster than its slope says, whatever moves (4.2, lip).
TEST_P(Bounds, HoldForSlopes) {
  for (Kind kind : {Kind::streams, Kind::parameters})
    for (unsigned seed = 0; seed < 60; ++seed) {
      SCOPED_TRACE("seed " + std::to_string(seed));
      Draw one = draw(sample.op, kind, seed);
      for (auto [claim, change, type] :
           llvm::zip_equal(sample.op.transfer(one.known), differences(sample.op, one),
                           sample.op->getResultTypes()))
        expectSlopeHolds(claim.slope, change, type);
      if (HasFailure())
        return;
    }
}

TEST_P(Bounds, HoldForStreams) { expectAllHold(Kind::streams); }
TEST_P(Bounds, HoldForParameters) { expectAllHold(Kind::parameters); }
TEST_P(Bounds, HoldForNumbers) {
  if (isa<ElementwiseOpInterface, ReductionOpInterface>(sample.op.getOperation()))
    expectAllHold(Kind::numbers);
}

// Bounds of nothing known are no false claim, and never not-a-number.
TEST_P(Bounds, HoldWhereNothingIsKnown) {
  for (unsigned seed = 0; seed < 6; ++seed) {
    Draw one = draw(sample.op, Kind::streams, seed);
    SmallVector<Array> results = sample.op.evaluate(one.operands, one.batch);
    std::vector<Abstract> unknown(one.known.size());
    for (auto [claim, result, type] :
         llvm::zip_equal(sample.op.transfer(unknown), results, sample.op->getResultTypes()))
      expectHolds(claim, result, type);
  }
}

// Of operands that change, known in every other way, an unknown slope is infinite and not small.
TEST_P(Bounds, HoldWhereSlopesAreUnknown) {
  Draw one = draw(sample.op, Kind::streams, 3);
  for (Abstract &x : one.known)
    x.slope = Slope();
  for (const Abstract &claim : sample.op.transfer(one.known))
    EXPECT_FALSE(claim.slope.whole.isFinite() && !claim.slope.isNone());
}

INSTANTIATE_TEST_SUITE_P(Primitives, Bounds, testing::ValuesIn(findSamples()));

/// Prints the ops that say nothing of finite operands; most must say something.
static void expectMostAreKnown(const char *what, function_ref<bool(const Abstract &)> isKnown) {
  std::set<std::string> all, known;
  for (const Sample &line : findSamples()) {
    std::unique_ptr<MLIRContext> context = makeContext();
    ParsedSample sample = parseSample(*context, line);
    ASSERT_TRUE(sample.op);
    all.insert(line.op);
    for (unsigned seed = 0; seed < 6; ++seed)
      if (llvm::any_of(sample.op.transfer(draw(sample.op, Kind::parameters, seed).known), isKnown))
        known.insert(line.op);
  }
  std::string unknown;
  for (const std::string &op : all)
    if (!known.count(op))
      unknown += " " + op;
  std::printf("%zu of %zu primitives %s:%s\n", all.size() - known.size(), all.size(), what,
              unknown.c_str());
  EXPECT_GT(known.size(), all.size() / 2);
}

// An op has no slope where it may jump, or where nobody said: the list is for its author to see.
TEST(BoundsOfAll, SayWhichSlopesAreUnknown) {
  expectMostAreKnown("have no slope",
                     [](const Abstract &claim) { return claim.slope.whole.isFinite(); });
}

// Infinite is always true: how many primitives say no more than that.
TEST(BoundsOfAll, SayHowManyAreUnknown) {
  expectMostAreKnown("are unbounded", [](const Abstract &claim) {
    return !claim.whole.isTop() || !claim.peak.isTop();
  });
}
