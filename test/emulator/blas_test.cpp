// Blas: products of the cuBLASLt look-alike against double, every epilogue, and what it refuses.
// bf16 inputs are exact; D in bf16 differs by at most half a unit, 2^-8 of the value.
#include "emulator/driver/Blas.h"
#include "emulator/driver/Client.h"

#include <cmath>
#include <cstring>

using namespace emulator;

namespace {

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

// A column-major matrix on both sides.
struct Matrix {
  uint64_t rows = 0, columns = 0;
  int type = CUDA_R_16BF;
  std::vector<uint8_t> bytes;
  CUdeviceptr device = 0;
  MatrixLayout *layout = nullptr;
  double at(uint64_t r, uint64_t c) const {
    if (type == CUDA_R_16BF) {
      uint16_t bits;
      std::memcpy(&bits, &bytes[(c * rows + r) * 2], 2);
      return wide(bits);
    }
    float x;
    std::memcpy(&x, &bytes[(c * rows + r) * 4], 4);
    return x;
  }
};

class Blas : public Cuda {
public:
  Blas() : blas(dlopen(EMULATED_BLAS, RTLD_NOW)) {
    ok("cublasLtCreate", &handle);
    ok("cublasLtMatmulDescCreate", &description, int(CUBLAS_COMPUTE_32F), int(CUDA_R_32F));
    ok("cublasLtMatmulPreferenceCreate", &preference);
  }
  ~Blas() {
    for (MatrixLayout *layout : layouts)
      ok("cublasLtMatrixLayoutDestroy", layout);
    ok("cublasLtMatmulPreferenceDestroy", preference);
    ok("cublasLtMatmulDescDestroy", description);
    ok("cublasLtDestroy", handle);
  }
  template <typename... A> cublasStatus_t lt(const char *name, A... arguments) {
    return reinterpret_cast<cublasStatus_t (*)(A...)>(dlsym(blas, name))(arguments...);
  }
  template <typename... A> void ok(const char *name, A... arguments) {
    EXPECT_EQ(lt(name, arguments...), CUBLAS_STATUS_SUCCESS) << name << ": " << sentence();
  }
  std::string sentence() {
    auto f =
        reinterpret_cast<const char *(*)(cublasStatus_t)>(dlsym(blas, "cublasLtGetStatusString"));
    return f(CUBLAS_STATUS_INVALID_VALUE);
  }
  template <typename T> void set(int attribute, T value) {
    ok("cublasLtMatmulDescSetAttribute", description, attribute, static_cast<const void *>(&value),
       sizeof(T));
  }
  Matrix matrix(uint64_t rows, uint64_t columns, int type, uint32_t seed) {
    Matrix x{rows, columns, type, {}, 0, nullptr};
    for (uint64_t k = 0; k < rows * columns; ++k) {
      seed = seed * 1664525 + 1013904223;
      float value = static_cast<float>(static_cast<int32_t>(seed)) * 0x1p-31f;
      uint16_t bits = narrow(value);
      const uint8_t *from = type == CUDA_R_16BF ? reinterpret_cast<uint8_t *>(&bits)
                                                : reinterpret_cast<uint8_t *>(&value);
      x.bytes.insert(x.bytes.end(), from, from + (type == CUDA_R_16BF ? 2 : 4));
    }
    x.device = allocate(x.bytes.size());
    call("cuMemcpyHtoD_v2", x.device, static_cast<const void *>(x.bytes.data()), x.bytes.size());
    ok("cublasLtMatrixLayoutCreate", &x.layout, type, rows, columns, static_cast<int64_t>(rows));
    layouts.push_back(x.layout);
    return x;
  }
  void fetch(Matrix &x) {
    call("cuMemcpyDtoH_v2", static_cast<void *>(x.bytes.data()), x.device, x.bytes.size());
  }
  cublasStatus_t multiply(const Matrix &a, const Matrix &b, const Matrix &d, float beta = 0,
                          const cublasLtMatmulAlgo_t *algo = nullptr, CUdeviceptr workspace = 0,
                          size_t bytes = 0) {
    float alpha = 1;
    auto pointer = [](CUdeviceptr p) { return reinterpret_cast<void *>(p); };
    return lt("cublasLtMatmul", handle, description, static_cast<const void *>(&alpha),
              static_cast<const void *>(pointer(a.device)), a.layout,
              static_cast<const void *>(pointer(b.device)), b.layout,
              static_cast<const void *>(&beta), static_cast<const void *>(pointer(d.device)),
              d.layout, pointer(d.device), d.layout, algo, pointer(workspace), bytes,
              static_cast<CUstream>(nullptr));
  }

