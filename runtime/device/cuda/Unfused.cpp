// Unfused: a bias or a sum behind a product as a product of its own, with a vector of ones.
// For libraries that have no epilogue for it; no kernel is needed, and a bias keeps its bits.
#include "device/cuda/Blas.h"

#include "lnx/abi.h"

using namespace lnx;
using namespace lnx::cuda;

bool Blas::canBeUnfused(const Product &product) {
  return product.epilogue == LNX_EPILOGUE_BIAS || product.epilogue == LNX_EPILOGUE_SUM_A ||
         product.epilogue == LNX_EPILOGUE_SUM_B;
}

Result<CUdeviceptr> Blas::ones(int64_t type, int64_t count) {
  std::vector<Ones> &vectors = vectorsOfOnes[type];
  for (const Ones &vector : vectors)
    if (vector.count >= count)
      return vector.address;
  const bool isNarrow = type == LNX_TYPE_BF16;
  CUdeviceptr address = 0;
  const auto length = static_cast<size_t>(count);
  if (auto error = driver.check(driver.memAlloc(&address, length * (isNarrow ? 2 : 4)),
                                "reserve a vector of ones"))
    return *error;
  vectors.push_back({address, count});
  const CUresult filled = isNarrow ? driver.memsetD16Async(address, 0x3f80, length, stream)
                                   : driver.memsetD32Async(address, 0x3f800000, length, stream);
  if (auto error = driver.check(filled, "fill a vector of ones"))
    return *error;
  return address;
}

std::optional<Error> Blas::runUnfused(const Product &product, const Operands &at) {
  Product plain = product, extra = product;
  plain.epilogue = extra.epilogue = LNX_EPILOGUE_NONE;
  const bool hasBias = product.epilogue == LNX_EPILOGUE_BIAS;
  const int64_t type = hasBias ? product.typeC : product.type;
  Result<CUdeviceptr> vector = ones(type, hasBias ? product.m : product.k);
  if (!vector)
    return vector.error();
  Operands there = at;
  extra.type = type;
  if (hasBias) { // C = ones[m x 1] bias[1 x n] (+ C), and the product is added
    extra.transposeA = extra.transposeB = false;
    extra.k = extra.lda = 1;
    extra.ldb = product.n;
    there.a = *vector;
    there.b = at.bias;
    plain.accumulate = true;
  } else {
    there.c = at.bias;
    extra.accumulate = false;
    if (product.epilogue == LNX_EPILOGUE_SUM_A) { // op(A)[m x k] ones[k x 1]
      extra.transposeB = false;
      extra.n = extra.ldb = extra.ldc = 1;
      there.b = *vector;
    } else { // ones[1 x k] op(B)[k x n]
      extra.transposeA = false;
      extra.m = 1;
      extra.lda = product.k;
      extra.ldc = product.n;
      there.a = *vector;
    }
  }
  if (auto error = run(extra, there))
    return error;
  return run(plain, at);
}
