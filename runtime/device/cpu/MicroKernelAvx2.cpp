// MicroKernelAvx2: the inner loops for AVX2 and FMA: 4 x 24 tiles, 12 accumulators of 8 floats.
// The text is MicroKernel.inc and Attention.inc; only the width and the target differ.
#include "device/cpu/MicroKernel.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <utility>

#define LNX_KERNEL_SYMBOL microKernelAvx2
#define LNX_KERNEL_NAME "avx2"
#define LNX_WIDTH 8
#define LNX_MR 4
#define LNX_NV 3
#define LNX_KC 256
#define LNX_FMA 1

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "device/cpu/KernelTable.inc"
#pragma clang attribute pop
