// CertificateClaims: what one run of the interpretation found, step by step, as far as conclusions
// rest on it.
#ifndef LNX_COMPILER_STABILITY_CERTIFICATECLAIMS_H
#define LNX_COMPILER_STABILITY_CERTIFICATECLAIMS_H

#include "compiler/stability/CertificateProgram.h"

namespace mlir::lnx::stability {

struct ClaimedSteps {
  llvm::json::Array json;
  std::string obstacle;    ///< why lnx-certify cannot follow; empty where it can
  std::string slopes;      ///< the same of how much a step changes with its stream
  std::string anyObstacle; ///< the same of all steps, also those no bound rests on
};
/// Why lnx-certify cannot follow how much the steps change with their streams (S83); empty where it
/// can.
std::string slopeObstacleOf(const Program &program, const Analysis &analysis);
ClaimedSteps claimsOf(const Program &program, const Analysis &analysis);

/// To nine digits, nearest or not below.
double nineDigits(double x);
double nineDigitsUp(double x);

} // namespace mlir::lnx::stability

#endif
