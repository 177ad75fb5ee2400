// lnxcKernels: registers and instructions from ptxas or from the text, and the table as lines or
// JSON. The bytes come from the compiler; here they are added up and printed.
#include "lnxcKernels.h"

#include "llvm/Object/ELF.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"

#include <cstdlib>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace lnx;
using namespace lnx::tool;
using llvm::StringRef;

//===-- from the text --------------------------------------------------------===//

/// Statements of each entry: what ends with a semicolon and is no directive.
static std::map<std::string, Assembled> countText(StringRef ptx) {
  std::map<std::string, Assembled> kernels;
  Assembled *current = nullptr;
  llvm::SmallVector<StringRef, 0> lines;
  ptx.split(lines, '\n');
  for (StringRef line : lines) {
    if (size_t at = line.find(".entry "); at != StringRef::npos)
      current = &kernels[line.substr(at + 7).take_until([](char c) { return c == '('; }).str()];
    line = line.trim();
    if (!current || !line.ends_with(";"))
      continue;
    if (!line.starts_with("."))
      ++current->instructions;
    else if (int64_t bytes = 0; line.starts_with(".shared ") &&
                                !line.split('[').second.split(']').first.getAsInteger(10, bytes))
      current->shared += bytes;
  }
  return kernels;
}

//===-- from ptxas -------------------------------------------------------------===//

static std::string findPtxas() {
  if (const char *named = std::getenv("LNX_PTXAS"))
    return named;
  const StringRef toolkit = "/usr/local/cuda/bin";
  llvm::ErrorOr<std::string> found = llvm::sys::findProgramByName("ptxas");
  if (!found)
    found = llvm::sys::findProgramByName("ptxas", toolkit);
  return found ? *found : "";
}

/// The number before `unit`, as in "Used 40 registers, used 1 barriers, 64 bytes smem".
static int64_t numberBefore(StringRef line, StringRef unit) {
  int64_t number = 0;
  StringRef before = line.split(unit).first.rtrim();
  before.rsplit(' ').second.getAsInteger(10, number);
  return line.contains(unit) ? number : 0;
}

static void readReport(StringRef report, std::map<std::string, Assembled> &kernels) {
  Assembled *current = nullptr;
  llvm::SmallVector<StringRef, 0> lines;
  report.split(lines, '\n');
  for (StringRef line : lines) {
    if (auto [before, after] = line.split("Function properties for "); !after.empty())
      current = &kernels[after.trim().str()];
    if (current && line.contains("Used ")) {
      current->registers = numberBefore(line, " registers");
      current->shared = numberBefore(line, " bytes smem");
    }
  }
}

/// Instructions of 16 bytes in `.text.NAME`, without what only fills the section up: the branch to
/// itself behind the end, and no-operations.
static llvm::Error readCode(StringRef cubin, std::map<std::string, Assembled> &kernels) {
  constexpr unsigned size = 16, opcodeBits = 0xfff, nop = 0x918, branch = 0x947;
  auto file = llvm::object::ELF64LEFile::create(cubin);
  if (!file)
    return file.takeError();
  auto sections = file->sections();
  if (!sections)
    return sections.takeError();
  for (const auto &section : *sections) {
    auto name = file->getSectionName(section);
    if (!name)
      return name.takeError();
    if (!name->consume_front(".text."))
      continue;
    auto code = file->getSectionContents(section);
    if (!code)
      return code.takeError();
    auto opcode = [&](size_t at) {
      return llvm::support::endian::read16le(code->data() + at) & opcodeBits;
    };
    size_t end = code->size() / size * size;
    while (end >= size && opcode(end - size) == nop)
      end -= size;
    if (end >= size && opcode(end - size) == branch)
      end -= size;
    kernels[name->str()].instructions = static_cast<int64_t>(end / size);
  }
  return llvm::Error::success();
}

mlir::FailureOr<Assembly> tool::assemble(const std::string &ptx, std::string &error) {
  Assembly assembly;
  assembly.ptxas = findPtxas();
  if (assembly.ptxas.empty()) {
    assembly.kernels = countText(ptx);
    return assembly;
  }
  llvm::SmallString<128> source, cubin, report;
  int descriptor = -1;
  if (llvm::sys::fs::createTemporaryFile("lnx", "ptx", descriptor, source) ||
      llvm::sys::fs::createTemporaryFile("lnx", "cubin", cubin) ||
      llvm::sys::fs::createTemporaryFile("lnx", "report", report)) {
    error = "no room for temporary files";
    return mlir::failure();
  }
  const llvm::FileRemover removers[] = {llvm::FileRemover(source), llvm::FileRemover(cubin),
                                        llvm::FileRemover(report)};
  llvm::raw_fd_ostream(descriptor, /*shouldClose=*/true) << ptx;
  const int status = llvm::sys::ExecuteAndWait(
      assembly.ptxas, {assembly.ptxas, "-arch=sm_90a", "-v", "-o", cubin, source}, std::nullopt,
      {std::nullopt, StringRef(report), StringRef(report)}, /*SecondsToWait=*/0, /*MemoryLimit=*/0,
      &error);
  auto words = llvm::MemoryBuffer::getFile(report), code = llvm::MemoryBuffer::getFile(cubin);
  if (status != 0 || !words || !code) {
    if (words && error.empty())
      error = (*words)->getBuffer().split('\n').first.str();
    return mlir::failure();
  }
  readReport((*words)->getBuffer(), assembly.kernels);
  if (llvm::Error problem = readCode((*code)->getBuffer(), assembly.kernels)) {
    error = llvm::toString(std::move(problem));
    return mlir::failure();
  }
  return assembly;
}

