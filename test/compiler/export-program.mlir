// RUN: lnx-opt %s --lnx-export-program=cpu=x86-64-v3 | FileCheck %s
// The table of the program: one constant, wrappers around the entries, and a note for the loader.

module attributes {lnx.name = "tiny", lnx.context = 64 : i64, lnx.depth = 3 : i64, lnx.vocabulary = 5 : i64,
    lnx.state_floats = 2048 : i64, lnx.decay_floats = 1024 : i64, lnx.spec = "model tiny()",
    lnx.parameters = [{symbol = "W", path = "mlp.W", offset = 0 : i64, first_layer = 1 : i64, layers = 3 : i64,
      shape = array<i64: 4, 5>, init = "normal", a = array<f64: 0.5>, b = array<f64: 0.0>, decay = true}]} {
  func.func @eval(%runtime: !llvm.ptr, %state: memref<?xi8>, %scratch: memref<?xi8>, %tokens: memref<?xi32>,
      %targets: memref<?xi32>, %batch: index, %time: index, %arguments: memref<?xf32>, %results: memref<?xf32>)
      attributes {lnx.entry, lnx.scratch_bytes_per_row = 80 : i64, lnx.scratch_fixed_bytes = 640 : i64} {
    return
  }
}

// An entry takes one lnx_call and hands its fields on.
// CHECK-LABEL: llvm.func internal @lnx_entry_eval(
// CHECK-SAME:    %[[CALL:.*]]: !llvm.ptr)
// CHECK:         llvm.getelementptr %[[CALL]][40]
// CHECK:         llvm.getelementptr %[[CALL]][48]
// CHECK:         func.call @eval(
// CHECK:         llvm.return

// One number for all layers is repeated for each of them.
// CHECK: llvm.mlir.global internal constant @[[PATH:.*]]("mlp.W\00")
// CHECK: llvm.mlir.global internal constant @[[A:.*]](dense<5.000000e-01> : tensor<3xf64>)
// CHECK: llvm.mlir.global internal constant @[[TABLE:lnx_parameters]]() {{.*}}!llvm.array<1 x struct<
// CHECK:   llvm.mlir.addressof @[[PATH]]
// CHECK:   llvm.mlir.addressof @[[A]]
// CHECK: llvm.mlir.global internal constant @{{.*}}("tiny\00")
// CHECK: llvm.mlir.global internal constant @{{.*}}("model tiny()\00")
// CHECK: llvm.mlir.global internal constant @{{.*}}("x86-64-v3\00")
// CHECK: llvm.mlir.global external constant @lnx_program_v1()
// CHECK-DAG: llvm.mlir.constant(2048 : i64)
// CHECK-DAG: llvm.mlir.addressof @[[TABLE]]
// CHECK-DAG: llvm.mlir.addressof @lnx_entry_eval
// CHECK-DAG: llvm.mlir.constant(80 : i64)
// CHECK-DAG: llvm.mlir.constant(640 : i64)
// CHECK: llvm.mlir.global internal constant @lnx_note("\04\00\00\00\0E\00\00\00\01\00\00\00lnx\00\04\00\00\00x86-64-v3\00
// CHECK-SAME: section = ".note.lnx"
// CHECK: llvm.mlir.global appending @llvm.used
