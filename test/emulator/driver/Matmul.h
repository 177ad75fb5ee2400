// Matmul: the product of cuBLASLt on the host, with its epilogues and the checks of every operand.
// D = epilogue(alpha op(A) op(B) + beta C), all column-major, sums in f32 over ascending k.
#ifndef LNX_TEST_EMULATOR_DRIVER_MATMUL_H
#define LNX_TEST_EMULATOR_DRIVER_MATMUL_H

#include "emulator/driver/Blas.h"
#include "emulator/driver/Driver.h"

#include <string>

namespace emulator {

// Everything of one call, by value: the descriptors may go before the work runs.
struct Matmul {
  MatmulDescription description;
  MatrixLayout a, b, c, d;
  uint64_t pa = 0, pb = 0, pc = 0, pd = 0;
  float alpha = 1, beta = 0;
  unsigned splits = 1; // of k: each sums apart, so the choice shows in the last bits
  uint64_t workspace = 0, workspaceBytes = 0;

  uint64_t m() const { return d.rows; }
  uint64_t n() const { return d.columns; }
  uint64_t k() const { return description.transposeA == CUBLAS_OP_N ? a.columns : a.rows; }
};

// Why the combination of types, layouts and epilogue does not exist; empty where it does.
std::string unsupported(const Matmul &matmul);
// Why the pointers cannot be used: alignment, bounds, overlap; empty where they can.
std::string badPointers(const Matmul &matmul, GlobalMemory &memory);
// Runs it; says what was wrong with the data, or nothing.
std::string run(const Matmul &matmul, GlobalMemory &memory);

} // namespace emulator

#endif
