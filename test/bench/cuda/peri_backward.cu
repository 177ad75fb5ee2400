// Backward of y = x + s LN(b); z = LN(y), from y, b and the gradients of both: those of x and b, and
// the column sums for the gains and biases, a partial sum for each block over its rows.
#include "device.h"

extern "C" __global__ void __launch_bounds__(threads)
    peri_backward(const float4 *__restrict__ y, const float4 *__restrict__ b,
                  const float4 *__restrict__ dy, const float4 *__restrict__ dz,
                  const float4 *__restrict__ gain1, const float4 *__restrict__ gain2,
                  float4 *__restrict__ dx, float4 *__restrict__ db, float4 *__restrict__ dgain1,
                  float4 *__restrict__ dbias1, float4 *__restrict__ dgain2,
                  float4 *__restrict__ dbias2, long rows, long grain) {
  __shared__ float words[8][8];
  const int i = threadIdx.x;
  float4 g1{}, b1{}, g2{}, b2{};
  const long first = blockIdx.x * grain, end = min(first + grain, rows);
  for (long row = first; row < end; ++row) {
    const size_t at = size_t(row) * threads + i;
    float inverse;
    float4 c = centred(y[at], words[0], inverse), out = dz[at];
    b1 = b1 + out;
    g1 = g1 + out * (c * inverse);
    float4 total = dy[at] + normGradient(out * gain1[i], c, inverse, words[2]);
    dx[at] = total;
    total = total * 0.1f;
    c = centred(b[at], words[4], inverse);
    b2 = b2 + total;
    g2 = g2 + total * (c * inverse);
    db[at] = normGradient(total * gain2[i], c, inverse, words[6]);
    __syncthreads();
  }
  const size_t part = size_t(blockIdx.x) * threads + i;
  dgain1[part] = g1;
  dbias1[part] = b1;
  dgain2[part] = g2;
  dbias2[part] = b2;
}
