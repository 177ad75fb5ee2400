// ProgramNote: a reader of ELF headers that trusts no number it finds.
// Every offset is checked against the size of the file before it is followed.
#include "ProgramNote.h"
#include "lnx/abi.h"

#define XXH_STATIC_LINKING_ONLY // for the size of the state
#include <elf.h>
#include <xxhash.h>

#include <cstring>
#include <optional>

using namespace lnx;

namespace {

using Bytes = std::span<const unsigned char>;

// The structure at `offset`, or nothing when it does not lie inside.
template <typename T> std::optional<T> readAt(Bytes bytes, uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T))
    return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

std::optional<Bytes> part(Bytes bytes, uint64_t offset, uint64_t size) {
  if (offset > bytes.size() || bytes.size() - offset < size)
    return std::nullopt;
  return bytes.subspan(offset, size);
}

// The text from `offset` to the next zero byte, empty when there is none.
std::string_view textAt(Bytes bytes, uint64_t offset) {
  if (offset >= bytes.size())
    return {};
  const auto *start = reinterpret_cast<const char *>(bytes.data() + offset);
  size_t room = bytes.size() - offset;
  size_t length = strnlen(start, room);
  return length == room ? std::string_view{} : std::string_view(start, length);
}

std::optional<ProgramNote> parseDescription(Bytes description) {
  auto version = readAt<uint32_t>(description, 0);
  if (!version || textAt(description, 4).empty())
    return std::nullopt;
  return ProgramNote{*version, std::string(textAt(description, 4))};
}

// The content of our note of this type among the notes of one segment.
std::optional<Bytes> findNote(Bytes notes, uint32_t type) {
  uint64_t offset = 0;
  while (auto header = readAt<Elf64_Nhdr>(notes, offset)) {
    uint64_t name = offset + sizeof *header;
    uint64_t description = name + (uint64_t{header->n_namesz} + 3) / 4 * 4;
    if (header->n_type == type && header->n_namesz == 4 && textAt(notes, name) == "lnx")
      return part(notes, description, header->n_descsz);
    offset = description + (uint64_t{header->n_descsz} + 3) / 4 * 4;
  }
  return std::nullopt;
}

std::optional<Bytes> findNote(Bytes image, const Elf64_Ehdr &header, uint32_t type) {
  for (uint64_t i = 0; i < header.e_phnum; ++i) {
    auto segment = readAt<Elf64_Phdr>(image, header.e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment)
      return std::nullopt;
    if (segment->p_type != PT_NOTE)
      continue;
    if (auto notes = part(image, segment->p_offset, segment->p_filesz))
      if (auto note = findNote(*notes, type))
        return note;
  }
  return std::nullopt;
}

// Whether the file is as 'lnxc' wrote it: its checksum stands in a note and was taken with zeros
// there. A file without that note was made by another tool.
bool isWhole(Bytes image, const Elf64_Ehdr &header) {
  auto seal = findNote(image, header, LNX_NOTE_CHECKSUM);
  if (!seal || seal->size() != sizeof(uint64_t))
    return true;
  const uint64_t zero = 0;
  Bytes behind(seal->data() + seal->size(), image.data() + image.size());
  XXH3_state_t state; // NOLINT: reset initializes it
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, image.data(), image.size() - behind.size() - sizeof zero);
  XXH3_64bits_update(&state, &zero, sizeof zero);
  XXH3_64bits_update(&state, behind.data(), behind.size());
  return XXH3_64bits_digest(&state) == readAt<uint64_t>(*seal, 0);
}

std::optional<Elf64_Shdr> section(Bytes image, const Elf64_Ehdr &header, uint64_t index) {
  if (index >= header.e_shnum)
    return std::nullopt;
  return readAt<Elf64_Shdr>(image, header.e_shoff + index * sizeof(Elf64_Shdr));
}

bool exportsFrom(Bytes symbols, Bytes names, std::string_view wanted) {
  for (uint64_t at = 0; auto symbol = readAt<Elf64_Sym>(symbols, at); at += sizeof(Elf64_Sym))
    if (symbol->st_shndx != SHN_UNDEF && textAt(names, symbol->st_name) == wanted)
      return true;
  return false;
}

bool exports(Bytes image, const Elf64_Ehdr &header, std::string_view wanted) {
  for (uint64_t i = 0; i < header.e_shnum; ++i) {
    auto table = section(image, header, i);
    if (!table || table->sh_type != SHT_DYNSYM)
      continue;
    auto strings = section(image, header, table->sh_link);
    auto symbols = part(image, table->sh_offset, table->sh_size);
    auto names = strings ? part(image, strings->sh_offset, strings->sh_size) : std::nullopt;
    if (symbols && names && exportsFrom(*symbols, *names, wanted))
      return true;
  }
  return false;
}