//===-- printing ---------------------------------------------------------------===//

namespace {
/// Sums over kernels without attention, and of attention.
struct Totals {
  mlir::lnx::KernelBytes read, written, attention;

  explicit Totals(const mlir::lnx::KernelTable &table) {
    for (const mlir::lnx::KernelRow &row : table.rows) {
      add(row.isAttention ? attention : read, row.read);
      add(row.isAttention ? attention : written, row.written);
    }
  }
  static void add(mlir::lnx::KernelBytes &into, const mlir::lnx::KernelBytes &bytes) {
    into.perRow += bytes.perRow;
    into.fixed += bytes.fixed;
  }
  double perToken() const { return read.perRow + written.perRow; }
  double fixed() const { return read.fixed + written.fixed; }
};
} // namespace

std::string tool::kernelLines(const mlir::lnx::KernelTable &table, const Assembly &assembly) {
  std::string text =
      fmt::format("kernels of one training step, micro-batch {} x {}; {}\n"
                  "{:<20} {:>8} {:>7} {:>9} {:>6} {:>12} {:>9} {:>9} {:>10} {:>10}\n",
                  table.batch, table.time,
                  assembly.ptxas.empty() ? "no ptxas found: instructions are those of PTX"
                                         : "registers and instructions by " + assembly.ptxas,
                  "kernel", "launches", "threads", "registers", "shared", "instructions",
                  "read/row", "write/row", "bytes/row", "fixed MB");
  for (const mlir::lnx::KernelRow &row : table.rows) {
    const auto found = assembly.kernels.find(row.name);
    const Assembled code = found == assembly.kernels.end() ? Assembled() : found->second;
    const double launches = double(row.launches);
    text += fmt::format(
        "{:<20} {:>8} {:>7} {:>9} {:>6} {:>12} {:>9.0f} {:>9.0f} {:>10.0f} {:>10.1f}\n", row.name,
        row.launches, row.threads, code.registers < 0 ? "-" : std::to_string(code.registers),
        code.shared, code.instructions, row.read.perRow / launches, row.written.perRow / launches,
        row.read.perRow + row.written.perRow, (row.read.fixed + row.written.fixed) / 1e6);
  }
  const Totals totals(table);
  text += fmt::format(
      "read/row and write/row are of one launch; bytes/row and fixed MB of all launches of a step\n"
      "bytes per token of all kernels without attention: {:.0f} (read {:.0f}, written {:.0f})\n"
      "bytes of a step whatever its batch: {:.0f} MB (parameters, gradients, moments, partial "
      "sums)\n"
      "attention, each argument once: {:.0f} bytes per token\n",
      totals.perToken(), totals.read.perRow, totals.written.perRow, totals.fixed() / 1e6,
      totals.attention.perRow);
  return text;
}

std::string tool::kernelJson(const mlir::lnx::KernelTable &table, const Assembly &assembly) {
  const Totals totals(table);
  nlohmann::ordered_json json = {
      {"batch", table.batch},
      {"time", table.time},
      {"ptxas",
       assembly.ptxas.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(assembly.ptxas)},
      {"bytes_per_token", std::llround(totals.perToken())},
      {"bytes_per_step", std::llround(totals.fixed())},
      {"attention_bytes_per_token", std::llround(totals.attention.perRow)},
      {"kernels", nlohmann::ordered_json::array()}};
  for (const mlir::lnx::KernelRow &row : table.rows) {
    const auto found = assembly.kernels.find(row.name);
    const Assembled code = found == assembly.kernels.end() ? Assembled() : found->second;
    json["kernels"].push_back(
        {{"name", row.name},
         {"launches", row.launches},
         {"threads", row.threads},
         {"registers",
          code.registers < 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(code.registers)},
         {"shared_bytes", code.shared},
         {"instructions", code.instructions},
         {"read_bytes_per_row", std::llround(row.read.perRow)},
         {"written_bytes_per_row", std::llround(row.written.perRow)},
         {"read_bytes_fixed", std::llround(row.read.fixed)},
         {"written_bytes_fixed", std::llround(row.written.fixed)},
         {"attention", row.isAttention}});
  }
  return json.dump(2) + "\n";
}
