// lnxc: from a .lnx file to model.so, to any level of the IR, or to the model card.
// Exit codes are those of lnx/result.h; diagnostics go to stderr.
#include "lnxcCard.h"

#include "compiler/Compiler.h"
#include "frontend/Deep.h"
#include "frontend/Elaborate.h"
#include "frontend/Parser.h"
#include "frontend/Printer.h"
#include "lnx/result.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/raw_ostream.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <fmt/format.h>
#include <unistd.h>

using namespace lnx;
namespace ir = mlir::lnx;

namespace {
struct Command {
  std::string file, output, emit, model, cpu = "native";
  std::vector<std::string> settings;
};

const std::vector<std::pair<std::string, ir::Level>> levels = {
    {"spec", ir::Level::spec},   {"grad", ir::Level::grad}, {"fused", ir::Level::fused},
    {"loops", ir::Level::loops}, {"llvm", ir::Level::llvm}, {"asm", ir::Level::assembly}};

Exit say(Exit exit, const std::string &message) {
  llvm::errs() << message;
  return exit;
}

/// NAME=VALUE of each --set; nothing after a message.
std::optional<std::vector<std::pair<std::string, std::string>>> settingsOf(const Command &command) {
  std::vector<std::pair<std::string, std::string>> settings;
  for (const std::string &text : command.settings) {
    const size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) {
      say(Exit::usage, fmt::format("error: '--set {}' is not NAME=VALUE\n", text));
      return std::nullopt;
    }
    settings.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return settings;
}

Exit emitLevel(mlir::ModuleOp module, ir::Level level, const ir::CompileOptions &options) {
  if (mlir::failed(ir::lowerTo(module, level, options)) ||
      mlir::failed(ir::printLevel(module, level, options, llvm::outs())))
    return Exit::internal;
  return Exit::done;
}

/// The folder that -o names has to exist and be writable: said before any work.
std::optional<std::string> unwritable(const std::string &path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (::access(folder.c_str(), W_OK) != 0)
    return fmt::format("error: cannot write '{}': {}\n", path, std::strerror(errno));
  return std::nullopt;
}

Exit writeFile(mlir::ModuleOp module, const Command &command, ir::CompileOptions options) {
  if (const std::optional<std::string> message = unwritable(command.output))
    return say(Exit::io, *message);
  llvm::raw_string_ostream(options.spec) << module;
  const auto start = std::chrono::steady_clock::now();
  if (mlir::failed(ir::compileToFile(module, command.output, options)))
    return Exit::internal;
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  llvm::outs() << fmt::format("{}: compiled in {:.2f} s\n", command.output, seconds.count());
  return Exit::done;
}

Exit printCard(const ast::File &file, mlir::ModuleOp module, const ir::CompileOptions &options) {
  mlir::OwningOpRef<mlir::ModuleOp> loops = module.clone();
  if (mlir::failed(ir::lowerTo(*loops, ir::Level::loops, options)))
    return Exit::internal;
  llvm::outs() << tool::modelCard(file, module, *loops);
  return Exit::done;
}

Exit run(const Command &command) {
  const auto settings = settingsOf(command);
  if (!settings)
    return Exit::usage;
  Diagnostics diagnostics;
  const SourcePtr source = readSource(command.file, diagnostics);
  const ast::FilePtr file = source ? parse(source, diagnostics) : nullptr;
  if (!file)
    return say(Exit::input, diagnostics.render());
  if (command.emit == "ast") {
    llvm::outs() << print(*file);
    return Exit::done;
  }
  mlir::DialectRegistry registry;
  ir::registerAll(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  const mlir::OwningOpRef<mlir::ModuleOp> module =
      elaborate(*file, {command.model, *settings}, context, diagnostics);
  say(Exit::input, diagnostics.render());
  if (!module)
    return Exit::input;
  ir::CompileOptions options;
  options.cpu = command.cpu;
  for (const auto &[name, level] : levels)
    if (name == command.emit)
      return emitLevel(*module, level, options);
  return command.output.empty() ? printCard(*file, *module, options)
                                : writeFile(*module, command, options);
}

/// What CLI11 did not like, in our words.
Exit refuse(const CLI::ParseError &error) {
  std::string message = error.what();
  if (message.size() > 1 && std::isupper(message[0]) && !std::isupper(message[1]))
    message[0] = char(std::tolower(message[0]));
  return say(Exit::usage,
             fmt::format("error: {}\nhelp: 'lnxc --help' shows what it takes\n", message));
}
} // namespace

int main(int argc, char **argv) {
  CLI::App app("lnxc compiles a Transformer that is written as equations.\n"
               "Without -o and --emit it prints the model card.",
               "lnxc");
  Command command;
  std::vector<std::string> names = {"ast"};
  for (const auto &[name, level] : levels)
    names.push_back(name);
  app.add_option("file", command.file, "the .lnx file")->required()->type_name("FILE");
  app.add_option("-o,--output", command.output, "write the compiled model here")
      ->type_name("model.so");
  app.add_option("--emit", command.emit,
                 "print one level instead: ast, spec, grad, fused, loops, llvm, asm")
      ->check(CLI::IsMember(names))
      ->type_name("LEVEL");
  app.add_option("--model", command.model, "the model to compile (default: the last of the file)")
      ->type_name("NAME");
  app.add_option("--set", command.settings, "give a parameter of the model or of its block a value")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  app.add_option("--cpu", command.cpu,
                 "native, x86-64, x86-64-v2, x86-64-v3 or x86-64-v4 (default: native)")
      ->check(CLI::IsMember({"native", "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"}))
      ->type_name("NAME");
  app.footer("Examples:\n"
             "  lnxc examples/gpt2_peri.lnx\n"
             "  lnxc examples/gpt2_peri.lnx -o model.so --set depth=24\n"
             "  lnxc examples/gpt2_peri.lnx --emit=fused");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp &) {
    llvm::outs() << app.help();
    return 0;
  } catch (const CLI::ParseError &error) {
    return int(refuse(error));
  }
  Exit exit = Exit::internal;
  onDeepStack([&] { exit = run(command); });
  return int(exit);
}
