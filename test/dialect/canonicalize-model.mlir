// RUN: lnx-opt %s --canonicalize --split-input-file | FileCheck %s

// Sampling computes the final norm and the head for the last row only.
// CHECK-LABEL: @last_row(
// CHECK-SAME: %[[X:.*]]: tensor<?x4xf32>, %[[G:.*]]: tensor<4xf32>, %[[E:.*]]: tensor<9x4xf32>
// CHECK: %[[ROW:.*]] = lnx.last_row %[[X]] : tensor<?x4xf32>
// CHECK: lnx.mean {{.*}} : tensor<1x4xf32>
// CHECK: %[[N:.*]] = lnx.mul %{{.*}}, %[[G]] : tensor<1x4xf32>, tensor<4xf32>
// CHECK: %[[L:.*]] = lnx.matmul %[[N]], %[[E]] {transpose_rhs} : tensor<1x4xf32>, tensor<9x4xf32>
// CHECK: return %[[L]] : tensor<1x9xf32>
func.func @last_row(%x: tensor<?x4xf32>, %g: tensor<4xf32>, %E: tensor<9x4xf32>) -> tensor<1x9xf32> {
  %s = lnx.mul %x, %x : tensor<?x4xf32>, tensor<?x4xf32>
  %m = lnx.mean %s : tensor<?x4xf32>
  %r = lnx.rsqrt %m : tensor<?x1xf32>
  %y = lnx.mul %x, %r : tensor<?x4xf32>, tensor<?x1xf32>
  %n = lnx.mul %y, %g : tensor<?x4xf32>, tensor<4xf32>
  %l = lnx.matmul %n, %E {transpose_rhs} : tensor<?x4xf32>, tensor<9x4xf32>
  %last = lnx.last_row %l : tensor<?x9xf32>
  return %last : tensor<1x9xf32>
}

// -----
// Features that only the fixed operand has do not swallow the row dimension.
// CHECK-LABEL: @last_row_rank(
// CHECK: %[[S:.*]] = lnx.add {{.*}} : tensor<1x4xf32>, tensor<2x4xf32>
// CHECK: lnx.reshape %[[S]] : tensor<2x4xf32> to tensor<1x2x4xf32>
func.func @last_row_rank(%x: tensor<?x4xf32>, %g: tensor<2x4xf32>) -> tensor<1x2x4xf32> {
  %s = lnx.add %x, %g : tensor<?x4xf32>, tensor<2x4xf32>
  %last = lnx.last_row %s : tensor<?x2x4xf32>
  return %last : tensor<1x2x4xf32>
}

// -----
// Attention sees other rows, so the last row stays behind it.
// CHECK-LABEL: @last_row_stops
// CHECK: lnx.attend
// CHECK: lnx.last_row
func.func @last_row_stops(%q: tensor<?x4xf32>) -> tensor<1x4xf32> {
  %o, %lse = lnx.attend %q, %q, %q {heads = 2 : i64, kv_heads = 2 : i64, causal = true, scale = 0.5,
    softcap = 0.0} : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
  %last = lnx.last_row %o : tensor<?x4xf32>
  return %last : tensor<1x4xf32>
}

// -----
// Logits that only the loss reads are never stored.
// CHECK-LABEL: @head(
// CHECK-NEXT: lnx.linear_cross_entropy %{{.*}}, %{{.*}}, %{{.*}} {transpose_weight}
// CHECK-NOT: lnx.matmul
func.func @head(%x: tensor<?x4xf32>, %E: tensor<9x4xf32>, %t: tensor<?xi32>) -> tensor<f32> {
  %l = lnx.matmul %x, %E {transpose_rhs} : tensor<?x4xf32>, tensor<9x4xf32>
  %loss = lnx.cross_entropy %l, %t : tensor<?x9xf32>, tensor<?xi32>
  return %loss : tensor<f32>
}

// -----
// Logits with another reader stay.
// CHECK-LABEL: @head_shared(
// CHECK: lnx.matmul
// CHECK: lnx.cross_entropy
func.func @head_shared(%x: tensor<?x4xf32>, %W: tensor<4x9xf32>, %t: tensor<?xi32>) -> (tensor<f32>, tensor<?x9xf32>) {
  %l = lnx.matmul %x, %W : tensor<?x4xf32>, tensor<4x9xf32>
  %loss = lnx.cross_entropy %l, %t : tensor<?x9xf32>, tensor<?xi32>
  return %loss, %l : tensor<f32>, tensor<?x9xf32>
}

// -----
// The gradient computes the loss on its way; it is not computed twice.
// CHECK-LABEL: @one_loss(
// CHECK-NOT: lnx.linear_cross_entropy %
// CHECK: %[[LOSS:.*]], %[[DX:.*]], %{{.*}} = lnx.linear_cross_entropy_grad
// CHECK: return %[[LOSS]], %[[DX]]
func.func @one_loss(%x: tensor<?x4xf32>, %W: tensor<4x9xf32>, %t: tensor<?xi32>, %seed: tensor<f32>) -> (tensor<f32>, tensor<?x4xf32>) {
  %loss = lnx.linear_cross_entropy %x, %W, %t : tensor<?x4xf32>, tensor<4x9xf32>, tensor<?xi32>
  %again, %dx, %dw = lnx.linear_cross_entropy_grad %x, %W, %t, %seed : tensor<?x4xf32>, tensor<4x9xf32>, tensor<?xi32>, tensor<f32>
  return %loss, %dx : tensor<f32>, tensor<?x4xf32>
}

// -----
// A loss that is read before the gradient, here by its own seed, stays.
// CHECK-LABEL: @loss_read_before(
// CHECK: lnx.linear_cross_entropy %
func.func @loss_read_before(%x: tensor<?x4xf32>, %W: tensor<4x9xf32>, %t: tensor<?xi32>) -> (tensor<f32>, tensor<?x4xf32>) {
  %loss = lnx.linear_cross_entropy %x, %W, %t : tensor<?x4xf32>, tensor<4x9xf32>, tensor<?xi32>
  %seed = lnx.exp %loss : tensor<f32>
  %again, %dx, %dw = lnx.linear_cross_entropy_grad %x, %W, %t, %seed : tensor<?x4xf32>, tensor<4x9xf32>, tensor<?xi32>, tensor<f32>
  return %loss, %dx : tensor<f32>, tensor<?x4xf32>
}

// -----
// Losses of different targets are different.
// CHECK-LABEL: @other_targets(
// CHECK: lnx.linear_cross_entropy %
func.func @other_targets(%x: tensor<?x4xf32>, %W: tensor<4x9xf32>, %t: tensor<?xi32>, %u: tensor<?xi32>, %seed: tensor<f32>) -> (tensor<f32>, tensor<?x4xf32>) {
  %loss = lnx.linear_cross_entropy %x, %W, %u : tensor<?x4xf32>, tensor<4x9xf32>, tensor<?xi32>
  %again, %dx, %dw = lnx.linear_cross_entropy_grad %x, %W, %t, %seed : tensor<?x4xf32>, tensor<4x9xf32>, tensor<?xi32>, tensor<f32>
  return %loss, %dx : tensor<f32>, tensor<?x4xf32>
}
