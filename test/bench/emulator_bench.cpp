// emulator_bench: warp instructions per second of the emulator, on one core.
//   emulator_bench [Inputs folder]
// An arithmetic loop, then the norm kernel of 4096 rows, each three times; the best is printed.
#include "emulator/Launch.h"
#include "emulator/Module.h"

#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>
#include <vector>

using namespace emulator;

namespace {

const char *const Loop = R"(.version 8.3
.target sm_90a
.address_size 64
.visible .entry loop(.param .u64 out, .param .u32 n) {
  .reg .pred %p<2>; .reg .b32 %r<8>; .reg .f32 %f<8>; .reg .b64 %d<4>;
  ld.param.u32 %r1, [n];
  ld.param.u64 %d1, [out];
  mov.u32 %r2, %tid.x;
  cvt.rn.f32.u32 %f1, %r2;
  mov.f32 %f2, 0f3F000000;
  mov.u32 %r3, 0;
L:
  fma.rn.f32 %f1, %f1, %f2, %f2;
  mul.f32 %f3, %f1, %f2;
  add.f32 %f4, %f3, %f1;
  max.f32 %f1, %f4, %f3;
  xor.b32 %r4, %r2, %r3;
  mad.lo.s32 %r2, %r4, 5, %r3;
  add.s32 %r3, %r3, 1;
  setp.lt.s32 %p1, %r3, %r1;
  @%p1 bra L;
  mov.u32 %r4, %tid.x;
  mad.wide.u32 %d2, %r4, 4, %d1;
  st.global.f32 [%d2], %f1;
  ret;
})";

template <typename T> void append(std::vector<uint8_t> &block, T value) {
  block.resize((block.size() + sizeof(T) - 1) / sizeof(T) * sizeof(T) + sizeof(T));
  std::memcpy(block.data() + block.size() - sizeof(T), &value, sizeof(T));
}

void report(const char *name, const Kernel &kernel, GlobalMemory &memory, uint32_t ctas,
            uint32_t threads, const std::vector<uint8_t> &parameters) {
  double best = 0;
  for (int round = 0; round < 3; ++round) {
    std::clock_t start = std::clock(); // of the processor: others may use the machine
    Outcome outcome = launch(kernel, memory, {ctas, 1, 1}, {threads, 1, 1}, 0, parameters);
    double seconds = double(std::clock() - start) / CLOCKS_PER_SEC;
    if (outcome.fault) {
      std::printf("%s\n", outcome.fault->text().c_str());
      return;
    }
    best = std::max(best, double(outcome.counters.instructions) / seconds);
  }
  std::printf("%-12s %7.1f million warp instructions/s\n", name, best * 1e-6);
}

} // namespace

int main(int argc, char **argv) {
  GlobalMemory memory;
  Loaded loop = load(Loop, memory);
  std::ifstream file(std::string(argc > 1 ? argv[1] : EMULATOR_INPUTS) + "/norm.ptx");
  std::stringstream text;
  text << file.rdbuf();
  Loaded norm = load(text.str(), memory);
  if (!loop.module || !norm.module) {
    std::printf("%s%s\n", loop.error.c_str(), norm.error.c_str());
    return 1;
  }
  std::vector<uint8_t> block;
  append(block, memory.allocate(4096));
  append(block, 200000u);
  report("arithmetic", *loop.module->kernel("loop"), memory, 1, 128, block);

  constexpr uint32_t Rows = 4096, Width = 768;
  uint64_t x = memory.allocate(Rows * Width * 2), gain = memory.allocate(Width * 4);
  uint16_t one = 0x3f80;
  float two = 2;
  memory.fill(x, &one, 2, Rows * Width);
  memory.fill(gain, &two, 4, Width);
  std::vector<uint8_t> row;
  append(row, x);
  append(row, gain);
  append(row, memory.allocate(Rows * Width * 2));
  append(row, memory.allocate(Rows * 8));
  append(row, Width);
  append(row, 1e-5f);
  report("norm", *norm.module->kernel("norm"), memory, Rows, 96, row);
  return 0;
}
