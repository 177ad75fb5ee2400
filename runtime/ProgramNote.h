// ProgramNote: what a model.so says about itself, read from its bytes before any of it runs.
// Section .note.lnx has notes of name "lnx": type 1 with a u32 ABI version and the CPU as a string,
// and type 2 with a checksum of the file.
#ifndef LNX_RUNTIME_PROGRAMNOTE_H
#define LNX_RUNTIME_PROGRAMNOTE_H

#include "lnx/result.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace lnx {

struct ProgramNote {
  uint32_t abiVersion = 0;
  std::string cpu;
};

// Reads the note of an ELF image. Fails, with a phrase that completes "model.so ...", when it is
// not a 64-bit x86 shared object, has no note, is damaged, or does not export `symbol`.
Result<ProgramNote> readProgramNote(std::span<const unsigned char> image, std::string_view symbol);

// The first feature that `cpu` asks for and this machine lacks; empty when it has all. `cpu` is a
// level such as "x86-64-v3", or "native:" and a list of features.
std::string missingFeature(std::string_view cpu);

} // namespace lnx

#endif
