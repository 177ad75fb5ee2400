// Softmax cross-entropy of one row of logits, which become their gradient in place: largest logit
// and sum of exponents in one pass, the gradient in a second.
constexpr int vocabulary = 50257, threads = 256, warps = threads / 32;

struct Sum {
  float largest, total;
};

__device__ __forceinline__ Sum joined(Sum a, Sum b) {
  float largest = fmaxf(a.largest, b.largest);
  return {largest, a.total * __expf(a.largest - largest) + b.total * __expf(b.largest - largest)};
}

extern "C" __global__ void __launch_bounds__(threads)
    cross_entropy(float *logits, const int *__restrict__ targets, float *__restrict__ losses,
                  const float *__restrict__ scale, long first, long rows) {
  __shared__ float largest[warps], totals[warps];
  float *row = logits + size_t(blockIdx.x) * vocabulary;
  const int target = targets[first + blockIdx.x];
  const float hit = row[target];
  Sum sum{-3e38f, 0};
  for (int i = threadIdx.x; i < vocabulary; i += threads)
    sum = joined(sum, {row[i], 1});
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2)
    sum = joined(sum, {__shfl_xor_sync(~0u, sum.largest, distance),
                       __shfl_xor_sync(~0u, sum.total, distance)});
  if (threadIdx.x % 32 == 0) {
    largest[threadIdx.x / 32] = sum.largest;
    totals[threadIdx.x / 32] = sum.total;
  }
  __syncthreads();
  sum = {largest[0], totals[0]};
#pragma unroll
  for (int warp = 1; warp < warps; ++warp)
    sum = joined(sum, {largest[warp], totals[warp]});
  if (threadIdx.x == 0)
    losses[first + blockIdx.x] = __logf(sum.total) + sum.largest - hit;
  const float unit = *scale / float(rows), factor = __fdividef(unit, sum.total);
  for (int i = threadIdx.x; i < vocabulary; i += threads)
    row[i] = __expf(row[i] - sum.largest) * factor - (i == target ? unit : 0);
}
