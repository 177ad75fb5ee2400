// lnx-certify: checks the certificate of `lnx verify --certificate` again, step by step.
// Shares no code with the verifier; reads the file and nothing else.
#include "compiler/certify/Certifier.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace lnx::certify;

// docs/stability.md lists them; the codes are those of all tools.
enum Exit { certified = 0, refused = 1, usage = 2, nothing = 4, unreadable = 6 };

static const char *const help =
    "usage: lnx-certify FILE\n"
    "Checks a certificate of `lnx verify MODEL.lnx --certificate`: derives every step again by "
    "its\n"
    "own rules, rounding outward, and refuses the file where a claim or a conclusion does not "
    "follow.\n"
    "Exit code: 0 certified, 1 refused, 2 usage, 4 it concludes nothing, 6 it cannot be read.\n";

/// What is believed because the model's author declares it.
static void printLaws(const Document &document) {
  for (size_t place = 0; place < document.program.size(); ++place)
    if (document.program[place].op == "law")
      for (const auto &[name, number] : document.program[place].with)
        llvm::outs() << "trusted        law " << name << (name == "degree" ? " = " : " <= ")
                     << print(number) << " of step " << place << '\n';
}

static void print(const Document &document) {
  llvm::outs() << "model " << document.model << ", program " << document.programDigest << '\n';
  printLaws(document);
  for (const Derivation &derivation : document.derivations)
    for (const Conclusion &conclusion : derivation.conclusions) {
      llvm::outs() << "certified      " << conclusion.property
                   << "  basis=" << (derivation.isTrajectory ? "trajectory" : "worst_case");
      if (conclusion.factor)
        llvm::outs() << "  " << print(*conclusion.factor) << " * size of the start + "
                     << print(conclusion.number.value_or(0));
      else if (conclusion.number)
        llvm::outs() << "  " << print(*conclusion.number);
      if (!conclusion.growth.empty())
        llvm::outs() << "  " << conclusion.growth << " in depth";
      llvm::outs() << '\n';
    }
  for (const NotCertified &one : document.notCertified)
    llvm::outs() << "not certified  " << one.property << ": " << one.reason << '\n';
}

/// A file of at most 64 MiB; no certificate comes near that.
static llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> readFile(llvm::StringRef file) {
  llvm::sys::fs::file_status status;
  if (std::error_code error = llvm::sys::fs::status(file, status))
    return error;
  if (status.type() != llvm::sys::fs::file_type::regular_file)
    return std::make_error_code(std::errc::invalid_argument);
  if (status.getSize() > uint64_t(64) << 20)
    return std::make_error_code(std::errc::file_too_large);
  return llvm::MemoryBuffer::getFile(file, /*IsText=*/false, /*RequiresNullTerminator=*/false);
}

int main(int count, char **arguments) {
  llvm::StringRef file = count == 2 ? arguments[1] : "";
  if (file == "--help") {
    llvm::outs() << help;
    return certified;
  }
  if (file.empty() || file.starts_with("-")) {
    llvm::errs() << help;
    return usage;
  }
  auto text = readFile(file);
  if (!text) {
    llvm::errs() << "error: " << file << ": " << text.getError().message() << '\n';
    return unreadable;
  }
  llvm::Expected<Document> document = Document::read((*text)->getBuffer());
  if (llvm::Error error = document ? certify(*document) : document.takeError()) {
    llvm::errs() << "refused: " << file << ": " << llvm::toString(std::move(error)) << '\n';
    return refused;
  }
  print(*document);
  bool isEmpty = true;
  for (const Derivation &derivation : document->derivations)
    isEmpty = isEmpty && derivation.conclusions.empty();
  return isEmpty ? nothing : certified;
}
