// What the kernels of this folder need of CUDA, so that clang alone compiles them:
//   clang++-22 -x cuda --cuda-path=/none --cuda-device-only --cuda-gpu-arch=sm_90a -nocudainc -nocudalib
//     -Xclang -target-feature -Xclang +ptx83 -O3 -S norm.cu -o norm.ptx
#define GLOBAL __attribute__((global))
#define DEVICE __attribute__((device))
#define SHARED __attribute__((shared))
#define BLOCK(n) __attribute__((launch_bounds(n)))

DEVICE inline int thread() { return __nvvm_read_ptx_sreg_tid_x(); }
DEVICE inline int block() { return __nvvm_read_ptx_sreg_ctaid_x(); }
DEVICE inline int blocks() { return __nvvm_read_ptx_sreg_nctaid_x(); }
DEVICE inline void barrier() { __nvvm_bar_sync(0); }
DEVICE inline float butterfly(float x, int mask) {
  return __nvvm_shfl_sync_bfly_f32(-1, x, mask, 31);
}
DEVICE inline float warpSum(float x) {
  for (int m = 16; m > 0; m >>= 1)
    x += butterfly(x, m);
  return x;
}
