// Machine: the CPU that code is generated for.
// "native" lists every feature by name, so a file made here is refused elsewhere by its note.
#include "compiler/target/cpu/Machine.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include <mutex>

using namespace mlir;
using namespace mlir::lnx;

/// Features the loader knows how to check.
static constexpr llvm::StringLiteral checkedFeatures[] = {
    "sse3",        "ssse3",      "sse4.1",       "sse4.2",
    "popcnt",      "avx",        "f16c",         "fma",
    "avx2",        "bmi",        "bmi2",         "lzcnt",
    "movbe",       "avxvnni",    "gfni",         "vaes",
    "vpclmulqdq",  "avx512f",    "avx512cd",     "avx512bw",
    "avx512dq",    "avx512vl",   "avx512ifma",   "avx512vbmi",
    "avx512vbmi2", "avx512vnni", "avx512bitalg", "avx512vpopcntdq",
    "avx512bf16",  "avx512fp16"};

static constexpr llvm::StringLiteral levels[] = {"x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"};

static Machine findNative() {
  Machine machine;
  machine.cpu = "x86-64";
  machine.tune = llvm::sys::getHostCPUName().str();
  llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  llvm::SmallVector<llvm::StringRef> present;
  for (llvm::StringRef feature : checkedFeatures)
    if (host.lookup(feature))
      present.push_back(feature);
  for (llvm::StringRef feature : present)
    machine.features += (machine.features.empty() ? "+" : ",+") + feature.str();
  machine.text = "native:" + llvm::join(present, ",");
  // 512-bit vectors: residual + layer norm, 512 x 768, one core of Zen 5: 62 us against 73 us.
  machine.wide = host.lookup("avx512f") && host.lookup("avx512vl");
  return machine;
}

llvm::Expected<Machine> Machine::find(llvm::StringRef name) {
  if (name == "native")
    return findNative();
  if (!llvm::is_contained(levels, name))
    return llvm::createStringError("unknown CPU '" + name + "': native, " +
                                   llvm::join(llvm::ArrayRef(levels), ", ") + " are known");
  Machine machine;
  machine.cpu = machine.text = name.str();
  machine.tune = "generic";
  machine.wide = name == "x86-64-v4";
  return machine;
}

static void initializeOnce() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
  });
}

std::unique_ptr<llvm::TargetMachine> Machine::create(int optLevel) const {
  initializeOnce();
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  std::string message;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, message);
  assert(target && "the X86 target is linked in");
  llvm::TargetOptions options;
  // a * b + c in one rounding: the flag `contract` of every operation we emit.
  options.AllowFPOpFusion = llvm::FPOpFusion::Fast;
  options.UniqueSectionNames = false;
  auto level = optLevel >= 3   ? llvm::CodeGenOptLevel::Aggressive
               : optLevel == 0 ? llvm::CodeGenOptLevel::None
                               : llvm::CodeGenOptLevel::Default;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, cpu, features, options, llvm::Reloc::PIC_, std::nullopt, level));
}
