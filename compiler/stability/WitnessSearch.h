// WitnessSearch: a witness for a verdict REFUTED, evaluated before it is given (S2, S56).
// Where none is found the verdict is not REFUTED.
#ifndef LNX_COMPILER_STABILITY_WITNESSSEARCH_H
#define LNX_COMPILER_STABILITY_WITNESSSEARCH_H

#include "compiler/stability/Subject.h"
#include "compiler/stability/Witness.h"

namespace mlir::lnx::stability {

/// `atLeast`: what a check asks for, which the witness has to exceed as well.
std::optional<Witness> findWitness(Subject &subject, const Verdict &verdict, double atLeast);

/// What a witness says, measured again: the number that Witness::measured claims. Fails with a
/// reason in `problem`: weights outside the declared set, a place that the model has not.
std::optional<double> measureAgain(const Analysis &analysis, Witness &witness,
                                   const VerifyOptions &options, std::string &problem);
/// Says that a witness is about the last stream of the model; false where it has none.
bool setLastPlace(Witness &witness, const Analysis &analysis);

/// The model's steps and attentions, as Witness::step counts them.
SmallVector<StepOp> stepsOf(ModelOp model);
SmallVector<Operation *> attentionsOf(ModelOp model);
/// Says that a witness is about `op`, a step or an attention, in a layer (0-based).
void setPlace(Witness &witness, const Analysis &analysis, Operation *op, int64_t layer);
/// Whether x <- P(x) has x as a summand is read from |P(x) - P(x/2)| / |P(x)|: 1/2 where it has.
inline constexpr double leastStreamChange = 0.4;
/// An update that is invariant keeps its size under a factor 10 of its last matrix; twice is far
/// from what eps of a norm may do to it.
inline constexpr double mostUpdateChange = 2;
/// The stream of twice the layers is larger by more than eps of the norms could make it.
inline constexpr double leastGrowth = 1.001;
/// U of S90 that counts as bounded by 1 (S91).
inline constexpr double largestUpdate = 1.05;
/// The smallest of the formats' largest numbers: e4m3 (S98).
inline constexpr double smallestOverflow = 448;

} // namespace mlir::lnx::stability

#endif
