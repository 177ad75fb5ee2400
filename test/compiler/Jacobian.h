// Jacobian: how much the stream that a model returns changes with the embedding that it starts
// from. Central differences of the double evaluator; changes are in l2, of the token that changes
// most.
#ifndef LNX_TEST_COMPILER_JACOBIAN_H
#define LNX_TEST_COMPILER_JACOBIAN_H

#include "Adversary.h"

namespace lnx::test {

/// Token i is row i of E [8 x width]; returns d(entry of the last stream) / d(entry of E), row by
/// row, [tokens*width x tokens*width].
inline std::vector<std::vector<double>> jacobianOf(ModelOp model, Environment environment,
                                                   int64_t tokens) {
  environment.batch = {1, tokens};
  Array ids(ArrayRef<int64_t>{tokens});
  for (int64_t i = 0; i < tokens; ++i)
    ids.data[i] = static_cast<double>(i);
  environment.inputs["tokens"] = ids;
  Array &table = environment.parameters["E"];
  int64_t width = table.shape.back(), size = tokens * width;
  std::vector<std::vector<double>> result(size, std::vector<double>(size));
  for (int64_t i = 0; i < size; ++i) {
    double before = table.data[i], scale = 0;
    for (int64_t k = 0; k < width; ++k)
      scale = std::max(scale, std::abs(table.data[i / width * width + k]));
    double h = 1e-6 * std::max(scale, 1e-3);
    table.data[i] = before + h;
    FailureOr<Array> above = evaluateModel(model, environment);
    table.data[i] = before - h;
    FailureOr<Array> below = evaluateModel(model, environment);
    table.data[i] = before;
    if (failed(above) || failed(below)) {
      ADD_FAILURE() << "the model cannot be evaluated";
      return result;
    }
    for (int64_t k = 0; k < size; ++k)
      result[k][i] = (above->data[k] - below->data[k]) / (2 * h);
  }
  return result;
}

/// A lower bound, and where the ascent ends at its largest the value, of
/// max |J dx| over |dx| <= 1, both l2 of the largest of `tokens` rows.
inline double normOf(const std::vector<std::vector<double>> &jacobian, int64_t tokens) {
  int64_t size = static_cast<int64_t>(jacobian.size()), width = size / tokens;
  double most = 0;
  for (int64_t row = 0; row < tokens; ++row)
    // From every entry, and from all of them: what blocks gain together no single one climbs to.
    for (int64_t first = 0; first <= width; ++first) {
      std::vector<double> u(width, first < width ? 0 : 1 / std::sqrt(double(width))), dx(size);
      if (first < width)
        u[first] = 1;
      double norm = 0;
      for (int turn = 0; turn < 12; ++turn) {
        // The best change of each token for the direction u of this row's, then the best u for it.
        for (int64_t token = 0; token < tokens; ++token) {
          double length = 0;
          for (int64_t k = 0; k < width; ++k) {
            double sum = 0;
            for (int64_t i = 0; i < width; ++i)
              sum += u[i] * jacobian[row * width + i][token * width + k];
            dx[token * width + k] = sum;
            length += sum * sum;
          }
          for (int64_t k = 0; k < width && length > 0; ++k)
            dx[token * width + k] /= std::sqrt(length);
        }
        norm = 0;
        for (int64_t i = 0; i < width; ++i) {
          u[i] = 0;
          for (int64_t k = 0; k < size; ++k)
            u[i] += jacobian[row * width + i][k] * dx[k];
          norm += u[i] * u[i];
        }
        norm = std::sqrt(norm);
        for (double &entry : u)
          entry /= std::max(norm, 1e-300);
      }
      most = std::max(most, norm);
    }
  return most;
}

/// Smallest standard deviation of the rows of [rows x width].
inline double leastDeviation(const Array &x) {
  int64_t width = x.shape.back();
  double least = INFINITY;
  for (int64_t row = 0; row < x.size() / width; ++row) {
    double mean = 0, square = 0;
    for (int64_t i = 0; i < width; ++i)
      mean += x.data[row * width + i] / double(width);
    for (int64_t i = 0; i < width; ++i)
      square += std::pow(x.data[row * width + i] - mean, 2) / double(width);
    least = std::min(least, std::sqrt(square));
  }
  return least;
}

} // namespace lnx::test

#endif
