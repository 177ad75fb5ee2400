// MicroKernelAvx512: the inner loops for AVX-512: 8 x 48 tiles, 24 accumulators of 16 floats.
// The text is MicroKernel.inc and Attention.inc; only the width and the target differ.
#include "device/cpu/MicroKernel.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <utility>

// 8 x 48 and 192 steps: 0.86 to 0.94 of the peak on the shapes of gemm_bench with one thread (Zen
// 5), 12 x 32 and 256 steps 0.83 to 0.91; 128 steps lose as much to C as they gain in cache.
#define LNX_KERNEL_SYMBOL microKernelAvx512
#define LNX_KERNEL_NAME "avx512"
#define LNX_WIDTH 16
#define LNX_MR 8
#define LNX_NV 3
#define LNX_KC 192
#define LNX_UNROLL 4
#define LNX_FMA 1

#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx2,fma"))),                 \
                             apply_to = function)
#include "device/cpu/KernelTable.inc"
#pragma clang attribute pop
