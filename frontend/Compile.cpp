// Compile: the frontend and the compiler in one call.
#include "frontend/Compile.h"

#include "compiler/Compiler.h"
#include "frontend/Deep.h"
#include "frontend/Elaborate.h"
#include "frontend/Parser.h"

#include "mlir/IR/Diagnostics.h"

namespace lnx {
namespace {
Error failure(std::string text, Exit exit) {
  // A tool writes "error: " in front and ends the line.
  constexpr std::string_view severity = "error: ";
  if (text.starts_with(severity))
    text.erase(0, severity.size());
  while (text.ends_with('\n'))
    text.pop_back();
  return {std::move(text), exit};
}

Result<Program> compileHere(const std::string &path,
                            const std::vector<std::pair<std::string, std::string>> &settings) {
  Diagnostics diagnostics;
  const SourcePtr source = readSource(path, diagnostics);
  const ast::FilePtr file = source ? parse(source, diagnostics) : nullptr;
  mlir::DialectRegistry registry;
  mlir::lnx::registerAll(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  mlir::OwningOpRef<mlir::ModuleOp> module;
  if (file)
    module = elaborate(*file, {{}, settings}, context, diagnostics);
  if (!module)
    return failure(diagnostics.render(), Exit::input);
  std::string messages;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    messages += diagnostic.str() + '\n';
    return mlir::success();
  });
  mlir::FailureOr<mlir::lnx::MemoryProgram> program = mlir::lnx::compileToMemory(*module, {});
  if (mlir::failed(program))
    return failure(path + ": " + messages, Exit::internal);
  return Program::fromMemory(program->program, program->owner);
}
} // namespace

Result<Program> compileToMemory(const std::string &path,
                                const std::vector<std::pair<std::string, std::string>> &settings) {
  std::optional<Result<Program>> result;
  onDeepStack([&] { result = compileHere(path, settings); });
  return std::move(*result);
}

} // namespace lnx
