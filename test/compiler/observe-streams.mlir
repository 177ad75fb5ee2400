// RUN: lnx-opt %s -lnx-observe-streams -split-input-file | FileCheck %s

// Each layer's sums of |x|, x and x^2 become stacks of the repeat and results behind the loss.
// CHECK: lnx.streams = [array<i64: 1, 12, 8, 1>]
// CHECK-LABEL: func.func @grad
// CHECK-SAME: -> (tensor<f32>, tensor<12x1xf32>, tensor<12x1xf32>, tensor<12x1xf32>)
// CHECK: %[[R:.*]]:4 = lnx.repeat
// CHECK: %[[Y:.*]] = lnx.mul
// CHECK: lnx.abs %[[Y]]
// CHECK: %[[A:.*]] = lnx.sum_rows
// CHECK: lnx.sum %[[Y]]
// CHECK: %[[S:.*]] = lnx.sum_rows
// CHECK: lnx.mul %[[Y]], %[[Y]]
// CHECK: %[[Q:.*]] = lnx.sum_rows
// CHECK: lnx.yield %[[Y]], %[[A]], %[[S]], %[[Q]]
// CHECK: return %{{.*}}, %[[R]]#1, %[[R]]#2, %[[R]]#3
func.func @grad(%x: tensor<?x8xf32>, %targets: tensor<?xi32>) -> tensor<f32> {
  %y = lnx.repeat %l first 1 count 12 scope "" carries(%c = %x : tensor<?x8xf32>) {
    %h = lnx.mul %c, %c : tensor<?x8xf32>, tensor<?x8xf32>
    lnx.yield %h : tensor<?x8xf32>
  }
  %loss = lnx.cross_entropy %y, %targets : tensor<?x8xf32>, tensor<?xi32>
  return %loss : tensor<f32>
}

// -----
// Without layers nothing is observed.
// CHECK-LABEL: func.func @grad
// CHECK-SAME: -> tensor<f32>
func.func @grad(%x: tensor<?x8xf32>, %targets: tensor<?xi32>) -> tensor<f32> {
  %loss = lnx.cross_entropy %x, %targets : tensor<?x8xf32>, tensor<?xi32>
  return %loss : tensor<f32>
}
