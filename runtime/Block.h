// Block: one zeroed piece of memory, aligned for any vector, returned to the system when dropped.
// Sizes come as checked products, so that an absurd request is an error and not a wrapped number.
#ifndef LNX_RUNTIME_BLOCK_H
#define LNX_RUNTIME_BLOCK_H

#include "lnx/result.h"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

namespace lnx {

// Product of the factors, or nothing when one is negative or the product exceeds 2^62.
std::optional<size_t> checkedProduct(std::initializer_list<int64_t> factors);

// Bytes this process can use without being killed, as far as the system tells.
size_t availableMemory();

// "12.5 MiB".
std::string mebibytes(size_t bytes);

class Block {
public:
  Block() = default;
  // Address space; the system gives the memory when it is first written. `purpose` names it in the
  // error: "parameters and optimizer state".
  static Result<Block> reserve(size_t bytes, const char *purpose);
  Block(Block &&other) noexcept
      : start(std::exchange(other.start, nullptr)), length(std::exchange(other.length, 0)) {}
  Block &operator=(Block &&other) noexcept {
    std::swap(start, other.start);
    std::swap(length, other.length);
    return *this;
  }
  ~Block();

  void *data() const { return start; }
  float *floats() const { return static_cast<float *>(start); }
  size_t bytes() const { return length; }

private:
  void *start = nullptr;
  size_t length = 0;
};

} // namespace lnx

#endif
