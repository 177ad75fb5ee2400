// SimulatedNetwork: one random network of a MeanFieldModel's shape, run forward and backward.
// Written plainly, in single precision; the measure that the predictor at initialisation is held
// to.
#ifndef LNX_TEST_COMPILER_SIMULATEDNETWORK_H
#define LNX_TEST_COMPILER_SIMULATEDNETWORK_H

#include "MeanFieldModels.h"
#include <algorithm>
#include <random>

namespace lnx::test {

/// Means over seeds: mean squares of stream and gradient, token cosine, |dL/dW|_F.
struct Measured {
  std::vector<double> q, rho, gradient, weightIn, weightOut;
  double updateBound = 0; ///< squared Jacobians of value, in, up and out matrices (S92)
};

struct Matrix {
  int64_t rows = 0, cols = 0;
  std::vector<float> data;

  Matrix() = default;
  Matrix(int64_t rows, int64_t cols) : rows(rows), cols(cols), data(rows * cols) {}
  float *row(int64_t i) { return data.data() + i * cols; }
  const float *row(int64_t i) const { return data.data() + i * cols; }
  void add(float factor, const Matrix &other) {
    for (size_t i = 0; i < data.size(); ++i)
      data[i] += factor * other.data[i];
  }
  void times(float factor) {
    for (float &x : data)
      x *= factor;
  }
};

inline Matrix gaussian(int64_t rows, int64_t cols, double variance, std::mt19937_64 &random) {
  Matrix m(rows, cols);
  std::normal_distribution<float> normal(0, static_cast<float>(std::sqrt(variance)));
  for (float &x : m.data)
    x = normal(random);
  return m;
}

/// a b
inline Matrix product(const Matrix &a, const Matrix &b) {
  Matrix c(a.rows, b.cols);
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t k = 0; k < a.cols; ++k) {
      float x = a.row(i)[k];
      const float *from = b.row(k);
      float *to = c.row(i);
      for (int64_t j = 0; j < b.cols; ++j)
        to[j] += x * from[j];
    }
  return c;
}

inline Matrix transposed(const Matrix &a) {
  Matrix t(a.cols, a.rows);
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t j = 0; j < a.cols; ++j)
      t.row(j)[i] = a.row(i)[j];
  return t;
}

/// Columns first .. first + count.
inline Matrix columns(const Matrix &a, int64_t first, int64_t count) {
  Matrix part(a.rows, count);
  for (int64_t i = 0; i < a.rows; ++i)
    std::copy_n(a.row(i) + first, count, part.row(i));
  return part;
}

inline void setColumns(Matrix &a, int64_t first, const Matrix &part) {
  for (int64_t i = 0; i < a.rows; ++i)
    std::copy_n(part.row(i), part.cols, a.row(i) + first);
}

inline double meanSquare(const Matrix &a) {
  double sum = 0;
  for (float x : a.data)
    sum += static_cast<double>(x) * x;
  return sum / static_cast<double>(a.data.size());
}

/// |x^T g|_F^2, as the sum over pairs of tokens of (x_i.x_j)(g_i.g_j).
inline double gradientSquare(const Matrix &x, const Matrix &g) {
  Matrix xx = product(x, transposed(x)), gg = product(g, transposed(g));
  double sum = 0;
  for (size_t i = 0; i < xx.data.size(); ++i)
    sum += static_cast<double>(xx.data[i]) * gg.data[i];
  return sum;
}

/// Layer norm without bias, and its transpose.
struct NormState {
  Matrix y; ///< before the gain
  std::vector<float> inverse;
  float gain = 1;

  NormState() = default;
  NormState(const Matrix &x, double eps, double gain)
      : y(x), inverse(x.rows), gain(static_cast<float>(gain)) {
    for (int64_t i = 0; i < x.rows; ++i) {
      double mean = 0, square = 0;
      for (int64_t j = 0; j < x.cols; ++j)
        mean += x.row(i)[j];
      mean /= static_cast<double>(x.cols);
      for (int64_t j = 0; j < x.cols; ++j)
        square += (x.row(i)[j] - mean) * (x.row(i)[j] - mean);
      inverse[i] = static_cast<float>(1 / std::sqrt(square / static_cast<double>(x.cols) + eps));
      for (int64_t j = 0; j < x.cols; ++j)
        y.row(i)[j] = (x.row(i)[j] - static_cast<float>(mean)) * inverse[i];
    }
  }
  Matrix output() const {
    Matrix out = y;
    out.times(gain);
    return out;
  }
  Matrix pull(const Matrix &g) const {
    Matrix x(g.rows, g.cols);
    for (int64_t i = 0; i < g.rows; ++i) {
      double mean = 0, along = 0, width = static_cast<double>(g.cols);
      for (int64_t j = 0; j < g.cols; ++j) {
        mean += g.row(i)[j] / width;
        along += g.row(i)[j] * y.row(i)[j] / width;
      }
      for (int64_t j = 0; j < g.cols; ++j)
        x.row(i)[j] =
            gain * inverse[i] * static_cast<float>(g.row(i)[j] - mean - y.row(i)[j] * along);
    }
    return x;
  }
};

