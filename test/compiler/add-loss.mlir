// RUN: lnx-opt %s -lnx-add-loss -split-input-file -verify-diagnostics | FileCheck %s

// One forward function becomes three; @logits itself goes.
// CHECK-NOT: @logits
// CHECK-LABEL: func.func @eval(
// CHECK-SAME: %[[T:.*]]: tensor<?xi32>, %[[Y:.*]]: tensor<?xi32>) -> tensor<f32> attributes {lnx.entry}
// CHECK: %[[X:.*]] = lnx.gather %{{.*}}, %[[T]]
// CHECK: %[[LOSS:.*]] = lnx.cross_entropy %[[X]], %[[Y]]
// CHECK: return %[[LOSS]] : tensor<f32>

// CHECK-LABEL: func.func @grad(
// CHECK-SAME: tensor<?xi32>, %{{.*}}: tensor<?xi32>) -> tensor<f32> attributes {lnx.entry}
// CHECK: lnx.cross_entropy

// CHECK-LABEL: func.func @next(
// CHECK-SAME: tensor<?xi32>) -> tensor<1x5xf32> attributes {lnx.entry}
// CHECK: %[[X:.*]] = lnx.gather
// CHECK: %[[LAST:.*]] = lnx.last_row %[[X]]
// CHECK: return %[[LAST]] : tensor<1x5xf32>
// CHECK-NOT: @logits
lnx.parameter @E "E" layers 1 from 0 <normal, [0.02], [0.0]> : tensor<5x5xf32>
func.func @logits(%t: tensor<?xi32>) -> tensor<?x5xf32> {
  %E = lnx.get @E : tensor<5x5xf32>
  %x = lnx.gather %E, %t : tensor<5x5xf32>, tensor<?xi32>
  return %x : tensor<?x5xf32>
}

// -----

// expected-error @below {{logits are computed from tokens, one row for each, not as '(tensor<?xi32>) -> tensor<f32>'}}
func.func @logits(%t: tensor<?xi32>) -> tensor<f32> {
  %one = lnx.constant 1.0
  return %one : tensor<f32>
}
