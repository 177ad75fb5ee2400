// MeasureParameter: sums of rows and columns, block by block, where a block is one head's columns.
#include "frontend/MeasureParameter.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <vector>

namespace lnx {
namespace {
using mlir::lnx::stability::ParameterSize;

// Sums in flight: independent of one another, so that they fit vector registers.
constexpr int64_t lanes = 8;

/// Of some entries of one row.
struct Sums {
  double size = 0, square = 0;
  float low = INFINITY, high = -INFINITY;
};

/// Adds |x| to `columns` and x^2 to the square. In double: squares of floats do not overflow.
Sums addRow(const float *x, int64_t count, double *columns) {
  double size[lanes] = {}, square[lanes] = {};
  float low[lanes], high[lanes];
  std::fill_n(low, lanes, INFINITY);
  std::fill_n(high, lanes, -INFINITY);
  auto add = [&](int64_t i, int64_t lane) {
    const double value = static_cast<double>(x[i]), absolute = std::abs(value);
    size[lane] += absolute;
    square[lane] += value * value;
    columns[i] += absolute;
    low[lane] = std::min(low[lane], x[i]);
    high[lane] = std::max(high[lane], x[i]);
  };
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes)
    for (int64_t lane = 0; lane < lanes; ++lane)
      add(i + lane, lane);
  for (; i < count; ++i)
    add(i, i % lanes);
  Sums sums;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    sums.size += size[lane];
    sums.square += square[lane];
    sums.low = std::min(sums.low, low[lane]);
    sums.high = std::max(sums.high, high[lane]);
  }
  return sums;
}

/// Columns of one head, or all.
struct Block {
  double square = 0, largestRow = 0, largestColumn = 0;
  double spectral() const {
    return std::min(std::sqrt(square), std::sqrt(largestRow * largestColumn));
  }
};

struct Measurement {
  int64_t width, blockWidth;
  std::vector<double> columns; // sums of |x|
  std::vector<Block> blocks;
  Block all;
  double rowSquare = 0; // the largest
  float low = INFINITY, high = -INFINITY;

  Measurement(int64_t width, int64_t blockWidth)
      : width(width), blockWidth(blockWidth), columns(static_cast<size_t>(width)),
        blocks(static_cast<size_t>(width / blockWidth)) {}

  void add(const float *row) {
    double size = 0, square = 0;
    for (size_t b = 0; b < blocks.size(); ++b) {
      const int64_t begin = static_cast<int64_t>(b) * blockWidth;
      const Sums sums = addRow(row + begin, blockWidth, columns.data() + begin);
      blocks[b].square += sums.square;
      blocks[b].largestRow = std::max(blocks[b].largestRow, sums.size);
      size += sums.size;
      square += sums.square;
      low = std::min(low, sums.low);
      high = std::max(high, sums.high);
    }
    all.square += square;
    all.largestRow = std::max(all.largestRow, size);
    rowSquare = std::max(rowSquare, square);
  }

  void finish() {
    for (size_t b = 0; b < blocks.size(); ++b) {
      const auto first = columns.begin() + static_cast<int64_t>(b) * blockWidth;
      blocks[b].largestColumn = *std::max_element(first, first + blockWidth);
      all.largestColumn = std::max(all.largestColumn, blocks[b].largestColumn);
    }
  }
};
} // namespace

ParameterSize measureParameter(std::span<const float> values, std::span<const int64_t> shape,
                               int64_t headSize) {
  if (values.empty())
    return {};
  const int64_t width = shape.empty() ? 1 : shape.back();
  const bool isMatrix = shape.size() == 2;
  const bool hasHeads = isMatrix && headSize > 0 && width % headSize == 0;
  Measurement found(width, hasHeads ? headSize : width);
  for (size_t row = 0; row < values.size(); row += static_cast<size_t>(width))
    found.add(values.data() + row);
  found.finish();
  if (!std::isfinite(found.all.square)) // a NaN anywhere reaches this sum
    return {};
  // Each sum of n numbers of one sign loses at most n roundings; the last factor covers the rest.
  const double up = 1 + (static_cast<double>(values.size()) + 8) * DBL_EPSILON;
  ParameterSize size;
  size.low = static_cast<double>(found.low);
  size.peak = static_cast<double>(std::max(found.high, -found.low));
  size.frobenius = up * std::sqrt(found.all.square);
  size.rowRms = up * std::sqrt(found.rowSquare / static_cast<double>(width));
  size.rowSum = up * found.all.largestRow;
  if (isMatrix)
    size.spectral = up * found.all.spectral();
  if (hasHeads) {
    double largest = 0;
    for (const Block &block : found.blocks)
      largest = std::max(largest, block.spectral());
    size.perhead = up * largest;
  }
  return size;
}

} // namespace lnx
