// RUN: split-file %s %t
// RUN: lnx-opt %t/plan.mlir --lnx-plan-arena --canonicalize --cse | FileCheck %t/plan.mlir
// RUN: not lnx-opt %t/size.mlir --lnx-plan-arena 2>&1 | FileCheck %t/size.mlir

//--- plan.mlir
// a and c never live at the same time, so they share rows of 32 bytes; b lives with both. The fixed
// buffer lies behind the rows, a multiple of 64 bytes.
// CHECK-LABEL: func.func @chain(
// CHECK-SAME: lnx.scratch_bytes_per_row = 64 : i64, lnx.scratch_fixed_bytes = 64 : i64
// CHECK: %[[ROWS:.*]] = arith.muli %arg4, %arg5
// CHECK: %[[RAISED:.*]] = arith.addi %[[ROWS]], %c15
// CHECK: %[[PADDED:.*]] = arith.andi %[[RAISED]], %c-16
// CHECK: %[[A:.*]] = memref.view %arg1[%c0][%[[ROWS]]] : memref<?xi8> to memref<?x8xf32>
// CHECK: %[[BEHIND:.*]] = arith.muli %[[PADDED]], %c32
// CHECK: %[[B:.*]] = memref.view %arg1[%[[BEHIND]]][%[[ROWS]]]
// CHECK: call @k(%[[A]], %[[B]])
// CHECK: call @k(%[[B]], %[[A]])
// CHECK: %[[FIXED:.*]] = arith.muli %[[PADDED]], %c64
// CHECK: memref.view %arg1[%[[FIXED]]][] : memref<?xi8> to memref<3xf32>
// CHECK-NOT: memref.alloc
func.func @chain(%state: memref<?xi8>, %scratch: memref<?xi8>, %tokens: memref<?xi32>, %targets: memref<?xi32>, %batch: index, %time: index, %arguments: memref<?xf32>, %results: memref<?xf32>) attributes {lnx.entry} {
  %rows = arith.muli %batch, %time : index
  %a = memref.alloc(%rows) : memref<?x8xf32>
  %b = memref.alloc(%rows) : memref<?x8xf32>
  func.call @k(%a, %b) : (memref<?x8xf32>, memref<?x8xf32>) -> ()
  %c = memref.alloc(%rows) : memref<?x8xf32>
  func.call @k(%b, %c) : (memref<?x8xf32>, memref<?x8xf32>) -> ()
  %f = memref.alloc() : memref<3xf32>
  func.call @f(%f) : (memref<3xf32>) -> ()
  return
}

// What is made outside a loop and used inside lives for all of it, also behind its last use; an address
// counts as a use where it is passed.
// CHECK-LABEL: func.func @loop(
// CHECK-SAME: lnx.scratch_bytes_per_row = 96 : i64, lnx.scratch_fixed_bytes = 0 : i64
func.func @loop(%state: memref<?xi8>, %scratch: memref<?xi8>, %tokens: memref<?xi32>, %targets: memref<?xi32>, %batch: index, %time: index, %arguments: memref<?xf32>, %results: memref<?xf32>) attributes {lnx.entry} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %rows = arith.muli %batch, %time : index
  %carry = memref.alloc(%rows) : memref<?x8xf32>
  scf.for %i = %c0 to %c4 step %c1 {
    %a = memref.alloc(%rows) : memref<?x8xf32>
    %b = memref.alloc(%rows) : memref<?x8xf32>
    func.call @k(%carry, %a) : (memref<?x8xf32>, memref<?x8xf32>) -> ()
    %address = memref.extract_aligned_pointer_as_index %a : memref<?x8xf32> -> index
    func.call @k(%b, %b) : (memref<?x8xf32>, memref<?x8xf32>) -> ()
    func.call @address(%address) : (index) -> ()
  }
  return
}

// A stack of bytes is as large as its layers together.
// CHECK-LABEL: func.func @stack(
// CHECK-SAME: lnx.scratch_bytes_per_row = 384 : i64
func.func @stack(%state: memref<?xi8>, %scratch: memref<?xi8>, %tokens: memref<?xi32>, %targets: memref<?xi32>, %batch: index, %time: index, %arguments: memref<?xf32>, %results: memref<?xf32>) attributes {lnx.entry} {
  %c0 = arith.constant 0 : index
  %c15 = arith.constant 15 : index
  %mask = arith.constant -16 : index
  %c384 = arith.constant 384 : index
  %rows = arith.muli %batch, %time : index
  %raised = arith.addi %rows, %c15 : index
  %padded = arith.andi %raised, %mask : index
  %bytes = arith.muli %padded, %c384 : index
  %stack = memref.alloc(%bytes) : memref<?xi8>
  %view = memref.view %stack[%c0][%rows] : memref<?xi8> to memref<?x8xf32>
  func.call @k(%view, %view) : (memref<?x8xf32>, memref<?x8xf32>) -> ()
  return
}
func.func private @k(memref<?x8xf32>, memref<?x8xf32>)
func.func private @f(memref<3xf32>)
func.func private @address(index)

//--- size.mlir
// CHECK: error: 'memref.alloc' op has a size that is not linear in the rows
func.func @size(%state: memref<?xi8>, %scratch: memref<?xi8>, %tokens: memref<?xi32>, %targets: memref<?xi32>, %batch: index, %time: index, %arguments: memref<?xf32>, %results: memref<?xf32>) attributes {lnx.entry} {
  %square = arith.muli %time, %time : index
  %scores = arith.muli %square, %batch : index
  %a = memref.alloc(%scores) : memref<?x8xf32>
  memref.dealloc %a : memref<?x8xf32>
  return
}
