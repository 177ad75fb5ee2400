// RUN: split-file %s %t
// RUN: lnx-opt %t/groups.mlir --lnx-form-groups | FileCheck %t/groups.mlir
// RUN: lnx-opt %t/groups.mlir --lnx-form-groups | lnx-opt | FileCheck %t/groups.mlir
// RUN: lnx-opt %t/alone.mlir --lnx-form-groups=fuse=false | FileCheck %t/alone.mlir

//--- groups.mlir
// Peri-LN forward: bias, norm, scale, residual and the next norm are one group between two products.
// CHECK-LABEL: @peri_ln_forward
// CHECK: %[[A:.*]] = lnx.group gemm
// CHECK: %[[R:.*]]:2 = lnx.group rows(%{{.*}} = %[[A]] : tensor<?x8xf32>
// CHECK-COUNT-4: lnx.mean
// CHECK: lnx.yield %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<?x8xf32>
// CHECK: lnx.group gemm(%{{.*}} = %[[R]]#1 : tensor<?x8xf32>
// CHECK-NOT: lnx.group
func.func @peri_ln_forward(%x: tensor<?x8xf32>, %o: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x4xf32>) {
  %w = lnx.get @w : tensor<8x8xf32>
  %v = lnx.get @v : tensor<8x4xf32>
  %bias = lnx.get @b : tensor<8xf32>
  %eps = lnx.constant 1.0e-5
  %dt = lnx.constant 1.0e-1
  %m = lnx.matmul %o, %w : tensor<?x8xf32>, tensor<8x8xf32>
  %a = lnx.add %m, %bias : tensor<?x8xf32>, tensor<8xf32>
  %mean = lnx.mean %a : tensor<?x8xf32>
  %d = lnx.sub %a, %mean : tensor<?x8xf32>, tensor<?x1xf32>
  %d2 = lnx.mul %d, %d : tensor<?x8xf32>, tensor<?x8xf32>
  %var = lnx.mean %d2 : tensor<?x8xf32>
  %ve = lnx.add %var, %eps : tensor<?x1xf32>, tensor<f32>
  %r = lnx.rsqrt %ve : tensor<?x1xf32>
  %n = lnx.mul %d, %r : tensor<?x8xf32>, tensor<?x1xf32>
  %s = lnx.mul %n, %dt : tensor<?x8xf32>, tensor<f32>
  %x1 = lnx.add %x, %s : tensor<?x8xf32>, tensor<?x8xf32>
  %mean1 = lnx.mean %x1 : tensor<?x8xf32>
  %e = lnx.sub %x1, %mean1 : tensor<?x8xf32>, tensor<?x1xf32>
  %e2 = lnx.mul %e, %e : tensor<?x8xf32>, tensor<?x8xf32>
  %var1 = lnx.mean %e2 : tensor<?x8xf32>
  %ve1 = lnx.add %var1, %eps : tensor<?x1xf32>, tensor<f32>
  %r1 = lnx.rsqrt %ve1 : tensor<?x1xf32>
  %n1 = lnx.mul %e, %r1 : tensor<?x8xf32>, tensor<?x1xf32>
  %h = lnx.matmul %n1, %v : tensor<?x8xf32>, tensor<8x4xf32>
  return %x1, %h : tensor<?x8xf32>, tensor<?x4xf32>
}

