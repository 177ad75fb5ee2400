// Certificate: the derivation of the PROVED verdicts as a file that lnx-certify checks again.
// docs/certificate.schema.json describes it.
#ifndef LNX_COMPILER_STABILITY_CERTIFICATE_H
#define LNX_COMPILER_STABILITY_CERTIFICATE_H

#include "compiler/stability/Subject.h"

namespace mlir::lnx::stability {

/// Ends with a line break. A PROVED verdict that cannot be certified is listed with the reason.
std::string printCertificate(Subject &subject, const std::vector<Verdict> &verdicts);

} // namespace mlir::lnx::stability

#endif
