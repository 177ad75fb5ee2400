// RUN: split-file %s %t
// RUN: lnx-opt %t/module.mlir --lnx-form-groups --lnx-lower-groups=target=reference --canonicalize --cse | FileCheck %t/module.mlir
// RUN: lnx-opt %t/module.mlir --lnx-form-groups --lnx-lower-groups=target=reference | mlir-opt | FileCheck %t/module.mlir --check-prefix=TABLE
// RUN: lnx-opt %t/module.mlir --lnx-form-groups --lnx-lower-groups=target=cpu | mlir-opt --canonicalize --cse | FileCheck %t/module.mlir --check-prefix=CPU
// RUN: lnx-opt %t/unread.mlir --lnx-form-groups --lnx-lower-groups=target=cpu | FileCheck %t/unread.mlir
// RUN: not lnx-opt %t/ungrouped.mlir --lnx-lower-groups 2>&1 | FileCheck %t/ungrouped.mlir
// RUN: not lnx-opt %t/target.mlir --lnx-lower-groups=target=abacus 2>&1 | FileCheck %t/target.mlir
// RUN: not lnx-opt %t/slice.mlir --lnx-lower-groups=target=reference 2>&1 | FileCheck %t/slice.mlir
// RUN: not lnx-opt %t/frame.mlir --split-input-file --lnx-lower-groups 2>&1 | FileCheck %t/frame.mlir

