// Elaborating: elaborates a text and gives back what was said or what came out.
#pragma once

#include "dialect/LnxDialect.h"
#include "frontend/Elaborate.h"
#include "frontend/Parser.h"

#include "llvm/Support/raw_ostream.h"

#include <regex>
#include <string>

namespace lnx::test {

struct Elaborated {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string messages;

  explicit Elaborated(const std::string &text, const ElaborateOptions &options = {}) {
    Diagnostics diagnostics;
    if (const ast::FilePtr file = parse(std::make_shared<const Source>("m.lnx", text), diagnostics))
      module = elaborate(*file, options, context, diagnostics);
    messages = diagnostics.render();
  }

  std::string text() {
    std::string result;
    if (module)
      llvm::raw_string_ostream(result) << **module;
    return result;
  }

  template <class Op> std::vector<Op> all() {
    std::vector<Op> result;
    if (module)
      module->walk([&](Op op) { result.push_back(op); });
    return result;
  }

  /// The parameter called `path`, or null.
  mlir::lnx::ParamOp param(llvm::StringRef path) {
    for (mlir::lnx::ParamOp op : all<mlir::lnx::ParamOp>())
      if (op.getPath() == path)
        return op;
    return {};
  }

  std::vector<std::string> paths() {
    std::vector<std::string> result;
    for (mlir::lnx::ParamOp op : all<mlir::lnx::ParamOp>())
      result.push_back(op.getPath().str());
    return result;
  }
};

/// What is said about a text; empty when it is good. Places in the prelude read "layers.lnx:*", so
/// that its lines may move.
inline std::string messagesOf(const std::string &text, const ElaborateOptions &options = {}) {
  return std::regex_replace(Elaborated(text, options).messages,
                            std::regex("prelude/(\\w+\\.lnx):\\d+:\\d+"), "prelude/$1:*");
}

} // namespace lnx::test
