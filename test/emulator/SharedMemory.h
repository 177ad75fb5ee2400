// SharedMemory: one CTA's shared memory, with the state of every byte and who touched it last.
// The race check is FastTrack's (Flanagan, Freund 2009) over words of four bytes.
#ifndef LNX_TEST_EMULATOR_SHAREDMEMORY_H
#define LNX_TEST_EMULATOR_SHAREDMEMORY_H

#include "emulator/Clock.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace emulator {

// The window starts at 1024: the hardware keeps the first kilobyte, and a null pointer is no
// valid address.
inline constexpr uint32_t SharedBase = 1024;

enum class Touch : uint8_t { Read, Write, Atomic };

// Whom an access conflicts with.
struct Race {
  bool found = false;
  unsigned warp = 0;
  Touch touch = Touch::Read;
  uint32_t line = 0;
};

class SharedMemory {
public:
  // `bytes` from SharedBase on, none of them written.
  void reset(uint32_t bytes);
  uint32_t size() const { return static_cast<uint32_t>(data.size()); }
  bool contains(uint64_t address, uint64_t bytes) const {
    return address - SharedBase < data.size() && bytes <= data.size() - (address - SharedBase);
  }
  uint8_t *at(uint64_t address) { return data.data() + (address - SharedBase); }

  bool isWritten(uint64_t address, unsigned bytes) const;
  void setWritten(uint64_t address, unsigned bytes);
  void setUnwritten(uint64_t address) { state[address - SharedBase] = Unwritten; }
  // Bytes an asynchronous copy will write: nobody may touch them before its wait.
  bool anyInFlight() const { return copiesInFlight != 0; }
  bool isInFlight(uint64_t address, unsigned bytes) const;
  void setInFlight(uint64_t address, unsigned bytes);
  void landed() { --copiesInFlight; } // one setInFlight is over

  // Records that `warp`, whose clock is `clock`, touches the bytes; returns a conflicting access
  // that the clock does not know of.
  Race touch(uint64_t address, unsigned bytes, Touch touch, unsigned warp, const Clock &clock,
             uint32_t line);

private:
  // The last write and the reads since, as (warp, time) pairs.
  struct Access {
    uint32_t time = 0; // 0: never
    uint8_t warp = 0;
    bool atomic = false;
    uint32_t line = 0;
  };
  struct Record {
    Access write, read;
    int32_t readers = -1; // into `readSets`, where more than one warp reads
  };
  struct ReadSet {
    std::array<uint32_t, MaxWarps> time{};
    std::array<uint32_t, MaxWarps> line{};
  };
  Race touch(Record &record, Touch touch, unsigned warp, const Clock &clock, uint32_t line);
  void addReader(Record &record, unsigned warp, uint32_t time, uint32_t line);

  enum State : uint8_t { Unwritten = 0, Written = 1, InFlight = 2 };
  std::vector<uint8_t> data;
  std::vector<uint8_t> state; // one a byte, padded to 8
  std::vector<Record> words;  // one a word of four bytes
  std::vector<uint8_t> split; // word was touched in part: its bytes have their own records
  std::unordered_map<uint32_t, Record> bytes;
  std::vector<ReadSet> readSets;
  uint64_t copiesInFlight = 0;
};

} // namespace emulator

#endif
