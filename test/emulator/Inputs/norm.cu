// Layer norm of rows of `width` bf16 values, two-pass variance, one CTA of 96 threads a row.
// y = (x - mean) / sqrt(var + eps) * gain; mean and reciprocal deviation are stored.
#include "device.h"

typedef __bf16 Pack __attribute__((ext_vector_type(8)));

DEVICE inline float blockSum(float x, float *scratch) {
  x = warpSum(x);
  if ((thread() & 31) == 0)
    scratch[thread() / 32] = x;
  barrier();
  return scratch[0] + scratch[1] + scratch[2];
}

extern "C" GLOBAL BLOCK(96) void norm(const __bf16 *__restrict x, const float *__restrict gain,
                                      __bf16 *y, float *stats, int width, float eps) {
  SHARED float scratch[2][4] __attribute__((aligned(16)));
  long at = (long)block() * width + thread() * 8;
  Pack in = *(const Pack *)(x + at), out;
  float value[8], sum = 0, squares = 0;
  for (int k = 0; k < 8; ++k) {
    value[k] = in[k];
    sum += value[k];
  }
  float mean = blockSum(sum, scratch[0]) / width;
  for (int k = 0; k < 8; ++k)
    squares += (value[k] - mean) * (value[k] - mean);
  float r = __nvvm_rsqrt_approx_ftz_f(blockSum(squares, scratch[1]) / width + eps);
  for (int k = 0; k < 8; ++k)
    out[k] = (__bf16)((value[k] - mean) * r * gain[thread() * 8 + k]);
  *(Pack *)(y + at) = out;
  if (thread() == 0) {
    stats[2 * block()] = mean;
    stats[2 * block() + 1] = r;
  }
}
