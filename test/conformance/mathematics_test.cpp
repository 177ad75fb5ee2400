// Gradients equal central differences, and bounds hold on random draws.
// Both in double, against evaluate().
#include "Samples.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::lnx;
using namespace lnxtest;

namespace {
class Mathematics : public testing::TestWithParam<Sample> {
protected:
  void SetUp() override {
    context = makeContext();
    if (!GetParam().line.empty())
      sample = parseSample(*context, GetParam());
    ASSERT_TRUE(sample.op);
  }
  std::unique_ptr<MLIRContext> context;
  ParsedSample sample;
};
} // namespace

static bool isFloat(Type type) { return getElementTypeOrSelf(type).isFloat(); }

static double weightedSum(const Array &values, const Array &weights) {
  double sum = 0;
  for (auto [value, weight] : llvm::zip_equal(values.data, weights.data))
    sum += value * weight;
  return sum;
}

//===-- gradients ------------------------------------------------------------===//

// Puts the gradient of the first result into the function; returns the operand each one is for, or
// nothing when the op says that it has no derivative.
static std::optional<SmallVector<unsigned>> differentiate(ParsedSample &sample) {
  Block &body = sample.function.getBody().front();
  Value result = sample.op->getResult(0);
  Value seed = body.addArgument(result.getType(), result.getLoc());
  OpBuilder builder(body.getTerminator());
  auto isActive = [](Value value) { return isFloat(value.getType()); };
  GradBuilder grad(builder, result.getLoc(), isActive);
  grad.add(result, seed);
  bool refused = false;
  ScopedDiagnosticHandler handler(result.getContext(), [&](Diagnostic &diagnostic) {
    refused = StringRef(diagnostic.str()).contains("has no derivative");
    return success(refused);
  });
  sample.op.differentiate(grad);
  if (refused)
    return std::nullopt;
  SmallVector<unsigned> places;
  SmallVector<Value> gradients;
  for (BlockArgument argument : body.getArguments().drop_back())
    if (Value gradient = grad.gradient(argument)) {
      places.push_back(argument.getArgNumber());
      gradients.push_back(gradient);
    }
  body.getTerminator()->setOperands(gradients);
  SmallVector<Type> types(ValueRange(gradients).getTypes());
  sample.function.setType(FunctionType::get(result.getContext(), body.getArgumentTypes(), types));
  return places;
}

// d(sum of weights * result 0) / d operands[place], element by element.
static Array centralDifferences(PrimitiveOpInterface op, SmallVector<Array> operands,
                                unsigned place, const Array &weights, Batch batch) {
  Array slopes(operands[place].shape);
  for (int64_t i = 0; i < slopes.size(); ++i) {
    double &element = operands[place].data[i];
    // The error is of order h^2 and 1e-16 / h: both stay below 1e-9 here.
    const double middle = element, h = 1e-5;
    element = middle + h;
    double above = weightedSum(op.evaluate(operands, batch)[0], weights);
    element = middle - h;
    double below = weightedSum(op.evaluate(operands, batch)[0], weights);
    element = middle;
    slopes.data[i] = (above - below) / (2 * h);
  }
  return slopes;
}

TEST_P(Mathematics, GradientEqualsCentralDifferences) {
  if (!isFloat(sample.op->getResult(0).getType()))
    return;
  const Batch batch{2, 3};
  std::optional<SmallVector<unsigned>> places = differentiate(sample);
  if (!places)
    GTEST_SKIP() << "has no derivative, and says so";
  ASSERT_TRUE(succeeded(verify(sample.function)));
  SmallVector<Array> operands = drawOperands(sample.op, batch, 7);
  Array weights = sample.op.evaluate(operands, batch)[0];
  for (auto [i, weight] : llvm::enumerate(weights.data))
    weight = std::cos(static_cast<double>(i + 1));
  SmallVector<Array> arguments = operands;
  arguments.push_back(weights);
  Environment environment;
  environment.batch = batch;
  FailureOr<SmallVector<Array>> gradients =
      evaluateFunction(sample.function, arguments, environment);
  ASSERT_TRUE(succeeded(gradients));
  for (unsigned place = 0; place < operands.size(); ++place) {
    if (!isFloat(sample.op->getOperand(place).getType()))
      continue;
    Array expected = centralDifferences(sample.op, operands, place, weights, batch);
    const auto *found = llvm::find(*places, place);
    Array actual =
        found == places->end() ? Array(expected.shape) : (*gradients)[found - places->begin()];
    ASSERT_EQ(actual.shape, expected.shape);
    double scale = 1;
    for (double slope : expected.data)
      scale = std::max(scale, std::abs(slope));
    for (int64_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(actual.data[i], expected.data[i], 1e-6 * scale)
          << "operand " << place << ", element " << i;
  }
}

//===-- bounds ---------------------------------------------------------------===//

static Moments measure(const Array &array, Type type) {
  Moments measured{0, 0};
  int64_t rows = hasRows(type) ? array.shape[0] : 1;
  int64_t width = rows ? array.size() / rows : 0;
  for (int64_t row = 0; row < rows; ++row) {
    double squares = 0;
    for (double value : ArrayRef<double>(array.data).slice(row * width, width)) {
      squares += value * value;
      measured.peak = std::max(measured.peak, std::abs(value));
    }
    measured.rms = std::max(measured.rms, std::sqrt(squares / static_cast<double>(width)));
  }
  return measured;
}

// Whatever the operands, no result exceeds the bound computed from their measured sizes; the slack
// is the rounding of the measurement.
TEST_P(Mathematics, BoundsHold) {
  for (unsigned seed = 0; seed < 30; ++seed) {
    const Batch batch{1 + seed % 3, 2 + seed % 4};
    SmallVector<Array> operands = drawOperands(sample.op, batch, seed);
    const double scales[] = {1e-3, 1, 20};
    SmallVector<Moments> sizes;
    for (auto [operand, type] : llvm::zip_equal(operands, sample.op->getOperandTypes())) {
      for (double &value : operand.data)
        value *= isFloat(type) ? scales[seed % 3] : 1;
      sizes.push_back(measure(operand, type));
    }
    SmallVector<Moments> bounds = sample.op.moments(sizes);
    SmallVector<Array> results = sample.op.evaluate(operands, batch);
    ASSERT_EQ(bounds.size(), results.size());
    for (auto [bound, array, type] :
         llvm::zip_equal(bounds, results, sample.op->getResultTypes())) {
      Moments actual = measure(array, type);
      EXPECT_FALSE(std::isnan(bound.rms) || std::isnan(bound.peak));
      EXPECT_LE(actual.rms, bound.rms * (1 + 1e-12)) << "seed " << seed;
      EXPECT_LE(actual.peak, bound.peak * (1 + 1e-12)) << "seed " << seed;
    }
  }
}

// Bounds of nothing known are no claim, and never not-a-number.
TEST_P(Mathematics, UnknownOperandsGiveNoFalseBound) {
  SmallVector<Moments> unknown(sample.op->getNumOperands(), Moments::unknown());
  for (Moments bound : sample.op.moments(unknown))
    EXPECT_FALSE(std::isnan(bound.rms) || std::isnan(bound.peak));
}

INSTANTIATE_TEST_SUITE_P(Primitives, Mathematics, testing::ValuesIn(findSamples()));