inline float activate(const Activation &activation, float x, float &slope) {
  auto phi = [&](double z) { return activation ? (*activation)(z) : z; };
  slope = static_cast<float>((phi(x + 1e-4) - phi(x - 1e-4)) / 2e-4);
  return static_cast<float>(phi(x));
}

/// Squared |dL/dW|_F of an update's matrices.
struct Squares {
  double in = 0, up = 0, out = 0;
};

/// One update with its weights: x -> O(f(I(x))), and back.
class SimulatedBranch {
public:
  SimulatedBranch(const MeanFieldUpdate &u, int64_t width, double eps, std::mt19937_64 &random)
      : u(u), eps(eps), isAttention(u.branch == Branch::attention) {
    int64_t hidden = isAttention ? width : static_cast<int64_t>(u.hiddenRatio * width);
    double in = 1.0 / static_cast<double>(width), back = 1.0 / static_cast<double>(hidden);
    wOut = gaussian(hidden, width, (isAttention ? u.sO : u.s2) * back, random);
    wIn = gaussian(width, hidden, (isAttention ? u.sV : u.s1) * in, random);
    if (isAttention) {
      wQ = gaussian(width, width, u.sQ * in, random);
      wK = gaussian(width, width, u.sK * in, random);
    }
    if (u.branch == Branch::glu)
      wUp = gaussian(width, hidden, u.sU * in, random);
  }

  /// Cross-attention reads `other`.
  Matrix run(const Matrix &x, const Matrix &other) {
    memory = other;
    input = x;
    if (u.inputNorm) {
      inNorm = NormState(x, eps, u.inputGain);
      input = inNorm.output();
    }
    hidden = isAttention ? attend() : activateHidden();
    if (u.hiddenNorm) {
      hiddenNorm = NormState(hidden, eps, 1);
      hidden = hiddenNorm.output();
    }
    Matrix y = product(hidden, wOut);
    if (!u.outputNorm)
      return y;
    outNorm = NormState(y, eps, u.outputGain);
    return outNorm.output();
  }

  Matrix pull(Matrix g, Squares &squares) {
    if (u.outputNorm)
      g = outNorm.pull(g);
    squares.out = gradientSquare(hidden, g);
    g = product(g, transposed(wOut));
    if (u.hiddenNorm)
      g = hiddenNorm.pull(g);
    Matrix x = isAttention ? pullAttention(g, squares) : pullHidden(g, squares);
    return u.inputNorm ? inNorm.pull(x) : x;
  }

private:
  Matrix activateHidden() {
    before = product(input, wIn);
    slopes = Matrix(before.rows, before.cols);
    Matrix h(before.rows, before.cols);
    for (size_t i = 0; i < h.data.size(); ++i)
      h.data[i] = activate(u.activation, before.data[i], slopes.data[i]);
    if (u.branch != Branch::glu)
      return h;
    gate = h;
    up = product(input, wUp);
    for (size_t i = 0; i < h.data.size(); ++i)
      h.data[i] *= up.data[i];
    return h;
  }

  Matrix pullHidden(const Matrix &g, Squares &squares) {
    Matrix inner = g;
    for (size_t i = 0; i < g.data.size(); ++i)
      inner.data[i] *= slopes.data[i] * (u.branch == Branch::glu ? up.data[i] : 1);
    squares.in = gradientSquare(input, inner);
    Matrix x = product(inner, transposed(wIn));
    if (u.branch == Branch::glu) {
      Matrix outer = g;
      for (size_t i = 0; i < g.data.size(); ++i)
        outer.data[i] *= gate.data[i];
      squares.up = gradientSquare(input, outer);
      x.add(1, product(outer, transposed(wUp)));
    }
    return x;
  }

  Matrix attend() {
    queries = product(input, wQ);
    keys = product(u.memory ? memory : input, wK);
    values = product(u.memory ? memory : input, wIn);
    int64_t size = static_cast<int64_t>(u.headSize), n = input.rows;
    Matrix y(n, input.cols);
    weights.clear();
    for (int64_t first = 0; first < input.cols; first += size) {
      Matrix a = product(columns(queries, first, size), transposed(columns(keys, first, size)));
      for (int64_t i = 0; i < n; ++i) {
        float sum = 0;
        for (int64_t j = 0; j < n; ++j) {
          bool seen = !u.causal || u.memory || j <= i;
          a.row(i)[j] = seen ? std::exp(static_cast<float>(u.scale) * a.row(i)[j]) : 0;
          sum += a.row(i)[j];
        }
        for (int64_t j = 0; j < n; ++j)
          a.row(i)[j] /= sum;
      }
      setColumns(y, first, product(a, columns(values, first, size)));
      weights.push_back(a);
    }
    return y;
  }

