// device.h: what the hand-written kernels share: sums over a warp and over a block of six warps.
// Written for comparison with generated code; nothing of ours includes it.
#pragma once

constexpr int width = 768, threads = 192, warps = threads / 32;
constexpr float epsilon = 1e-5f;

__device__ __forceinline__ float warpSum(float v) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2)
    v += __shfl_xor_sync(~0u, v, distance);
  return v;
}

// One barrier: each sum has words of its own.
__device__ __forceinline__ float blockSum(float v, float *words) {
  v = warpSum(v);
  if (threadIdx.x % 32 == 0)
    words[threadIdx.x / 32] = v;
  __syncthreads();
  float sum = words[0];
#pragma unroll
  for (int warp = 1; warp < warps; ++warp)
    sum += words[warp];
  return sum;
}

__device__ __forceinline__ float horizontal(float4 v) { return (v.x + v.z) + (v.y + v.w); }
__device__ __forceinline__ float4 operator+(float4 a, float4 b) {
  return {a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w};
}
__device__ __forceinline__ float4 operator*(float4 a, float4 b) {
  return {a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w};
}
__device__ __forceinline__ float4 operator*(float4 a, float s) {
  return {a.x * s, a.y * s, a.z * s, a.w * s};
}
__device__ __forceinline__ float4 operator+(float4 a, float s) {
  return {a.x + s, a.y + s, a.z + s, a.w + s};
}

// Two passes over registers: the mean, then squared differences. Returns x - mean and 1/deviation.
__device__ __forceinline__ float4 centred(float4 x, float *words, float &inverse) {
  float mean = blockSum(horizontal(x), words) * (1.0f / width);
  float4 c = x + -mean;
  inverse = rsqrtf(blockSum(horizontal(c * c), words + 8) * (1.0f / width) + epsilon);
  return c;
}

// Gradient of c * inverse * gain to x, for `slope` = gradient * gain.
__device__ __forceinline__ float4 normGradient(float4 slope, float4 c, float inverse, float *words) {
  float along = blockSum(horizontal(slope * c), words) * (inverse * inverse * inverse / width);
  float4 d = slope * inverse + c * -along;
  float mean = blockSum(horizontal(d), words + 8) * (1.0f / width);
  return d + -mean;
}