//--- module.mlir
// The table of parameters becomes attributes: matrices first, each at a multiple of 16 floats.
// TABLE: module attributes
// TABLE-SAME: lnx.decay_floats = 1024 : i64
// TABLE-SAME: {a = array<f64: 2.000000e-02>, b = array<f64: 0.000000e+00>, decay = true, first_layer = 1 : i64, init = "normal", layers = 2 : i64, offset = 0 : i64, path = "W", shape = array<i64: 8, 8>, symbol = "W"}
// TABLE-SAME: decay = false,{{.*}} offset = 1024 : i64, path = "b"
// TABLE-SAME: lnx.state_floats = 2048 : i64
// TABLE-NOT: lnx.parameter
module attributes {lnx.name = "test"} {
lnx.parameter @W "W" layers 2 from 1 <"normal", [0.02], [0.0]> : tensor<8x8xf32>
lnx.parameter @E "E" layers 1 from 0 <"normal", [0.02], [0.0]> : tensor<5x8xf32>
lnx.parameter @U "U" layers 1 from 0 <"normal", [0.02], [0.0]> : tensor<8x8xf32>
lnx.parameter @b "b" layers 2 from 1 <"const", [0.0], [0.0]> : tensor<8xf32>

// One loop over the layers. The carry starts in the buffer that was filled for it and is written where
// it lies; parameters are views of their layer; the matrix product needs no copy.
// CHECK-LABEL: func.func @forward(
// CHECK-SAME: %[[STATE:.*]]: memref<?xi8>, %[[SCRATCH:.*]]: memref<?xi8>, %[[TOKENS:.*]]: memref<?xi32>, %{{.*}}: memref<?xi32>, %[[BATCH:.*]]: index, %[[TIME:.*]]: index, %{{.*}}: memref<?xf32>, %[[RESULTS:.*]]: memref<?xf32>)
// CHECK: %[[ROWS:.*]] = arith.muli %[[BATCH]], %[[TIME]]
// CHECK: %[[X:.*]] = memref.alloc(%[[ROWS]]) : memref<?x8xf32>
// CHECK: memref.store %{{.*}}, %[[X]]
// CHECK: scf.for %[[LAYER:.*]] = %{{.*}} to
// CHECK: %[[AT:.*]] = arith.muli %[[LAYER]], %c256
// CHECK: memref.view %[[STATE]][%[[AT]]][] : memref<?xi8> to memref<8x8xf32>
// CHECK: %[[M:.*]] = memref.alloc(%[[ROWS]]) : memref<?x8xf32>
// CHECK: memref.load %[[M]]
// CHECK: memref.store %{{.*}}, %[[X]]
// CHECK-NOT: call
// The loss goes straight into the results.
// CHECK: memref.reinterpret_cast %[[RESULTS]]
// CHECK: return
func.func @forward(%tokens: tensor<?xi32>, %targets: tensor<?xi32>) -> tensor<f32> attributes {lnx.entry} {
  %table = lnx.get @E : tensor<5x8xf32>
  %x = lnx.gather %table, %tokens : tensor<5x8xf32>, tensor<?xi32>
  %r = lnx.repeat %l first 1 count 2 scope "" carries(%c = %x : tensor<?x8xf32>) {
    %w = lnx.get @W at %l : tensor<8x8xf32>
    %b = lnx.get @b at %l : tensor<8xf32>
    %m = lnx.matmul %c, %w : tensor<?x8xf32>, tensor<8x8xf32>
    %y = lnx.add %m, %b : tensor<?x8xf32>, tensor<8xf32>
    lnx.yield %y : tensor<?x8xf32>
  }
  %loss = lnx.linear_cross_entropy %r, %table, %targets {transpose_weight} : tensor<?x8xf32>, tensor<5x8xf32>, tensor<?xi32>
  return %loss : tensor<f32>
}

// What leaves a layer is stacked, so the carry's slots are the stack, one more than there are layers, and
// the kernel of layer l writes slot l + 1. The reverse loop's kernel sums over rows, so its carry has two
// slots that take turns. Nothing is copied but the first values, and the gradient is added in its place.
// CHECK-LABEL: func.func @stacks(
// CHECK: %[[ROWS:.*]] = arith.muli
// CHECK: %[[PADDED:.*]] = arith.andi
// CHECK: %[[SLOT:.*]] = arith.muli %[[PADDED]], %c32
// CHECK: %[[BYTES:.*]] = arith.muli %[[PADDED]], %c96
// CHECK: %[[STACK:.*]] = memref.alloc(%[[BYTES]]) : memref<?xi8>
// CHECK: func.call @copy
// CHECK: scf.for %[[LAYER:.*]] =
// CHECK-DAG: %[[AFTER:.*]] = arith.addi %[[LAYER]], %c1
// CHECK-DAG: %[[IN:.*]] = arith.muli %[[LAYER]], %[[SLOT]]
// CHECK-DAG: %[[OUT:.*]] = arith.muli %[[AFTER]], %[[SLOT]]
// CHECK-DAG: %[[FROM:.*]] = memref.view %[[STACK]][%[[IN]]][%[[ROWS]]] : memref<?xi8> to memref<?x8xf32>
// CHECK-DAG: %[[TO:.*]] = memref.view %[[STACK]][%[[OUT]]][%[[ROWS]]] : memref<?xi8> to memref<?x8xf32>
// CHECK: memref.load %[[FROM]]
// CHECK: memref.store %{{.*}}, %[[TO]]
// CHECK: %[[TURNS:.*]] = memref.alloc(%{{.*}}) : memref<?xi8>
// CHECK: func.call @copy
// CHECK: scf.for %[[BACK:.*]] =
// CHECK: %[[TURN:.*]] = arith.andi %[[BACK]], %c1
// CHECK: %[[OTHER:.*]] = arith.subi %c1, %[[TURN]]
// CHECK: memref.view %[[TURNS]]
// CHECK: memref.view %[[TURNS]]
// CHECK: memref.view %[[STACK]]
// CHECK: memref.view %arg0{{.*}} to memref<8xf32>
// CHECK-NOT: @copy
// CHECK-LABEL: func.func @gradient(
func.func @stacks(%tokens: tensor<?xi32>, %targets: tensor<?xi32>) attributes {lnx.entry} {
  %table = lnx.get @E : tensor<5x8xf32>
  %x = lnx.gather %table, %tokens : tensor<5x8xf32>, tensor<?xi32>
  %r:2 = lnx.repeat %l first 1 count 2 scope "" carries(%c = %x : tensor<?x8xf32>) stacks(tensor<2x?x8xf32>) {
    %y = lnx.exp %c : tensor<?x8xf32>
    lnx.yield %y, %y : tensor<?x8xf32>, tensor<?x8xf32>
  }
  %d = lnx.repeat %l first 1 count 2 reverse scope "" carries(%c = %r#0 : tensor<?x8xf32>) slices(%s = %r#1 : tensor<2x?x8xf32>) {
    %g = lnx.mul %c, %s : tensor<?x8xf32>, tensor<?x8xf32>
    %db = lnx.sum_rows %g : tensor<?x8xf32>
    lnx.accumulate @b at %l, %db : tensor<8xf32>
    lnx.yield %g : tensor<?x8xf32>
  }
  return
}

// A product whose only use is a gradient adds to the gradient arena: nothing is stored in between.
// CPU-LABEL: func.func @gradient(
// CPU-NOT: memref.alloc{{.*}}memref<8x8xf32>
// CPU: %[[AT:.*]] = memref.view %arg0[%{{.*}}][] : memref<?xi8> to memref<8x8xf32>
// CPU: %[[ADDRESS:.*]] = memref.extract_aligned_pointer_as_index %[[AT]]
// CPU: call @lnx_gemm(%c1, %c0, %c8, %c8, %{{.*}}, %{{.*}}, %c8, %{{.*}}, %c8, %c1, %[[ADDRESS]], %c8)
// CPU-NOT: call @add
func.func @gradient(%tokens: tensor<?xi32>, %targets: tensor<?xi32>) attributes {lnx.entry} {
  %table = lnx.get @E : tensor<5x8xf32>
  %x = lnx.gather %table, %tokens : tensor<5x8xf32>, tensor<?xi32>
  %y = lnx.exp %x : tensor<?x8xf32>
  %dw = lnx.matmul %x, %y {transpose_lhs} : tensor<?x8xf32>, tensor<?x8xf32>
  lnx.accumulate @U, %dw : tensor<8x8xf32>
  return
}

// An update is one kernel that works in place on the state.
// CPU-LABEL: func.func @update(
// CPU: %[[P:.*]] = memref.view %arg0[%c0]
// CPU-NOT: memref.alloc{{.*}}1024
// CPU: call @rows{{.*}}(%{{.*}}, %[[P]], %[[P]]
// CPU-NOT: call
// CPU: return
func.func @update() attributes {lnx.entry} {
  %rate = lnx.argument 1 : tensor<f32>
  %p = lnx.read_state "param" 0 : tensor<1x1024xf32>
  %g = lnx.read_state "grad" 0 : tensor<1x1024xf32>
  %step = lnx.mul %rate, %g : tensor<f32>, tensor<1x1024xf32>
  %new = lnx.sub %p, %step : tensor<1x1024xf32>, tensor<1x1024xf32>
  lnx.write_state "param" 0, %new : tensor<1x1024xf32>
  return
}
}

