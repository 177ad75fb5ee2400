// Schedule: formulas in l and N for tables known at several depths, piece by piece (claims
// S49..S51). Every entry of every sampled table is reproduced to 1e-9, or nothing is returned.
#ifndef LNX_COMPILER_STABILITY_SCHEDULE_H
#define LNX_COMPILER_STABILITY_SCHEDULE_H

#include "compiler/stability/ScheduleFit.h"

namespace mlir::lnx::stability::fitted {

/// value(l, N) = offset + (sum_i part_i(N) l^power_i)^(1/root).
struct Formula {
  struct Part {
    double power = 0;
    DepthPart depth;
  };
  double offset = 0;
  int root = 1;
  std::vector<Part> parts;

  double at(double layer, double depth) const;
  bool isZero() const { return offset == 0 && parts.empty(); }
};

/// Layers first..last (at each sampled depth) in which every column has one formula.
struct Piece {
  std::vector<int64_t> first, last;
  std::vector<Formula> columns;

  /// As many layers at every depth; its entries stay finitely many.
  bool hasFixedLength() const;
  /// Begins at the same layer at every depth.
  bool hasFixedStart() const;
  /// Begins at slope * N + offset to within one layer, slope > 0; absent otherwise.
  std::optional<std::pair<double, double>> startLine(const std::vector<int64_t> &depths) const;
};

/// Tables of several columns at ascending depths, layer by layer. A column is compared with its
/// reference: 0, or 1 where its distance from 1 is what matters. Steps outside the layers stand
/// before layer 1 (`lead`) or after N.
struct Samples {
  std::vector<int64_t> depths;
  std::vector<std::vector<double>> tables;
  std::vector<double> references;
  int64_t lead = 0;

  Column column(size_t index, size_t depth) const {
    return {&tables[depth], references.size(), index, lead};
  }
  int64_t lastLayer(size_t depth) const { return column(0, depth).last(); }
};

/// The pieces of the tables, the same at every depth; absent where some entry is not explained.
std::optional<std::vector<Piece>> recognisePieces(const Samples &samples);

/// Do the formulas give these entries of one layer of a model of this depth? Layers near the border
/// of a piece, and pieces whose border is not known, are not judged (true).
bool agrees(const Samples &samples, const std::vector<Piece> &pieces, int64_t depth, int64_t layer,
            const std::vector<double> &entries);

} // namespace mlir::lnx::stability::fitted

#endif