// Norm backward with both parameter gradients and the residual is one group; the sums over rows are
// only results of it.
// CHECK-LABEL: @norm_backward
// CHECK: %[[G:.*]]:3 = lnx.group rows(
// CHECK-DAG: lnx.sum_rows
// CHECK-DAG: lnx.sum_rows
// CHECK: lnx.yield %{{.*}}, %{{.*}}, %{{.*}} : tensor<8xf32>, tensor<8xf32>, tensor<?x8xf32>
// CHECK-NOT: lnx.group
// CHECK: lnx.accumulate @b, %[[G]]#0
// CHECK: lnx.accumulate @g, %[[G]]#1
func.func @norm_backward(%x: tensor<?x8xf32>, %dy: tensor<?x8xf32>, %dx: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %g = lnx.get @g : tensor<8xf32>
  %eps = lnx.constant 1.0e-5
  %sq = lnx.mul %x, %x : tensor<?x8xf32>, tensor<?x8xf32>
  %ms = lnx.mean %sq : tensor<?x8xf32>
  %me = lnx.add %ms, %eps : tensor<?x1xf32>, tensor<f32>
  %r = lnx.rsqrt %me : tensor<?x1xf32>
  %n = lnx.mul %x, %r : tensor<?x8xf32>, tensor<?x1xf32>
  %db = lnx.sum_rows %dy : tensor<?x8xf32>
  %dyn = lnx.mul %dy, %n : tensor<?x8xf32>, tensor<?x8xf32>
  %dg = lnx.sum_rows %dyn : tensor<?x8xf32>
  %dn = lnx.mul %dy, %g : tensor<?x8xf32>, tensor<8xf32>
  %dot = lnx.mul %dn, %n : tensor<?x8xf32>, tensor<?x8xf32>
  %mean = lnx.mean %dot : tensor<?x8xf32>
  %p = lnx.mul %n, %mean : tensor<?x8xf32>, tensor<?x1xf32>
  %q = lnx.sub %dn, %p : tensor<?x8xf32>, tensor<?x8xf32>
  %s = lnx.mul %q, %r : tensor<?x8xf32>, tensor<?x1xf32>
  %sum = lnx.add %dx, %s : tensor<?x8xf32>, tensor<?x8xf32>
  lnx.accumulate @b, %db : tensor<8xf32>
  lnx.accumulate @g, %dg : tensor<8xf32>
  return %sum : tensor<?x8xf32>
}

// What reads a sum over rows runs after all rows are done: another group.
// CHECK-LABEL: @after_a_sum
// CHECK: %[[S:.*]] = lnx.group rows
// CHECK: lnx.sum_rows
// CHECK: lnx.group rows(%{{.*}}%[[S]] : tensor<8xf32>
// CHECK: lnx.sub
func.func @after_a_sum(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = lnx.exp %x : tensor<?x8xf32>
  %s = lnx.sum_rows %y : tensor<?x8xf32>
  %z = lnx.sub %x, %s : tensor<?x8xf32>, tensor<8xf32>
  return %z : tensor<?x8xf32>
}

