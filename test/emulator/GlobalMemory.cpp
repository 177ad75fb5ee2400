// GlobalMemory: allocation, lookup, host copies.
// A guard gap follows every allocation and addresses are never given out twice.
#include "emulator/GlobalMemory.h"

#include <cstring>

using namespace emulator;

namespace {

constexpr uint64_t Alignment = 256, Gap = 4096;

std::string hex(uint64_t value) {
  char text[20];
  snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

} // namespace

bool Allocation::isWritten(uint64_t address, uint64_t size) const {
  uint64_t at = address - base, end = at + size;
  for (; at < end && at % 8; ++at)
    if (!(written[at / 8] >> (at % 8) & 1))
      return false;
  for (; at + 64 <= end; at += 64) {
    uint64_t marks;
    std::memcpy(&marks, &written[at / 8], 8);
    if (marks != ~0ull)
      return false;
  }
  for (; at + 8 <= end; at += 8)
    if (written[at / 8] != 0xff)
      return false;
  for (; at < end; ++at)
    if (!(written[at / 8] >> (at % 8) & 1))
      return false;
  return true;
}

void Allocation::setWritten(uint64_t address, uint64_t size) {
  uint64_t at = address - base, end = at + size;
  for (; at < end && at % 8; ++at)
    written[at / 8] |= 1u << (at % 8);
  if (at + 8 <= end) {
    std::memset(&written[at / 8], 0xff, (end - at) / 8);
    at += (end - at) / 8 * 8;
  }
  for (; at < end; ++at)
    written[at / 8] |= 1u << (at % 8);
}

GlobalWord *Allocation::history() {
  if (!words)
    words = zeroed<GlobalWord>(bytes / 4 + 1);
  return words.get();
}

uint64_t GlobalMemory::nextLaunch() {
  constexpr uint64_t Numbers = 1 << 16;
  if (++launches % Numbers == 0) { // before a number comes again
    for (auto &[base, allocation] : live)
      allocation.words.reset();
    ++launches;
  }
  return launches % Numbers;
}

uint64_t GlobalMemory::allocate(uint64_t bytes) {
  if (bytes == 0 || bytes > limit - usedBytes)
    return 0;
  Allocation a;
  a.base = next;
  a.bytes = bytes;
  a.data = zeroed<uint8_t>((bytes + 63) / 64 * 64);
  a.written = zeroed<uint8_t>((bytes + 63) / 64 * 8);
  if (!a.data || !a.written)
    return 0;
  next += (bytes + Gap + Alignment - 1) / Alignment * Alignment;
  usedBytes += bytes;
  uint64_t base = a.base;
  live.emplace(base, std::move(a));
  return base;
}

bool GlobalMemory::release(uint64_t address) {
  auto it = live.find(address);
  if (it == live.end())
    return false;
  usedBytes -= it->second.bytes;
  freed[address] = it->second.bytes;
  live.erase(it);
  last = nullptr;
  return true;
}

Allocation *GlobalMemory::find(uint64_t address) {
  if (last && address - last->base < last->bytes)
    return last;
  auto it = live.upper_bound(address);
  if (it == live.begin())
    return nullptr;
  --it;
  if (address - it->first >= it->second.bytes)
    return nullptr;
  return last = &it->second;
}

std::string GlobalMemory::explain(uint64_t address, uint64_t size) {
  std::string at = "address " + hex(address);
  if (address < 4096)
    return at + " is a null pointer";
  auto gone = freed.upper_bound(address);
  if (gone != freed.begin() && address - (--gone)->first < gone->second)
    return at + " lies in the " + std::to_string(gone->second) + " bytes at " + hex(gone->first) +
           ", which were freed";
  auto it = live.upper_bound(address);
  auto describe = [](const Allocation &a) {
    return "the " + std::to_string(a.bytes) + "-byte allocation at " + hex(a.base);
  };
  if (it != live.begin()) {
    const Allocation &a = std::prev(it)->second;
    uint64_t end = address + size - a.base;
    if (address - a.base < a.bytes)
      return at + ": the last " + std::to_string(end - a.bytes) + " of " + std::to_string(size) +
             " bytes are past the end of " + describe(a);
    if (address - a.base - a.bytes < (1ull << 32))
      return at + " is " + std::to_string(address - a.base - a.bytes) + " bytes past the end of " +
             describe(a);
  }
  if (it != live.end() && it->first - address < (1ull << 32))
    return at + " is " + std::to_string(it->first - address) + " bytes before " +
           describe(it->second);
  return at + " is in no allocation";
}

bool GlobalMemory::write(uint64_t address, const void *from, uint64_t bytes) {
  Allocation *a = find(address);
  if (!a || !a->contains(address, bytes))
    return bytes == 0;
  std::memcpy(a->at(address), from, bytes);
  a->setWritten(address, bytes);
  return true;
}

bool GlobalMemory::read(uint64_t address, void *to, uint64_t bytes) {
  Allocation *a = find(address);
  if (!a || !a->contains(address, bytes))
    return bytes == 0;
  std::memcpy(to, a->at(address), bytes);
  if (!a->isWritten(address, bytes))
    for (uint64_t k = 0; k < bytes; ++k)
      if (!a->isWritten(address + k, 1))
        static_cast<uint8_t *>(to)[k] = 0xcd;
  return true;
}

bool GlobalMemory::copy(uint64_t to, uint64_t from, uint64_t bytes) {
  Allocation *source = find(from), *target = find(to);
  if (bytes == 0)
    return true;
  if (!source || !target || !source->contains(from, bytes) || !target->contains(to, bytes))
    return false;
  std::memmove(target->at(to), source->at(from), bytes);
  if (source->isWritten(from, bytes)) {
    target->setWritten(to, bytes);
    return true;
  }
  for (uint64_t i = 0; i < bytes; ++i)
    if (source->isWritten(from + i, 1))
      target->setWritten(to + i, 1);
  return true;
}

bool GlobalMemory::fill(uint64_t address, const void *pattern, unsigned patternBytes,
                        uint64_t count) {
  Allocation *a = find(address);
  uint64_t bytes = patternBytes * count;
  if (!a || !a->contains(address, bytes))
    return bytes == 0;
  for (uint64_t i = 0; i < count; ++i)
    std::memcpy(a->at(address) + i * patternBytes, pattern, patternBytes);
  a->setWritten(address, bytes);
  return true;
}
