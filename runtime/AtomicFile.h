// AtomicFile.h: a file that appears under its name only when all of it is written.
// Errors are kept and reported once, by commit.
#ifndef LNX_RUNTIME_ATOMICFILE_H
#define LNX_RUNTIME_ATOMICFILE_H

#include "lnx/result.h"

#include <cstdio>
#include <optional>
#include <string>

namespace lnx {

class AtomicFile {
public:
  explicit AtomicFile(std::string path);
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;
  ~AtomicFile(); // removes what was not committed

  void write(const void *data, size_t bytes);
  std::optional<Error> commit();

private:
  void fail();
  void removeTemporary();

  std::string path, temporary; // equal where the path is a device or a pipe
  std::FILE *stream = nullptr;
  int failure = 0; // errno of the first failure
};

} // namespace lnx

#endif
