// TokenGram: the symmetric matrix x_i.x_j/d of a stream's tokens, and what attention at
// initialisation does to it (S102, S103).
// Used by the mean-field recursion; only the lower triangle is kept.
#ifndef LNX_COMPILER_STABILITY_TOKENGRAM_H
#define LNX_COMPILER_STABILITY_TOKENGRAM_H

#include <cstdint>
#include <vector>

namespace mlir::lnx::stability {

class TokenGram {
public:
  TokenGram() = default;
  explicit TokenGram(int64_t tokens, double diagonal = 0, double offDiagonal = 0);

  int64_t tokens() const { return n; }
  int64_t size() const { return static_cast<int64_t>(entries.size()); }
  double *data() { return entries.data(); }
  const double *data() const { return entries.data(); }
  /// Entries (i, 0) .. (i, i).
  double *row(int64_t i) { return entries.data() + i * (i + 1) / 2; }
  const double *row(int64_t i) const { return entries.data() + i * (i + 1) / 2; }
  double &diagonal(int64_t i) { return row(i)[i]; }
  double diagonal(int64_t i) const { return row(i)[i]; }

  double meanDiagonal() const;
  double meanOffDiagonal() const;
  /// sum over all i, j of a_ij b_ij.
  double dot(const TokenGram &other) const;
  double total() const;

  /// K_ij <- s_i s_j K_ij.
  void scale(const std::vector<double> &s);
  void times(double factor);
  void shift(double by);
  void scaleDiagonal(double factor);
  void multiply(const TokenGram &other); ///< entry by entry
  void combine(double own, double factor, const TokenGram &other);
  /// 1/sqrt(K_ii + eps), times a gain.
  std::vector<double> inverseNorms(double eps, double gain) const;

private:
  int64_t n = 0;
  std::vector<double> entries;
};

/// Expected attention at initialisation: each position looks equally at all it may see.
struct UniformAttention {
  int64_t n;
  bool causal;

  double seen(int64_t i) const { return static_cast<double>(causal ? i + 1 : n); }
  /// Of each position, of what it sees.
  std::vector<double> weights() const;
  /// A K A^T
  TokenGram average(const TokenGram &k) const;
  /// A^T G A
  TokenGram spread(const TokenGram &g) const;
  /// sum_i A_ik^2 w_i for each k
  std::vector<double> spreadSquares(const std::vector<double> &w) const;
  /// (A A^T)_ij
  double overlap(int64_t i, int64_t j) const {
    return 1 / (causal ? static_cast<double>(i > j ? i : j) + 1 : static_cast<double>(n));
  }
};

} // namespace mlir::lnx::stability

#endif
