// SharedMemory: byte states and the race check.
// A word that was ever touched in part is checked byte by byte from then on.
#include "emulator/SharedMemory.h"

#include <cstring>

using namespace emulator;

void SharedMemory::reset(uint32_t size) {
  data.assign(size, 0xcd);
  state.assign(size, Unwritten);
  words.assign((size + 3) / 4, {});
  split.assign((size + 3) / 4, 0);
  bytes.clear();
  readSets.clear();
  copiesInFlight = 0;
}

bool SharedMemory::isWritten(uint64_t address, unsigned size) const {
  const uint8_t *s = state.data() + (address - SharedBase);
  if (size == 4) {
    uint32_t all;
    std::memcpy(&all, s, 4);
    return all == 0x01010101;
  }
  for (unsigned i = 0; i < size; ++i)
    if (s[i] != Written)
      return false;
  return true;
}

void SharedMemory::setWritten(uint64_t address, unsigned size) {
  std::memset(state.data() + (address - SharedBase), Written, size);
}

bool SharedMemory::isInFlight(uint64_t address, unsigned size) const {
  const uint8_t *s = state.data() + (address - SharedBase);
  uint8_t any = 0;
  for (unsigned i = 0; i < size; ++i)
    any |= s[i];
  return any & InFlight;
}

void SharedMemory::setInFlight(uint64_t address, unsigned size) {
  std::memset(state.data() + (address - SharedBase), InFlight, size);
  copiesInFlight += 1;
}

void SharedMemory::addReader(Record &record, unsigned warp, uint32_t time, uint32_t line) {
  if (record.readers < 0) {
    if (record.read.time == 0 || record.read.warp == warp) {
      record.read = {time, static_cast<uint8_t>(warp), false, line};
      return;
    }
    record.readers = static_cast<int32_t>(readSets.size());
    readSets.emplace_back();
    readSets.back().time[record.read.warp] = record.read.time;
    readSets.back().line[record.read.warp] = record.read.line;
  }
  ReadSet &set = readSets[static_cast<size_t>(record.readers)];
  set.time[warp] = time;
  set.line[warp] = line;
}

Race SharedMemory::touch(Record &record, Touch touch, unsigned warp, const Clock &clock,
                         uint32_t line) {
  Race race;
  const Access &w = record.write;
  bool bothAtomic = touch == Touch::Atomic && w.atomic;
  if (w.time && w.warp != warp && !bothAtomic && !clock.knows(w.warp, w.time))
    return {true, w.warp, w.atomic ? Touch::Atomic : Touch::Write, w.line};
  if (touch == Touch::Read) {
    addReader(record, warp, clock.time[warp], line);
    return race;
  }
  if (record.readers >= 0) {
    ReadSet &set = readSets[static_cast<size_t>(record.readers)];
    for (unsigned r = 0; r < MaxWarps; ++r)
      if (set.time[r] && r != warp && !clock.knows(r, set.time[r]))
        return {true, r, Touch::Read, set.line[r]};
    set = {};
  } else if (record.read.time && record.read.warp != warp &&
             !clock.knows(record.read.warp, record.read.time)) {
    return {true, record.read.warp, Touch::Read, record.read.line};
  }
  record.read = {};
  record.write = {clock.time[warp], static_cast<uint8_t>(warp), touch == Touch::Atomic, line};
  return race;
}

Race SharedMemory::touch(uint64_t address, unsigned size, Touch kind, unsigned warp,
                         const Clock &clock, uint32_t line) {
  uint32_t from = static_cast<uint32_t>(address - SharedBase), to = from + size;
  for (uint32_t word = from / 4; word * 4 < to; ++word) {
    bool whole = word * 4 >= from && word * 4 + 4 <= to;
    if (whole && !split[word]) {
      if (Race race = touch(words[word], kind, warp, clock, line); race.found)
        return race;
      continue;
    }
    if (!split[word]) {
      split[word] = 1;
      for (uint32_t b = 0; b < 4; ++b) {
        Record copy = words[word];
        if (copy.readers >= 0) { // every byte needs a set of its own
          readSets.push_back(readSets[static_cast<size_t>(copy.readers)]);
          copy.readers = static_cast<int32_t>(readSets.size() - 1);
        }
        bytes[word * 4 + b] = copy;
      }
    }
    for (uint32_t b = std::max(from, word * 4); b < std::min(to, word * 4 + 4); ++b)
      if (Race race = touch(bytes[b], kind, warp, clock, line); race.found)
        return race;
  }
  return {};
}
