// The CUDA device against the look-alikes of driver and cuBLASLt: products in the program's words.
// Sums of exact products in f32 are off by k times 2^-24 of the sum of sizes; bf16 results by 2^-8.
#include "Emulated.h"
#include "Fill.h"
#include "device/cuda/Cuda.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <gtest/gtest.h>

using namespace lnx;
using namespace lnx::cuda;

namespace {

constexpr const char *emptyModule = ".version 8.3\n.target sm_90a\n.address_size 64\n";

/// What the test lets run as an entry of a program.
std::function<void(const lnx_call &)> work;
void runWork(const lnx_call *call) { work(*call); }

/// Numbers of either type on both sides, as the device has them.
struct Matrix {
  int64_t rows, columns, ld, type;
  std::vector<double> values; ///< [rows x ld]
  void *device = nullptr;

  double &at(int64_t row, int64_t column) { return values[static_cast<size_t>(row * ld + column)]; }
};

uint16_t narrow(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
float wide(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

class CudaProducts : public testing::Test {
protected:
  void SetUp() override {
    program.device_code = emptyModule;
    Result<std::unique_ptr<Cuda>> made = Cuda::create(program);
    ASSERT_TRUE(made) << made.error().message;
    cuda = std::move(*made);
  }
  Matrix matrix(int64_t rows, int64_t columns, int64_t ld, int64_t type, uint32_t seed);
  void fetch(Matrix &matrix);
  void compare(int64_t type, int64_t typeC, int64_t epilogue, int64_t flags);
  std::optional<Error> run(std::function<void(const lnx_call &)> body) {
    work = std::move(body);
    lnx_call call{};
    call.runtime = &cuda->calls();
    call.time = ++times; // each is a call of its own
    return cuda->run(runWork, call);
  }

  lnx_program program{};
  std::unique_ptr<Cuda> cuda;
  int64_t times = 0;
};

Matrix CudaProducts::matrix(int64_t rows, int64_t columns, int64_t ld, int64_t type,
                            uint32_t seed) {
  Matrix made{rows, columns, ld, type, {}};
  std::vector<float> drawn = randomFloats(rows * ld, seed);
  std::vector<uint16_t> bits;
  for (float value : drawn) {
    bits.push_back(narrow(value));
    made.values.push_back(static_cast<double>(type == LNX_TYPE_BF16 ? wide(bits.back()) : value));
  }
  const size_t bytes = drawn.size() * (type == LNX_TYPE_BF16 ? 2 : 4);
  made.device = *cuda->reserve(bytes, "a matrix", Content::anything);
  EXPECT_FALSE(cuda->upload(made.device,
                            type == LNX_TYPE_BF16 ? static_cast<const void *>(bits.data())
                                                  : static_cast<const void *>(drawn.data()),
                            bytes));
  return made;
}

void CudaProducts::fetch(Matrix &matrix) {
  if (matrix.type == LNX_TYPE_BF16) {
    std::vector<uint16_t> bits(matrix.values.size());
    EXPECT_FALSE(cuda->download(bits.data(), matrix.device, bits.size() * 2));
    for (size_t i = 0; i < bits.size(); ++i)
      matrix.values[i] = static_cast<double>(wide(bits[i]));
  } else {
    std::vector<float> floats(matrix.values.size());
    EXPECT_FALSE(cuda->download(floats.data(), matrix.device, floats.size() * 4));
    matrix.values.assign(floats.begin(), floats.end());
  }
}

double gelu(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}
double slope(double x) {
  const double h = 1e-5; // central differences
  return (gelu(x + h) - gelu(x - h)) / (2 * h);
}

/// What abi.h promises, in double: fills c, aux and bias in place of the device.
void expect(bool ta, bool tb, Matrix &a, Matrix &b, bool accumulate, int64_t epilogue, Matrix &c,
            Matrix &bias, Matrix &aux) {
  const int64_t k = ta ? a.rows : a.columns;
  auto left = [&](int64_t i, int64_t l) { return ta ? a.at(l, i) : a.at(i, l); };
  auto right = [&](int64_t l, int64_t j) { return tb ? b.at(j, l) : b.at(l, j); };
  const bool sumsRows = epilogue == LNX_EPILOGUE_GELU_GRAD_SUM;
  if (sumsRows)
    std::fill_n(bias.values.begin(), c.columns, 0);
  for (int64_t i = 0; i < c.rows; ++i)
    for (int64_t j = 0; j < c.columns; ++j) {
      double p = accumulate ? c.at(i, j) : 0;
      for (int64_t l = 0; l < k; ++l)
        p += left(i, l) * right(l, j);
      if (epilogue == LNX_EPILOGUE_BIAS || epilogue == LNX_EPILOGUE_BIAS_GELU ||
          epilogue == LNX_EPILOGUE_BIAS_GELU_AUX)
        p += bias.at(0, j);
      if (epilogue == LNX_EPILOGUE_GELU_AUX || epilogue == LNX_EPILOGUE_BIAS_GELU_AUX)
        aux.at(i, j) = p;
      if (epilogue >= LNX_EPILOGUE_GELU && epilogue <= LNX_EPILOGUE_BIAS_GELU_AUX)
        p = gelu(p);
      if (epilogue == LNX_EPILOGUE_GELU_GRAD || sumsRows)
        p *= slope(aux.at(i, j));
      if (sumsRows)
        bias.at(0, j) += p;
      c.at(i, j) = p;
    }
  for (int64_t i = 0; epilogue == LNX_EPILOGUE_SUM_A && i < c.rows; ++i) {
    bias.at(0, i) = 0;
    for (int64_t l = 0; l < k; ++l)
      bias.at(0, i) += left(i, l);
  }
  for (int64_t j = 0; epilogue == LNX_EPILOGUE_SUM_B && j < c.columns; ++j) {
    bias.at(0, j) = 0;
    for (int64_t l = 0; l < k; ++l)
      bias.at(0, j) += right(l, j);
  }
}

void near(const Matrix &found, const Matrix &expected, const char *name) {
  // bf16: half a unit of the last place; aux is rounded before its slope is taken.
  const double share = found.type == LNX_TYPE_BF16 ? 0x1.1p-8 : 0x1p-20;
  for (size_t i = 0; i < found.values.size(); ++i)
    ASSERT_NEAR(found.values[i], expected.values[i], std::abs(expected.values[i]) * share + 2e-5)
        << name << " " << i;
}

void CudaProducts::compare(int64_t type, int64_t typeC, int64_t epilogue, int64_t flags) {
  const bool ta = flags & 1, tb = flags & 2, accumulate = flags & 4;
  const int64_t m = 24, n = 10, k = 40, pad = 6;
  const int64_t aColumns = ta ? m : k, bColumns = tb ? k : n;
  Matrix a = matrix(ta ? k : m, aColumns, aColumns + pad, type, 1);
  Matrix b = matrix(tb ? n : k, bColumns, bColumns + pad, type, 2);
  Matrix c = matrix(m, n, n + pad, typeC, 3), aux = matrix(m, n, 16, typeC, 4);
  Matrix bias = matrix(1, 24, 24, typeC, 5);
  Matrix wantedC = c, wantedBias = bias, wantedAux = aux;
  const bool hasAux = epilogue >= LNX_EPILOGUE_GELU_AUX && epilogue <= LNX_EPILOGUE_GELU_GRAD_SUM;
  const bool hasBias = epilogue != LNX_EPILOGUE_NONE && epilogue != LNX_EPILOGUE_GELU &&
                       epilogue != LNX_EPILOGUE_GELU_AUX && epilogue != LNX_EPILOGUE_GELU_GRAD;
  std::optional<Error> error = run([&](const lnx_call &call) {
    call.runtime->matmul(call.runtime->context, ta, tb, m, n, k, type, a.device, a.ld, b.device,
                         b.ld, accumulate, typeC, c.device, c.ld, epilogue,
                         hasBias ? bias.device : nullptr, hasAux ? aux.device : nullptr,
                         hasAux ? aux.ld : 0);
  });
  ASSERT_FALSE(error) << error->message;
  expect(ta, tb, a, b, accumulate, epilogue, wantedC, wantedBias, wantedAux);
  for (Matrix *changed : {&c, &bias, &aux})
    fetch(*changed);
  near(c, wantedC, "C");
  near(bias, wantedBias, "bias");
  near(aux, wantedAux, "aux");
}

} // namespace

// Every row of the table in every layout, onto zero and onto what C holds.
TEST_F(CudaProducts, AgreeWithDouble) {
#define LNX_PRODUCT(type, typeC, epilogue, layouts)                                                \
  for (int64_t flags = 0; flags < 8; ++flags)                                                      \
    if (layouts >> (flags & 3) & 1) {                                                              \
      SCOPED_TRACE(#type " to " #typeC ", " #epilogue ", flags " + std::to_string(flags));         \
      compare(type, typeC, epilogue, flags);                                                       \
    }
#include "lnx/matmul.def"
#undef LNX_PRODUCT
}

// The table says what the library has: the look-alike here, the real one where there is a GPU.
TEST_F(CudaProducts, AreThoseOfTheTable) {
  auto isListed = [](int64_t a, int64_t c, int64_t wanted, int64_t layout) {
#define LNX_PRODUCT(type, typeC, epilogue, layouts)                                                \
  if (type == a && typeC == c && epilogue == wanted)                                               \
    return (layouts >> layout & 1) != 0;
#include "lnx/matmul.def"
#undef LNX_PRODUCT
    return false;
  };
  for (int64_t type : {LNX_TYPE_F32, LNX_TYPE_BF16})
    for (int64_t typeC : {LNX_TYPE_F32, LNX_TYPE_BF16})
      for (int64_t epilogue = 0; epilogue < LNX_EPILOGUE_COUNT; ++epilogue)
        for (int64_t layout = 0; layout < 4; ++layout)
          EXPECT_EQ(cuda->products().offers({(layout & 1) != 0,
                                             (layout & 2) != 0,
                                             256,
                                             256,
                                             256,
                                             type,
                                             256,
                                             256,
                                             /*accumulate=*/false,
                                             typeC,
                                             256,
                                             epilogue,
                                             256,
                                             {256, 256, 256}}),
                    isListed(type, typeC, epilogue, layout))
              << "type " << type << " to " << typeC << ", epilogue " << epilogue << ", layout "
              << layout;
}

// Operands may start at any multiple of 16 bytes; the algorithm is chosen for where they are.
TEST_F(CudaProducts, OperandsStartAnywhere) {
  Matrix a = matrix(16, 48, 48, LNX_TYPE_BF16, 1), b = matrix(32, 16, 24, LNX_TYPE_BF16, 2);
  Matrix c = matrix(16, 16, 48, LNX_TYPE_F32, 3), wanted = c;
  auto multiply = [&](int64_t column) {
    std::optional<Error> error = run([&](const lnx_call &call) {
      call.runtime->matmul(call.runtime->context, 0, 0, 16, 16, 32, LNX_TYPE_BF16,
                           static_cast<uint16_t *>(a.device) + column, a.ld, b.device, b.ld, 0,
                           LNX_TYPE_F32, static_cast<float *>(c.device) + column, c.ld,
                           LNX_EPILOGUE_NONE, nullptr, nullptr, 0);
    });
    ASSERT_FALSE(error) << error->message;
    for (int64_t i = 0; i < 16; ++i)
      for (int64_t j = 0; j < 16; ++j) {
        double &p = wanted.at(i, j + column);
        p = 0;
        for (int64_t l = 0; l < 32; ++l)
          p += a.at(i, l + column) * b.at(l, j);
      }
    fetch(c);
    near(c, wanted, "C");
  };
  for (int64_t column : {0, 8, 16})
    multiply(column);
  EXPECT_EQ(cuda->products().choices().size(), 3u);
}

// What the table lacks is refused with the product's own words.
TEST_F(CudaProducts, RefusesWhatIsNotOffered) {
  Matrix a = matrix(16, 16, 16, LNX_TYPE_BF16, 1), c = matrix(16, 16, 16, LNX_TYPE_F32, 2);
  std::optional<Error> error = run([&](const lnx_call &call) {
    call.runtime->matmul(call.runtime->context, 0, 1, 16, 16, 16, LNX_TYPE_BF16, a.device, 16,
                         a.device, 16, 0, LNX_TYPE_F32, c.device, 16, LNX_EPILOGUE_GELU, nullptr,
                         nullptr, 0);
  });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->exit, Exit::device);
  EXPECT_TRUE(error->message.starts_with(
      "cuda: cuBLASLt cannot compute a product of bf16 to f32 with gelu, 16 x 16 x 16 (m x n x k), "
      "B transposed: CUBLAS_STATUS_NOT_SUPPORTED"))
      << error->message;
}

// A product is timed once; what was fastest is kept, can be read out, and decides the bits.
TEST_F(CudaProducts, AreTimedOnce) {
  const int64_t m = 8, n = 8, k = 400;
  Matrix a = matrix(m, k, k, LNX_TYPE_F32, 1), b = matrix(k, n, n, LNX_TYPE_F32, 2);
  Matrix c = matrix(m, n, n, LNX_TYPE_F32, 3);
  auto multiply = [&](bool accumulate) {
    std::optional<Error> error = run([&](const lnx_call &call) {
      call.runtime->matmul(call.runtime->context, 0, 0, m, n, k, LNX_TYPE_F32, a.device, k,
                           b.device, n, accumulate, LNX_TYPE_F32, c.device, n, LNX_EPILOGUE_NONE,
                           nullptr, nullptr, 0);
    });
    EXPECT_FALSE(error) << error->message;
    fetch(c);
    return c.values;
  };
  setFastestSplits(4);
  const uint64_t before = emulatedCalls("cublasLtMatmul");
  const std::vector<double> first = multiply(false);
  EXPECT_EQ(emulatedCalls("cublasLtMatmul") - before, 3 * 2 + 1u); // loaded, timed; then the call
  EXPECT_EQ(multiply(false), first);
  EXPECT_EQ(emulatedCalls("cublasLtMatmul") - before, 3 * 2 + 2u);
  const std::vector<Choice> chosen = cuda->products().choices();
  ASSERT_EQ(chosen.size(), 1u);
  EXPECT_EQ(chosen[0].algorithm[1], 4u);

  // Timing leaves alone what the product adds to.
  setFastestSplits(2);
  const uint64_t reserved = emulatedCalls("cuMemAlloc");
  const std::vector<double> twice = multiply(true);
  EXPECT_EQ(emulatedCalls("cuMemAlloc") - reserved, 1u);
  for (size_t i = 0; i < twice.size(); ++i)
    EXPECT_NEAR(twice[i], 2 * first[i], 1e-4);

  // A session that recalls it gives the same bits and times nothing, whatever is fastest now.
  setFastestSplits(1);
  cuda = std::move(*Cuda::create(program));
  a = matrix(m, k, k, LNX_TYPE_F32, 1), b = matrix(k, n, n, LNX_TYPE_F32, 2);
  c = matrix(m, n, n, LNX_TYPE_F32, 3);
  cuda->products().recall(chosen);
  const uint64_t again = emulatedCalls("cublasLtMatmul");
  EXPECT_EQ(multiply(false), first);
  EXPECT_EQ(emulatedCalls("cublasLtMatmul") - again, 1u);
  cuda = std::move(*Cuda::create(program));
  a = matrix(m, k, k, LNX_TYPE_F32, 1), b = matrix(k, n, n, LNX_TYPE_F32, 2);
  c = matrix(m, n, n, LNX_TYPE_F32, 3);
  EXPECT_NE(multiply(false), first);
}

// A call runs by itself, is recorded, and is launched from then on; a call of another shape is
// another.
TEST_F(CudaProducts, CallsBecomeGraphs) {
  Matrix a = matrix(16, 16, 16, LNX_TYPE_F32, 1), c = matrix(16, 16, 16, LNX_TYPE_F32, 2);
  work = [&](const lnx_call &call) {
    ++times;
    for (int i = 0; i < 3; ++i)
      call.runtime->gemm(call.runtime->context, 0, 0, call.time, 16, 16,
                         static_cast<float *>(a.device), 16, static_cast<float *>(a.device), 16, 1,
                         static_cast<float *>(c.device), 16);
  };
  lnx_call call{};
  call.runtime = &cuda->calls();
  call.time = 16;
  Matrix wanted = c;
  for (int round = 1; round <= 5; ++round) {
    const uint64_t launched = emulatedCalls("cuGraphLaunch"),
                   products = emulatedCalls("cublasLtMatmul");
    EXPECT_FALSE(cuda->run(runWork, call));
    fetch(c);
    for (int64_t i = 0; i < 16; ++i)
      for (int64_t j = 0; j < 16; ++j)
        for (int64_t l = 0; l < 16; ++l)
          wanted.at(i, j) += 3 * a.at(i, l) * a.at(l, j);
    EXPECT_EQ(emulatedCalls("cuGraphLaunch") - launched, round > 1 ? 1u : 0u);
    EXPECT_EQ(emulatedCalls("cublasLtMatmul") - products, round == 1 ? 9u : round == 2 ? 3u : 0u);
    EXPECT_EQ(times, std::min(round, 2));
    near(c, wanted, "C");
  }
  call.time = 8;
  EXPECT_FALSE(cuda->run(runWork, call));
  EXPECT_EQ(times, 3);
}

// State starts as zeros. Scratch is what nobody has written: a program that counted on its zeros
// would read them in no test.
TEST_F(CudaProducts, OnlyStateIsCleared) {
  constexpr size_t bytes = 256;
  std::vector<unsigned char> got(bytes);
  const auto reserved = [&](Content content) {
    Result<void *> place = cuda->reserve(bytes, "a test", content);
    EXPECT_TRUE(place);
    EXPECT_FALSE(cuda->download(got.data(), *place, bytes));
    return got;
  };
  EXPECT_EQ(reserved(Content::zeros), std::vector<unsigned char>(bytes, 0));
  constexpr unsigned char unwritten = 0xcd; // as the emulator says
  EXPECT_EQ(reserved(Content::anything), std::vector<unsigned char>(bytes, unwritten));
}

// A library without the epilogues of vectors gives the same numbers by products with ones; a
// process of its own, because the look-alike goes on refusing.
TEST_F(CudaProducts, VectorsNeedNoEpilogue) {
  EXPECT_EXIT(
      {
        for (int epilogue : {4, 256, 512})
          refuseEpilogue(epilogue);
        for (int64_t epilogue : {LNX_EPILOGUE_BIAS, LNX_EPILOGUE_SUM_A, LNX_EPILOGUE_SUM_B})
          for (int64_t flags = 0; flags < 8; ++flags) {
            compare(LNX_TYPE_F32, LNX_TYPE_F32, epilogue, flags);
            compare(LNX_TYPE_BF16, LNX_TYPE_F32, epilogue, flags);
            if (epilogue != LNX_EPILOGUE_BIAS || flags < 4)
              compare(LNX_TYPE_BF16, LNX_TYPE_BF16, epilogue, flags);
          }
        refuseEpilogue(32);
        std::optional<Error> error = run([&](const lnx_call &call) {
          Matrix a = matrix(16, 16, 16, LNX_TYPE_BF16, 1), c = matrix(16, 16, 16, LNX_TYPE_BF16, 2);
          call.runtime->matmul(call.runtime->context, 0, 0, 16, 16, 16, LNX_TYPE_BF16, a.device, 16,
                               a.device, 16, 0, LNX_TYPE_BF16, c.device, 16, LNX_EPILOGUE_GELU,
                               nullptr, nullptr, 0);
        });
        EXPECT_TRUE(error);
        std::exit(testing::Test::HasFailure());
      },
      testing::ExitedWithCode(0), "");
}
