// InitProfile: the properties that hold at initialisation only, read off the mean-field prediction
// at several depths (claims S87, S95, S101). Sees no IR: a callback gives the model of every depth
// as numbers.
#ifndef LNX_COMPILER_STABILITY_INITPROFILE_H
#define LNX_COMPILER_STABILITY_INITPROFILE_H

#include "compiler/stability/Growth.h"
#include "compiler/stability/MeanField.h"
#include "compiler/stability/Verdict.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace mlir::lnx::stability {

/// The model at another depth; absent where it cannot have that depth.
using MeanFieldAtDepth = std::function<std::optional<MeanFieldModel>(int64_t depth)>;

/// Ratio of the largest to the smallest norm of one kind of weight gradient.
struct WeightSpread {
  std::string matrix;     ///< "attention in" (W_V), "mlp out" (W_2), ...
  double firstToLast = 1; ///< infinity where the last is zero
  double spread = 1;      ///< infinity where some are zero and others not
  bool isZero = false;    ///< all of them are zero: their partner is, or the step
};

/// What one depth says, in the numbers the rules compare.
struct InitSummary {
  int64_t depth = 0;
  double q = 0;              ///< mean square of the last stream
  double varianceSpread = 1; ///< of the stream's rms after layers 1..N
  double shortcut = 1;       ///< |g_0|/|g_K| (S87)
  double streamSpread = 1;   ///< of |g| behind layers 1..N
  std::vector<WeightSpread> weights;
  double weightSpread = 1;       ///< the largest of them
  double tokensLeft = 1;         ///< 1 - rho_N
  double effective = 0;          ///< N_eff = sum min(1, e_l) (S101)
  double updateBound = 0;        ///< U_mf (S92)
  bool overflow = false;         ///< of the stream
  bool gradientOverflow = false; ///< or of the gradient only
};

InitSummary summarise(int64_t depth, const MeanFieldModel &model, const MeanFieldProfile &profile);

/// The model's own profile, and summaries at doubling depths for the classes.
struct InitProfile {
  int64_t depth = 0;
  int64_t evaluated = 0; ///< depth of `profile`: `depth`, or the largest that is evaluated
  MeanFieldModel model;
  MeanFieldProfile profile;
  InitSummary own;
  std::vector<InitSummary> doubling; ///< empty where the model has only one depth
};

/// Deeper models are described by this many layers and by their classes, so that time stays
/// bounded.
inline constexpr int64_t deepestProfile = 2048;

/// Where classes are read off, by the last three: deep enough for fitted exponents to be within
/// 0.06 of their limit.
inline constexpr int64_t comparedDepths[] = {24, 48, 96, 192, 384, 768};

/// Absent where `at` gives no model of this depth.
std::optional<InitProfile> measureInit(int64_t depth, const MeanFieldAtDepth &at);

/// Class of a positive quantity at depths b, 2b, 4b, ...: its differences grow by 2^e in N^e, stay
/// equal in log N, shrink when it is bounded. `root` 2 for the square root of a mean square.
Growth classOfDoubling(const std::vector<double> &values, int root = 1);

Verdict initVariance(const InitProfile &init);
Verdict backwardInitGradientProfile(const InitProfile &init);
Verdict initParameterGradientProfile(const InitProfile &init);
Verdict rankCollapse(const InitProfile &init);
Verdict layerEffectiveness(const InitProfile &init);
/// All five, in this order.
std::vector<Verdict> initVerdicts(const InitProfile &init);

} // namespace mlir::lnx::stability

#endif
