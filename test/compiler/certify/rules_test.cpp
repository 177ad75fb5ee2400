// The rules of lnx-certify hold on random draws by the double evaluator, primitive by primitive;
// the verifier has no part in it.
#include "Samples.h"
#include "compiler/certify/Rules.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::lnx;
using namespace lnxtest;
namespace certify = ::lnx::certify;

//===-- measuring --------------------------------------------------------------===//

static double rmsOf(ArrayRef<double> values) {
  double squares = 0;
  for (double value : values)
    squares += value * value;
  return values.empty() ? 0 : std::sqrt(squares / static_cast<double>(values.size()));
}

static double largestBlock(ArrayRef<double> values, int64_t size) {
  double largest = 0;
  for (; !values.empty(); values = values.drop_front(size))
    largest = std::max(largest, rmsOf(values.take_front(size)));
  return largest;
}

/// |W|_2 by power iteration, from all unit vectors, rounded up.
static double spectralOf(const Array &matrix) {
  int64_t rows = matrix.shape[0], n = matrix.shape[1];
  double largest = 0;
  for (int64_t start = 0; start < n; ++start) {
    std::vector<double> v(n, 0.01);
    v[start] = 1;
    for (int step = 0; step < 300; ++step) {
      std::vector<double> u(rows), w(n);
      for (int64_t i = 0; i < rows * n; ++i)
        u[i / n] += matrix.data[i] * v[i % n];
      for (int64_t i = 0; i < rows * n; ++i)
        w[i % n] += matrix.data[i] * u[i / n];
      double length = rmsOf(w) * std::sqrt(double(n)), before = rmsOf(v) * std::sqrt(double(n));
      if (length == 0 || before == 0)
        break;
      largest = std::max(largest, std::sqrt(length / before));
      for (int64_t i = 0; i < n; ++i)
        v[i] = w[i] / length;
    }
  }
  return largest * (1 + 1e-6);
}

static Array columnsOf(const Array &matrix, int64_t first, int64_t count) {
  Array columns({matrix.shape[0], count});
  for (int64_t i = 0; i < columns.size(); ++i)
    columns.data[i] = matrix.data[(i / count) * matrix.shape[1] + first + i % count];
  return columns;
}

/// The least that is true of an array, with blocks of `block` features.
static certify::Value measure(const Array &array, Type type, int64_t block) {
  certify::Value x;
  int64_t rows = hasRows(type) ? array.shape[0] : 1, width = array.size() / rows;
  double sizes[certify::kinds] = {}, low = INFINITY;
  std::vector<double> largest(width);
  for (int64_t row = 0; row < rows; ++row) {
    ArrayRef<double> values = ArrayRef<double>(array.data).slice(row * width, width);
    sizes[certify::rms] = std::max(sizes[certify::rms], rmsOf(values));
    sizes[certify::part] = std::max(sizes[certify::part], largestBlock(values, block));
    for (auto [size, value] : llvm::zip_equal(largest, values)) {
      size = std::max(size, std::abs(value));
      sizes[certify::peak] = std::max(sizes[certify::peak], std::abs(value));
      low = std::min(low, value);
    }
  }
  sizes[certify::across] = rmsOf(largest);
  for (int kind = 0; kind < certify::kinds; ++kind)
    x.bound[kind] = certify::Size::constant(sizes[kind]);
  x.block = block;
  x.low = low;
  x.isFixed = !hasRows(type);
  if (x.isFixed)
    x.frobenius = rmsOf(array.data) * std::sqrt(double(array.size())) * (1 + 1e-12);
  if (x.isFixed && getFeatures(type).size() == 2) {
    x.spectral = spectralOf(array);
    double perhead = 0;
    for (int64_t first = 0; first < array.shape[1]; first += block)
      perhead = std::max(perhead, spectralOf(columnsOf(array, first, block)));
    x.perhead = perhead;
    x.head = block;
  }
  return x;
}