  Matrix pullAttention(const Matrix &g, Squares &squares) {
    int64_t size = static_cast<int64_t>(u.headSize), n = input.rows;
    Matrix gQ(n, g.cols), gK(n, g.cols), gV(n, g.cols);
    for (int64_t first = 0, head = 0; first < g.cols; first += size, ++head) {
      const Matrix &a = weights[head];
      Matrix part = columns(g, first, size);
      setColumns(gV, first, product(transposed(a), part));
      Matrix s = product(part, transposed(columns(values, first, size)));
      for (int64_t i = 0; i < n; ++i) {
        float mean = 0;
        for (int64_t j = 0; j < n; ++j)
          mean += a.row(i)[j] * s.row(i)[j];
        for (int64_t j = 0; j < n; ++j)
          s.row(i)[j] = static_cast<float>(u.scale) * a.row(i)[j] * (s.row(i)[j] - mean);
      }
      setColumns(gQ, first, product(s, columns(keys, first, size)));
      setColumns(gK, first, product(transposed(s), columns(queries, first, size)));
    }
    squares.in = gradientSquare(u.memory ? memory : input, gV);
    Matrix x = product(gQ, transposed(wQ));
    if (u.memory)
      return x;
    x.add(1, product(gV, transposed(wIn)));
    x.add(1, product(gK, transposed(wK)));
    return x;
  }

  MeanFieldUpdate u;
  double eps;
  bool isAttention;
  Matrix wIn, wOut, wQ, wK, wUp;
  Matrix memory;
  NormState inNorm, hiddenNorm, outNorm;
  Matrix input, hidden, before, slopes, gate, up, queries, keys, values;
  std::vector<Matrix> weights;
};

/// Mean cosine between different tokens, of a stream with mean square q.
inline double tokenCosine(const Matrix &x, double q) {
  double sum = 0, n = static_cast<double>(x.rows), d = static_cast<double>(x.cols);
  for (int64_t j = 0; j < x.cols; ++j) {
    double column = 0;
    for (int64_t i = 0; i < x.rows; ++i)
      column += x.row(i)[j];
    sum += column * column;
  }
  return (sum / d - n * q) / (n * (n - 1)) / q;
}

/// Adds the measures of one seed, divided by the number of seeds.
inline void simulateOnce(const MeanFieldModel &model, std::mt19937_64 &random, double share,
                         Measured &m) {
  size_t steps = model.steps.size();
  Matrix x = gaussian(model.tokens, model.width, model.q0, random);
  Matrix memory = gaussian(model.tokens, model.width, 1, random);
  std::vector<std::vector<SimulatedBranch>> branches(steps);
  std::vector<NormState> post(steps);
  auto note = [&](size_t k) {
    double q = meanSquare(x);
    m.q[k] += share * q;
    m.rho[k] += share * tokenCosine(x, q);
  };
  note(0);
  for (size_t k = 0; k < steps; ++k) {
    const MeanFieldStep &step = model.steps[k];
    Matrix y = x;
    y.times(static_cast<float>(step.skip));
    for (const MeanFieldUpdate &u : step.updates) {
      branches[k].emplace_back(u, model.width, step.eps, random);
      y.add(static_cast<float>(u.dt), branches[k].back().run(x, memory));
    }
    if (step.postNorm) {
      post[k] = NormState(y, step.eps, step.postGain);
      y = post[k].output();
    }
    x = y;
    note(k + 1);
  }
  Matrix g = gaussian(model.tokens, model.width, model.headVariance, random);
  if (model.finalNorm)
    g = NormState(x, model.eps, 1).pull(g);
  m.gradient[steps] += share * meanSquare(g);
  double unit = model.headVariance * static_cast<double>(model.tokens * model.width * model.width);
  for (size_t k = steps; k-- > 0;) {
    const MeanFieldStep &step = model.steps[k];
    if (step.postNorm)
      g = post[k].pull(g);
    Matrix before = g;
    before.times(static_cast<float>(step.skip));
    for (size_t j = 0; j < step.updates.size(); ++j) {
      Matrix scaled = g;
      scaled.times(static_cast<float>(step.updates[j].dt));
      Squares squares;
      before.add(1, branches[k][j].pull(scaled, squares));
      m.weightIn[k] += j == 0 ? share * squares.in : 0;
      m.weightOut[k] += j == 0 ? share * squares.out : 0;
      m.updateBound += share * (squares.in + squares.up + squares.out) / unit;
    }
    g = before;
    m.gradient[k] += share * meanSquare(g);
  }
}

/// `gradient` is a mean square; weight gradients are root mean squares over the seeds.
inline Measured simulate(const MeanFieldModel &model, int seeds) {
  size_t steps = model.steps.size();
  Measured m;
  m.q = m.rho = m.gradient = std::vector<double>(steps + 1, 0);
  m.weightIn = m.weightOut = std::vector<double>(steps, 0);
  std::mt19937_64 random(20);
  for (int seed = 0; seed < seeds; ++seed)
    simulateOnce(model, random, 1.0 / seeds, m);
  for (std::vector<double> *weights : {&m.weightIn, &m.weightOut})
    for (double &w : *weights)
      w = std::sqrt(w);
  return m;
}

} // namespace lnx::test

#endif
