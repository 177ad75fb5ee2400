// RUN: lnx-opt %s -lnx-add-optimizer -split-input-file | FileCheck %s

// 3 x 5 x 4 + 2 x 600 floats are decayed: two rows of 1024. The vector is alone in the other segment.
// CHECK-LABEL: func.func @norm() -> tensor<f32> attributes {lnx.entry}
// CHECK: lnx.read_state "grad" 0 : tensor<2x1024xf32>
// CHECK: lnx.read_state "grad" 1 : tensor<1x1024xf32>
// CHECK: %[[SUM:.*]] = lnx.add
// CHECK: return %[[SUM]] : tensor<f32>

// Decay is decoupled and acts on segment 0 alone; the gradient ends as zeros.
// CHECK-LABEL: func.func @adamw() attributes {lnx.entry}
// CHECK: %[[P:.*]] = lnx.read_state "param" 0 : tensor<2x1024xf32>
// CHECK: %[[CLIP:.*]] = lnx.argument 3 : tensor<f32>
// CHECK: %[[G:.*]] = lnx.read_state "grad" 0
// CHECK: lnx.mul %[[CLIP]], %[[G]]
// CHECK: lnx.write_state "m" 0
// CHECK: lnx.write_state "v" 0
// CHECK: %[[DECAY:.*]] = lnx.argument 2
// CHECK: lnx.mul %[[DECAY]], %[[P]]
// CHECK: lnx.write_state "param" 0
// CHECK: %[[ZERO:.*]] = lnx.constant 0
// CHECK: %[[ZEROS:.*]] = lnx.broadcast %[[ZERO]]
// CHECK: lnx.write_state "grad" 0, %[[ZEROS]]
// CHECK: lnx.read_state "param" 1 : tensor<1x1024xf32>
// CHECK-NOT: lnx.argument 2
// CHECK: lnx.write_state "grad" 1

// Decay is part of the gradient.
// CHECK-LABEL: func.func @adam() attributes {lnx.entry}
// CHECK: lnx.argument 2
// CHECK: lnx.write_state "m" 0
// CHECK-NOT: lnx.argument 2
// CHECK: lnx.write_state "grad" 1

// One moment only.
// CHECK-LABEL: func.func @sgd() attributes {lnx.entry}
// CHECK: lnx.argument 4
// CHECK: lnx.write_state "m" 0
// CHECK-NOT: "v"
// CHECK: lnx.write_state "grad" 1
lnx.parameter @E "E" layers 1 from 0 <normal, [0.02], [0.0]> : tensor<3x5x4xf32>
lnx.parameter @b "b" layers 2 from 1 <const, [0.0], [0.0]> : tensor<4xf32>
lnx.parameter @W "W" layers 2 from 1 <normal, [0.02], [0.0]> : tensor<20x30xf32>

// -----

// A model without vectors has one segment; the other is left out.
// CHECK-LABEL: func.func @norm()
// CHECK: lnx.read_state "grad" 0
// CHECK-NOT: lnx.read_state {{.*}} 1 :
// CHECK-NOT: lnx.write_state {{.*}} 1,
lnx.parameter @E "E" layers 1 from 0 <normal, [0.02], [0.0]> : tensor<5x4xf32>
