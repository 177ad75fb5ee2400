// Program: opens a model.so, but only after its bytes say that this machine can run it.
// Relies on ProgramNote to read them; loading runs nothing of the file that is not ours.
#include "ProgramNote.h"
#include "lnx/runtime.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

using namespace lnx;

namespace {

// Programs are some hundred kilobytes; anything near this size is something else.
constexpr int64_t largestFile = int64_t{1} << 30;

Error failure(const std::string &path, const std::string &what) {
  return {"'" + path + "' " + what, Exit::data};
}

Error systemFailure(const std::string &path) {
  return {"cannot read '" + path + "': " + std::strerror(errno), Exit::data};
}

Result<std::vector<unsigned char>> readFile(const std::string &path) {
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return systemFailure(path);
  struct Closer {
    int file;
    ~Closer() { close(file); }
  } closer{file};
  struct stat status{};
  if (fstat(file, &status) != 0)
    return systemFailure(path);
  if (!S_ISREG(status.st_mode))
    return failure(path, "is not a regular file");
  if (status.st_size > largestFile)
    return failure(path,
                   "is " + std::to_string(status.st_size) + " bytes long, more than any program");
  std::vector<unsigned char> bytes(static_cast<size_t>(status.st_size));
  size_t done = 0;
  while (done < bytes.size()) {
    ssize_t count = read(file, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return systemFailure(path);
    if (count == 0)
      break;
    done += static_cast<size_t>(count);
  }
  bytes.resize(done);
  return bytes;
}

} // namespace

Result<Program> Program::load(const std::string &path) {
  Result<std::vector<unsigned char>> bytes = readFile(path);
  if (!bytes)
    return bytes.error();
  Result<ProgramNote> note = readProgramNote(*bytes, LNX_PROGRAM_SYMBOL);
  if (!note)
    return failure(path, note.error().message);
  if (note->abiVersion != LNX_ABI_VERSION)
    return failure(path, "has ABI version " + std::to_string(note->abiVersion) +
                             ", this runtime needs " + std::to_string(LNX_ABI_VERSION));
  if (std::string feature = missingFeature(note->cpu); !feature.empty())
    return failure(path,
                   "was compiled for '" + note->cpu + "', this machine lacks '" + feature + "'");

  // A name without a slash would be searched in the library path.
  const std::string place = path.find('/') == std::string::npos ? "./" + path : path;
  void *handle = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return failure(path, std::string("cannot be loaded: ") + dlerror());
  std::shared_ptr<const void> owner(handle, [](const void *opened) {
    dlclose(const_cast<void *>(opened)); // NOLINT: dlopen's own pointer
  });
  const auto *program = static_cast<const lnx_program *>(dlsym(handle, LNX_PROGRAM_SYMBOL));
  if (!program || program->abi_version != LNX_ABI_VERSION)
    return failure(path, "holds a program that contradicts its note");
  return fromMemory(program, std::move(owner));
}

Program Program::fromMemory(const lnx_program *program, std::shared_ptr<const void> owner) {
  Program result;
  result.program = program;
  result.owner = std::move(owner);
  return result;
}
