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

inline std::string bits(size_t bytes) { return std::to_string(8 * bytes); }

// Runs `code` in one warp. In it $d, $a, $b, $c are registers of the widths of R and the inputs;
// %p1 to %p3 and %t1 to %t3 (32 bits) are free. Every input has as many values, at most 32.
template <typename R, typename... A>
std::vector<R> probe(std::string code, const std::vector<A> &...inputs) {
  GlobalMemory memory;
  Parameters parameters;
  std::string head = std::string(Header) + ".visible .entry probe(\n", body, names = "abc";
  size_t n = 0, k = 0;
  auto input = [&](size_t bytes, uint64_t address, size_t count) {
    std::string name(1, names[k++]), at = "%x" + name;
    parameters.add(address);
    head += ".param .u64 p" + name + ", ";
    body += ".reg .b64 " + at + "; .reg .b" + bits(bytes) + " %" + name + ";\n" + "ld.param.u64 " +
            at + ", [p" + name + "];\n" + "mad.wide.u32 " + at + ", %tid, " +
            std::to_string(bytes) + ", " + at + ";\n" + "ld.global.b" + bits(bytes) + " %" + name +
            ", [" + at + "];\n";
    n = count;
  };
  (input(sizeof(A), upload(memory, inputs), inputs.size()), ...);
  uint64_t out = memory.allocate(32 * sizeof(R));
  parameters.add(out);
  for (size_t at = 0; (at = code.find('$', at)) != std::string::npos;)
    code[at] = '%';
  std::string text = head + ".param .u64 pd)\n{\n.reg .pred %p<4>; .reg .b32 %tid, %t<4>;\n" +
                     ".reg .b64 %xd; .reg .b" + bits(sizeof(R)) + " %d;\nmov.u32 %tid, %tid.x;\n" +
                     body + code + "\nld.param.u64 %xd, [pd];\nmad.wide.u32 %xd, %tid, " +
                     std::to_string(sizeof(R)) + ", %xd;\nst.global.b" + bits(sizeof(R)) +
                     " [%xd], %d;\nret;\n}\n";
  Loaded loaded = load(text, memory);
  EXPECT_TRUE(loaded.module) << loaded.error << "\n" << text;
  if (!loaded.module)
    return {};
  Outcome outcome = launch(*loaded.module->kernel("probe"), memory, {1, 1, 1},
                           {static_cast<uint32_t>(n), 1, 1}, 0, parameters.block);
  EXPECT_FALSE(outcome.fault) << outcome.fault->text();
  return outcome.fault ? std::vector<R>() : download<R>(memory, out, n);
}

} // namespace emulator

#endif