  void *blas;
  void *handle = nullptr;
  MatmulDescription *description = nullptr;
  MatmulPreference *preference = nullptr;
  std::vector<MatrixLayout *> layouts;
};

double sum(const Matrix &a, bool ta, const Matrix &b, bool tb, uint64_t i, uint64_t j) {
  double s = 0;
  for (uint64_t l = 0; l < (ta ? a.rows : a.columns); ++l)
    s += (ta ? a.at(l, i) : a.at(i, l)) * (tb ? b.at(j, l) : b.at(l, j));
  return s;
}
double gelu(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

constexpr double Half = 0x1.04p-8, Least = 1e-5; // of bf16, and of f32 sums of 40 products

// Y = X W^T as column-major: W transposed, X as it is.
TEST(Blas, EveryTransposition) {
  isolated([] {
    for (int ta : {0, 1})
      for (int tb : {0, 1}) {
        Blas blas;
        constexpr uint64_t M = 24, N = 16, K = 40;
        Matrix a = blas.matrix(ta ? K : M, ta ? M : K, CUDA_R_16BF, 1);
        Matrix b = blas.matrix(tb ? N : K, tb ? K : N, CUDA_R_16BF, 2);
        Matrix d = blas.matrix(M, N, CUDA_R_16BF, 3);
        blas.set(CUBLASLT_MATMUL_DESC_TRANSA, ta);
        blas.set(CUBLASLT_MATMUL_DESC_TRANSB, tb);
        EXPECT_EQ(blas.multiply(a, b, d), CUBLAS_STATUS_SUCCESS) << blas.sentence();
        blas.fetch(d);
        for (uint64_t i = 0; i < M; ++i)
          for (uint64_t j = 0; j < N; ++j) {
            double expected = sum(a, ta, b, tb, i, j);
            EXPECT_NEAR(d.at(i, j), expected, std::fabs(expected) * Half + Least);
          }
      }
  });
}

// Gradients accumulate into f32 with beta 1.
TEST(Blas, AccumulatesIntoFloat) {
  isolated([] {
    Blas blas;
    Matrix a = blas.matrix(16, 40, CUDA_R_16BF, 1), b = blas.matrix(8, 40, CUDA_R_16BF, 2);
    Matrix d = blas.matrix(16, 8, CUDA_R_32F, 3), before = d;
    blas.set(CUBLASLT_MATMUL_DESC_TRANSB, 1);
    EXPECT_EQ(blas.multiply(a, b, d, 1), CUBLAS_STATUS_SUCCESS) << blas.sentence();
    blas.fetch(d);
    for (uint64_t i = 0; i < 16; ++i)
      for (uint64_t j = 0; j < 8; ++j)
        EXPECT_NEAR(d.at(i, j), before.at(i, j) + sum(a, false, b, true, i, j), Least);
  });
}

TEST(Blas, BiasAndGelu) {
  isolated([] {
    Blas blas;
    constexpr uint64_t M = 16, N = 8;
    Matrix a = blas.matrix(M, 40, CUDA_R_16BF, 1), b = blas.matrix(40, N, CUDA_R_16BF, 2);
    Matrix d = blas.matrix(M, N, CUDA_R_16BF, 3), aux = blas.matrix(M, N, CUDA_R_16BF, 4);
    Matrix bias = blas.matrix(M, 1, CUDA_R_16BF, 5);
    blas.set(CUBLASLT_MATMUL_DESC_EPILOGUE, int(CUBLASLT_EPILOGUE_GELU_AUX_BIAS));
    blas.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias.device);
    blas.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, aux.device);
    blas.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, int64_t(M));
    EXPECT_EQ(blas.multiply(a, b, d), CUBLAS_STATUS_SUCCESS) << blas.sentence();
    blas.fetch(d);
    blas.fetch(aux);
    for (uint64_t i = 0; i < M; ++i)
      for (uint64_t j = 0; j < N; ++j) {
        double pre = sum(a, false, b, false, i, j) + bias.at(i, 0);
        EXPECT_NEAR(aux.at(i, j), pre, std::fabs(pre) * Half + Least);
        EXPECT_NEAR(d.at(i, j), gelu(pre), std::fabs(gelu(pre)) * Half + Least);
      }
  });
}

