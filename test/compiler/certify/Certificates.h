// Certificates: a model's text to the certificate of its verdicts, and what lnx-certify says of it.
#ifndef LNX_TEST_COMPILER_CERTIFY_CERTIFICATES_H
#define LNX_TEST_COMPILER_CERTIFY_CERTIFICATES_H

#include "Adversary.h"
#include "compiler/certify/Certifier.h"

namespace lnx::test {

/// Promises about the norms, the start and every matrix, bias and learned number of a model.
inline void promiseAll(mlir::ModuleOp module) {
  ModelOp model = *module.getOps<ModelOp>().begin();
  OpBuilder builder = OpBuilder::atBlockBegin(&model.getBody().front());
  mlir::Location at = model.getLoc();
  declare(builder, at, "norm.gain", "", 1.5);
  declare(builder, at, "norm.bias.rms", "", 0.2);
  declare(builder, at, "x0.rms", "", 0.8);
  SmallVector<ParamOp> params;
  model.walk([&](ParamOp op) { params.push_back(op); });
  for (ParamOp op : params)
    declare(builder, at, op.getType().getRank() == 2 ? "spectral" : "max", op.getPath(), 0.7);
}

/// The report of a model whose certificate was written, with all that may be promised or without.
inline std::optional<stable::Report> reportOf(Verified &verified, const std::string &model,
                                              const Settings &settings, bool isPromised) {
  auto at = [&](const Settings &all) {
    mlir::OwningOpRef<mlir::ModuleOp> module = verified.at(all, model);
    if (module && isPromised)
      promiseAll(*module);
    return module;
  };
  mlir::OwningOpRef<mlir::ModuleOp> module = at(settings);
  if (!module) {
    ADD_FAILURE() << verified.diagnostics.render();
    return std::nullopt;
  }
  stable::VerifyOptions options;
  options.certificate = true;
  options.atDepth = [&](int64_t depth) {
    Settings other = settings;
    llvm::erase_if(other, [](auto &setting) { return setting.first == "depth"; });
    other.push_back({"depth", std::to_string(depth)});
    return at(other);
  };
  mlir::FailureOr<stable::Report> report = stable::verify(*module, options);
  if (mlir::failed(report))
    return std::nullopt;
  return *report;
}

inline std::string certificateOf(const std::string &text) {
  Verified verified(text);
  std::optional<stable::Report> report = reportOf(verified, "", {}, /*isPromised=*/false);
  return report ? report->certificate : "";
}

/// Why it is refused; empty where it is not.
inline std::string refusalOf(const std::string &certificate) {
  llvm::Expected<certify::Document> document = certify::Document::read(certificate);
  if (!document)
    return llvm::toString(document.takeError());
  return llvm::toString(certify::certify(*document));
}

inline certify::Document read(const std::string &certificate) {
  llvm::Expected<certify::Document> document = certify::Document::read(certificate);
  if (document)
    return std::move(*document);
  ADD_FAILURE() << llvm::toString(document.takeError());
  return {};
}

/// The conclusion about a property, in the first derivation that has one.
inline const certify::Conclusion *conclusionOf(const certify::Document &document,
                                               const std::string &property) {
  for (const certify::Derivation &derivation : document.derivations)
    for (const certify::Conclusion &conclusion : derivation.conclusions)
      if (conclusion.property == property)
        return &conclusion;
  return nullptr;
}

} // namespace lnx::test

#endif
