// Adversary: weights at their worst, promises that they keep, and what is measured with them (8.1).
// Gaussian, rank-one, sparse, signed and one-hot matrices; gains of both signs; inputs at
// 10^-2..10^2.
#ifndef LNX_TEST_COMPILER_ADVERSARY_H
#define LNX_TEST_COMPILER_ADVERSARY_H

#include "StabilityFixture.h"
#include "dialect/Evaluator.h"

#include <cmath>
#include <random>

namespace lnx::test {
using namespace mlir;
using namespace mlir::lnx;

class Draw {
public:
  explicit Draw(unsigned seed) : random(seed) {}
  double uniform(double a, double b) {
    return std::uniform_real_distribution<double>(a, b)(random);
  }
  double normal() { return std::normal_distribution<double>()(random); }
  int below(int n) { return static_cast<int>(random() % n); }
  std::string oneOf(std::vector<std::string> list) { return list[below(list.size())]; }
  std::mt19937 random;
};

/// One sequence of random ids below 8, for models of that vocabulary.
inline Environment drawTokens(Draw &draw, int64_t length) {
  Environment environment;
  environment.batch = {1, length};
  Array tokens(ArrayRef<int64_t>{length});
  for (double &token : tokens.data)
    token = draw.below(8);
  environment.inputs["tokens"] = tokens;
  return environment;
}

/// Largest singular value of a matrix, by Jacobi rotations of W W^T.
inline double spectral(const double *w, int64_t m, int64_t n) {
  std::vector<double> g(m * m);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < m; ++j)
      for (int64_t k = 0; k < n; ++k)
        g[i * m + j] += w[i * n + k] * w[j * n + k];
  for (int sweep = 0; sweep < 30; ++sweep)
    for (int64_t p = 0; p < m; ++p)
      for (int64_t q = p + 1; q < m; ++q) {
        if (std::abs(g[p * m + q]) < 1e-300)
          continue;
        double angle = 0.5 * std::atan2(2 * g[p * m + q], g[q * m + q] - g[p * m + p]);
        double c = std::cos(angle), s = std::sin(angle);
        for (int64_t k = 0; k < m; ++k) {
          double x = g[p * m + k], y = g[q * m + k];
          g[p * m + k] = c * x - s * y;
          g[q * m + k] = s * x + c * y;
        }
        for (int64_t k = 0; k < m; ++k) {
          double x = g[k * m + p], y = g[k * m + q];
          g[k * m + p] = c * x - s * y;
          g[k * m + q] = s * x + c * y;
        }
      }
  double largest = 0;
  for (int64_t i = 0; i < m; ++i)
    largest = std::max(largest, g[i * m + i]);
  return std::sqrt(largest) * (1 + 1e-9);
}

/// Gaussian, rank-one, sparse or signed identity, at a scale of 10^-1.5 to 10^0.7.
inline void drawMatrix(Draw &draw, double *w, int64_t m, int64_t n) {
  double scale = std::pow(10, draw.uniform(-1.5, 0.7));
  int kind = draw.below(4);
  std::vector<double> left(m), right(n);
  for (double &v : left)
    v = draw.normal();
  for (double &v : right)
    v = draw.normal();
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sign = draw.below(2) ? 1 : -1;
      double value = kind == 0   ? draw.normal()
                     : kind == 1 ? left[i] * right[j]
                     : kind == 2 ? (draw.below(5) == 0) * draw.normal() * 3
                                 : (i % n == j % m) * sign;
      w[i * n + j] = scale * value;
    }
}

inline void declare(OpBuilder &builder, mlir::Location at, StringRef form, StringRef path,
                    double bound) {
  DictionaryAttr arguments;
  if (!path.empty())
    arguments =
        builder.getDictionaryAttr(builder.getNamedAttr("path", builder.getStringAttr(path)));
  AssumeOp::create(builder, at, builder.getStringAttr(form), arguments, builder.getStringAttr("<="),
                   builder.getF64FloatAttr(bound), StringAttr());
}

/// What one parameter really has, over all layers; `rows`: the largest rms of a row.
struct Sizes {
  mutable ParamOp op;
  double peak, spectral, frobenius, rows;
};

