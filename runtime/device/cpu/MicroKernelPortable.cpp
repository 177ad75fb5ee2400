// MicroKernelPortable: the inner loops for any x86-64: 4 x 8 tiles, 8 accumulators of 4 floats, no
// fused multiply-add. The text is MicroKernel.inc and Attention.inc; only the width and the target
// differ.
#include "device/cpu/MicroKernel.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <utility>

#define LNX_KERNEL_SYMBOL microKernelPortable
#define LNX_KERNEL_NAME "portable"
#define LNX_WIDTH 4
#define LNX_MR 4
#define LNX_NV 2
#define LNX_KC 256
#define LNX_UNROLL 1
#define LNX_FMA 0

#include "device/cpu/KernelTable.inc"