//--- unread.mlir
// Attention whose sums of exponents nobody reads is still the target's attention.
// CHECK-LABEL: func.func @eval(
// CHECK-NOT:   arith.mulf
// CHECK:       call @lnx_attend(
// CHECK-NOT:   arith.mulf
module attributes {lnx.name = "test"} {
lnx.parameter @E "E" layers 1 from 0 <"normal", [0.02], [0.0]> : tensor<5x8xf32>
func.func @eval(%tokens: tensor<?xi32>, %targets: tensor<?xi32>) -> tensor<f32> attributes {lnx.entry} {
  %table = lnx.get @E : tensor<5x8xf32>
  %x = lnx.gather %table, %tokens : tensor<5x8xf32>, tensor<?xi32>
  %o, %lse = lnx.attend %x, %x, %x {heads = 2 : i64, kv_heads = 2 : i64, causal = true, scale = 0.5, softcap = 0.0} : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
  %loss = lnx.linear_cross_entropy %o, %table, %targets {transpose_weight} : tensor<?x8xf32>, tensor<5x8xf32>, tensor<?xi32>
  return %loss : tensor<f32>
}
}

//--- ungrouped.mlir
// CHECK: error: 'lnx.exp' op is in no group: lnx-form-groups comes before lnx-lower-groups
func.func @bad(%tokens: tensor<?xi32>) -> tensor<f32> attributes {lnx.entry} {
  %two = lnx.argument 0 : tensor<f32>
  %e = lnx.exp %two : tensor<f32>
  return %e : tensor<f32>
}

//--- target.mlir
// CHECK: error: unknown target 'abacus': cpu, cuda and reference are known
module {}

//--- frame.mlir
// CHECK: error: 'lnx.get' op names no parameter 'W'
func.func @bad(%tokens: tensor<?xi32>) attributes {lnx.entry} {
  %w = lnx.get @W : tensor<8x8xf32>
  return
}

