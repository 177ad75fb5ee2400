// Block: anonymous mappings, in huge pages where the system has them.
// Relies on /proc/meminfo and the control group to say early that memory is not there.
#include "Block.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>

using namespace lnx;

namespace {

constexpr size_t largest = size_t{1} << 62;
constexpr size_t hugePage = size_t{2} << 20;

// The number in the first line of `path` that starts with `key`, or nothing.
std::optional<size_t> readNumber(const char *path, const char *key) {
  FILE *file = std::fopen(path, "re");
  if (!file)
    return std::nullopt;
  std::optional<size_t> result;
  char line[256];
  while (!result && std::fgets(line, sizeof line, file)) {
    unsigned long long number = 0;
    if (std::strncmp(line, key, std::strlen(key)) == 0 &&
        std::sscanf(line + std::strlen(key), "%llu", &number) == 1)
      result = number;
  }
  std::fclose(file);
  return result;
}

} // namespace

size_t lnx::availableMemory() {
  size_t available = std::numeric_limits<size_t>::max();
  if (auto kibibytes = readNumber("/proc/meminfo", "MemAvailable:"))
    available = (*kibibytes + readNumber("/proc/meminfo", "SwapFree:").value_or(0)) * 1024;
  auto limit = readNumber("/sys/fs/cgroup/memory.max", "");
  auto used = readNumber("/sys/fs/cgroup/memory.current", "");
  if (limit && used && *limit > *used && *limit - *used < available)
    available = *limit - *used;
  return available;
}

std::string lnx::mebibytes(size_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MiB", static_cast<double>(bytes) / (1 << 20));
  return text;
}

std::optional<size_t> lnx::checkedProduct(std::initializer_list<int64_t> factors) {
  size_t product = 1;
  for (int64_t factor : factors)
    if (factor < 0 || __builtin_mul_overflow(product, static_cast<size_t>(factor), &product) ||
        product > largest)
      return std::nullopt;
  return product;
}

Result<Block> Block::reserve(size_t bytes, const char *purpose) {
  Block block;
  if (bytes == 0)
    return block;
  void *start = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED)
    return Error{std::string(purpose) + " need " + mebibytes(bytes) +
                     " of memory, which the system refuses: " + std::strerror(errno),
                 Exit::io};
  // Fewer address translations; a system without huge pages ignores it.
  if (bytes >= hugePage)
    madvise(start, bytes, MADV_HUGEPAGE);
  block.start = start;
  block.length = bytes;
  return block;
}

Block::~Block() {
  if (start)
    munmap(start, length);
}
