// Kernels: whole PTX files that LLVM made, against double. Each runs in order and in random
// schedules, with exact and with perturbed approximate operations.
// The sources of the files lie beside them in Inputs.
#include "emulator/Probe.h"

#include <cmath>
#include <fstream>
#include <sstream>

using namespace emulator;

namespace emulator {
void PrintTo(const Options &o, std::ostream *out) {
  *out << "seed " << o.seed << ", " << o.perturbUlps << " ulp, " << o.residentCtas << " CTAs";
}
} // namespace emulator

namespace {

std::string input(const std::string &name) {
  std::ifstream file(std::string(EMULATOR_INPUTS) + "/" + name);
  EXPECT_TRUE(file.good()) << name;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Numbers in [-1, 1) that look random.
std::vector<float> noise(size_t n, uint32_t seed) {
  std::vector<float> values(n);
  for (float &v : values) {
    seed = seed * 1664525 + 1013904223;
    v = static_cast<float>(static_cast<int32_t>(seed)) * 0x1p-31f;
  }
  return values;
}
uint16_t narrow(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
double wide(uint16_t bits) {
  uint32_t up = uint32_t(bits) << 16;
  float x;
  std::memcpy(&x, &up, 4);
  return x;
}

const Options Schedules[] = {
    {}, {.seed = 1}, {.seed = 2, .perturbUlps = 2}, {.seed = 3, .residentCtas = 4}};

class KernelTest : public testing::TestWithParam<Options> {};
INSTANTIATE_TEST_SUITE_P(Schedules, KernelTest, testing::ValuesIn(Schedules));

Loaded loadInput(const std::string &name, GlobalMemory &memory) {
  Loaded loaded = load(input(name), memory);
  EXPECT_TRUE(loaded.module) << loaded.error;
  return loaded;
}

// bf16 keeps 8 bits: half a unit is at most 2^-8 of the value; f32 sums of 768 add far less.
TEST_P(KernelTest, Norm) {
  constexpr unsigned Rows = 5, Width = 768;
  GlobalMemory memory;
  Loaded loaded = loadInput("norm.ptx", memory);
  std::vector<uint16_t> x;
  for (float v : noise(Rows * Width, 7))
    x.push_back(narrow(3 * v + 1));
  std::vector<float> gain = noise(Width, 9);
  uint64_t y = memory.allocate(Rows * Width * 2), stats = memory.allocate(Rows * 8);
  Parameters p;
  p.add(upload(memory, x)).add(upload(memory, gain)).add(y).add(stats).add(int(Width)).add(1e-5f);
  Outcome outcome = launch(*loaded.module->kernel("norm"), memory, {Rows, 1, 1}, {96, 1, 1}, 0,
                           p.block, GetParam());
  ASSERT_FALSE(outcome.fault) << outcome.fault->text();
  auto result = download<uint16_t>(memory, y, Rows * Width);
  auto meanAndScale = download<float>(memory, stats, Rows * 2);
  for (unsigned r = 0; r < Rows; ++r) {
    double mean = 0, variance = 0;
    for (unsigned c = 0; c < Width; ++c)
      mean += wide(x[r * Width + c]) / Width;
    for (unsigned c = 0; c < Width; ++c)
      variance += std::pow(wide(x[r * Width + c]) - mean, 2) / Width;
    double scale = 1 / std::sqrt(variance + 1e-5);
    EXPECT_NEAR(meanAndScale[2 * r], mean, 1e-6);
    EXPECT_NEAR(meanAndScale[2 * r + 1], scale, 1e-6);
    for (unsigned c = 0; c < Width; ++c) {
      double expected = (wide(x[r * Width + c]) - mean) * scale * gain[c];
      ASSERT_NEAR(wide(result[r * Width + c]), expected, std::fabs(expected) * 0x1.02p-8 + 1e-6)
          << r << ' ' << c;
    }
  }
}

// What the request costs: 512 bytes of bf16 a warp are 16 sectors.
TEST(Kernel, NormCounts) {
  GlobalMemory memory;
  Loaded loaded = loadInput("norm.ptx", memory);
  Parameters p;
  p.add(upload(memory, std::vector<uint16_t>(768, 0x3f80)))
      .add(upload(memory, std::vector<float>(768, 1)))
      .add(memory.allocate(1536))
      .add(memory.allocate(8))
      .add(768)
      .add(1e-5f);
  Outcome outcome =
      launch(*loaded.module->kernel("norm"), memory, {1, 1, 1}, {96, 1, 1}, 0, p.block);
  ASSERT_FALSE(outcome.fault) << outcome.fault->text();
  EXPECT_EQ(outcome.counters.barriers, 6u);
  EXPECT_EQ(outcome.counters.globalLoadBytes, 768u * 2 + 768 * 4);
  EXPECT_EQ(outcome.counters.globalStoreBytes, 768u * 2 + 8);
  EXPECT_EQ(outcome.counters.sharedWaves, outcome.counters.sharedIdealWaves);
}

// Two ulp of two exponentials and a quotient, of values of at most one.
TEST_P(KernelTest, Softmax) {
  constexpr unsigned Rows = 6, Width = 75;
  GlobalMemory memory;
  Loaded loaded = loadInput("softmax.ptx", memory);
  std::vector<float> x = noise(Rows * Width, 3);
  uint64_t y = memory.allocate(x.size() * 4);
  Parameters p;
  p.add(upload(memory, x)).add(y).add(int(Rows)).add(int(Width));
  Outcome outcome = launch(*loaded.module->kernel("softmax"), memory, {2, 1, 1}, {128, 1, 1}, 0,
                           p.block, GetParam());
  ASSERT_FALSE(outcome.fault) << outcome.fault->text();
  auto result = download<float>(memory, y, x.size());
  for (unsigned r = 0; r < Rows; ++r) {
    double sum = 0;
    for (unsigned c = 0; c < Width; ++c)
      sum += std::exp(double(x[r * Width + c]));
    for (unsigned c = 0; c < Width; ++c)
      ASSERT_NEAR(result[r * Width + c], std::exp(double(x[r * Width + c])) / sum, 1e-7) << r << c;
  }
}

// The CTA that draws the last ticket adds the partial sums of all.
TEST_P(KernelTest, Columns) {
  constexpr unsigned Rows = 37, Width = 200, Ctas = 5;
  GlobalMemory memory;
  Loaded loaded = loadInput("columns.ptx", memory);
  std::vector<float> x = noise(Rows * Width, 5);
  uint64_t partial = memory.allocate(Ctas * Width * 4), sums = memory.allocate(Width * 4);
  Parameters p;
  p.add(upload(memory, x)).add(partial).add(sums).add(upload(memory, std::vector<uint32_t>{0}));
  p.add(int(Rows)).add(int(Width));
  Outcome outcome = launch(*loaded.module->kernel("columns"), memory, {Ctas, 1, 1}, {256, 1, 1}, 0,
                           p.block, GetParam());
  ASSERT_FALSE(outcome.fault) << outcome.fault->text();
  auto result = download<float>(memory, sums, Width);
  for (unsigned c = 0; c < Width; ++c) {
    double sum = 0;
    for (unsigned r = 0; r < Rows; ++r)
      sum += x[r * Width + c];
    ASSERT_NEAR(result[c], sum, 1e-5) << c; // 37 additions of f32, each below 2^-24 of 37
  }
}

TEST_P(KernelTest, TreeInSharedMemory) {
  GlobalMemory memory;
  Loaded loaded = loadInput("columns.ptx", memory);
  std::vector<float> x = noise(192, 11);
  uint64_t sums = memory.allocate(12);
  Parameters p;
  p.add(upload(memory, x)).add(sums);
  Outcome outcome = launch(*loaded.module->kernel("tree"), memory, {3, 1, 1}, {64, 1, 1}, 256,
                           p.block, GetParam());
  ASSERT_FALSE(outcome.fault) << outcome.fault->text();
  auto result = download<float>(memory, sums, 3);
  for (unsigned r = 0; r < 3; ++r) {
    double sum = 0;
    for (unsigned c = 0; c < 64; ++c)
      sum += x[r * 64 + c];
    EXPECT_NEAR(result[r], sum, 1e-5);
  }
  EXPECT_EQ(outcome.counters.asyncCopyBytes, 768u);
}

} // namespace