TEST(Blas, GradientEpilogues) {
  isolated([] {
    Blas blas;
    constexpr uint64_t M = 16, N = 8;
    Matrix a = blas.matrix(M, 40, CUDA_R_16BF, 1), b = blas.matrix(40, N, CUDA_R_16BF, 2);
    Matrix d = blas.matrix(M, N, CUDA_R_16BF, 3), aux = blas.matrix(M, N, CUDA_R_16BF, 4);
    Matrix rows = blas.matrix(M, 1, CUDA_R_16BF, 5), columns = blas.matrix(N, 1, CUDA_R_16BF, 5);
    blas.set(CUBLASLT_MATMUL_DESC_EPILOGUE, int(CUBLASLT_EPILOGUE_DGELU_BGRAD));
    blas.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, rows.device);
    blas.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, aux.device);
    blas.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, int64_t(M));
    EXPECT_EQ(blas.multiply(a, b, d), CUBLAS_STATUS_SUCCESS) << blas.sentence();
    blas.set(CUBLASLT_MATMUL_DESC_EPILOGUE, int(CUBLASLT_EPILOGUE_BGRADB));
    blas.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, columns.device);
    Matrix plain = blas.matrix(M, N, CUDA_R_16BF, 3);
    EXPECT_EQ(blas.multiply(a, b, plain), CUBLAS_STATUS_SUCCESS) << blas.sentence();
    for (Matrix *x : {&d, &rows, &columns})
      blas.fetch(*x);
    for (uint64_t i = 0; i < M; ++i) {
      double total = 0;
      for (uint64_t j = 0; j < N; ++j) {
        double x = aux.at(i, j), h = 1e-5; // the slope by central differences
        double expected = sum(a, false, b, false, i, j) * (gelu(x + h) - gelu(x - h)) / (2 * h);
        EXPECT_NEAR(d.at(i, j), expected, std::fabs(expected) * Half + Least);
        total += expected;
      }
      EXPECT_NEAR(rows.at(i, 0), total, std::fabs(total) * Half + 2 * Least);
    }
    for (uint64_t j = 0; j < N; ++j) {
      double total = 0;
      for (uint64_t l = 0; l < 40; ++l)
        total += b.at(l, j);
      EXPECT_NEAR(columns.at(j, 0), total, std::fabs(total) * Half + Least);
    }
  });
}

// Several algorithms, limited by the workspace; their sums differ in the last bits only.
TEST(Blas, Heuristic) {
  isolated([] {
    Blas blas;
    Matrix a = blas.matrix(64, 400, CUDA_R_16BF, 1), b = blas.matrix(400, 32, CUDA_R_16BF, 2);
    Matrix d = blas.matrix(64, 32, CUDA_R_32F, 3);
    cublasLtMatmulHeuristicResult_t results[8];
    int found = 0;
    auto ask = [&](uint64_t workspace) {
      blas.ok("cublasLtMatmulPreferenceSetAttribute", blas.preference, 1,
              static_cast<const void *>(&workspace), sizeof workspace);
      blas.ok("cublasLtMatmulAlgoGetHeuristic", blas.handle, blas.description, a.layout, b.layout,
              d.layout, d.layout, blas.preference, 8,
              static_cast<cublasLtMatmulHeuristicResult_t *>(results), &found);
      return found;
    };
    EXPECT_EQ(ask(0), 1);
    EXPECT_EQ(ask(1 << 20), 3);
    CUdeviceptr workspace = blas.allocate(1 << 20);
    std::vector<Matrix> answers;
    for (int k = 0; k < found; ++k) {
      EXPECT_EQ(blas.multiply(a, b, d, 0, &results[k].algo, workspace, 1 << 20),
                CUBLAS_STATUS_SUCCESS);
      blas.fetch(d);
      answers.push_back(d);
    }
    EXPECT_NE(answers[0].bytes, answers[1].bytes);
    EXPECT_NEAR(answers[0].at(5, 5), answers[1].at(5, 5), 1e-4);
    EXPECT_EQ(blas.multiply(a, b, d, 0, &results[1].algo), CUBLAS_STATUS_INVALID_VALUE);
    EXPECT_NE(blas.sentence().find("the algorithm needs 16384 bytes of workspace, the call has 0"),
              std::string::npos);
  });
}

