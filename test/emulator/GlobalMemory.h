// GlobalMemory: the device's memory as an allocation map, with what was ever written.
// Device addresses are no host addresses: the host reaches a byte only through this class.
#ifndef LNX_TEST_EMULATOR_GLOBALMEMORY_H
#define LNX_TEST_EMULATOR_GLOBALMEMORY_H

#include "emulator/GlobalRaces.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace emulator {

// Memory of calloc: zero pages cost nothing until they are touched.
struct Free {
  void operator()(void *memory) const { std::free(memory); }
};
template <typename T> using Zeroed = std::unique_ptr<T[], Free>;
template <typename T> Zeroed<T> zeroed(uint64_t count) {
  return Zeroed<T>(static_cast<T *>(std::calloc(count, sizeof(T))));
}

struct Allocation {
  uint64_t base = 0;
  uint64_t bytes = 0;
  bool readOnly = false;
  Zeroed<uint8_t> data;     // `bytes`, padded to 64
  Zeroed<uint8_t> written;  // one bit a byte, padded to 8
  Zeroed<GlobalWord> words; // one for four bytes; null until a launch needs them

  bool contains(uint64_t address, uint64_t size) const {
    return address - base < bytes && size <= bytes - (address - base);
  }
  uint8_t *at(uint64_t address) const { return data.get() + (address - base); }
  bool isWritten(uint64_t address, uint64_t size) const;
  // The same for 1, 2, 4 or 8 bytes at a multiple of their number: one byte of marks.
  bool isWrittenAligned(uint64_t address, unsigned size) const {
    uint64_t at = address - base;
    unsigned marks = (1u << size) - 1;
    return (written[at / 8] >> (at % 8) & marks) == marks;
  }
  void setWritten(uint64_t address, uint64_t size);
  GlobalWord *history();
};

class GlobalMemory {
public:
  // Memory beyond `limit` bytes is refused.
  explicit GlobalMemory(uint64_t limit = UINT64_MAX) : limit(limit) {}

  // `bytes` at an address that is a multiple of 256, unwritten; 0 where the limit forbids it.
  uint64_t allocate(uint64_t bytes);
  // False where no allocation begins at `address`.
  bool release(uint64_t address);
  // The allocation that holds `address`, null where none does.
  Allocation *find(uint64_t address);
  // Words for an access of `size` bytes that no allocation holds.
  std::string explain(uint64_t address, uint64_t size);

  // Copies by the host; false where the range is not inside one allocation. What was never written
  // reads as 0xcd. A copy between device ranges copies also which bytes were written.
  bool write(uint64_t address, const void *from, uint64_t bytes);
  bool read(uint64_t address, void *to, uint64_t bytes);
  bool copy(uint64_t to, uint64_t from, uint64_t bytes);
  bool fill(uint64_t address, const void *pattern, unsigned patternBytes, uint64_t count);

  // The number of a new launch, for the history of its accesses.
  uint64_t nextLaunch();

  uint64_t used() const { return usedBytes; }
  uint64_t capacity() const { return limit; }

private:
  std::map<uint64_t, Allocation> live;
  std::map<uint64_t, uint64_t> freed; // base to bytes: names a use after free
  uint64_t next = 0x200000000000;     // no host of ours maps memory there
  uint64_t limit;
  uint64_t usedBytes = 0;
  uint64_t launches = 0;
  Allocation *last = nullptr; // most accesses go where the one before went
};

} // namespace emulator

#endif