// A path through a product keeps two groups apart although both read x.
// CHECK-LABEL: @no_cycle
// CHECK: %[[H:.*]] = lnx.group rows
// CHECK: lnx.exp
// CHECK: %[[M:.*]] = lnx.group gemm(%{{.*}} = %[[H]]
// CHECK: lnx.group rows(%{{.*}}%[[M]]
// CHECK: lnx.add
func.func @no_cycle(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %h = lnx.exp %x : tensor<?x8xf32>
  %m = lnx.matmul %h, %w : tensor<?x8xf32>, tensor<8x8xf32>
  %y = lnx.add %x, %m : tensor<?x8xf32>, tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// Two chains over the same rows are one group that reads them once.
// CHECK-LABEL: @siblings
// CHECK: lnx.group rows(%{{[a-z_0-9]+}} = %{{[a-z_0-9]+}} : tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x1xf32>)
// CHECK-NOT: lnx.group
// CHECK: return
func.func @siblings(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x1xf32>) {
  %a = lnx.exp %x : tensor<?x8xf32>
  %b = lnx.sum %x : tensor<?x8xf32>
  return %a, %b : tensor<?x8xf32>, tensor<?x1xf32>
}

// Other features are another group; a sum along any axis of the features joins its operand.
// CHECK-LABEL: @other_spaces
// CHECK: lnx.group rows({{.*}}) -> (tensor<?x8xf32>)
// CHECK: lnx.group rows({{.*}}) -> (tensor<?x1x8xf32>)
// CHECK: lnx.exp
// CHECK: lnx.sum
// CHECK-NOT: lnx.group
func.func @other_spaces(%x: tensor<?x8xf32>, %y: tensor<?x4x8xf32>) -> (tensor<?x8xf32>, tensor<?x1x8xf32>) {
  %a = lnx.exp %x : tensor<?x8xf32>
  %b = lnx.exp %y : tensor<?x4x8xf32>
  %c = lnx.sum %b {axis = -2 : i64} : tensor<?x4x8xf32>
  return %a, %c : tensor<?x8xf32>, tensor<?x1x8xf32>
}

// The normalised rows are computed again behind the product instead of being stored.
// CHECK-LABEL: @recompute
// CHECK: %[[F:.*]] = lnx.group rows(%{{.*}} = %[[X:.*]] : tensor<?x8xf32>) -> (tensor<?x8xf32>)
// CHECK: %[[M:.*]] = lnx.group gemm
// CHECK: lnx.group rows(%{{[a-z_0-9]+}} = %[[X]] : tensor<?x8xf32>, %{{[a-z_0-9]+}} = %[[M]] : tensor<?x8xf32>) -> (tensor<?x8xf32>)
// CHECK: lnx.mean
// CHECK: lnx.sub
func.func @recompute(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %m = lnx.mean %x : tensor<?x8xf32>
  %d = lnx.sub %x, %m : tensor<?x8xf32>, tensor<?x1xf32>
  %n = lnx.tanh %d : tensor<?x8xf32>
  %p = lnx.matmul %n, %w : tensor<?x8xf32>, tensor<8x8xf32>
  %q = lnx.mul %p, %d : tensor<?x8xf32>, tensor<?x8xf32>
  %r = lnx.add %q, %x : tensor<?x8xf32>, tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// A number is copied into each group that uses it and computed there; the state keeps its order.
// CHECK-LABEL: @numbers
// CHECK-NOT: lnx.sub
// CHECK: lnx.group rows
// CHECK: %[[ONE:.*]] = lnx.constant 1.0
// CHECK: lnx.sub %[[ONE]]
// CHECK: lnx.write_state "m" 0
// CHECK: lnx.group rows
// CHECK: lnx.sub
// CHECK: lnx.write_state "m" 1
func.func @numbers() {
  %beta = lnx.argument 4 : tensor<f32>
  %one = lnx.constant 1.0
  %rest = lnx.sub %one, %beta : tensor<f32>, tensor<f32>
  %a = lnx.read_state "m" 0 : tensor<3x1024xf32>
  %b = lnx.mul %a, %rest : tensor<3x1024xf32>, tensor<f32>
  lnx.write_state "m" 0, %b : tensor<3x1024xf32>
  %c = lnx.read_state "m" 1 : tensor<2x1024xf32>
  %d = lnx.mul %c, %rest : tensor<2x1024xf32>, tensor<f32>
  lnx.write_state "m" 1, %d : tensor<2x1024xf32>
  return
}

// Every class has its kind, and a repeat's body has groups of its own.
// CHECK-LABEL: @kinds
// CHECK: lnx.group library
// CHECK: lnx.gather
// CHECK: lnx.repeat
// CHECK: lnx.group attend
// CHECK: lnx.attend
// CHECK: lnx.group rows
// CHECK: lnx.yield
// CHECK: lnx.group gemm
func.func @kinds(%ids: tensor<?xi32>, %table: tensor<5x8xf32>) -> tensor<?x5xf32> {
  %x = lnx.gather %table, %ids : tensor<5x8xf32>, tensor<?xi32>
  %r = lnx.repeat %l first 1 count 2 scope "" carries(%c = %x : tensor<?x8xf32>) {
    %o, %lse = lnx.attend %c, %c, %c {heads = 2 : i64, kv_heads = 2 : i64, causal = true, scale = 0.5, softcap = 0.0}
        : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %y = lnx.add %c, %o : tensor<?x8xf32>, tensor<?x8xf32>
    lnx.yield %y : tensor<?x8xf32>
  }
  %logits = lnx.matmul %r, %table {transpose_rhs} : tensor<?x8xf32>, tensor<5x8xf32>
  return %logits : tensor<?x5xf32>
}

//--- alone.mlir
// Without fusion every primitive is alone, with the constants it uses.
// CHECK-LABEL: @alone
// CHECK: lnx.group rows
// CHECK: lnx.constant 2.0
// CHECK-NEXT: lnx.mul
// CHECK-NEXT: lnx.yield
// CHECK: lnx.group rows
// CHECK-NEXT: lnx.exp
// CHECK-NEXT: lnx.yield
func.func @alone(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %two = lnx.constant 2.0
  %y = lnx.mul %x, %two : tensor<?x8xf32>, tensor<f32>
  %z = lnx.exp %y : tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}