TEST(Blas, Refusals) {
  isolated([] {
    Blas blas;
    Matrix a = blas.matrix(16, 40, CUDA_R_16BF, 1), b = blas.matrix(40, 8, CUDA_R_16BF, 2);
    Matrix d = blas.matrix(16, 8, CUDA_R_16BF, 3);
    auto refused = [&](Matrix x, Matrix y, Matrix z, const std::string &words) {
      EXPECT_NE(blas.multiply(x, y, z), CUBLAS_STATUS_SUCCESS);
      EXPECT_NE(blas.sentence().find(words), std::string::npos) << blas.sentence();
    };
    refused(b, a, d, "op(A) is 40x8, op(B) 16x40, D 16x8");
    Matrix shifted = a;
    shifted.device += 1;
    refused(shifted, b, d, "A is not aligned to 2 bytes");
    shifted.device += 15;
    refused(shifted, b, d, "A: address 0x");
    Matrix same = d;
    same.device = a.device;
    refused(a, b, same, "D lies on an operand");
    same.device = b.device + 16;
    refused(a, b, same, "D overlaps B");
    blas.set(CUBLASLT_MATMUL_DESC_EPILOGUE, 136);
    refused(a, b, d, "there is no product of bf16 to bf16 with epilogue 136, transposed 00");
    blas.set(CUBLASLT_MATMUL_DESC_EPILOGUE, int(CUBLASLT_EPILOGUE_DGELU));
    refused(a, b, blas.matrix(16, 8, CUDA_R_32F, 3),
            "there is no product of bf16 to f32 with epilogue 192, transposed 00");
    blas.set(CUBLASLT_MATMUL_DESC_EPILOGUE, int(CUBLASLT_EPILOGUE_BGRADB));
    blas.set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, int(CUDA_R_32F));
    refused(a, b, d, "bias and auxiliary matrix are of D's type here");
  });
}

// An algorithm is for operands as aligned as its preference said: 256 bytes when it said nothing.
TEST(Blas, AlgorithmsCountOnAlignment) {
  isolated([] {
    Blas blas;
    Matrix a = blas.matrix(16, 40, CUDA_R_16BF, 1), b = blas.matrix(40, 8, CUDA_R_16BF, 2);
    Matrix d = blas.matrix(16, 8, CUDA_R_16BF, 3), narrow = blas.matrix(16, 20, CUDA_R_16BF, 1);
    Matrix rest = blas.matrix(20, 8, CUDA_R_16BF, 2);
    narrow.device = a.device + 32;
    auto multiplied = [&] {
      cublasLtMatmulHeuristicResult_t result;
      int found = 0;
      blas.ok("cublasLtMatmulAlgoGetHeuristic", blas.handle, blas.description, narrow.layout,
              rest.layout, d.layout, d.layout, blas.preference, 1,
              static_cast<cublasLtMatmulHeuristicResult_t *>(&result), &found);
      return blas.multiply(narrow, rest, d, 0, &result.algo);
    };
    EXPECT_EQ(multiplied(), CUBLAS_STATUS_INVALID_VALUE);
    EXPECT_NE(blas.sentence().find("chosen for a matrix A aligned to 256 bytes"), std::string::npos)
        << blas.sentence();
    uint32_t bytes = 32;
    blas.ok("cublasLtMatmulPreferenceSetAttribute", blas.preference,
            int(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES), static_cast<const void *>(&bytes),
            sizeof bytes);
    EXPECT_EQ(multiplied(), CUBLAS_STATUS_SUCCESS) << blas.sentence();
  });
}

// Bytes that nothing wrote are no input: the launch fails as a kernel's would.
TEST(Blas, UnwrittenOperands) {
  isolated([] {
    Blas blas;
    Matrix a = blas.matrix(16, 40, CUDA_R_16BF, 1), b = blas.matrix(40, 8, CUDA_R_16BF, 2);
    Matrix d = blas.matrix(16, 8, CUDA_R_16BF, 3);
    a.device = blas.allocate(a.bytes.size());
    blas.multiply(a, b, d);
    EXPECT_EQ(blas.ask("cuCtxSynchronize"), CUDA_ERROR_LAUNCH_FAILED);
    EXPECT_NE(blas.words(CUDA_ERROR_LAUNCH_FAILED).find("matmul: A holds bytes that nothing wrote"),
              std::string::npos);
  });
}

} // namespace
