// Products: asks cuBLASLt for every triple of types, epilogue and layouts, and holds the answers
// against matmul.def, which the compiler and the emulator believe.
#include "test/device/Suite.h"

#include <fmt/format.h>

using namespace lnx;
using namespace lnx::suite;

namespace {

struct Line {
  int64_t type, typeC, epilogue;
  unsigned layouts;
};

const Line documented[] = {
#define LNX_PRODUCT(type, typeC, epilogue, layouts) {type, typeC, epilogue, layouts},
#include "lnx/matmul.def"
#undef LNX_PRODUCT
};

const char *const epilogues[LNX_EPILOGUE_COUNT] = {"none",
                                                   "bias",
                                                   "GELU",
                                                   "bias, GELU",
                                                   "GELU, aux",
                                                   "bias, GELU, aux",
                                                   "GELU grad",
                                                   "GELU grad, its sum",
                                                   "none, sums of A",
                                                   "none, sums of B"};

unsigned documentedLayouts(int64_t type, int64_t typeC, int64_t epilogue) {
  for (const Line &line : documented)
    if (line.type == type && line.typeC == typeC && line.epilogue == epilogue)
      return line.layouts;
  return 0;
}

unsigned offeredLayouts(const cuda::Blas &blas, int64_t type, int64_t typeC, int64_t epilogue) {
  constexpr int64_t size = 256;
  unsigned layouts = 0;
  for (unsigned layout = 0; layout < 4; ++layout) {
    const cuda::Product product{.transposeA = (layout & 1) != 0,
                                .transposeB = (layout & 2) != 0,
                                .m = size,
                                .n = size,
                                .k = size,
                                .type = type,
                                .lda = size,
                                .ldb = size,
                                .accumulate = false,
                                .typeC = typeC,
                                .ldc = size,
                                .epilogue = epilogue,
                                .ldAux = size,
                                .alignment = {256, 256, 256}};
    layouts |= blas.offers(product) ? 1u << layout : 0u;
  }
  return layouts;
}

std::string words(unsigned layouts) {
  std::string text;
  for (const char *name : {"NN", "TN", "NT", "TT"}) {
    if (layouts & 1)
      text += std::string(text.empty() ? "" : " ") + name;
    layouts >>= 1;
  }
  return text.empty() ? "-" : text;
}

} // namespace

int lnx::suite::listProducts() {
  lnx_program program{};
  program.device_code = ".version 8.3\n.target sm_90a\n.address_size 64\n";
  Result<std::unique_ptr<cuda::Cuda>> made = cuda::Cuda::create(program);
  if (!made) {
    fmt::print("no products: {}\n", made.error().message);
    return 1;
  }
  const cuda::Blas &blas = (*made)->products();
  fmt::print("## Products of cuBLASLt {}\n\nLayouts are those of A and B, row major, T for "
             "transposed.\n\n| A, B | C | epilogue | offered | in matmul.def |\n"
             "| --- | --- | --- | --- | --- |\n",
             blas.version());
  const char *const types[] = {"f32", "bf16"};
  int wrong = 0;
  for (int64_t type : {LNX_TYPE_F32, LNX_TYPE_BF16})
    for (int64_t typeC : {LNX_TYPE_F32, LNX_TYPE_BF16})
      for (int64_t epilogue = 0; epilogue < LNX_EPILOGUE_COUNT; ++epilogue) {
        const unsigned offered = offeredLayouts(blas, type, typeC, epilogue),
                       known = documentedLayouts(type, typeC, epilogue);
        if (!offered && !known)
          continue;
        wrong += (known & ~offered) != 0;
        fmt::print("| {} | {} | {} | {} | {}{} |\n", types[type], types[typeC], epilogues[epilogue],
                   words(offered), words(known), known & ~offered ? ", **not offered**" : "");
      }
  fmt::print("\n{} lines of matmul.def name what is not offered.\n\n", wrong);
  return wrong;
}