/// Gaussian, rank-one, sparse or signed matrices, vectors of both signs. `isStart`: streams start
/// from embeddings as they are, at scales of 10^-2 to 10^2; else the rows are signs of one size.
inline void drawValues(Draw &draw, ModelOp model, Environment &environment, bool isStart) {
  SmallVector<ParamOp> params;
  model.walk([&](ParamOp op) { params.push_back(op); });
  for (ParamOp op : params) {
    auto repeat = op->getParentOfType<RepeatOp>();
    int64_t layers = repeat ? repeat.getCount() : 1;
    SmallVector<int64_t> shape = {layers};
    llvm::append_range(shape, op.getType().getShape());
    Array array(shape);
    int64_t size = op.getType().getNumElements();
    for (int64_t layer = 0; layer < layers; ++layer) {
      double *w = array.data.data() + layer * size;
      if (op.getType().getRank() != 2) {
        for (int64_t i = 0; i < size; ++i)
          w[i] = draw.uniform(-2, 2);
        continue;
      }
      int64_t m = op.getType().getDimSize(0), n = op.getType().getDimSize(1);
      drawMatrix(draw, w, m, n);
      if (op.getPath() == "E" || op.getPath() == "F") // embeddings
        for (int64_t i = 0; i < m; ++i) {
          double scale = std::pow(10, draw.uniform(-2, 2));
          for (int64_t j = 0; j < n; ++j)
            w[i * n + j] = scale * (isStart ? (draw.below(6) ? draw.normal() : 0)
                                            : (draw.below(2) ? 1.0 : -1.0));
        }
    }
    environment.parameters[op.getPath()] = array;
  }
}

/// What a parameter has in the layer where it has most of it.
inline Sizes sizesOf(ParamOp op, const Array &array) {
  Sizes sizes{op, 0, 0, 0, 0};
  ArrayRef<int64_t> shape = op.getType().getShape();
  int64_t size = op.getType().getNumElements(), width = shape.empty() ? 1 : shape.back();
  for (int64_t first = 0; first < array.size(); first += size) {
    const double *w = array.data.data() + first;
    double sum = 0;
    for (int64_t i = 0; i < size; i += width) {
      double row = 0;
      for (int64_t j = 0; j < width; ++j) {
        sizes.peak = std::max(sizes.peak, std::abs(w[i + j]));
        row += w[i + j] * w[i + j];
      }
      sizes.rows = std::max(sizes.rows, std::sqrt(row / double(width)));
      sum += row;
    }
    sizes.frobenius = std::max(sizes.frobenius, std::sqrt(sum));
    if (op.getType().getRank() == 2)
      sizes.spectral = std::max(sizes.spectral, spectral(w, op.getType().getDimSize(0), width));
  }
  return sizes;
}

/// Declares norms that the parameters really have. `isStart`: x0.rms is about the rows of E; else
/// their signs are of one size, which max() says as well.
inline void declareSizes(Draw &draw, ModelOp model, Environment &environment, bool isStart) {
  OpBuilder builder = OpBuilder::atBlockBegin(&model.getBody().front());
  std::vector<Sizes> sizes;
  model.walk(
      [&](ParamOp op) { sizes.push_back(sizesOf(op, environment.parameters[op.getPath()])); });
  // A promise about a path is one about every longer path that ends with it.
  auto most = [&](const Sizes &of, double Sizes::*size) {
    double largest = 0;
    for (const Sizes &other : sizes)
      if (StringRef path = other.op.getPath();
          path == of.op.getPath() || path.ends_with(("." + of.op.getPath()).str()))
        largest = std::max(largest, other.*size);
    return largest;
  };
  auto isTable = [](const Sizes &of) { return of.op.getPath() == "E" || of.op.getPath() == "F"; };
  double embedded = 0;
  for (const Sizes &of : sizes)
    embedded = std::max(embedded, isTable(of) ? of.rows : 0);
  for (const Sizes &of : sizes) {
    ParamOp op = of.op;
    if (!isStart && isTable(of))
      declare(builder, op.getLoc(), "max", op.getPath(), of.peak);
    else if (op.getPath() == "E")
      declare(builder, op.getLoc(), "x0.rms", "", embedded);
    else if (op.getType().getRank() == 2 && draw.below(3))
      declare(builder, op.getLoc(), "spectral", op.getPath(), most(of, &Sizes::spectral));
    else if (op.getType().getRank() == 2)
      declare(builder, op.getLoc(), "frobenius", op.getPath(), most(of, &Sizes::frobenius));
    else
      declare(builder, op.getLoc(), "max", op.getPath(), most(of, &Sizes::peak));
  }
}

/// Draws every parameter and declares norms that it really has.
inline void drawWeights(Draw &draw, ModelOp model, Environment &environment, bool isStart = true) {
  drawValues(draw, model, environment, isStart);
  declareSizes(draw, model, environment, isStart);
}

/// Largest rms and |entry| of the rows of [rows x width].
inline std::pair<double, double> measure(const Array &x) {
  int64_t width = x.shape.back();
  double rms = 0, peak = 0;
  for (int64_t row = 0; row < x.size() / width; ++row) {
    double sum = 0;
    for (int64_t i = 0; i < width; ++i) {
      double value = x.data[row * width + i];
      sum += value * value;
      peak = std::max(peak, std::abs(value));
    }
    rms = std::max(rms, std::sqrt(sum / width));
  }
  return {rms, peak};
}

} // namespace lnx::test

#endif
