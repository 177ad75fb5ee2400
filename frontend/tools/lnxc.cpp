// lnxc: from a .lnx file to model.so, to any level of the IR, or to the model card.
// Exit codes are those of lnx/result.h; diagnostics go to stderr.
#include "lnxcCard.h"
#include "lnxcKernels.h"

#include "compiler/Compiler.h"
#include "dialect/LnxDialect.h"
#include "frontend/Deep.h"
#include "frontend/Elaborate.h"
#include "frontend/Parser.h"
#include "frontend/Printer.h"
#include "frontend/Repair.h"
#include "frontend/Report.h"
#include "frontend/Verify.h"
#include "lnx/result.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <sstream>
#include <unistd.h>

using namespace lnx;
namespace ir = mlir::lnx;

namespace {
struct Command {
  std::string file, output, emit, model, cpu = "native", target = "cpu", precision;
  std::vector<std::string> settings;
  bool kernels = false, json = false;
};

const std::vector<std::pair<std::string, ir::Level>> levels = {
    {"spec", ir::Level::spec},   {"grad", ir::Level::grad}, {"fused", ir::Level::fused},
    {"loops", ir::Level::loops}, {"llvm", ir::Level::llvm}, {"asm", ir::Level::assembly},
    {"ptx", ir::Level::ptx}};

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

/// Shows what the compiler reports and remembers whose mistake it was.
class Verdict {
public:
  explicit Verdict(mlir::MLIRContext &context)
      : handler(&context, [this](mlir::Diagnostic &diagnostic) { return show(diagnostic); }) {}
  Exit exit() const { return cause; }

private:
  mlir::LogicalResult show(mlir::Diagnostic &diagnostic) {
    const std::string message = diagnostic.str();
    std::string place;
    if (const auto at = mlir::dyn_cast<mlir::FileLineColLoc>(diagnostic.getLocation())) {
      place = fmt::format("{}:{}:{}: ", at.getFilename().str(), at.getLine(), at.getColumn());
      cause = Exit::input;
    }
    if (message.starts_with("cannot write"))
      cause = Exit::io;
    say(cause, fmt::format("{}error: {}\n", place, message));
    return mlir::success();
  }