//===-- one operation ----------------------------------------------------------===//

static certify::Step stepOf(const std::string &op, Type type) {
  certify::Step step;
  step.op = op;
  step.hasRows = hasRows(type);
  for (int64_t size : getFeatures(type))
    step.shape.push_back(size);
  return step;
}

/// Operands as steps that nothing is known of but `values`, and the operation behind them.
static certify::Document documentOf(Operation &op) {
  certify::Document document;
  for (Type type : op.getOperandTypes())
    document.program.push_back(stepOf("operand", type));
  certify::Step step = stepOf(op.getName().stripDialect().str(), op.getResult(0).getType());
  for (unsigned i = 0; i < op.getNumOperands(); ++i)
    step.of.push_back(i);
  for (NamedAttribute attribute : op.getAttrs()) {
    std::string name = attribute.getName().str();
    if (auto number = dyn_cast<FloatAttr>(attribute.getValue()))
      step.with[name] = number.getValueAsDouble();
    else if (auto number = dyn_cast<IntegerAttr>(attribute.getValue()))
      step.with[name] = double(number.getType().isInteger(1) ? number.getValue().getZExtValue()
                                                             : number.getInt());
    else if (isa<UnitAttr>(attribute.getValue()))
      step.with[name] = 1;
  }
  if (op.getNumOperands() == 0 && step.with.count("value"))
    step.values = step.with["value"];
  document.program.push_back(std::move(step));
  return document;
}

static void expectHolds(const certify::Derived &derived, const Array &array, Type type,
                        int64_t block, int &count) {
  certify::Value actual = measure(array, type, block);
  for (int kind = 0; kind < certify::kinds; ++kind)
    for (const certify::Size &bound : derived.bounds[kind]) {
      EXPECT_GE(bound.at(0, 1) * (1 + 1e-9), actual.bound[kind].one[0])
          << certify::kindNames[kind] << " by " << derived.rule << ", block " << block;
      count += bound.isKnown();
    }
  EXPECT_LE(derived.low[0], actual.low[0] + std::abs(actual.low[0]) * 1e-9) << "low";
}

namespace {
class Rules : public testing::TestWithParam<Sample> {};
} // namespace

TEST_P(Rules, HoldOnRandomDraws) {
  std::unique_ptr<MLIRContext> context = makeContext();
  if (GetParam().line.empty())
    return;
  ParsedSample sample = parseSample(*context, GetParam());
  ASSERT_TRUE(sample.op);
  Operation &op = *sample.op.getOperation();
  Type type = op.getResult(0).getType();
  certify::Document document = documentOf(op);
  int count = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Batch batch{1 + seed % 3, 2 + seed % 4};
    SmallVector<Array> operands = drawOperands(sample.op, batch, seed);
    std::vector<certify::Value> values;
    for (auto [operand, kind] : llvm::zip_equal(operands, op.getOperandTypes())) {
      int64_t block = lastOf(kind);
      values.push_back(measure(operand, kind, seed % 5 < 2 && block % 2 == 0 ? block / 2 : block));
    }
    values.emplace_back();
    Array result = sample.op.evaluate(operands, batch)[0];
    int64_t features = ShapedType::getNumElements(getFeatures(type));
    for (int64_t block = 1; block <= features; ++block) {
      if (features % block != 0)
        continue;
      certify::Derivation derivation;
      certify::Claim claim;
      claim.step = int64_t(op.getNumOperands());
      claim.block = block;
      derivation.claims.emplace(claim.step, claim);
      certify::Site site{document, derivation, values, claim.step};
      certify::Derived derived = certify::derive(site);
      if (derived.problem.empty())
        expectHolds(derived, result, type, block, count);
    }
    if (HasFailure())
      return;
  }
  RecordProperty("bounds", count);
}

INSTANTIATE_TEST_SUITE_P(Primitives, Rules, testing::ValuesIn(findSamples()));
