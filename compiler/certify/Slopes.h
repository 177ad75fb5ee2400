// Slopes: how much the value of one operation changes with the stream of its step (S15, S46, S83),
// in l2, of the row that changes most. The certifier's own table, like Rules.
#ifndef LNX_COMPILER_CERTIFY_SLOPES_H
#define LNX_COMPILER_CERTIFY_SLOPES_H

#include "compiler/certify/Rules.h"

namespace lnx::certify {

/// Upper bounds; infinite where nothing is known.
struct Slope {
  Series whole = infinity;  ///< change of a row
  Series part = infinity;   ///< of `block` neighbouring features of a row
  Series across = infinity; ///< of a row whose entries come from different rows
  int64_t block = 0;        ///< 0: of no block
  int64_t epoch = -1;       ///< the step whose stream it is about; -1: it changes with none
  bool isOlder = false;     ///< with streams of several steps

  /// Of what does not change.
  static Slope none() { return {0.0, 0.0, 0.0, 1}; }
  static Slope stream(const Step &step, int64_t epoch);
  bool isNone() const { return epoch < 0 && whole.isZero() && across.isZero(); }
};

/// Of the value of a step, from the values and slopes of all before it; `block` features are a
/// block of its value.
Slope slopeOf(const Site &site, const std::vector<Slope> &slopes, int64_t block);

} // namespace lnx::certify

#endif
