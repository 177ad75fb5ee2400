// Probe: the kernel around one instruction: loads, the instruction, a store.
// Widths of registers follow the arrays.
#include "emulator/Probe.h"

using namespace emulator;

std::vector<uint8_t> emulator::probeBytes(std::string code, const std::vector<ProbeArray> &inputs,
                                          size_t width) {
  GlobalMemory memory;
  Parameters parameters;
  auto text = [](size_t n) { return std::to_string(n); };
  std::string head = std::string(Header) + ".visible .entry probe(\n", body;
  for (size_t k = 0; k < inputs.size(); ++k) {
    std::string name(1, "abc"[k]), at = "%x" + name, bits = text(8 * inputs[k].width);
    parameters.add(upload(memory, inputs[k].bytes));
    head += ".param .u64 p" + name + ", ";
    body += ".reg .b64 " + at + "; .reg .b" + bits + " %" + name + ";\nld.param.u64 " + at +
            ", [p" + name + "];\nmad.wide.u32 " + at + ", %tid, " + text(inputs[k].width) + ", " +
            at + ";\nld.global.b" + bits + " %" + name + ", [" + at + "];\n";
  }
  size_t n = inputs[0].bytes.size() / inputs[0].width;
  uint64_t out = memory.allocate(32 * width);
  parameters.add(out);
  for (size_t at = 0; (at = code.find('$', at)) != std::string::npos;)
    code[at] = '%';
  std::string module = head + ".param .u64 pd)\n{\n.reg .pred %p<4>; .reg .b32 %tid, %t<4>;\n" +
                       ".reg .b64 %xd; .reg .b" + text(8 * width) +
                       " %d;\nmov.u32 %tid, %tid.x;\n" + body + code +
                       "\nld.param.u64 %xd, [pd];\nmad.wide.u32 %xd, %tid, " + text(width) +
                       ", %xd;\nst.global.b" + text(8 * width) + " [%xd], %d;\nret;\n}\n";
  Loaded loaded = load(module, memory);
  EXPECT_TRUE(loaded.module) << loaded.error << "\n" << module;
  if (!loaded.module)
    return {};
  Outcome outcome = launch(*loaded.module->kernel("probe"), memory, {1, 1, 1},
                           {static_cast<uint32_t>(n), 1, 1}, 0, parameters.block);
  EXPECT_FALSE(outcome.fault) << outcome.fault->text();
  return outcome.fault ? std::vector<uint8_t>() : download<uint8_t>(memory, out, n * width);
}
