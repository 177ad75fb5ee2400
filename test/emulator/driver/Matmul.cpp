// Matmul: packs the operands as f32, multiplies, applies the epilogue in f32, rounds once.
// The tensor cores' order of summation is not this one: compare with a tolerance.
#include "emulator/driver/Matmul.h"

#include "lnx/abi.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

using namespace emulator;

namespace {

uint64_t widthOf(int type) { return type == CUDA_R_16BF ? 2 : 4; }

float load(const uint8_t *at, int type) {
  if (type == CUDA_R_16BF) {
    uint16_t bits;
    std::memcpy(&bits, at, 2);
    return std::bit_cast<float>(uint32_t(bits) << 16);
  }
  float value;
  std::memcpy(&value, at, 4);
  return value;
}
void store(uint8_t *at, int type, float value) {
  if (type == CUDA_R_16BF) {
    uint32_t bits = std::bit_cast<uint32_t>(value);
    uint16_t narrow =
        value != value ? 0x7fff : static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    std::memcpy(at, &narrow, 2);
  } else {
    std::memcpy(at, &value, 4);
  }
}

// A column-major matrix in device memory.
struct View {
  Allocation *owner;
  uint64_t address;
  int type;
  uint64_t rows, columns;
  uint64_t ld;

  uint64_t at(uint64_t r, uint64_t c) const { return address + (c * ld + r) * widthOf(type); }
  uint8_t *host(uint64_t r, uint64_t c) const { return owner->at(at(r, c)); }
  bool written() const {
    for (uint64_t c = 0; c < columns; ++c)
      if (!owner->isWritten(at(0, c), rows * widthOf(type)))
        return false;
    return true;
  }
  void markWritten() const {
    for (uint64_t c = 0; c < columns; ++c)
      owner->setWritten(at(0, c), rows * widthOf(type));
  }
};

View view(GlobalMemory &memory, const MatrixLayout &l, uint64_t address, uint64_t batch) {
  uint64_t at = address + batch * static_cast<uint64_t>(l.stride) * widthOf(l.type);
  return {memory.find(at), at, l.type, l.rows, l.columns, static_cast<uint64_t>(l.ld)};
}

// op(M) as f32 with its rows contiguous: element (r, c) at c * rows + r.
std::vector<float> pack(const View &v, bool transpose) {
  std::vector<float> out(v.rows * v.columns);
  for (uint64_t c = 0; c < v.columns; ++c)
    for (uint64_t r = 0; r < v.rows; ++r)
      out[transpose ? r * v.columns + c : c * v.rows + r] = load(v.host(r, c), v.type);
  return out;
}

// Adds the products of rows [from, to) of k to four columns of the result, from `j` on. Columns
// past the end repeat the last one into a place that nobody reads.
void addColumns(const std::vector<float> &a, const std::vector<float> &b, uint64_t m, uint64_t n,
                uint64_t k, uint64_t j, uint64_t from, uint64_t to, std::vector<float> &part) {
  float *p[4];
  const float *q[4];
  for (uint64_t c = 0; c < 4; ++c) {
    p[c] = part.data() + c * m;
    q[c] = b.data() + std::min(j + c, n - 1) * k;
  }
  std::fill(part.begin(), part.end(), 0.0f);
  for (uint64_t l = from; l < to; ++l) {
    const float *__restrict column = a.data() + l * m;
    const float x0 = q[0][l], x1 = q[1][l], x2 = q[2][l], x3 = q[3][l];
    float *__restrict p0 = p[0], *__restrict p1 = p[1], *__restrict p2 = p[2],
                      *__restrict p3 = p[3];
    for (uint64_t i = 0; i < m; ++i) {
      p0[i] += column[i] * x0;
      p1[i] += column[i] * x1;
      p2[i] += column[i] * x2;
      p3[i] += column[i] * x3;
    }
  }
}

// product(i, j) = sum over k of a(i, k) b(k, j), in `splits` sums that are added in order.
void multiply(const std::vector<float> &a, const std::vector<float> &b, uint64_t m, uint64_t n,
              uint64_t k, unsigned splits, std::vector<float> &product) {
  product.assign(m * n, 0);
  std::vector<float> part(4 * m);
  for (uint64_t j = 0; j < n; j += 4)
    for (unsigned s = 0; s < splits; ++s) {
      addColumns(a, b, m, n, k, j, k * s / splits, k * (s + 1) / splits, part);
      uint64_t used = std::min<uint64_t>(4, n - j) * m;
      for (uint64_t i = 0; i < used; ++i)
        product[j * m + i] += part[i];
    }
}

// The tanh form of GELU and its derivative (Hendrycks, Gimpel 2016).
constexpr double Root = 0.7978845608028654, Cubic = 0.044715;
float gelu(double x) {
  return static_cast<float>(0.5 * x * (1 + std::tanh(Root * (x + Cubic * x * x * x))));
}
float geluSlope(double x) {
  double t = std::tanh(Root * (x + Cubic * x * x * x));
  return static_cast<float>(0.5 * (1 + t) + 0.5 * x * (1 - t * t) * Root * (1 + 3 * Cubic * x * x));
}

bool adds(int e) { return e == 4 || e == 36 || e == 164; }
bool activates(int e) { return e == 32 || e == 36 || e == 160 || e == 164; }
bool usesAux(int e) { return e == 160 || e == 164 || e == 192 || e == 208; }
bool reads(int e) { return e == 192 || e == 208; }
bool sums(int e) { return e == 208 || e == 256 || e == 512; }

int biasType(const Matmul &x) {
  return x.description.biasType < 0 ? x.d.type : x.description.biasType;
}
uint64_t biasLength(const Matmul &x) {
  return x.description.epilogue == CUBLASLT_EPILOGUE_BGRADB ? x.n() : x.m();
}
View auxView(const Matmul &x, GlobalMemory &memory) {
  int type = x.description.auxType < 0 ? x.d.type : x.description.auxType;
  return {memory.find(x.description.aux),
          x.description.aux,
          type,
          x.m(),
          x.n(),
          static_cast<uint64_t>(x.description.auxLd)};
}

// One sum for each row of a matrix whose rows are contiguous, columns ascending.
void storeSums(const Matmul &x, GlobalMemory &memory, const std::vector<float> &values,
               uint64_t rows, uint64_t columns, bool alongRows) {
  uint64_t width = widthOf(biasType(x)), count = alongRows ? rows : columns;
  Allocation *owner = memory.find(x.description.bias);
  for (uint64_t r = 0; r < count; ++r) {
    float sum = 0;
    for (uint64_t c = 0; c < (alongRows ? columns : rows); ++c)
      sum += alongRows ? values[c * rows + r] : values[r * rows + c];
    store(owner->at(x.description.bias + r * width), biasType(x), sum);
  }
  owner->setWritten(x.description.bias, count * width);
}

void epilogue(const Matmul &x, GlobalMemory &memory, std::vector<float> &product) {
  int e = x.description.epilogue;
  Allocation *bias = adds(e) ? memory.find(x.description.bias) : nullptr;
  View aux = usesAux(e) ? auxView(x, memory) : View{};
  uint64_t m = x.m();
  for (uint64_t j = 0; j < x.n(); ++j)
    for (uint64_t i = 0; i < m; ++i) {
      float &v = product[j * m + i];
      if (bias)
        v += load(bias->at(x.description.bias + i * widthOf(biasType(x))), biasType(x));
      if (reads(e))
        v *= geluSlope(load(aux.host(i, j), aux.type));
      else if (usesAux(e))
        store(aux.host(i, j), aux.type, v);
      if (activates(e))
        v = gelu(v);
    }
  if (usesAux(e) && !reads(e))
    aux.markWritten();
  if (e == CUBLASLT_EPILOGUE_DGELU_BGRAD)
    storeSums(x, memory, product, m, x.n(), true);
}

std::string unwritten(const Matmul &x, GlobalMemory &memory, uint64_t batch) {
  int e = x.description.epilogue;
  if (!view(memory, x.a, x.pa, batch).written())
    return "matmul: A holds bytes that nothing wrote";
  if (!view(memory, x.b, x.pb, batch).written())
    return "matmul: B holds bytes that nothing wrote";
  if (x.beta != 0 && !view(memory, x.c, x.pc, batch).written())
    return "matmul: C holds bytes that nothing wrote and beta is not 0";
  if (reads(e) && !auxView(x, memory).written())
    return "matmul: the auxiliary matrix holds bytes that nothing wrote";
  if (adds(e) &&
      !memory.find(x.description.bias)->isWritten(x.description.bias, x.m() * widthOf(biasType(x))))
    return "matmul: the bias holds bytes that nothing wrote";
  return "";
}

void runBatch(const Matmul &x, GlobalMemory &memory, uint64_t batch) {
  std::vector<float> a = pack(view(memory, x.a, x.pa, batch), x.description.transposeA);
  std::vector<float> b = pack(view(memory, x.b, x.pb, batch), x.description.transposeB);
  std::vector<float> product;
  multiply(a, b, x.m(), x.n(), x.k(), x.splits, product);
  View c = view(memory, x.c, x.pc, batch), d = view(memory, x.d, x.pd, batch);
  for (uint64_t j = 0; j < x.n(); ++j)
    for (uint64_t i = 0; i < x.m(); ++i) {
      float &v = product[j * x.m() + i];
      v *= x.alpha;
      if (x.beta != 0)
        v += x.beta * load(c.host(i, j), c.type);
    }
  epilogue(x, memory, product);
  if (x.description.epilogue == CUBLASLT_EPILOGUE_BGRADA)
    storeSums(x, memory, a, x.m(), x.k(), true);
  if (x.description.epilogue == CUBLASLT_EPILOGUE_BGRADB)
    storeSums(x, memory, b, x.k(), x.n(), false);
  for (uint64_t j = 0; j < x.n(); ++j)
    for (uint64_t i = 0; i < x.m(); ++i)
      store(d.host(i, j), d.type, product[j * x.m() + i]);
  d.markWritten();
}

std::string typeName(int type) { return type == CUDA_R_16BF ? "bf16" : "f32"; }

// The epilogues of the table in its order: what it calls A and B are our B and A.
constexpr int Epilogues[] = {CUBLASLT_EPILOGUE_DEFAULT,  CUBLASLT_EPILOGUE_BIAS,
                             CUBLASLT_EPILOGUE_GELU,     CUBLASLT_EPILOGUE_GELU_BIAS,
                             CUBLASLT_EPILOGUE_GELU_AUX, CUBLASLT_EPILOGUE_GELU_AUX_BIAS,
                             CUBLASLT_EPILOGUE_DGELU,    CUBLASLT_EPILOGUE_DGELU_BGRAD,
                             CUBLASLT_EPILOGUE_BGRADB,   CUBLASLT_EPILOGUE_BGRADA};
static_assert(std::size(Epilogues) == LNX_EPILOGUE_COUNT);

// Whether the table kept for this kind of device has the product; it is in row-major words.
bool isOffered(const Matmul &x) {
  struct Row {
    int type, typeC, epilogue, layouts;
  };
  constexpr Row Rows[] = {
#define LNX_PRODUCT(type, typeC, epilogue, layouts) {type, typeC, epilogue, layouts},
#include "lnx/matmul.def"
#undef LNX_PRODUCT
  };
  const MatmulDescription &q = x.description;
  if (driver().refusedEpilogues.contains(q.epilogue))
    return false;
  auto typed = [](int ours, int theirs) {
    return (theirs == CUDA_R_16BF ? LNX_TYPE_BF16 : LNX_TYPE_F32) == ours;
  };
  return std::any_of(std::begin(Rows), std::end(Rows), [&](const Row &row) {
    return typed(row.type, x.a.type) && typed(row.typeC, x.d.type) &&
           Epilogues[row.epilogue] == q.epilogue &&
           (row.layouts >> (q.transposeB + 2 * q.transposeA) & 1) != 0;
  });
}

std::string range(const char *name, uint64_t address, uint64_t bytes, uint64_t alignment,
                  GlobalMemory &memory) {
  if (address % alignment)
    return std::string("matmul: ") + name + " is not aligned to " + std::to_string(alignment) +
           " bytes";
  Allocation *a = memory.find(address);
  if (!a || !a->contains(address, bytes))
    return std::string("matmul: ") + name + ": " + memory.explain(address, bytes);
  return "";
}

uint64_t extent(const MatrixLayout &l) {
  return (static_cast<uint64_t>(l.batches - 1) * static_cast<uint64_t>(l.stride) +
          (l.columns - 1) * static_cast<uint64_t>(l.ld) + l.rows) *
         widthOf(l.type);
}

std::string badLayout(const char *name, const MatrixLayout &l) {
  std::string matrix = std::string("matmul: ") + name;
  if (l.type != CUDA_R_32F && l.type != CUDA_R_16BF)
    return matrix + " is neither bf16 nor f32";
  if (l.order != 0)
    return matrix + " is not column-major";
  if (l.rows == 0 || l.columns == 0 || l.ld < static_cast<int64_t>(l.rows))
    return matrix + " has " + std::to_string(l.rows) + " rows and a leading dimension of " +
           std::to_string(l.ld);
  return "";
}

} // namespace

