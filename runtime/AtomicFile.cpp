// AtomicFile.cpp: write beside the target, sync, rename, sync the folder.
// Relies on POSIX.
#include "runtime/AtomicFile.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <unistd.h>

namespace lnx {

// A device or a pipe is written in place: a rename would put a file where it was.
static bool isSpecial(const std::string &path) {
  std::error_code ignored;
  std::filesystem::file_status status = std::filesystem::status(path, ignored);
  return std::filesystem::exists(status) && !std::filesystem::is_regular_file(status) &&
         !std::filesystem::is_directory(status);
}

AtomicFile::AtomicFile(std::string name)
    : path(std::move(name)),
      temporary(isSpecial(path) ? path : fmt::format("{}.tmp.{}", path, ::getpid())) {
  stream = std::fopen(temporary.c_str(), "wbe");
  if (!stream)
    fail();
}

AtomicFile::~AtomicFile() {
  if (!stream)
    return;
  std::fclose(stream);
  removeTemporary();
}

void AtomicFile::removeTemporary() {
  if (temporary != path)
    ::unlink(temporary.c_str());
}

void AtomicFile::fail() {
  if (failure == 0)
    failure = errno;
}

void AtomicFile::write(const void *data, size_t bytes) {
  if (stream && bytes > 0 && std::fwrite(data, 1, bytes, stream) != bytes)
    fail();
}

static void syncFolder(const std::string &path) {
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  int descriptor =
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    return;
  ::fsync(descriptor); // some file systems refuse; the rename itself is still atomic
  ::close(descriptor);
}

std::optional<Error> AtomicFile::commit() {
  if (stream) {
    const bool inPlace = temporary == path;
    if (std::fflush(stream) != 0 || (!inPlace && ::fsync(::fileno(stream)) != 0))
      fail();
    std::fclose(stream);
    stream = nullptr;
    if (!inPlace && failure == 0 && ::rename(temporary.c_str(), path.c_str()) != 0)
      fail();
    if (failure != 0)
      removeTemporary();
    else if (!inPlace)
      syncFolder(path);
  }
  if (failure == 0)
    return std::nullopt;
  return Error{fmt::format("cannot write '{}': {}", path, std::strerror(failure)), Exit::io};
}

} // namespace lnx
