// MicroKernelAvx2: the inner loops for AVX2 and FMA: 6 x 16 tiles, 12 accumulators of 8 floats.
// The text is MicroKernel.inc and Attention.inc; only the width and the target differ.
#include "device/cpu/MicroKernel.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <utility>

// 6 x 16: 0.90 to 0.96 of the peak on gemm_bench with one thread (Zen 5, --kernel avx2); 4 x 24
// needs all 16 registers, spills and halves it.
#define LNX_KERNEL_SYMBOL microKernelAvx2
#define LNX_KERNEL_NAME "avx2"
#define LNX_WIDTH 8
#define LNX_MR 6
#define LNX_NV 2
#define LNX_KC 256
#define LNX_UNROLL 2
#define LNX_FMA 1

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "device/cpu/KernelTable.inc"
#pragma clang attribute pop
