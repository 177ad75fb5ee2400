// The product against a triple loop in double, for every kernel set of this machine.
// Shapes straddle the tile, panel, task and slice borders of Gemm.cpp.
#include "Fill.h"
#include "device/cpu/Cpu.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

using namespace lnx;

namespace {

struct Shape {
  int64_t m, n, k;
};

struct Product {
  Shape shape;
  bool transposeA, transposeB, accumulate;
  int64_t lda, ldb, ldc;
  std::vector<float> a, b, c;

  Product(Shape shape, int flags, int64_t pad)
      : shape(shape), transposeA(flags & 1), transposeB(flags & 2), accumulate(flags & 4),
        lda((transposeA ? shape.m : shape.k) + pad), ldb((transposeB ? shape.k : shape.n) + pad),
        ldc(shape.n + pad) {
    a = randomFloats(lda * (transposeA ? shape.k : shape.m), 1);
    b = randomFloats(ldb * (transposeB ? shape.n : shape.k), 2);
    c = randomFloats(ldc * shape.m, 3);
  }

  std::vector<float> run(const Cpu &cpu) const {
    std::vector<float> result = c;
    const lnx_runtime &calls = cpu.calls();
    calls.gemm(calls.context, transposeA, transposeB, shape.m, shape.n, shape.k, a.data(), lda,
               b.data(), ldb, accumulate, result.data(), ldc);
    return result;
  }

  double exact(int64_t i, int64_t j) const {
    double total = accumulate ? c[static_cast<size_t>(i * ldc + j)] : 0;
    for (int64_t p = 0; p < shape.k; ++p)
      total += double(a[static_cast<size_t>(transposeA ? p * lda + i : i * lda + p)]) *
               b[static_cast<size_t>(transposeB ? j * ldb + p : p * ldb + j)];
    return total;
  }

  void check(const std::vector<float> &result) const {
    // Partial sums walk to about sqrt(k)/3 and are rounded k times: a deviation of 1.4e-8 k.
    const double tolerance = 1e-6 + 6e-8 * double(shape.k);
    for (int64_t i = 0; i < shape.m; ++i)
      for (int64_t j = 0; j < ldc; ++j) {
        const float got = result[static_cast<size_t>(i * ldc + j)];
        if (j >= shape.n)
          ASSERT_EQ(got, c[static_cast<size_t>(i * ldc + j)]) << "wrote beyond the row";
        else
          ASSERT_NEAR(got, exact(i, j), tolerance)
              << shape.m << 'x' << shape.n << 'x' << shape.k << " at " << i << ',' << j
              << (transposeA ? " TA" : "") << (transposeB ? " TB" : "");
      }
  }
};

class GemmTest : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    if (!findMicroKernel(GetParam()))
      GTEST_SKIP() << "this machine has no " << GetParam();
  }
};

// Every transpose combination, with and without accumulation, at sizes around every border.
TEST_P(GemmTest, EqualsTheTripleLoop) {
  auto cpu = Cpu::create(2, GetParam());
  ASSERT_TRUE(cpu);
  const Shape shapes[] = {{1, 1, 1},      {1, 100, 7},   {2, 33, 129}, {3, 5, 300},
                          {12, 32, 256},  {13, 33, 257}, {16, 48, 64}, {17, 31, 5},
                          {17, 1, 1},     {24, 65, 512}, {64, 64, 0},  {100, 97, 513},
                          {265, 50, 260}, {37, 200, 19}};
  for (const Shape &shape : shapes)
    for (int flags = 0; flags < 8; ++flags)
      for (int64_t pad : {0, 3}) {
        Product product(shape, flags, pad);
        product.check(product.run(**cpu));
        if (HasFatalFailure())
          return;
      }
}

// Depths and heights beyond the packed slice: several slices add up in order.
TEST_P(GemmTest, CrossesSlices) {
  auto cpu = Cpu::create(2, GetParam());
  ASSERT_TRUE(cpu);
  for (const Shape &shape : {Shape{1100, 9, 2100}, Shape{2, 9, 140000}, Shape{18, 7, 140000}})
    for (int flags = 0; flags < 8; ++flags) {
      Product product(shape, flags, 0);
      product.check(product.run(**cpu));
      if (HasFatalFailure())
        return;
    }
}

// The same bits for 1, 2 and 3 threads.
TEST_P(GemmTest, BitsDoNotDependOnThreads) {
  for (const Shape &shape : {Shape{5, 700, 300}, Shape{300, 170, 700}, Shape{70, 1000, 90}})
    for (int flags = 0; flags < 8; ++flags) {
      Product product(shape, flags, 1);
      auto one = product.run(**Cpu::create(1, GetParam()));
      for (int threads : {2, 3}) {
        auto more = product.run(**Cpu::create(threads, GetParam()));
        ASSERT_EQ(0, std::memcmp(one.data(), more.data(), one.size() * sizeof(float))) << threads;
      }
    }
}

// A non-finite input reaches the output: padding must not hide it and must not make one.
TEST_P(GemmTest, KeepsNonFiniteNumbers) {
  auto cpu = Cpu::create(1, GetParam());
  ASSERT_TRUE(cpu);
  Product product({19, 21, 23}, 0, 0);
  product.a[3 * 23 + 5] = std::numeric_limits<float>::infinity();
  auto result = product.run(**cpu);
  for (int64_t i = 0; i < 19; ++i)
    for (int64_t j = 0; j < 21; ++j)
      ASSERT_EQ(std::isfinite(result[static_cast<size_t>(i * 21 + j)]), i != 3);
}

INSTANTIATE_TEST_SUITE_P(Kernels, GemmTest, testing::Values("avx512", "avx2", "portable"),
                         [](const auto &info) { return std::string(info.param); });

} // namespace
