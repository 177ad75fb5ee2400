// Probe: one instruction over arrays of inputs, for tests that compare it value by value.
// Builds a kernel around the instruction, so parser, decoder and memory are part of every test.
#ifndef LNX_TEST_EMULATOR_PROBE_H
#define LNX_TEST_EMULATOR_PROBE_H

#include "emulator/Launch.h"
#include "emulator/Module.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace emulator {

// Bytes of parameters as a kernel declares them.
class Parameters {
public:
  template <typename T> Parameters &add(T value) {
    block.resize((block.size() + sizeof(T) - 1) / sizeof(T) * sizeof(T));
    block.insert(block.end(), reinterpret_cast<uint8_t *>(&value),
                 reinterpret_cast<uint8_t *>(&value) + sizeof(T));
    return *this;
  }
  std::vector<uint8_t> block;
};

inline const char *const Header = ".version 8.3\n.target sm_90a\n.address_size 64\n";

template <typename T> uint64_t upload(GlobalMemory &memory, const std::vector<T> &values) {
  uint64_t address = memory.allocate(values.size() * sizeof(T));
  memory.write(address, values.data(), values.size() * sizeof(T));
  return address;
}
template <typename T> std::vector<T> download(GlobalMemory &memory, uint64_t address, size_t n) {
  std::vector<T> values(n);
  EXPECT_TRUE(memory.read(address, values.data(), n * sizeof(T)));
  return values;
}

// One array of a probe: elements of `width` bytes.
struct ProbeArray {
  size_t width = 0;
  std::vector<uint8_t> bytes;
};
// Runs `code` in one warp over the inputs; the bytes of `width`-byte results, none after a failure.
std::vector<uint8_t> probeBytes(std::string code, const std::vector<ProbeArray> &inputs,
                                size_t width);

template <typename T> ProbeArray probeArray(const std::vector<T> &values) {
  auto *bytes = reinterpret_cast<const uint8_t *>(values.data());
  return {sizeof(T), {bytes, bytes + values.size() * sizeof(T)}};
}

// Runs `code` in one warp. In it $d, $a, $b, $c are registers of the widths of R and the inputs;
// %p1 to %p3 and %t1 to %t3 (32 bits) are free. Every input has as many values, at most 32.
template <typename R, typename... A>
std::vector<R> probe(std::string code, const std::vector<A> &...inputs) {
  std::vector<uint8_t> bytes = probeBytes(std::move(code), {probeArray(inputs)...}, sizeof(R));
  std::vector<R> values(bytes.size() / sizeof(R));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

} // namespace emulator

#endif
