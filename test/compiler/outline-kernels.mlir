// RUN: split-file %s %t
// RUN: lnx-opt %t/launches.mlir --lnx-outline-kernels | FileCheck %t/launches.mlir
// RUN: not lnx-opt %t/host.mlir --lnx-outline-kernels 2>&1 | FileCheck %t/host.mlir
// What touches the device's memory becomes kernels; the entry keeps addresses, launches and calls.

//--- launches.mlir
// A parallel loop is one launch, a block for each iteration; the kernel finds its iteration in the
// number of its block and has the threads that the function it calls asks for.
// CHECK-LABEL: func.func @eval(
// CHECK-SAME:    %[[X:.*]]: memref<?x8xf32>, %[[Y:.*]]: memref<?x8xf32>, %[[N:.*]]: index
// CHECK:         %[[BLOCKS:.*]] = arith.ceildivsi
// CHECK:         gpu.launch_func @kernels::@rows blocks in (%[[BLOCKS]], %{{.*}}, %{{.*}}) threads in (%{{.*}}, %{{.*}}, %{{.*}}) args({{.*}}%[[X]] : memref<?x8xf32>
// A second loop that differs only in its buffer shares the kernel.
// CHECK:         gpu.launch_func @kernels::@rows blocks{{.*}}%[[Y]] : memref<?x8xf32>
// Calls of the runtime stay, and what was before them is launched before them.
// CHECK:         gpu.launch_func @kernels::@serial blocks
// CHECK:         call @lnx_gemm
// A repeat stays a loop of the host.
// CHECK:         scf.for
// CHECK:           gpu.launch_func @kernels::@rows
// CHECK-NOT:     memref.load
// CHECK-NOT:     memref.store
// CHECK:       gpu.module @kernels
// CHECK:         gpu.func @rows(
// CHECK-SAME:      workgroup(%{{.*}} : memref<4xf32, #gpu.address_space<workgroup>>)
// CHECK-SAME:      kernel attributes {known_block_size = array<i32: 64, 1, 1>}
// CHECK:           gpu.block_id x
// CHECK:           gpu.thread_id x
// CHECK-NOT:       call
// CHECK:           gpu.return
// The table that a kernel reads is copied beside it.
// CHECK:         memref.global "private" constant @table_0
// One thread does what stands outside of loops, neighbours together.
// CHECK:         gpu.func @serial(
// CHECK-SAME:      kernel attributes {known_block_size = array<i32: 1, 1, 1>}
// CHECK:           memref.get_global @table_0
// CHECK:           memref.load
// CHECK:           arith.addf
// CHECK:           memref.store
memref.global "private" constant @table_0 : memref<2xf32> = dense<[1.0, 2.0]>
func.func private @lnx_gemm(index)
func.func private @rows(%x: memref<?x8xf32>, %lo: index, %hi: index) attributes {lnx.threads = 64 : i64} {
  %words = memref.alloca() : memref<4xf32, #gpu.address_space<workgroup>>
  %thread = gpu.thread_id x
  %value = memref.load %x[%lo, %thread] : memref<?x8xf32>
  memref.store %value, %words[%thread] : memref<4xf32, #gpu.address_space<workgroup>>
  return
}
func.func @eval(%x: memref<?x8xf32>, %y: memref<?x8xf32>, %n: index, %sum: memref<f32>) attributes {lnx.entry} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.parallel (%lo) = (%c0) to (%n) step (%c1) {
    %hi = arith.addi %lo, %c1 : index
    func.call @rows(%x, %lo, %hi) : (memref<?x8xf32>, index, index) -> ()
    scf.reduce
  }
  scf.parallel (%lo) = (%c0) to (%n) step (%c1) {
    %hi = arith.addi %lo, %c1 : index
    func.call @rows(%y, %lo, %hi) : (memref<?x8xf32>, index, index) -> ()
    scf.reduce
  }
  %table = memref.get_global @table_0 : memref<2xf32>
  %a = memref.load %table[%c1] : memref<2xf32>
  %b = memref.load %sum[] : memref<f32>
  %c = arith.addf %a, %b : f32
  memref.store %c, %sum[] : memref<f32>
  func.call @lnx_gemm(%n) : (index) -> ()
  scf.for %i = %c0 to %n step %c1 {
    scf.parallel (%lo) = (%c0) to (%n) step (%c1) {
      %hi = arith.addi %lo, %c1 : index
      func.call @rows(%x, %lo, %hi) : (memref<?x8xf32>, index, index) -> ()
      scf.reduce
    }
  }
  return
}

//--- host.mlir
// A number in the device's memory cannot decide what the host does.
// CHECK: error: 'memref.load' op reads on the host what a kernel computes
func.func private @lnx_gemm(f32)
func.func @eval(%sum: memref<f32>) attributes {lnx.entry} {
  %a = memref.load %sum[] : memref<f32>
  func.call @lnx_gemm(%a) : (f32) -> ()
  return
}