std::string emulator::unsupported(const Matmul &x) {
  const MatmulDescription &q = x.description;
  for (auto [name, layout] : {std::pair{"A", &x.a}, {"B", &x.b}, {"C", &x.c}, {"D", &x.d}})
    if (std::string bad = badLayout(name, *layout); !bad.empty())
      return bad;
  uint64_t kb = q.transposeB == CUBLAS_OP_N ? x.b.rows : x.b.columns;
  uint64_t nb = q.transposeB == CUBLAS_OP_N ? x.b.columns : x.b.rows;
  uint64_t ma = q.transposeA == CUBLAS_OP_N ? x.a.rows : x.a.columns;
  if (ma != x.m() || nb != x.n() || kb != x.k() || x.c.rows != x.m() || x.c.columns != x.n())
    return "matmul: op(A) is " + std::to_string(ma) + "x" + std::to_string(x.k()) + ", op(B) " +
           std::to_string(kb) + "x" + std::to_string(nb) + ", D " + std::to_string(x.m()) + "x" +
           std::to_string(x.n());
  if (x.a.type != x.b.type || x.c.type != x.d.type)
    return "matmul: this combination of types does not exist";
  if (q.computeType != CUBLAS_COMPUTE_32F &&
      !(q.computeType == CUBLAS_COMPUTE_32F_FAST_TF32 && x.a.type == CUDA_R_32F))
    return "matmul: compute type " + std::to_string(q.computeType) + " is not emulated";
  if (q.scaleType != CUDA_R_32F || q.pointerMode != 0)
    return "matmul: alpha and beta are f32 on the host here";
  if (!isOffered(x))
    return "matmul: there is no product of " + typeName(x.a.type) + " to " + typeName(x.d.type) +
           " with epilogue " + std::to_string(q.epilogue) + ", transposed " +
           std::to_string(q.transposeA) + std::to_string(q.transposeB);
  if ((q.biasType >= 0 && q.biasType != x.d.type) || (q.auxType >= 0 && q.auxType != x.d.type))
    return "matmul: bias and auxiliary matrix are of D's type here";
  if (usesAux(q.epilogue) && (q.auxLd % 8 || q.auxLd < static_cast<int64_t>(x.m())))
    return "matmul: the auxiliary leading dimension " + std::to_string(q.auxLd) +
           " must be a multiple of 8 and at least " + std::to_string(x.m());
  if (x.d.batches != 1 && q.epilogue != CUBLASLT_EPILOGUE_DEFAULT)
    return "matmul: batches have no epilogue here";
  if (x.a.batches != x.d.batches || x.b.batches != x.d.batches || x.c.batches != x.d.batches)
    return "matmul: the matrices have different batch counts";
  return "";
}

