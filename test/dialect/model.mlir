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
