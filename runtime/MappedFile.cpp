// MappedFile.cpp: open, check that it is a regular file, map.
// Relies on POSIX.
#include "runtime/MappedFile.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lnx {

Result<MappedFile> MappedFile::open(const std::string &path) {
  auto failure = [&] {
    Exit exit = errno == ENOENT || errno == EISDIR ? Exit::data : Exit::io;
    return Error{fmt::format("cannot read '{}': {}", path, std::strerror(errno)), exit};
  };
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return failure();
  struct stat status;
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    return Error{fmt::format("cannot read '{}': not a regular file", path)};
  }
  auto bytes = static_cast<size_t>(status.st_size);
  void *address = nullptr;
  if (bytes > 0)
    address = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, descriptor, 0);
  ::close(descriptor);
  if (address == MAP_FAILED)
    return failure();
  return MappedFile(address, bytes);
}

MappedFile::~MappedFile() {
  if (address)
    ::munmap(address, bytes);
}

} // namespace lnx