// Whether this machine has the feature LLVM calls `name`; false for a name that is not known here.
bool hasFeature(std::string_view name) {
#define LNX_FEATURE(llvmName, builtinName)                                                         \
  if (name == llvmName)                                                                            \
    return __builtin_cpu_supports(builtinName);
  LNX_FEATURE("sse3", "sse3")
  LNX_FEATURE("ssse3", "ssse3")
  LNX_FEATURE("sse4.1", "sse4.1")
  LNX_FEATURE("sse4.2", "sse4.2")
  LNX_FEATURE("popcnt", "popcnt")
  LNX_FEATURE("avx", "avx")
  LNX_FEATURE("f16c", "f16c")
  LNX_FEATURE("fma", "fma")
  LNX_FEATURE("avx2", "avx2")
  LNX_FEATURE("bmi", "bmi")
  LNX_FEATURE("bmi2", "bmi2")
  LNX_FEATURE("lzcnt", "lzcnt")
  LNX_FEATURE("movbe", "movbe")
  LNX_FEATURE("avxvnni", "avxvnni")
  LNX_FEATURE("gfni", "gfni")
  LNX_FEATURE("vaes", "vaes")
  LNX_FEATURE("vpclmulqdq", "vpclmulqdq")
  LNX_FEATURE("avx512f", "avx512f")
  LNX_FEATURE("avx512cd", "avx512cd")
  LNX_FEATURE("avx512bw", "avx512bw")
  LNX_FEATURE("avx512dq", "avx512dq")
  LNX_FEATURE("avx512vl", "avx512vl")
  LNX_FEATURE("avx512ifma", "avx512ifma")
  LNX_FEATURE("avx512vbmi", "avx512vbmi")
  LNX_FEATURE("avx512vbmi2", "avx512vbmi2")
  LNX_FEATURE("avx512vnni", "avx512vnni")
  LNX_FEATURE("avx512bitalg", "avx512bitalg")
  LNX_FEATURE("avx512vpopcntdq", "avx512vpopcntdq")
  LNX_FEATURE("avx512bf16", "avx512bf16")
  LNX_FEATURE("avx512fp16", "avx512fp16")
#undef LNX_FEATURE
  return name == "sse" || name == "sse2";
}

} // namespace

Result<ProgramNote> lnx::readProgramNote(Bytes image, std::string_view symbol) {
  auto header = readAt<Elf64_Ehdr>(image, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
    return Error{"is not an ELF file"};
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
      header->e_machine != EM_X86_64)
    return Error{"is not made for 64-bit x86 processors"};
  if (header->e_type != ET_DYN)
    return Error{"is not a shared object"};
  if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_shentsize != sizeof(Elf64_Shdr))
    return Error{"has a damaged ELF header"};
  auto description = findNote(image, *header, LNX_NOTE_PROGRAM);
  auto note = description ? parseDescription(*description) : std::nullopt;
  if (!note)
    return Error{"has no lnx note, so it was not made by 'lnxc'"};
  if (!isWhole(image, *header))
    return Error{"is not as 'lnxc' wrote it: its checksum differs"};
  if (!exports(image, *header, symbol))
    return Error{"does not export '" + std::string(symbol) + "'"};
  return *note;
}

std::string lnx::missingFeature(std::string_view cpu) {
  constexpr std::string_view native = "native:";
  std::string_view features = cpu;
  if (cpu == "x86-64")
    return {};
  if (cpu == "x86-64-v2")
    features = "sse3,ssse3,sse4.1,sse4.2,popcnt";
  else if (cpu == "x86-64-v3")
    features = "sse4.2,popcnt,avx,avx2,bmi,bmi2,f16c,fma,lzcnt,movbe";
  else if (cpu == "x86-64-v4")
    features = "avx2,bmi,bmi2,f16c,fma,lzcnt,movbe,avx512f,avx512bw,avx512cd,avx512dq,avx512vl";
  else if (cpu.starts_with(native))
    features = cpu.substr(native.size());
  while (!features.empty()) {
    size_t comma = std::min(features.find(','), features.size());
    std::string_view name = features.substr(0, comma);
    if (!name.empty() && !hasFeature(name))
      return std::string(name);
    features.remove_prefix(std::min(comma + 1, features.size()));
  }
  return {};
}
