// StabilityFixture: a model's text to the verifier's report, re-elaborated at other depths.
#ifndef LNX_TEST_COMPILER_STABILITYFIXTURE_H
#define LNX_TEST_COMPILER_STABILITYFIXTURE_H

#include "compiler/Compiler.h"
#include "compiler/stability/Verify.h"
#include "dialect/LnxDialect.h"
#include "frontend/Elaborate.h"
#include "frontend/Parser.h"
#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

namespace lnx::test {

using Settings = std::vector<std::pair<std::string, std::string>>;
namespace stable = mlir::lnx::stability;

/// One file, its elaborations and their reports.
class Verified {
public:
  explicit Verified(const std::string &text)
      : context(makeRegistry(), mlir::MLIRContext::Threading::DISABLED) {
    file = parse(std::make_shared<const Source>("test.lnx", text), diagnostics);
  }
  static mlir::DialectRegistry makeRegistry() {
    mlir::DialectRegistry registry;
    mlir::lnx::registerAll(registry);
    return registry;
  }
  mlir::OwningOpRef<mlir::ModuleOp> at(const Settings &settings, const std::string &model = "") {
    if (!file)
      return {};
    return elaborate(*file, {model, settings}, context, diagnostics);
  }
  /// The report of `model` (empty: the last) with `settings`; no value after a diagnostic.
  std::optional<stable::Report> verify(const std::string &model = "", Settings settings = {}) {
    mlir::OwningOpRef<mlir::ModuleOp> module = at(settings, model);
    if (!module) {
      ADD_FAILURE() << diagnostics.render();
      return std::nullopt;
    }
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
      messages += diagnostic.str() + "\n";
      return mlir::success();
    });
    stable::VerifyOptions options;
    options.atDepth = [&](int64_t depth) {
      Settings other = settings;
      llvm::erase_if(other, [](auto &setting) { return setting.first == "depth"; });
      other.push_back({"depth", std::to_string(depth)});
      return at(other, model);
    };
    mlir::FailureOr<stable::Report> report = stable::verify(*module, options);
    if (mlir::failed(report))
      return std::nullopt;
    return *report;
  }

  Diagnostics diagnostics;
  std::string messages;
  mlir::MLIRContext context;
  ast::FilePtr file;
};

inline const stable::Verdict *find(const stable::Report &report, const std::string &property,
                                   stable::Basis basis = stable::Basis::worstCase) {
  for (const stable::Verdict &verdict : report.verdicts)
    if (verdict.property == property && verdict.basis == basis)
      return &verdict;
  return nullptr;
}
inline const stable::Verdict *find(const std::optional<stable::Report> &report,
                                   const std::string &property,
                                   stable::Basis basis = stable::Basis::worstCase) {
  return report ? find(*report, property, basis) : nullptr;
}

/// The word of a property: "P", "R", "U"; "-" where there is no verdict.
inline std::string word(const std::optional<stable::Report> &report, const std::string &property) {
  const stable::Verdict *verdict = find(report, property);
  if (!verdict)
    return "-";
  return verdict->word == stable::Word::proved    ? "P"
         : verdict->word == stable::Word::refuted ? "R"
                                                  : "U";
}

/// All of a report, for messages of failing tests.
inline std::string print(const std::optional<stable::Report> &report) {
  if (!report)
    return "no report";
  std::string text;
  for (const std::string &line : report->normalForm)
    text += line + "\n";
  for (const stable::Verdict &v : report->verdicts) {
    text += v.property + " " + stable::spelling(v.word).str() + " " + v.growth + " " + v.formula +
            (v.number ? " = " + std::to_string(*v.number) : "") + "\n";
    for (const std::string &line : v.details)
      text += "    " + line + "\n";
    for (const std::string &line : v.missing)
      text += "    missing " + line + "\n";
    for (const std::string &line : v.assumptions)
      text += "    assumes " + line + "\n";
  }
  return text;
}

} // namespace lnx::test

#endif
