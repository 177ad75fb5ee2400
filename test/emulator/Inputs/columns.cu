// Sums of the columns of a matrix of `width` <= 256: every CTA sums some rows, the last CTA to finish
// adds the partial sums in order. Also the tree in shared memory, cp.async and atom.
#include "device.h"

extern "C" GLOBAL BLOCK(256) void columns(const float *x, float *partial, float *sums,
                                          unsigned *finished, int rows, int width) {
  SHARED unsigned ticket;
  int c = thread();
  if (c < width) {
    float sum = 0;
    for (int r = block(); r < rows; r += blocks())
      sum += x[(long)r * width + c];
    partial[block() * width + c] = sum;
  }
  __nvvm_membar_gl();
  barrier();
  if (c == 0)
    ticket = __nvvm_atom_inc_gen_ui(finished, blocks() - 1);
  barrier();
  if (ticket != blocks() - 1 || c >= width)
    return;
  float sum = 0;
  for (int b = 0; b < blocks(); ++b)
    sum += ((volatile float *)partial)[b * width + c];
  sums[c] = sum;
}

// The sum of 64 values a CTA by a tree in dynamic shared memory, filled by cp.async.
extern "C" GLOBAL BLOCK(64) void tree(const float *x, float *sums) {
  extern SHARED float tile[];
  int t = thread();
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(
                   (unsigned)(unsigned long)(__attribute__((address_space(3))) float *)(tile + t)),
               "l"(x + block() * 64 + t));
  asm volatile("cp.async.commit_group;");
  asm volatile("cp.async.wait_group 0;");
  barrier();
  for (int half = 32; half > 0; half >>= 1) {
    if (t < half)
      tile[t] += tile[t + half];
    barrier();
  }
  if (t == 0)
    sums[block()] = tile[0];
}