std::string emulator::badPointers(const Matmul &x, GlobalMemory &memory) {
  int e = x.description.epilogue;
  struct Range {
    const char *name;
    uint64_t address, bytes;
    bool used;
    uint64_t alignment = 16;
  };
  // What more an algorithm needs of matrices, its preference has said.
  const Range ranges[] = {
      {"A", x.pa, extent(x.a), true, widthOf(x.a.type)},
      {"B", x.pb, extent(x.b), true, widthOf(x.b.type)},
      {"C", x.pc, extent(x.c), x.beta != 0, widthOf(x.c.type)},
      {"D", x.pd, extent(x.d), true, widthOf(x.d.type)},
      {"the bias", x.description.bias, biasLength(x) * widthOf(biasType(x)), adds(e) || sums(e)},
      {"the auxiliary matrix", x.description.aux,
       usesAux(e) ? ((x.n() - 1) * auxView(x, memory).ld + x.m()) * widthOf(auxView(x, memory).type)
                  : 0,
       usesAux(e)},
      {"the workspace", x.workspace, x.workspaceBytes, x.workspaceBytes != 0},
  };
  for (const Range &r : ranges)
    if (r.used)
      if (std::string bad = range(r.name, r.address, r.bytes, r.alignment, memory); !bad.empty())
        return bad;
  // D may lie on C, exactly; on nothing else.
  for (const Range &r : ranges)
    if (r.used && r.address != x.pd && r.address < x.pd + ranges[3].bytes &&
        x.pd < r.address + r.bytes)
      return std::string("matmul: D overlaps ") + r.name;
  if (x.pa == x.pd || x.pb == x.pd || (x.pc == x.pd && x.beta != 0 && x.c.ld != x.d.ld))
    return "matmul: D lies on an operand";
  return "";
}

std::string emulator::run(const Matmul &x, GlobalMemory &memory) {
  // Somebody may keep something in the workspace: it does not survive a call.
  constexpr uint64_t Spoilt = 1 << 16;
  if (x.workspaceBytes)
    std::memset(memory.find(x.workspace)->at(x.workspace), 0xa5,
                std::min(x.workspaceBytes, Spoilt));
  for (uint64_t batch = 0; batch < static_cast<uint64_t>(x.d.batches); ++batch) {
    if (std::string bad = unwritten(x, memory, batch); !bad.empty())
      return bad;
    runBatch(x, memory, batch);
  }
  return "";
}
