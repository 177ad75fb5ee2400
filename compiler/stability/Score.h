// Score: one number that orders candidates by which to train first (S110). A rule of thumb: it is
// no proof and says nothing about final quality. Sees no IR.
#ifndef LNX_COMPILER_STABILITY_SCORE_H
#define LNX_COMPILER_STABILITY_SCORE_H

#include "compiler/stability/Growth.h"

#include <optional>

namespace mlir::lnx::stability {

/// What the score is made of; a class that is not known is absent.
struct ScoreFacts {
  std::optional<Growth> growth;  ///< of the stream, every weight having a bound
  double steps = 0;              ///< T = sum |dt_k| over one pass
  bool isWellPosed = false;      ///< forward.wellposed is PROVED
  std::optional<Growth> profile; ///< of backward.init_gradient_profile
  std::optional<Growth> update;  ///< of deepnorm.update_bound
  std::optional<Growth> rank;    ///< of rank_collapse
  bool areLogitsBounded = false; ///< attention.logit_bound is PROVED, or there is no attention
  bool isInRange = false;        ///< precision.overflow is PROVED
};

/// What is taken from 100 for each fact.
struct Score {
  double growth = 0, wellPosed = 0, profile = 0, update = 0, rank = 0, logits = 0, precision = 0;
  double total() const {
    return 100 - (growth + wellPosed + profile + update + rank + logits + precision);
  }
};

Score scoreOf(const ScoreFacts &facts);

} // namespace mlir::lnx::stability

#endif
