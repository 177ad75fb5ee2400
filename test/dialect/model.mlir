// RUN: lnx-opt %s | lnx-opt | FileCheck %s
// RUN: lnx-opt %s --mlir-print-op-generic | lnx-opt | FileCheck %s

// A model at level spec: rolled repeat, applied definitions, steps, claims.
// CHECK-LABEL: lnx.model @small context 64 settings {depth = 3 : i64}
lnx.model @small context 64 settings {depth = 3 : i64} {
  // CHECK: %[[TOKENS:.*]] = lnx.input "tokens" : tensor<?xi32>
  %tokens = lnx.input "tokens" : tensor<?xi32>
  // CHECK: lnx.param "E" <normal, [2.000000e-02], [0.000000e+00]> : tensor<16x8xf32>
  %E = lnx.param "E" <normal, [0.02], [0.0]> : tensor<16x8xf32>
  %x = lnx.gather %E, %tokens : tensor<16x8xf32>, tensor<?xi32>
  // Numbers keep all their digits.
  // CHECK: %{{.*}} = lnx.repeat %[[L:.*]] first 1 count 3 scope "" carries(%[[X:.*]] = %{{.*}} : tensor<?x8xf32>) {
  %r = lnx.repeat %l first 1 count 3 scope "" carries(%s = %x : tensor<?x8xf32>) {
    // CHECK: lnx.table [1.000000e+00, 0.33333333333333331, -2.500000e-05] at %[[L]] : tensor<f32>
    %dt = lnx.table [1.0, 0.3333333333333333, -2.5e-5] at %l : tensor<f32>
    // CHECK: lnx.apply "mlp" "mlp" -> tensor<?x8xf32> {
    %f = lnx.apply "mlp" "mlp" -> tensor<?x8xf32> {
      // CHECK: lnx.param "mlp.W" <uniform, [-1.000000e-01], [1.000000e-01]> : tensor<8x8xf32>
      %W = lnx.param "mlp.W" <uniform, [-0.1], [0.1]> : tensor<8x8xf32>
      %y = lnx.matmul %s, %W : tensor<?x8xf32>, tensor<8x8xf32>
      // CHECK: lnx.yield %{{.*}} : tensor<?x8xf32>
      lnx.yield %y : tensor<?x8xf32>
    }
    %g = lnx.mul %f, %dt : tensor<?x8xf32>, tensor<f32>
    %n = lnx.add %s, %g : tensor<?x8xf32>, tensor<?x8xf32>
    // CHECK: lnx.step "x" %[[X]] to %{{.*}} : tensor<?x8xf32>
    %t = lnx.step "x" %s to %n : tensor<?x8xf32>
    lnx.yield %t : tensor<?x8xf32>
  }
  %logits = lnx.matmul %r, %E {transpose_rhs} : tensor<?x8xf32>, tensor<16x8xf32>
  // CHECK: lnx.check "bounded" "<=" bound 4.000000e+00
  lnx.check "bounded" "<=" bound 4.0
  // CHECK: lnx.return %{{.*}} : tensor<?x16xf32>
  lnx.return %logits : tensor<?x16xf32>
}

// What the numbers of this depth are at others, and which layers a repeat has there.
// CHECK-LABEL: lnx.model @deeper
lnx.model @deeper context 64 {
  %tokens = lnx.input "tokens" : tensor<?xi32>
  // CHECK: lnx.param "E" <normal, [5.000000e-03] schedule "0.02*N^-1", [0.000000e+00]>
  %E = lnx.param "E" <normal, [0.005] schedule "0.02*N^-1", [0.0]> : tensor<16x8xf32>
  // CHECK: lnx.param "F" <uniform, [0.000000e+00], [5.000000e-01] schedule "N^-0.5">
  %F = lnx.param "F" <uniform, [0.0], [0.5] schedule "N^-0.5"> : tensor<8x8xf32>
  %x = lnx.gather %E, %tokens : tensor<16x8xf32>, tensor<?xi32>
  // CHECK: lnx.table [5.000000e-01] schedule "N^-0.5" : tensor<f32>
  %a = lnx.table [0.5] schedule "N^-0.5" : tensor<f32>
  %y = lnx.mul %x, %a : tensor<?x8xf32>, tensor<f32>
  // CHECK: lnx.repeat %[[L:.*]] first 2 count 2 from "0.25*N .. 0.25*N + 1" to "N - 1" scope "" carries
  %r = lnx.repeat %l first 2 count 2 from "0.25*N .. 0.25*N + 1" to "N - 1" scope "" carries(%s = %y : tensor<?x8xf32>) {
    // CHECK: lnx.table [2.000000e+00, 3.000000e+00] at %[[L]] schedule "l" : tensor<f32>
    %d = lnx.table [2.0, 3.0] at %l schedule "l" : tensor<f32>
    %t = lnx.mul %s, %d : tensor<?x8xf32>, tensor<f32>
    lnx.yield %t : tensor<?x8xf32>
  }
  %logits = lnx.matmul %r, %E {transpose_rhs} : tensor<?x8xf32>, tensor<16x8xf32>
  lnx.return %logits : tensor<?x16xf32>
}