// -----
// CHECK: error: 'lnx.get' op has 'tensor<8x8xf32>' where parameter 'W' is 'tensor<4x8xf32>'
lnx.parameter @W "W" layers 1 from 0 <"normal", [0.02], [0.0]> : tensor<4x8xf32>
func.func @bad(%tokens: tensor<?xi32>) attributes {lnx.entry} {
  %w = lnx.get @W : tensor<8x8xf32>
  return
}

// -----
// CHECK: error: 'lnx.get' op gives no layer of parameter 'W', which has 2
lnx.parameter @W "W" layers 2 from 1 <"normal", [0.02], [0.0]> : tensor<8x8xf32>
func.func @bad(%tokens: tensor<?xi32>) attributes {lnx.entry} {
  %w = lnx.get @W : tensor<8x8xf32>
  return
}

// -----
// CHECK: error: 'lnx.read_state' op names no arena 'w': param, grad, m and v are known
func.func @bad() attributes {lnx.entry} {
  %w = lnx.read_state "w" 0 : tensor<1x1024xf32>
  return
}

// -----
// CHECK: error: 'lnx.read_state' op names segment 2, not 0 or 1
func.func @bad() attributes {lnx.entry} {
  %w = lnx.read_state "m" 2 : tensor<1x1024xf32>
  return
}

// -----
// CHECK: error: 'lnx.read_state' op has 'tensor<2x1024xf32>' where segment 0 is 'tensor<1x1024xf32>'
lnx.parameter @W "W" layers 1 from 0 <"normal", [0.02], [0.0]> : tensor<4x8xf32>
func.func @bad() attributes {lnx.entry} {
  %w = lnx.read_state "m" 0 : tensor<2x1024xf32>
  return
}

// -----
// CHECK: error: an entry takes at most tokens and targets, tensor<?xi32>
func.func @bad(%x: tensor<?x8xf32>) attributes {lnx.entry} {
  return
}

// -----
// CHECK: error: an entry returns 'tensor<?x8xf32>' behind its first result, which must be of a fixed size
lnx.parameter @W "W" layers 1 from 0 <"normal", [0.02], [0.0]> : tensor<4x8xf32>
func.func @bad(%t: tensor<?xi32>) -> (tensor<f32>, tensor<?x8xf32>) attributes {lnx.entry} {
  %a = lnx.argument 0 : tensor<f32>
  %e = lnx.get @W : tensor<4x8xf32>
  %x = lnx.gather %e, %t : tensor<4x8xf32>, tensor<?xi32>
  return %a, %x : tensor<f32>, tensor<?x8xf32>
}

// -----
// CHECK: error: 'lnx.group' op reads the stack 'tensor<2x?x8xf32>' as a whole
lnx.parameter @E "E" layers 1 from 0 <"normal", [0.02], [0.0]> : tensor<4x8xf32>
func.func @bad(%tokens: tensor<?xi32>) attributes {lnx.entry} {
  %e = lnx.get @E : tensor<4x8xf32>
  %x = lnx.group library(%t = %e : tensor<4x8xf32>, %i = %tokens : tensor<?xi32>) -> (tensor<?x8xf32>) {
    %g = lnx.gather %t, %i : tensor<4x8xf32>, tensor<?xi32>
    lnx.yield %g : tensor<?x8xf32>
  }
  %r:2 = lnx.repeat %l first 1 count 2 scope "" carries(%c = %x : tensor<?x8xf32>) stacks(tensor<2x?x8xf32>) {
    lnx.yield %c, %c : tensor<?x8xf32>, tensor<?x8xf32>
  }
  %s = lnx.group rows(%a = %r#1 : tensor<2x?x8xf32>) -> (tensor<2x?x8xf32>) {
    lnx.yield %a : tensor<2x?x8xf32>
  }
  return
}

//--- slice.mlir
// CHECK: error: 'lnx.repeat' op slices a value that no repeat has stacked
lnx.parameter @S "S" layers 1 from 0 <"normal", [0.02], [0.0]> : tensor<2x4x8xf32>
func.func @bad(%tokens: tensor<?xi32>) attributes {lnx.entry} {
  %stack = lnx.get @S : tensor<2x4x8xf32>
  %x = lnx.argument 0 : tensor<f32>
  %r = lnx.repeat %l first 1 count 2 scope "" carries(%c = %x : tensor<f32>) slices(%s = %stack : tensor<2x4x8xf32>) {
    lnx.yield %c : tensor<f32>
  }
  return
}
