// MicroKernelAvx512: the inner loops for AVX-512: 12 x 32 tiles, 24 accumulators of 16 floats.
// The text is MicroKernel.inc and Attention.inc; only the width and the target differ.
#include "device/cpu/MicroKernel.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <utility>

#define LNX_KERNEL_SYMBOL microKernelAvx512
#define LNX_KERNEL_NAME "avx512"
#define LNX_WIDTH 16
#define LNX_MR 12
#define LNX_NV 2
#define LNX_KC 256
#define LNX_FMA 1

#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx2,fma"))),                 \
                             apply_to = function)
#include "device/cpu/KernelTable.inc"
#pragma clang attribute pop