  Exit cause = Exit::internal;
  mlir::ScopedDiagnosticHandler handler;
};

ir::CompileOptions optionsOf(const Command &command) {
  ir::CompileOptions options;
  options.cpu = command.cpu;
  options.target = command.target;
  options.precision = *ir::findPrecision(command.precision, command.target); // it was checked
  return options;
}

Exit emitLevel(mlir::ModuleOp module, ir::Level level, const ir::CompileOptions &options) {
  const Verdict verdict(*module.getContext());
  if (mlir::failed(ir::lowerTo(module, level, options)) ||
      mlir::failed(ir::printLevel(module, level, options, llvm::outs())))
    return verdict.exit();
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

Exit writeFile(mlir::ModuleOp module, const Command &command) {
  std::error_code missing;
  if (std::filesystem::equivalent(command.file, command.output, missing))
    return say(Exit::usage,
               fmt::format("error: '{}' is read and cannot be written as well\n", command.output));
  if (const std::optional<std::string> message = unwritable(command.output))
    return say(Exit::io, *message);
  ir::CompileOptions options = optionsOf(command);
  llvm::raw_string_ostream(options.spec) << module;
  const Verdict verdict(*module.getContext());
  const auto start = std::chrono::steady_clock::now();
  if (mlir::failed(ir::compileToFile(module, command.output, options)))
    return verdict.exit();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  llvm::outs() << fmt::format("{}: compiled in {:.2f} s\n", command.output, seconds.count());
  return Exit::done;
}

/// Whether the model promises or asks for anything that only the verifier can judge.
bool hasClaims(mlir::ModuleOp module) {
  return module
      .walk([](mlir::Operation *op) {
        return mlir::isa<ir::AssumeOp, ir::CheckOp>(op) ? mlir::WalkResult::interrupt()
                                                        : mlir::WalkResult::advance();
      })
      .wasInterrupted();
}

/// A model whose `check` statements do not hold is not compiled.
Exit checkClaims(mlir::ModuleOp module, const ast::File &file, const ElaborateOptions &options) {
  Diagnostics diagnostics;
  const Places places(file);
  auto report = verify(module, file, options, places, diagnostics);
  if (!report)
    return say(Exit::input, diagnostics.render());
  const Exit exit = exitOf(*report);
  if (exit == Exit::done)
    return exit;
  std::vector<std::string> asked;
  for (const auto &check : report->checks)
    asked.push_back(check.property);
  repair(*report, file, options, asked);
  return say(exit, checkLines(*report, places));
}

Exit printCard(mlir::ModuleOp module, const ast::File &file, const ElaborateOptions &elaborated,
               const ir::CompileOptions &options) {
  Diagnostics diagnostics;
  const Places places(file);
  auto report = verify(module, file, elaborated, places, diagnostics);
  if (!report)
    return say(Exit::input, diagnostics.render());
  repair(*report, file, elaborated, {});
  mlir::OwningOpRef<mlir::ModuleOp> loops = module.clone();
  // A model that cannot be compiled, such as one of two inputs, has a card without its memory.
  mlir::ScopedDiagnosticHandler silent(module.getContext(),
                                       [](mlir::Diagnostic &) { return mlir::success(); });
  if (mlir::failed(ir::lowerTo(*loops, ir::Level::loops, options)))
    loops = nullptr;
  llvm::outs() << tool::modelCard(file, module, loops ? *loops : mlir::ModuleOp())
               << verdictLines(*report) << fixLines(*report) << checkLines(*report, places);
  return exitOf(*report);
}

/// The table of --kernels, for about 64 Ki rows: enough that weights are a small part.
Exit printKernels(mlir::ModuleOp module, const Command &command) {
  constexpr int64_t rows = 65536;
  const Verdict verdict(*module.getContext());
  auto table = ir::kernelTable(module, optionsOf(command), rows);
  if (mlir::failed(table))
    return verdict.exit();
  std::string error;
  const auto assembly = tool::assemble(table->ptx, error);
  if (mlir::failed(assembly))
    return say(Exit::internal, fmt::format("error: ptxas refuses the kernels: {}\n", error));
  llvm::outs() << (command.json ? tool::kernelJson : tool::kernelLines)(*table, *assembly);
  return Exit::done;
}

/// The level that --emit names, of a module at level spec, or its kernels.
std::optional<Exit> emitNamed(mlir::ModuleOp module, const Command &command) {
  if (command.kernels)
    return printKernels(module, command);
  for (const auto &[name, level] : levels)
    if (name == command.emit)
      return emitLevel(module, level, optionsOf(command));
  return std::nullopt;
}

/// What `--emit=spec` printed, perhaps changed by a pass since.
Exit runModule(const Command &command, mlir::MLIRContext &context) {
  if (!command.settings.empty() || !command.model.empty())
    return say(Exit::usage,
               fmt::format("error: '{}' is elaborated already, '--set' and '--model' need a .lnx "
                           "file\n",
                           command.file));
  if (command.emit == "ast" || (command.emit.empty() && command.output.empty() && !command.kernels))
    return say(Exit::usage,
               fmt::format("error: '{}' has no model card and no ast, only further levels and a "
                           "model.so can be made of it\n",
                           command.file));
  const Verdict verdict(context);
  const auto module = mlir::parseSourceFile<mlir::ModuleOp>(command.file, &context);
  if (!module)
    return Exit::input;
  if (module.get().walk([](ir::CheckOp) { return mlir::WalkResult::interrupt(); }).wasInterrupted())
    return say(Exit::input, fmt::format("error: '{}' has a 'check', which only a .lnx file can "
                                        "answer\n",
                                        command.file));
  const std::optional<Exit> emitted = emitNamed(*module, command);
  return emitted ? *emitted : writeFile(*module, command);
}

Exit run(const Command &command) {
  const auto settings = settingsOf(command);
  if (!settings)
    return Exit::usage;
  mlir::DialectRegistry registry;
  ir::registerAll(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  if (command.file.ends_with(".mlir"))
    return runModule(command, context);
  Diagnostics diagnostics;
  const SourcePtr source = readSource(command.file, diagnostics);
  const ast::FilePtr file = source ? parse(source, diagnostics) : nullptr;
  if (!file)
    return say(Exit::input, diagnostics.render());
  if (command.emit == "ast") {
    llvm::outs() << print(*file);
    return Exit::done;
  }
  const ElaborateOptions elaborated{command.model, *settings};
  const mlir::OwningOpRef<mlir::ModuleOp> module =
      elaborate(*file, elaborated, context, diagnostics);
  say(Exit::input, diagnostics.render());
  if (!module)
    return Exit::input;
  if (const std::optional<Exit> emitted = emitNamed(*module, command))
    return *emitted;
  if (command.output.empty())
    return printCard(*module, *file, elaborated, optionsOf(command));
  const Exit claims = hasClaims(*module) ? checkClaims(*module, *file, elaborated) : Exit::done;
  return claims == Exit::done ? writeFile(*module, command) : claims;
}

Exit unknown(const char *what, const std::string &name, const std::vector<std::string> &known) {
  say(Exit::usage, fmt::format("error: unknown {} '{}'\n", what, name));
  if (const std::optional<std::string> meant = nearest(name, known))
    say(Exit::usage, fmt::format("help: did you mean '{}'?\n", *meant));
  return Exit::usage;
}

/// What CLI11 did not like, in our words.
Exit refuse(const CLI::App &app, const CLI::ParseError &error) {
  if (error.get_exit_code() == int(CLI::ExitCodes::ExtrasError))
    for (const std::string &extra : app.remaining()) {
      if (!extra.starts_with("-"))
        return say(Exit::usage, fmt::format("error: '{}' is one argument too many\n", extra));
      std::vector<std::string> flags;
      for (const CLI::Option *option : app.get_options())
        for (const std::string &flag : option->get_lnames())
          flags.push_back("--" + flag);
      return unknown("option", extra.substr(0, extra.find('=')), flags);
    }
  std::string message = error.what();
  if (message.size() > 1 && std::isupper(message[0]) && !std::isupper(message[1]))
    message[0] = char(std::tolower(message[0]));
  return say(Exit::usage,
             fmt::format("error: {}\nhelp: 'lnxc --help' shows what it takes\n", message));
}

/// Names that are one of a few.
Exit checkChoices(const Command &command, const std::vector<std::string> &levelNames) {
  const std::vector<std::string> cpus = {"native", "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"};
  if (!command.emit.empty() && llvm::find(levelNames, command.emit) == levelNames.end())
    return unknown("level", command.emit, levelNames);
  if (llvm::find(cpus, command.cpu) == cpus.end())
    return unknown("CPU", command.cpu, cpus);
  if (command.target != "cpu" && command.target != "cuda")
    return unknown("target", command.target, {"cpu", "cuda"});
  if (mlir::failed(ir::findPrecision(command.precision, command.target)))
    return unknown("precision", command.precision, {"f32", "bf16"});
  if (command.emit == "ptx" && command.target != "cuda")
    return say(Exit::usage, "error: level 'ptx' is of target 'cuda', not of 'cpu'\n"
                            "help: add '--target=cuda'\n");
  if (command.kernels && command.target != "cuda")
    return say(Exit::usage, "error: '--kernels' is about target 'cuda', not 'cpu'\n"
                            "help: add '--target=cuda'\n");
  if (command.kernels && !(command.emit.empty() && command.output.empty()))
    return say(Exit::usage, "error: '--kernels' prints a table instead of '--emit' and '-o'\n");
  if (command.json && !command.kernels)
    return say(Exit::usage, "error: '--json' is the form of '--kernels', which is missing\n");
  if (!command.emit.empty() && !command.output.empty())
    return say(Exit::usage, "error: '--emit' prints and '-o' writes a file: only one of them\n");
  return Exit::done;
}

/// A full disk or a closed pipe is no reason to crash.
Exit flush(Exit exit) {
  llvm::outs().flush();
  if (!llvm::outs().has_error())
    return exit;
  const std::string reason = llvm::outs().error().message();
  llvm::outs().clear_error();
  return say(Exit::io, fmt::format("error: cannot write the output: {}\n", reason));
}
} // namespace

int main(int argc, char **argv) {
  CLI::App app("lnxc compiles a Transformer that is written as equations.\n"
               "Without -o and --emit it prints the model card.",
               "lnxc");
  app.set_version_flag("--version", "lnxc " LNX_VERSIONS);
  Command command;
  std::vector<std::string> names = {"ast"};
  for (const auto &[name, level] : levels)
    names.push_back(name);
  app.add_option("file", command.file, "the .lnx file, or what --emit=spec printed as a .mlir file")
      ->required()
      ->type_name("FILE");
  app.add_option("-o,--output", command.output, "write the compiled model here")
      ->type_name("model.so");
  app.add_option("--emit", command.emit,
                 "print one level instead: ast, spec, grad, fused, loops, llvm, asm, ptx")
      ->type_name("LEVEL");
  app.add_option("--model", command.model, "the model to compile (default: the last of the file)")
      ->type_name("NAME");
  app.add_option("--set", command.settings, "give a parameter of the model or of its block a value")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  app.add_option("--target", command.target, "what runs the kernels: cpu or cuda (default: cpu)")
      ->type_name("NAME");
  app.add_flag("--kernels", command.kernels,
               "print the kernels of a training step instead: size, launches, bytes they move");
  app.add_flag("--json", command.json, "print that table as JSON");
  app.add_option("--precision", command.precision,
                 "of rows between kernels: f32 or bf16 (default: bf16 for cuda, else f32)")
      ->type_name("NAME");
  app.add_option("--cpu", command.cpu,
                 "native, x86-64, x86-64-v2, x86-64-v3 or x86-64-v4 (default: native)")
      ->type_name("NAME");
  app.footer("Examples:\n"
             "  lnxc examples/gpt2_peri.lnx\n"
             "  lnxc examples/gpt2_peri.lnx -o model.so --set depth=24\n"
             "  lnxc examples/gpt2_peri.lnx --emit=fused\n"
             "  lnxc examples/gpt2_peri.lnx --target=cuda --kernels");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success &asked) { // for help or the version
    std::ostringstream page;
    app.exit(asked, page, page);
    llvm::outs() << page.str();
    return int(flush(Exit::done));
  } catch (const CLI::ParseError &error) {
    return int(refuse(app, error));
  }
  Exit exit = checkChoices(command, names);
  if (exit == Exit::done)
    onDeepStack([&] { exit = run(command); });
  return int(flush(exit));
}
