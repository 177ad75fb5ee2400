// Softmax of rows of any width, one warp a row, four rows a CTA; rows and width need not divide.
#include "device.h"

DEVICE inline float warpMax(float x) {
  for (int m = 16; m > 0; m >>= 1)
    x = __nvvm_fmax_f(x, butterfly(x, m));
  return x;
}

extern "C" GLOBAL BLOCK(128) void softmax(const float *x, float *y, int rows, int width) {
  int row = block() * 4 + thread() / 32, lane = thread() & 31;
  if (row >= rows)
    return;
  const float log2e = 1.4426950408889634f;
  float most = -__builtin_inff(), sum = 0;
  for (int c = lane; c < width; c += 32)
    most = __nvvm_fmax_f(most, x[(long)row * width + c]);
  most = warpMax(most);
  for (int c = lane; c < width; c += 32)
    sum += __nvvm_ex2_approx_f((x[(long)row * width + c] - most) * log2e);
  float scale = 1 / warpSum(sum);
  for (int c = lane; c < width; c += 32)
    y[(long)row * width + c] =
        __nvvm_ex2_approx_f((x[(long)row * width + c] - most) * log2e) * scale;
}
