// WitnessFill: patterns, and numbers drawn by counting, so that each entry is known by its place.
#include "compiler/stability/WitnessFill.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

//===-- drawn numbers --------------------------------------------------------===//

namespace {
/// Numbers of one seed, parameter and layer; entry i is a function of i (splitmix64).
class Numbers {
public:
  Numbers(int64_t seed, ParamOp op, int64_t layer)
      : key(mix(static_cast<uint64_t>(seed) ^ llvm::xxh3_64bits(op.getPath())) +
            static_cast<uint64_t>(layer) * 0xbf58476d1ce4e5b9) {}
  /// In (0, 1).
  double uniform(uint64_t i) const {
    return (static_cast<double>(mix(key + i) >> 11) + 0.5) * 0x1p-53;
  }
  double normal(uint64_t i) const {
    return std::sqrt(-2 * std::log(uniform(2 * i))) * std::cos(2 * M_PI * uniform(2 * i + 1));
  }

private:
  static uint64_t mix(uint64_t z) {
    z += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t key;
};

/// [rows x columns] of a parameter, as Fill counts them.
struct Matrix {
  int64_t rows = 1, columns = 1;

  explicit Matrix(RankedTensorType type) {
    if (type.getRank() == 0)
      return;
    columns = type.getShape().back();
    for (int64_t size : type.getShape().drop_back())
      rows *= size;
  }
};
} // namespace

static double entry(Direction pattern, int64_t i, int64_t size) {
  switch (pattern) {
  case Direction::ones:
    return 1;
  case Direction::alternating:
    return i + 1 == size && size % 2 == 1 && size > 1 ? 0 : i % 2 == 0 ? 1 : -1;
  case Direction::first:
    return i == 0 ? 1 : 0;
  }
  llvm_unreachable("covered");
}

static double numberOf(DenseF64ArrayAttr numbers, int64_t layer) {
  return numbers.size() == 1 ? numbers[0] : numbers[std::min<int64_t>(layer, numbers.size() - 1)];
}

static double drawn(InitAttr law, const Numbers &numbers, int64_t layer, int64_t i, int64_t row,
                    int64_t column) {
  double a = numberOf(law.getA(), layer), b = numberOf(law.getB(), layer);
  StringRef kind = law.getKind();
  return kind == "normal"     ? a * numbers.normal(i)
         : kind == "uniform"  ? a + (b - a) * numbers.uniform(i)
         : kind == "identity" ? (row == column ? a : 0)
                              : a;
}

/// The first rows of value * left * right^T, of which there are `whole`.
static void fillOuter(const Fill &fill, const Matrix &matrix, int64_t whole, double *out) {
  std::vector<double> right(matrix.columns);
  for (int64_t column = 0; column < matrix.columns; ++column)
    right[column] = entry(fill.right, column, matrix.columns);
  for (int64_t row = 0; row < matrix.rows; ++row, out += matrix.columns) {
    const double left = fill.value * (whole > 1 ? entry(fill.left, row, whole) : 1);
    for (int64_t column = 0; column < matrix.columns; ++column)
      out[column] = left * right[column];
  }
}

Array stability::materialise(const Fill &fill, ParamOp op, int64_t layer, int64_t rows) {
  RankedTensorType type = op.getType();
  Matrix matrix(type);
  SmallVector<int64_t> shape(type.getShape());
  if (rows >= 0 && !shape.empty()) {
    matrix.rows = matrix.rows / std::max<int64_t>(shape[0], 1) * rows;
    shape[0] = rows;
  }
  Array array(shape, fill.kind == Fill::Kind::constant ? fill.value : 0);
  const Numbers numbers(fill.seed, op, layer);
  switch (fill.kind) {
  case Fill::Kind::constant:
    break;
  case Fill::Kind::outer:
    fillOuter(fill, matrix, /*whole=*/Matrix(type).rows, array.data.data());
    break;
  case Fill::Kind::diagonal:
    for (int64_t row = 0; row < std::min(matrix.rows, matrix.columns); ++row)
      array.data[row * matrix.columns + row] = fill.value;
    break;
  case Fill::Kind::initial:
    for (int64_t i = 0; i < matrix.rows * matrix.columns; ++i)
      array.data[i] = fill.value * drawn(op.getInit(), numbers, layer, i, i / matrix.columns,
                                         i % matrix.columns);
    break;
  case Fill::Kind::normal:
    for (int64_t i = 0; i < matrix.rows * matrix.columns; ++i)
      array.data[i] = fill.value * numbers.normal(i);
    break;
  }
  return array;
}

//===-- norms ----------------------------------------------------------------===//

/// Squared length of the entries [begin, end) of a pattern.
static double square(Direction pattern, int64_t begin, int64_t end, int64_t size) {
  double sum = 0;
  for (int64_t i = begin; i < end; ++i)
    sum += entry(pattern, i, size) * entry(pattern, i, size);
  return sum;
}

static Norms normsOfOuter(const Fill &fill, const Matrix &matrix, int64_t headSize) {
  Direction leftDirection = fill.kind == Fill::Kind::constant ? Direction::ones : fill.left;
  Direction rightDirection = fill.kind == Fill::Kind::constant ? Direction::ones : fill.right;
  double value = std::abs(fill.value);
  double left = matrix.rows > 1 ? std::sqrt(square(leftDirection, 0, matrix.rows, matrix.rows)) : 1;
  int64_t n = matrix.columns, block = headSize > 0 ? std::min(headSize, n) : n;
  double right = std::sqrt(square(rightDirection, 0, n, n)), head = 0, sum = 0;
  for (int64_t begin = 0; begin + block <= n && block > 0; begin += block)
    head = std::max(head, std::sqrt(square(rightDirection, begin, begin + block, n)));
  for (int64_t i = 0; i < n; ++i)
    sum += std::abs(entry(rightDirection, i, n));
  return {value * left * right, value * left * right, value * left * head, value, value * sum};
}

static Norms normsOfNumbers(const Array &array, const Matrix &matrix) {
  Norms norms;
  double sum = 0;
  for (int64_t row = 0; row < matrix.rows; ++row) {
    double rowSum = 0;
    for (int64_t column = 0; column < matrix.columns; ++column) {
      double x = std::abs(array.data[row * matrix.columns + column]);
      rowSum += x;
      sum += x * x;
      norms.largest = std::max(norms.largest, x);
    }
    norms.rowSum = std::max(norms.rowSum, rowSum);
  }
  norms.spectral = norms.frobenius = norms.perhead = std::sqrt(sum);
  return norms;
}

Norms stability::normsOf(const Fill &fill, ParamOp op, int64_t layer, int64_t headSize) {
  Matrix matrix(op.getType());
  if (matrix.rows == 0 || matrix.columns == 0)
    return {};
  switch (fill.kind) {
  case Fill::Kind::constant:
  case Fill::Kind::outer:
    return normsOfOuter(fill, matrix, headSize);
  case Fill::Kind::diagonal: {
    double value = std::abs(fill.value);
    return {value, value * std::sqrt(double(std::min(matrix.rows, matrix.columns))), value, value,
            value};
  }
  case Fill::Kind::initial:
  case Fill::Kind::normal:
    return normsOfNumbers(materialise(fill, op, layer), matrix);
  }
  llvm_unreachable("covered");
}
