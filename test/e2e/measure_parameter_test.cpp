// Sizes of a parameter: exact ones against sums written out, bounds against what they bound.
#include "frontend/MeasureParameter.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace lnx;

namespace {

struct Matrix {
  int64_t rows, columns;
  std::vector<float> values;
  double at(int64_t i, int64_t j) const {
    return static_cast<double>(values[static_cast<size_t>(i * columns + j)]);
  }
};

Matrix random(int64_t rows, int64_t columns, uint32_t seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(0.3f);
  Matrix matrix{rows, columns, std::vector<float>(static_cast<size_t>(rows * columns))};
  for (float &value : matrix.values)
    value = normal(engine);
  return matrix;
}

/// Largest singular value of columns [first, last), from below: power iteration.
double spectral(const Matrix &m, int64_t first, int64_t last) {
  std::vector<double> v(static_cast<size_t>(last - first), 1);
  double norm = 0;
  for (int round = 0; round < 200; ++round) {
    std::vector<double> u(static_cast<size_t>(m.rows)), next(v.size());
    for (int64_t i = 0; i < m.rows; ++i)
      for (int64_t j = first; j < last; ++j)
        u[static_cast<size_t>(i)] += m.at(i, j) * v[static_cast<size_t>(j - first)];
    for (int64_t i = 0; i < m.rows; ++i)
      for (int64_t j = first; j < last; ++j)
        next[static_cast<size_t>(j - first)] += m.at(i, j) * u[static_cast<size_t>(i)];
    double square = 0;
    for (double x : next)
      square += x * x;
    for (size_t j = 0; j < v.size(); ++j)
      v[j] = next[j] / std::sqrt(square);
    norm = std::pow(square, 0.25);
  }
  return norm;
}

// Widths on both sides of the eight sums in flight, with a block of one head's columns and without.
TEST(MeasureParameter, IsWhatTheSumsAre) {
  for (auto [rows, columns, head] : {std::array<int64_t, 3>{5, 12, 4},
                                     {1, 7, 0},
                                     {9, 33, 11},
                                     {16, 16, 8},
                                     {3, 10, 4},
                                     {64, 24, 24}}) {
    Matrix m = random(rows, columns, static_cast<uint32_t>(columns));
    std::array<int64_t, 2> shape{rows, columns};
    auto size = measureParameter(m.values, shape, head);
    double low = INFINITY, peak = 0, square = 0, rowSquare = 0, rowSum = 0;
    for (int64_t i = 0; i < rows; ++i) {
      double sum = 0, squares = 0;
      for (int64_t j = 0; j < columns; ++j) {
        low = std::min(low, m.at(i, j));
        peak = std::max(peak, std::abs(m.at(i, j)));
        sum += std::abs(m.at(i, j));
        squares += m.at(i, j) * m.at(i, j);
      }
      square += squares;
      rowSquare = std::max(rowSquare, squares);
      rowSum = std::max(rowSum, sum);
    }
    EXPECT_EQ(size.low, low);
    EXPECT_EQ(size.peak, peak);
    EXPECT_NEAR(size.frobenius, std::sqrt(square), 1e-12 * size.frobenius);
    EXPECT_GE(size.frobenius, std::sqrt(square));
    EXPECT_NEAR(size.rowRms, std::sqrt(rowSquare / double(columns)), 1e-12 * size.rowRms);
    EXPECT_NEAR(size.rowSum, rowSum, 1e-12 * rowSum);
    EXPECT_GE(size.spectral, spectral(m, 0, columns));
    EXPECT_LE(size.spectral, size.frobenius);
    if (head == 0 || columns % head != 0) {
      EXPECT_TRUE(std::isinf(size.perhead));
      continue;
    }
    double largest = 0;
    for (int64_t first = 0; first < columns; first += head)
      largest = std::max(largest, spectral(m, first, first + head));
    EXPECT_GE(size.perhead, largest);
    EXPECT_LE(size.perhead, size.frobenius);
  }
}

// One row norm, one column norm and one block make each of the three sizes what it is.
TEST(MeasureParameter, TakesTheSmallerOfTwoBounds) {
  std::vector<float> ones(64, 1.0f), identity(64, 0.0f);
  for (size_t i = 0; i < 8; ++i)
    identity[i * 9] = -3;
  std::array<int64_t, 2> shape{8, 8};
  EXPECT_NEAR(measureParameter(identity, shape, 0).spectral, 3, 1e-9); // its Frobenius norm is 8.5
  EXPECT_NEAR(measureParameter(identity, shape, 4).perhead, 3, 1e-9);
  EXPECT_NEAR(measureParameter(ones, shape, 0).spectral, 8, 1e-9);
  EXPECT_NEAR(measureParameter(ones, shape, 2).perhead, 4, 1e-9); // of 8x2 ones
}

// Vectors and stacks of matrices have no spectral norm; a number has a size.
TEST(MeasureParameter, OfOtherRanks) {
  std::vector<float> values{1, -2, 2, 0, 0, 4};
  std::array<int64_t, 1> vector{6};
  std::array<int64_t, 3> stack{1, 2, 3};
  auto size = measureParameter(values, vector, 3);
  EXPECT_EQ(size.peak, 4);
  EXPECT_EQ(size.low, -2);
  EXPECT_NEAR(size.frobenius, 5, 1e-12);
  EXPECT_TRUE(std::isinf(size.spectral));
  EXPECT_NEAR(measureParameter(values, stack, 0).rowRms, std::sqrt(16.0 / 3), 1e-12);
  EXPECT_EQ(measureParameter({values.data() + 1, 1}, {}, 0).peak, 2);
}

TEST(MeasureParameter, KnowsNothingOfWhatIsNoNumber) {
  for (float bad : {std::nanf(""), INFINITY, -INFINITY}) {
    std::vector<float> values(20, 1.0f);
    values[13] = bad;
    std::array<int64_t, 2> shape{4, 5};
    auto size = measureParameter(values, shape, 0);
    EXPECT_TRUE(std::isinf(size.peak) && std::isinf(size.frobenius) && std::isinf(size.spectral));
    EXPECT_TRUE(std::isinf(size.low));
  }
}

} // namespace
