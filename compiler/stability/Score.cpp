// Score: the tables of S110. Where they say nothing of a class that is not known, it costs what the
// table's middle does; classes between two of the table cost what the faster one does.
#include "compiler/stability/Score.h"

#include <cmath>

using namespace mlir::lnx::stability;
using Kind = Growth::Kind;

/// h(T) = T/(1 + T): many steps cost more than few, at most 1.
static double share(double steps) { return std::isfinite(steps) ? steps / (1 + steps) : 1; }

static double growthCost(const std::optional<Growth> &growth, double steps) {
  if (!growth)
    return 18;
  switch (growth->kind()) {
  case Kind::bounded:
    return 0;
  case Kind::log:
    return 2;
  case Kind::power:
    return *growth <= Growth::power(0.5) ? 4 : *growth <= Growth::power(1) ? 8 * share(steps) : 14;
  case Kind::stretched:
    return 18;
  case Kind::exponential:
    return 25;
  case Kind::doubleExponential:
  case Kind::unbounded:
    return 30;
  case Kind::unknown:
    return 18;
  }
  return 30;
}

static double profileCost(const std::optional<Growth> &profile) {
  if (!profile || profile->kind() == Kind::unknown)
    return 6;
  if (profile->kind() == Kind::bounded)
    return 0;
  if (*profile <= Growth::power(0.5))
    return 3;
  return profile->kind() == Kind::power ? 6 : profile->kind() == Kind::stretched ? 10 : 15;
}

static double updateCost(const std::optional<Growth> &update) {
  if (!update || update->kind() == Kind::unknown)
    return 8;
  switch (update->kind()) {
  case Kind::bounded:
    return 0;
  case Kind::log:
    return 1;
  case Kind::power:
    // Fitted exponents are off by up to 0.15: Peri-LN's linear bound is seen as 1.14.
    return update->exponent() < 0.85 ? 8 : update->exponent() < 1.5 ? 20 : 25;
  default:
    return 25;
  }
}

static double rankCost(const std::optional<Growth> &rank) {
  if (!rank || rank->kind() == Kind::unknown)
    return 2;
  return rank->kind() == Kind::bounded ? 0 : rank->kind() <= Kind::power ? 2 : 6;
}

Score mlir::lnx::stability::scoreOf(const ScoreFacts &facts) {
  Score score;
  score.growth = growthCost(facts.growth, facts.steps);
  score.wellPosed = facts.isWellPosed ? 0 : 20 * share(facts.steps);
  score.profile = profileCost(facts.profile);
  score.update = updateCost(facts.update);
  score.rank = rankCost(facts.rank);
  score.logits = facts.areLogitsBounded ? 0 : 3;
  score.precision = facts.isInRange ? 0 : 4;
  return score;
}
