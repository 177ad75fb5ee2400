// WitnessFile: files appear whole, by a temporary beside them; paths that they name stay below.
#include "frontend/WitnessFile.h"

#include "compiler/Verify.h"
#include "frontend/Depths.h"
#include "frontend/Elaborated.h"
#include "frontend/Report.h"

#include "mlir/IR/Diagnostics.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <unistd.h>

namespace lnx {
namespace {
namespace ir = ::mlir::lnx::stability;

std::optional<std::string> readAll(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return std::nullopt;
  std::string text(std::istreambuf_iterator<char>(file), {});
  return file.bad() ? std::nullopt : std::optional(std::move(text));
}

/// `noun` is what the file has to be where there is one already.
std::optional<Error> writeWhole(const std::string &path, const std::string &text, const char *noun,
                                bool (*isNoun)(llvm::StringRef)) {
  std::error_code code;
  const auto kind = std::filesystem::symlink_status(path, code).type();
  if (kind != std::filesystem::file_type::not_found) {
    const bool isOurs =
        kind == std::filesystem::file_type::regular && isNoun(readAll(path).value_or(""));
    if (!isOurs)
      return Error{fmt::format("'{}' exists and is not a {}; it was left as it is", path, noun),
                   Exit::io};
  }
  const std::string temporary = fmt::format("{}.{}.tmp", path, getpid());
  std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file || ::rename(temporary.c_str(), path.c_str()) != 0) {
    const int reason = errno;
    std::filesystem::remove(temporary, code);
    return Error{fmt::format("cannot write {} '{}': {}", noun, path, std::strerror(reason)),
                 Exit::io};
  }
  return std::nullopt;
}

/// Whether a file may name the path: neither absolute nor leaving its folder.
bool staysBelow(const std::filesystem::path &path) {
  return path.is_relative() && std::ranges::find(path, "..") == path.end();
}

} // namespace

std::optional<Error> writeWitnesses(ir::Report &report, const VerifyRequest &request,
                                    mlir::ModuleOp module) {
  std::optional<Error> problem;
  std::string hash;
  const auto write = [&](ir::Witness &witness, std::string &writtenTo) {
    if (hash.empty())
      hash = ir::hashOf(module);
    const std::filesystem::path path = request.path;
    witness.file = staysBelow(path) ? request.path : path.filename().string();
    witness.model = report.model;
    witness.settings = request.settings;
    witness.hash = hash;
    const std::string name = fmt::format("{}.{}.witness.json", report.model, witness.property);
    if (std::optional<Error> error =
            writeWhole(name, ir::printWitness(witness), "witness", ir::looksLikeWitness))
      problem = problem ? problem : error;
    else
      writtenTo = name;
  };
  for (ir::Verdict &verdict : report.verdicts)
    if (verdict.witness && ir::isNamed(verdict.property, request.properties))
      write(*verdict.witness, verdict.witnessFile);
  for (ir::CheckOutcome &check : report.checks)
    if (check.witness && ir::isNamed(check.property, request.properties))
      write(*check.witness, check.witnessFile);
  return problem;
}

std::optional<Error> writeCertificate(const ir::Report &report, const std::string &path) {
  return writeWhole(path, report.certificate, "certificate", ir::looksLikeCertificate);
}

namespace {
/// What the evaluation says; the exit code is 0 where the violation is shown.
Verified reportOf(const ir::Witness &claimed, const ir::Replayed &replayed) {
  Verified result;
  result.report = fmt::format("witness of {}, model {} of {}\n  claimed   {}\n", claimed.property,
                              claimed.model, claimed.file, ir::describe(claimed));
  const bool isShown = replayed.problem.empty() && ir::isViolation(replayed.witness);
  result.report += replayed.problem.empty()
                       ? fmt::format("  measured  {}\n", ir::describe(replayed.witness))
                       : fmt::format("  problem   {}\n", replayed.problem);
  result.report += isShown ? "  violated\n" : "  not shown\n";
  result.exit = isShown ? Exit::done : replayed.problem.empty() ? Exit::unknown : Exit::input;
  return result;
}

Error inFile(const std::string &path, const std::string &reason) {
  return Error{fmt::format("error: {}: {}\n", path, reason), Exit::input};
}
} // namespace

Result<Verified> replayHere(const VerifyRequest &request) {
  const std::optional<std::string> text = readAll(request.replay);
  if (!text)
    return inFile(request.replay, "cannot be read");
  llvm::Expected<ir::Witness> witness = ir::parseWitness(*text);
  if (!witness)
    return inFile(request.replay, "not a witness: " + llvm::toString(witness.takeError()));
  if (request.path.empty() && !staysBelow(witness->file))
    return inFile(request.replay, fmt::format("names the model file '{}', which is not below this "
                                              "folder; name it behind the witness",
                                              witness->file));
  const std::string path = request.path.empty() ? witness->file : request.path;
  Diagnostics diagnostics;
  const ast::FilePtr file = parseFile(path, diagnostics);
  if (!file)
    return Error{diagnostics.render(), Exit::input};
  const ElaborateOptions options{witness->model, witness->settings};
  Elaborated model(*file, options, diagnostics);
  if (!model)
    return Error{diagnostics.render(), Exit::input};
  if (ir::hashOf(*model.module) != witness->hash)
    return inFile(request.replay,
                  fmt::format("is about another model: the equations of '{}' in '{}' have changed",
                              witness->model, path));
  std::string messages;
  const mlir::ScopedDiagnosticHandler handler(&model.context, [&](mlir::Diagnostic &diagnostic) {
    messages += diagnostic.str();
    return mlir::success();
  });
  mlir::FailureOr<ir::Replayed> replayed = ir::replay(
      *model.module, {.atDepth = atOtherDepths(*model.module, *file, options)}, *witness);
  if (mlir::failed(replayed))
    return inFile(path, messages);
  return reportOf(*witness, *replayed);
}

} // namespace lnx
