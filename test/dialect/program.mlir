// RUN: lnx-opt %s | lnx-opt | FileCheck %s
// RUN: lnx-opt %s --mlir-print-op-generic | lnx-opt | FileCheck %s

// Levels grad and fused: the parameter table, repeats with slices and stacks, groups, state.
module attributes {lnx.name = "small", lnx.depth = 2 : i64} {
  // CHECK: lnx.parameter @W "mlp.W" layers 2 from 1 <normal, [2.000000e-02], [0.000000e+00]> : tensor<8x8xf32>
  lnx.parameter @W "mlp.W" layers 2 from 1 <normal, [0.02], [0.0]> : tensor<8x8xf32>

  // CHECK-LABEL: func.func @forward_and_back
  func.func @forward_and_back(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
    // CHECK: %[[R:.*]]:2 = lnx.repeat %[[L:.*]] first 1 count 2 scope "" carries(%[[S:.*]] = %{{.*}} : tensor<?x8xf32>) stacks(tensor<2x?x8xf32>) {
    %y, %kept = lnx.repeat %l first 1 count 2 scope "" carries(%s = %x : tensor<?x8xf32>) stacks(tensor<2x?x8xf32>) {
      // CHECK: lnx.get @W at %[[L]] : tensor<8x8xf32>
      %w = lnx.get @W at %l : tensor<8x8xf32>
      // CHECK: lnx.group gemm(%[[A:.*]] = %[[S]] : tensor<?x8xf32>, %[[B:.*]] = %{{.*}} : tensor<8x8xf32>) -> (tensor<?x8xf32>) {
      // CHECK-NEXT: lnx.matmul %[[A]], %[[B]] : tensor<?x8xf32>, tensor<8x8xf32>
      %n = lnx.group gemm(%a = %s : tensor<?x8xf32>, %b = %w : tensor<8x8xf32>) -> (tensor<?x8xf32>) {
        %p = lnx.matmul %a, %b : tensor<?x8xf32>, tensor<8x8xf32>
        lnx.yield %p : tensor<?x8xf32>
      }
      lnx.yield %n, %s : tensor<?x8xf32>, tensor<?x8xf32>
    }
    // CHECK: lnx.repeat %{{.*}} first 1 count 2 reverse scope "" carries(%{{.*}} = %{{.*}} : tensor<?x8xf32>) slices(%{{.*}} = %[[R]]#1 : tensor<2x?x8xf32>) {
    %d = lnx.repeat %l first 1 count 2 reverse scope "" carries(%dy = %y : tensor<?x8xf32>) slices(%s = %kept : tensor<2x?x8xf32>) {
      %w = lnx.get @W at %l : tensor<8x8xf32>
      %dw = lnx.matmul %s, %dy {transpose_lhs} : tensor<?x8xf32>, tensor<?x8xf32>
      // CHECK: lnx.accumulate @W at %{{.*}}, %{{.*}} : tensor<8x8xf32>
      lnx.accumulate @W at %l, %dw : tensor<8x8xf32>
      %dx = lnx.matmul %dy, %w {transpose_rhs} : tensor<?x8xf32>, tensor<8x8xf32>
      lnx.yield %dx : tensor<?x8xf32>
    }
    return %d : tensor<?x8xf32>
  }
  // CHECK-LABEL: func.func @sgd
  func.func @sgd() {
    // CHECK: lnx.argument 2 : tensor<f32>
    %rate = lnx.argument 2 : tensor<f32>
    // CHECK: lnx.read_state "param" 0 : tensor<3x1024xf32>
    %p = lnx.read_state "param" 0 : tensor<3x1024xf32>
    %g = lnx.mul %p, %rate : tensor<3x1024xf32>, tensor<f32>
    // CHECK: lnx.write_state "param" 0, %{{.*}} : tensor<3x1024xf32>
    lnx.write_state "param" 0, %g : tensor<3x1024xf32>
    return
  }
}
