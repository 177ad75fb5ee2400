// RUN: lnx-opt %s --lnx-lower-calls --split-input-file --verify-diagnostics | FileCheck %s
// Parallel loops and runtime functions go through the runtime's table, which entries take first.

// Buffers and numbers travel in slots of 8 bytes: the address of %x, its dynamic size, %scale.
// Constants are repeated in the task. Function 0 of the table, behind the context, is `parallel`.
// CHECK-LABEL: func.func @eval(
// CHECK-SAME:    %[[RUNTIME:.*]]: !llvm.ptr,
// CHECK:         llvm.alloca %{{.*}} x i64
// CHECK:         memref.extract_aligned_pointer_as_index
// CHECK:         llvm.store
// CHECK:         memref.dim
// CHECK:         llvm.store
// CHECK:         llvm.store %{{.*}} : f32, !llvm.ptr
// CHECK:         %[[ITEMS:.*]] = arith.ceildivsi
// CHECK:         %[[TASK:.*]] = llvm.mlir.addressof @task
// CHECK:         %[[PLACE:.*]] = llvm.getelementptr %[[RUNTIME]][1]
// CHECK:         %[[PARALLEL:.*]] = llvm.load %[[PLACE]]
// CHECK:         %[[CONTEXT:.*]] = llvm.load %[[RUNTIME]]
// CHECK:         llvm.call %[[PARALLEL]](%[[CONTEXT]], %[[TASK]], %{{.*}}, %{{.*}}, %{{.*}}) : !llvm.ptr
// A second loop that differs only in its buffer shares the task.
// CHECK:         llvm.mlir.addressof @task :
// CHECK-NOT:     scf.parallel
// CHECK:       llvm.func internal @task(%{{.*}}: !llvm.ptr, %[[LO:.*]]: i64, %[[HI:.*]]: i64)
// CHECK:         llvm.load
// CHECK:         scf.for
// CHECK:           func.call @kernel
// CHECK-NOT:   llvm.func
func.func @eval(%x: memref<?x8xf32>, %y: memref<?x8xf32>, %n: index, %scale: f32) attributes {lnx.entry} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  scf.parallel (%lo) = (%c0) to (%n) step (%c16) {
    func.call @kernel(%x, %scale, %lo) : (memref<?x8xf32>, f32, index) -> ()
    scf.reduce
  }
  scf.parallel (%lo) = (%c0) to (%n) step (%c16) {
    func.call @kernel(%y, %scale, %lo) : (memref<?x8xf32>, f32, index) -> ()
    scf.reduce
  }
  return
}
func.func private @kernel(%x: memref<?x8xf32>, %scale: f32, %lo: index) {
  return
}

// -----

// A loop of one iteration is no task; a declared runtime function is called by its place in abi.def:
// gemm is function 1, behind the context and parallel.
// CHECK-LABEL: func.func @grad(
// CHECK-SAME:    %[[RUNTIME:.*]]: !llvm.ptr,
// CHECK-NOT:     scf.parallel
// CHECK:         call @kernel
// CHECK:         %[[PLACE:.*]] = llvm.getelementptr %[[RUNTIME]][2]
// CHECK:         %[[GEMM:.*]] = llvm.load %[[PLACE]]
// CHECK:         llvm.call %[[GEMM]](
// CHECK-SAME:      : !llvm.ptr, (!llvm.ptr, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64) -> ()
// CHECK-NOT:   @lnx_gemm
func.func @grad(%n: index) attributes {lnx.entry} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.parallel (%lo) = (%c0) to (%c1) step (%c1) {
    func.call @kernel(%lo) : (index) -> ()
    scf.reduce
  }
  call @lnx_gemm(%c0, %c1, %n, %n, %n, %n, %n, %n, %n, %c1, %n, %n)
    : (index, index, index, index, index, index, index, index, index, index, index, index) -> ()
  return
}
func.func private @kernel(%lo: index) {
  return
}
func.func private @lnx_gemm(index, index, index, index, index, index, index, index, index, index, index, index)

// -----

func.func @eval(%n: index, %x: f64) attributes {lnx.entry} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  // expected-error @below {{'scf.parallel' op captures a value of type 'f64'}}
  scf.parallel (%lo) = (%c0) to (%n) step (%c16) {
    func.call @kernel(%x) : (f64) -> ()
    scf.reduce
  }
  return
}
func.func private @kernel(%x: f64)

// -----

func.func @eval(%n: index) attributes {lnx.entry} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error @below {{'scf.parallel' op has more than one dimension or a reduction}}
  scf.parallel (%i, %j) = (%c0, %c0) to (%n, %n) step (%c1, %c1) {
    scf.reduce
  }
  return
}

// -----

// A launch is a call of `launch`, function 4 of the table behind `parallel`, `gemm`, `attend` and
// `attend_grad`: the number of the kernel, its parameters, how many, and the blocks. A buffer is its
// whole descriptor: address twice, offset, sizes, strides.
// CHECK-LABEL: func.func @norm(
// CHECK-SAME:    %[[RUNTIME:.*]]: !llvm.ptr,
// CHECK:         llvm.mlir.constant(8 : i64)
// CHECK-COUNT-8: llvm.store
// CHECK-NOT:     llvm.store
// CHECK:         %[[PLACE:.*]] = llvm.getelementptr %[[RUNTIME]][5]
// CHECK:         %[[LAUNCH:.*]] = llvm.load %[[PLACE]]
// CHECK:         llvm.call %[[LAUNCH]](
// CHECK-NOT:     gpu.launch_func
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @first(%scale: f32) kernel {
      gpu.return
    }
    gpu.func @rows(%x: memref<?x8xf32>, %scale: f32) kernel {
      gpu.return
    }
  }
  func.func @norm(%x: memref<?x8xf32>, %n: index, %scale: f32) attributes {lnx.entry} {
    %c1 = arith.constant 1 : index
    gpu.launch_func @kernels::@rows blocks in (%n, %c1, %c1) threads in (%c1, %c1, %c1) args(%x : memref<?x8xf32>, %scale : f32)
    return
  }
}
