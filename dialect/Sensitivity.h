// Sensitivity.h: rules for `slope` and `spread` of Abstract.h that several primitives share (4.2,
// columns lip and c_lo). A rule that is not here is infinity, and 0: always true.
#ifndef LNX_DIALECT_SENSITIVITY_H
#define LNX_DIALECT_SENSITIVITY_H

#include "dialect/Abstract.h"
#include "mlir/IR/Types.h"

namespace mlir::lnx {

//===-- slopes ---------------------------------------------------------------===//

/// What both depend on: grounds, carriers, norms without a lower bound, epochs. The numbers are
/// infinite unless neither changes with the stream.
Slope joinSlopes(const Slope &x, const Slope &y);
Slope operator+(const Slope &x, const Slope &y);
/// Of a value that may be either.
Slope largerSlope(const Slope &x, const Slope &y);
Slope operator*(const Series &factor, const Slope &x);
/// Of blocks of `size` features, a part of the last axis.
Series slopeOfBlock(const Slope &x, int64_t size);
/// Repeated entries change together.
Slope broadcastSlope(const Slope &x, Type from, Type to, int64_t size);
/// What each of whole, part and across says of the others, for rows of `type`.
Slope tightened(Slope x, Type type);
/// d(x y) = dx y + x dy, |dx y| <= |dx| max|y|; both broadcast to the result (S22).
Slope slopeOfProduct(const Abstract &x, const Abstract &y);
/// |d(x W)| <= |W|_2 |dx|, entries of different rows by |W|_F, heads by their columns (S15).
Slope slopeOfProjection(const Slope &x, const Abstract &matrix);
/// factor * sum of n features along an axis: sqrt(n) factor times.
Slope slopeOfReduction(const Slope &x, int64_t n, double factor);

/// Of an attention with `heads` heads of `size` features, whose keys and values are `groups` heads.
struct HeadSizes {
  int64_t heads, groups, size;
  Series scale; ///< of the scores; a cap of the scores only makes them change less
};
/// dout = sum P dv + sum dP v with |dP|_1 <= max|ds| (S46): no dependence on the sequence length.
Slope slopeOfAttention(const Abstract &q, Type queries, const Abstract &k, const Abstract &v,
                       Type keys, HeadSizes sizes);

/// number / (sqrt(q s^2 + eps) + outside) where s is the least that x's spread is known to be;
/// `place` is noted where nothing but eps keeps it finite.
Slope slopeOfNorm(const Abstract &x, Type type, NormShape norm, Operation *place);

//===-- spreads --------------------------------------------------------------===//

/// The least that it can be where the stream's is at least `stream`; or whatever the stream's is.
Series spreadFrom(const Spread &x, const Series &stream);
Series lowest(const Spread &x);
/// std(x + y) >= std(x) - rms(y), whichever of the two is known (S37).
Spread spreadOfSum(const Abstract &x, const Abstract &y, Type type);
/// |c| std(x) for a number, or a learned scalar, c; a vector of gains in [m, M], m > 0, keeps
/// m 2 sqrt(m M)/(m + M) of a row without mean.
Spread spreadOfProduct(const Abstract &x, Type xType, const Abstract &y, Type yType);
Spread spreadOfNorm(const Abstract &x, Type type, NormShape norm);

} // namespace mlir::lnx

#endif
