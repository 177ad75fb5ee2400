// RUN: split-file %s %t
// RUN: lnx-opt %t/exp.mlir --lnx-emit-ptx | FileCheck %t/exp.mlir
// RUN: not lnx-opt %t/missing.mlir --lnx-emit-ptx 2>&1 | FileCheck %t/missing.mlir
// RUN: not lnx-opt %t/library.mlir --lnx-emit-ptx 2>&1 | FileCheck %t/library.mlir
// Kernels become text without a toolkit; what NVPTX cannot select is refused, not fatal.

//--- exp.mlir
// CHECK:      lnx.device_code = "
// CHECK-SAME: .target sm_90a
// CHECK-SAME: .visible .entry grow(
// CHECK-SAME: .maxntid 32, 1, 1
// CHECK-SAME: ex2.approx.ftz.f32
// CHECK-SAME: lnx.kernels = [{name = "grow", threads = 32 : i64}]
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @grow(%x: memref<32xf32>) kernel attributes {known_block_size = array<i32: 32, 1, 1>} {
      %i = gpu.thread_id x
      %v = memref.load %x[%i] : memref<32xf32>
      %e = math.exp %v : f32
      memref.store %e, %x[%i] : memref<32xf32>
      gpu.return
    }
  }
}

//--- missing.mlir
// CHECK: error: the kernels call 'llvm.log2.f32', which the device does not have
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @grow(%x: memref<32xf32>) kernel attributes {known_block_size = array<i32: 32, 1, 1>} {
      %i = gpu.thread_id x
      %v = memref.load %x[%i] : memref<32xf32>
      %e = llvm.call_intrinsic "llvm.log2.f32"(%v) : (f32) -> f32
      memref.store %e, %x[%i] : memref<32xf32>
      gpu.return
    }
  }
}

//--- library.mlir
// CHECK: error: the kernels call '__nv_expf', which the device does not have
module attributes {gpu.container_module} {
  gpu.module @kernels {
    llvm.func @__nv_expf(f32) -> f32
    gpu.func @grow(%x: memref<32xf32>) kernel attributes {known_block_size = array<i32: 32, 1, 1>} {
      %i = gpu.thread_id x
      %v = memref.load %x[%i] : memref<32xf32>
      %e = llvm.call @__nv_expf(%v) : (f32) -> f32
      memref.store %e, %x[%i] : memref<32xf32>
      gpu.return
    }
  }
}
