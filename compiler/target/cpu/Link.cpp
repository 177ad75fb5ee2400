// Link: object code to a shared object on disk.
// lld runs in process; it wants file names, which memory files have under /proc/self/fd.
#include "compiler/target/cpu/Link.h"
#include "lld/Common/Driver.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

#include "lnx/abi.h"

#include <cstring>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

using namespace mlir;
using namespace mlir::lnx;

namespace {

/// A file without a name that holds `content`.
class MemoryFile {
public:
  explicit MemoryFile(llvm::StringRef content) : descriptor(memfd_create("lnx.o", MFD_CLOEXEC)) {
    if (descriptor < 0)
      return;
    llvm::raw_fd_ostream os(descriptor, /*shouldClose=*/false);
    os << content;
  }
  MemoryFile(MemoryFile &&other) noexcept : descriptor(std::exchange(other.descriptor, -1)) {}
  ~MemoryFile() {
    if (descriptor >= 0)
      close(descriptor);
  }
  bool ok() const { return descriptor >= 0; }
  std::string name() const { return llvm::formatv("/proc/self/fd/{0}", descriptor); }

private:
  int descriptor;
};

/// A device or a pipe is written in place: a rename would put a file where it was.
bool isSpecial(llvm::StringRef path) {
  llvm::sys::fs::file_status status;
  return !llvm::sys::fs::status(path, status) && llvm::sys::fs::exists(status) &&
         !llvm::sys::fs::is_regular_file(status) && !llvm::sys::fs::is_directory(status);
}

std::error_code copyInto(llvm::StringRef path, llvm::StringRef from) {
  auto content = llvm::MemoryBuffer::getFile(from, /*IsText=*/false,
                                             /*RequiresNullTerminator=*/false);
  if (!content)
    return content.getError();
  std::error_code error;
  llvm::raw_fd_ostream os(path, error, llvm::sys::fs::CD_OpenExisting);
  if (error)
    return error;
  os << (*content)->getBuffer();
  os.close();
  error = os.error();
  os.clear_error();
  return error;
}

/// Writes the checksum of the file, taken with zeros in its place, into the note that
/// ExportProgram left for it.
llvm::Error writeChecksum(llvm::StringRef path) {
  auto file = llvm::WriteThroughMemoryBuffer::getFile(path);
  if (!file)
    return llvm::errorCodeToError(file.getError());
  const uint32_t words[] = {4, sizeof(uint64_t), LNX_NOTE_CHECKSUM};
  std::string header(reinterpret_cast<const char *>(words), sizeof words);
  header.append("lnx\0", 4);
  const llvm::StringRef content((*file)->getBufferStart(), (*file)->getBufferSize());
  const size_t at = content.find(header);
  if (at == llvm::StringRef::npos)
    return llvm::Error::success(); // an object without the note
  const uint64_t checksum = llvm::xxh3_64bits(content);
  std::memcpy((*file)->getBufferStart() + at + header.size(), &checksum, sizeof checksum);
  return llvm::Error::success();
}

} // namespace

llvm::Error lnx::linkShared(llvm::ArrayRef<llvm::StringRef> objects, llvm::StringRef path) {
  std::vector<MemoryFile> files;
  const bool inPlace = isSpecial(path);
  llvm::SmallString<64> temporary(path);
  if (inPlace)
    llvm::sys::path::system_temp_directory(/*ErasedOnReboot=*/true, temporary);
  temporary +=
      llvm::formatv("{0}{1}.tmp", inPlace ? "/lnx." : ".", llvm::sys::Process::getProcessId())
          .str();
  const llvm::FileRemover remover(temporary);
  std::vector<std::string> arguments = {
      "ld.lld",           "-shared", "--no-undefined",     "-z", "noexecstack",
      "--hash-style=gnu", "-o",      temporary.str().str()};
  for (llvm::StringRef object : objects) {
    files.emplace_back(object);
    if (!files.back().ok())
      return llvm::createStringError("cannot create a file in memory for the object code");
    arguments.push_back(files.back().name());
  }
  std::vector<const char *> pointers;
  for (const std::string &argument : arguments)
    pointers.push_back(argument.c_str());
  std::string messages;
  llvm::raw_string_ostream os(messages);
  lld::Result result;
  {
    // lld keeps its state in globals.
    static std::mutex oneAtATime;
    std::lock_guard<std::mutex> lock(oneAtATime);
    result = lld::lldMain(pointers, os, os, {{lld::Gnu, &lld::elf::link}});
  }
  if (result.retCode != 0)
    return llvm::createStringError("cannot write '" + path +
                                   "': " + llvm::StringRef(messages).trim());
  if (llvm::Error error = writeChecksum(temporary))
    return error;
  if (std::error_code error =
          inPlace ? copyInto(path, temporary) : llvm::sys::fs::rename(temporary, path))
    return llvm::createStringError("cannot write '" + path + "': " + error.message());
  return llvm::Error::success();
}
