// MappedFile.h: a file's bytes without reading them all.
// Read only; the mapping lives as long as the value.
#ifndef LNX_RUNTIME_MAPPEDFILE_H
#define LNX_RUNTIME_MAPPEDFILE_H

#include "lnx/result.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace lnx {

class MappedFile {
public:
  static Result<MappedFile> open(const std::string &path);
  MappedFile(MappedFile &&other) noexcept
      : address(std::exchange(other.address, nullptr)), bytes(std::exchange(other.bytes, 0)) {}
  MappedFile &operator=(MappedFile &&other) noexcept {
    std::swap(address, other.address);
    std::swap(bytes, other.bytes);
    return *this;
  }
  ~MappedFile();

  std::string_view text() const { return {static_cast<const char *>(address), bytes}; }

private:
  MappedFile(void *address, size_t bytes) : address(address), bytes(bytes) {}
  void *address = nullptr; // null when the file is empty
  size_t bytes = 0;
};

} // namespace lnx

#endif
