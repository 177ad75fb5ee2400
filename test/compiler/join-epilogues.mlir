// RUN: split-file %s %t
// RUN: lnx-opt %t/joined.mlir --lnx-join-epilogues --lnx-form-groups | FileCheck %t/joined.mlir
// RUN: lnx-opt %t/joined.mlir --lnx-join-epilogues --lnx-form-groups | lnx-opt --lnx-lower-groups=target=cuda --canonicalize --cse | FileCheck %t/joined.mlir --check-prefix=CALLS
// RUN: lnx-opt %t/joined.mlir --lnx-join-epilogues --lnx-form-groups --lnx-set-precision | lnx-opt --lnx-lower-groups=target=cuda --canonicalize --cse | FileCheck %t/joined.mlir --check-prefix=NARROW
// RUN: lnx-opt %t/apart.mlir --lnx-join-epilogues --lnx-form-groups | FileCheck %t/apart.mlir
// RUN: lnx-opt %t/narrow.mlir --lnx-join-epilogues --lnx-form-groups --lnx-lower-groups=target=cuda | FileCheck %t/narrow.mlir

//--- joined.mlir
lnx.parameter @W "W" layers 2 from 1 <"normal", [0.02], [0.0]> : tensor<8x16xf32>
lnx.parameter @V "V" layers 2 from 1 <"normal", [0.02], [0.0]> : tensor<16x8xf32>
lnx.parameter @b "b" layers 2 from 1 <"const", [0.0], [0.0]> : tensor<16xf32>
lnx.parameter @W0 "W0" layers 1 from 0 <"normal", [0.02], [0.0]> : tensor<8x16xf32>
lnx.parameter @V0 "V0" layers 1 from 0 <"normal", [0.02], [0.0]> : tensor<16x8xf32>
lnx.parameter @b0 "b0" layers 1 from 0 <"const", [0.0], [0.0]> : tensor<16xf32>
lnx.parameter @Q "Q" layers 1 from 0 <"normal", [0.02], [0.0]> : tensor<8x8xf32>
lnx.parameter @q "q" layers 1 from 0 <"const", [0.0], [0.0]> : tensor<8xf32>
lnx.parameter @E "E" layers 1 from 0 <"normal", [0.02], [0.0]> : tensor<5x8xf32>

// Bias and GELU join the product before them; the stack keeps the sum that GELU takes, and who read
// the product there and added the bias again reads it as it is.
// CHECK-LABEL: @mlp
// CHECK: lnx.repeat
// CHECK: %[[UP:.*]]:2 = lnx.group gemm(
// CHECK-NEXT: lnx.matmul
// CHECK-NEXT: %[[SUM:.*]] = lnx.add
// CHECK-NEXT: %[[GELU:.*]] = lnx.gelu %[[SUM]]
// CHECK-NEXT: lnx.yield %[[SUM]], %[[GELU]]
// CHECK: lnx.group gemm(%{{.*}} = %[[UP]]#1
// CHECK: lnx.yield %{{.*}}, %[[UP]]#0
// CHECK: lnx.repeat {{.*}} reverse
// CHECK-NOT: lnx.add
// CHECK: return
// C of 16 columns with BIAS_GELU_AUX, 5, whose third matrix is the layer of the stack.
// CALLS-LABEL: func.func @mlp
// CALLS: call @lnx_matmul(%c0, %c0, %{{.*}}, %c16, %c8, %c0, %{{.*}}, %c8, %{{.*}}, %c16, %c0, %c0, %{{.*}}, %c16, %c5, %{{.*}}, %{{.*}}, %c16)
// In bf16 the bias is rounded to the type of C, and a gradient of a bias is f32 as that of its weight.
// NARROW-LABEL: func.func @mlp
// NARROW: call @lnx_matmul(%c0, %c0, %{{.*}}, %c16, %c8, %c1, %{{.*}}, %c8, %{{.*}}, %c16, %c0, %c1, %{{.*}}, %c16, %c5, %{{.*}}, %{{.*}}, %c16)
// NARROW-LABEL: func.func @attention
// NARROW: call @lnx_matmul(%c1, %c0, %c8, %c8, %{{.*}}, %c1, %{{.*}}, %c8, %{{.*}}, %c8, %c1, %c0, %{{.*}}, %c8, %c9, %{{.*}}, %c0, %c0)
// NARROW-LABEL: func.func @slope
// NARROW: call @lnx_matmul(%c0, %c1, %{{.*}}, %c16, %c8, %c1, %{{.*}}, %c8, %{{.*}}, %c8, %c0, %c1, %{{.*}}, %c16, %c6, %c0, %{{.*}}, %c16)
// CALLS-SAME: (index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index, index) -> ()
func.func @mlp(%tokens: tensor<?xi32>, %targets: tensor<?xi32>) -> tensor<f32> attributes {lnx.entry} {
  %table = lnx.get @E : tensor<5x8xf32>
  %x = lnx.gather %table, %tokens : tensor<5x8xf32>, tensor<?xi32>
  %r:2 = lnx.repeat %l first 1 count 2 scope "" carries(%c = %x : tensor<?x8xf32>) stacks(tensor<2x?x16xf32>) {
    %w = lnx.get @W at %l : tensor<8x16xf32>
    %v = lnx.get @V at %l : tensor<16x8xf32>
    %b = lnx.get @b at %l : tensor<16xf32>
    %m = lnx.matmul %c, %w : tensor<?x8xf32>, tensor<8x16xf32>
    %a = lnx.add %m, %b : tensor<?x16xf32>, tensor<16xf32>
    %g = lnx.gelu %a : tensor<?x16xf32>
    %y = lnx.matmul %g, %v : tensor<?x16xf32>, tensor<16x8xf32>
    lnx.yield %y, %m : tensor<?x8xf32>, tensor<?x16xf32>
  }
  %d = lnx.repeat %l first 1 count 2 reverse scope "" carries(%c = %r#0 : tensor<?x8xf32>) slices(%s = %r#1 : tensor<2x?x16xf32>) {
    %v = lnx.get @V at %l : tensor<16x8xf32>
    %b = lnx.get @b at %l : tensor<16xf32>
    %a = lnx.add %s, %b : tensor<?x16xf32>, tensor<16xf32>
    %e = lnx.exp %a : tensor<?x16xf32>
    %y = lnx.matmul %e, %v : tensor<?x16xf32>, tensor<16x8xf32>
    lnx.yield %y : tensor<?x8xf32>
  }
  %loss = lnx.linear_cross_entropy %d, %table, %targets {transpose_weight} : tensor<?x8xf32>, tensor<5x8xf32>, tensor<?xi32>
  return %loss : tensor<f32>
}

// Queries are kept for attention, so their bias joins the product; the gradient of the bias joins that
// of the weight, whose operand attention has written. A sum is stored by the call and then added.
// CHECK-LABEL: @attention
// CHECK: lnx.group gemm
// CHECK-NEXT: lnx.matmul
// CHECK-NEXT: lnx.add
// CHECK-NEXT: lnx.yield
// CHECK: lnx.group attend
// CHECK: lnx.group attend
// CHECK: %[[BOTH:.*]]:2 = lnx.group gemm
// CHECK-NEXT: lnx.matmul {{.*}} {transpose_lhs}
// CHECK-NEXT: lnx.sum_rows
// CHECK-DAG: lnx.accumulate @Q, %[[BOTH]]#0
// CHECK-DAG: lnx.accumulate @q, %[[BOTH]]#1
// CALLS-LABEL: func.func @attention
// CALLS: call @lnx_matmul(%c0, %c0, %{{.*}}, %c8, %c8, %c0, %{{.*}}, %c8, %{{.*}}, %c8, %c0, %c0, %{{.*}}, %c8, %c1, %{{.*}}, %c0, %c0)
// CALLS: call @lnx_matmul(%c1, %c0, %c8, %c8, %{{.*}}, %c0, %{{.*}}, %c8, %{{.*}}, %c8, %c1, %c0, %{{.*}}, %c8, %c9, %{{.*}}, %c0, %c0)
// CALLS: call @add(
func.func @attention(%tokens: tensor<?xi32>, %targets: tensor<?xi32>) attributes {lnx.entry} {
  %table = lnx.get @E : tensor<5x8xf32>
  %x = lnx.gather %table, %tokens : tensor<5x8xf32>, tensor<?xi32>
  %w = lnx.get @Q : tensor<8x8xf32>
  %b = lnx.get @q : tensor<8xf32>
  %m = lnx.matmul %x, %w : tensor<?x8xf32>, tensor<8x8xf32>
  %a = lnx.add %b, %m : tensor<8xf32>, tensor<?x8xf32>
  %o, %lse = lnx.attend %a, %x, %x {causal = true, heads = 2 : i64, kv_heads = 2 : i64, scale = 0.5 : f64, softcap = 0.0 : f64} : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
  %dq, %dk, %dv = lnx.attend_grad %a, %x, %x, %o, %lse, %o {causal = true, heads = 2 : i64, kv_heads = 2 : i64, scale = 0.5 : f64, softcap = 0.0 : f64} : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x2xf32>, tensor<?x8xf32>
  %db = lnx.sum_rows %dq : tensor<?x8xf32>
  lnx.accumulate @q, %db : tensor<8xf32>
  %dw = lnx.matmul %x, %dq {transpose_lhs} : tensor<?x8xf32>, tensor<?x8xf32>
  lnx.accumulate @Q, %dw : tensor<8x8xf32>
  return
}

// The slope of GELU at a value in memory joins the gradient that it multiplies, whatever its operations
// look like; then the bias gradient is not in a kernel for rows, and joins the weight's.
// CHECK-LABEL: @slope
// CHECK: lnx.group gemm
// CHECK: lnx.group gemm
// CHECK-NEXT: lnx.matmul {{.*}} {transpose_rhs}
// CHECK-NOT: lnx.group
// CHECK: lnx.sigmoid
// CHECK-NOT: lnx.group
// CHECK: lnx.yield
// CHECK: lnx.group gemm
// CHECK-NEXT: lnx.matmul {{.*}} {transpose_lhs}
// CHECK-NEXT: lnx.sum_rows
// CALLS-LABEL: func.func @slope
// CALLS: call @lnx_matmul(%c0, %c1, %{{.*}}, %c16, %c8, %c0, %{{.*}}, %c8, %{{.*}}, %c8, %c0, %c0, %{{.*}}, %c16, %c6, %c0, %{{.*}}, %c16)
// CALLS: call @lnx_matmul(%c1, %c0, %c8, %c16, {{.*}}, %c9, %{{.*}}, %c0, %c0)
func.func @slope(%tokens: tensor<?xi32>, %targets: tensor<?xi32>) attributes {lnx.entry} {
  %table = lnx.get @E : tensor<5x8xf32>
  %x = lnx.gather %table, %tokens : tensor<5x8xf32>, tensor<?xi32>
  %w = lnx.get @W0 : tensor<8x16xf32>
  %v = lnx.get @V0 : tensor<16x8xf32>
  %a = lnx.matmul %x, %w : tensor<?x8xf32>, tensor<8x16xf32>
  %one = lnx.constant 1.0
  %c1 = lnx.constant 1.5957691216057308
  %c3 = lnx.constant 0.07135481627260025
  %c9 = lnx.constant 0.21406444881780074
  %d = lnx.matmul %x, %v {transpose_rhs} : tensor<?x8xf32>, tensor<16x8xf32>
  %a2 = lnx.mul %a, %a : tensor<?x16xf32>, tensor<?x16xf32>
  %p = lnx.mul %a2, %c3 : tensor<?x16xf32>, tensor<f32>
  %q = lnx.add %c1, %p : tensor<f32>, tensor<?x16xf32>
  %u = lnx.mul %q, %a : tensor<?x16xf32>, tensor<?x16xf32>
  %s = lnx.sigmoid %u : tensor<?x16xf32>
  %r = lnx.sub %one, %s : tensor<f32>, tensor<?x16xf32>
  %sr = lnx.mul %s, %r : tensor<?x16xf32>, tensor<?x16xf32>
  %p9 = lnx.mul %a2, %c9 : tensor<?x16xf32>, tensor<f32>
  %q9 = lnx.add %p9, %c1 : tensor<?x16xf32>, tensor<f32>
  %aq = lnx.mul %q9, %a : tensor<?x16xf32>, tensor<?x16xf32>
  %t = lnx.mul %aq, %sr : tensor<?x16xf32>, tensor<?x16xf32>
  %slope = lnx.add %t, %s : tensor<?x16xf32>, tensor<?x16xf32>
  %du = lnx.mul %slope, %d : tensor<?x16xf32>, tensor<?x16xf32>
  %db = lnx.sum_rows %du : tensor<?x16xf32>
  lnx.accumulate @b0, %db : tensor<16xf32>
  %dw = lnx.matmul %x, %du {transpose_lhs} : tensor<?x8xf32>, tensor<?x16xf32>
  lnx.accumulate @W0, %dw : tensor<8x16xf32>
  return
}

//--- apart.mlir
lnx.parameter @W "W" layers 2 from 1 <"normal", [0.02], [0.0]> : tensor<8x8xf32>
lnx.parameter @b "b" layers 2 from 1 <"const", [0.0], [0.0]> : tensor<8xf32>
lnx.parameter @c "c" layers 2 from 1 <"const", [0.0], [0.0]> : tensor<8xf32>

// What only a kernel for rows reads is added there, and a gradient that it computes is summed there.
// CHECK-LABEL: @rows
// CHECK: lnx.group gemm
// CHECK-NEXT: lnx.matmul
// CHECK-NEXT: lnx.yield
// CHECK: lnx.group rows
// CHECK: lnx.sum_rows
// CHECK: lnx.group gemm
// CHECK-NEXT: lnx.matmul
// CHECK-NEXT: lnx.yield
func.func @rows(%x: tensor<?x8xf32>) -> (tensor<8x8xf32>, tensor<8xf32>) {
  %w = lnx.get @W : tensor<8x8xf32>
  %b = lnx.get @b : tensor<8xf32>
  %m = lnx.matmul %x, %w : tensor<?x8xf32>, tensor<8x8xf32>
  %a = lnx.add %m, %b : tensor<?x8xf32>, tensor<8xf32>
  %e = lnx.exp %a : tensor<?x8xf32>
  %db = lnx.sum_rows %e : tensor<?x8xf32>
  %dw = lnx.matmul %x, %e {transpose_lhs} : tensor<?x8xf32>, tensor<?x8xf32>
  return %dw, %db : tensor<8x8xf32>, tensor<8xf32>
}

// The slope of SiLU is none of GELU's.
// CHECK-LABEL: @other_slope
// CHECK: lnx.group gemm
// CHECK-NEXT: lnx.matmul {{.*}} {transpose_rhs}
// CHECK-NEXT: lnx.yield
func.func @other_slope(%x: tensor<?x8xf32>, %a: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %w = lnx.get @W : tensor<8x8xf32>
  %one = lnx.constant 1.0
  %d = lnx.matmul %x, %w {transpose_rhs} : tensor<?x8xf32>, tensor<8x8xf32>
  %s = lnx.sigmoid %a : tensor<?x8xf32>
  %r = lnx.sub %one, %s : tensor<f32>, tensor<?x8xf32>
  %t = lnx.mul %a, %r : tensor<?x8xf32>, tensor<?x8xf32>
  %q = lnx.add %one, %t : tensor<f32>, tensor<?x8xf32>
  %slope = lnx.mul %s, %q : tensor<?x8xf32>, tensor<?x8xf32>
  %du = lnx.mul %d, %slope : tensor<?x8xf32>, tensor<?x8xf32>
  return %du : tensor<?x8xf32>
}

// A stack goes on holding products while someone reads them as they are, or with another bias.
// CHECK-LABEL: @other_readers
// CHECK: %[[M:.*]] = lnx.group gemm
// CHECK-NEXT: lnx.matmul
// CHECK-NEXT: lnx.yield
// CHECK: lnx.yield %{{.*}}, %[[M]]
func.func @other_readers(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %r:2 = lnx.repeat %l first 1 count 2 scope "" carries(%c = %x : tensor<?x8xf32>) stacks(tensor<2x?x8xf32>) {
    %w = lnx.get @W at %l : tensor<8x8xf32>
    %b = lnx.get @b at %l : tensor<8xf32>
    %m = lnx.matmul %c, %w : tensor<?x8xf32>, tensor<8x8xf32>
    %a = lnx.add %m, %b : tensor<?x8xf32>, tensor<8xf32>
    %g = lnx.gelu %a : tensor<?x8xf32>
    lnx.yield %g, %m : tensor<?x8xf32>, tensor<?x8xf32>
  }
  %d = lnx.repeat %l first 1 count 2 reverse scope "" carries(%c = %r#0 : tensor<?x8xf32>) slices(%s = %r#1 : tensor<2x?x8xf32>) {
    %b = lnx.get @c at %l : tensor<8xf32>
    %a = lnx.add %s, %b : tensor<?x8xf32>, tensor<8xf32>
    lnx.yield %a : tensor<?x8xf32>
  }
  return %d : tensor<?x8xf32>
}

//--- narrow.mlir
lnx.parameter @W "W" layers 1 from 0 <"normal", [0.02], [0.0]> : tensor<8x6xf32>
lnx.parameter @b "b" layers 1 from 0 <"const", [0.0], [0.0]> : tensor<6xf32>
lnx.parameter @E "E" layers 1 from 0 <"normal", [0.02], [0.0]> : tensor<5x8xf32>
lnx.parameter @V "V" layers 1 from 0 <"normal", [0.02], [0.0]> : tensor<6x8xf32>

// Vectors that may start anywhere have no call: the group is lowered piece by piece.
// CHECK-LABEL: func.func @unaligned
// CHECK-NOT: call @lnx_matmul
// CHECK: call @lnx_gemm
// CHECK-NOT: call @lnx_matmul
func.func @unaligned(%tokens: tensor<?xi32>, %targets: tensor<?xi32>) -> tensor<f32> attributes {lnx.entry} {
  %table = lnx.get @E : tensor<5x8xf32>
  %x = lnx.gather %table, %tokens : tensor<5x8xf32>, tensor<?xi32>
  %w = lnx.get @W : tensor<8x6xf32>
  %v = lnx.get @V : tensor<6x8xf32>
  %b = lnx.get @b : tensor<6xf32>
  %m = lnx.matmul %x, %w : tensor<?x8xf32>, tensor<8x6xf32>
  %a = lnx.add %m, %b : tensor<?x6xf32>, tensor<6xf32>
  %g = lnx.gelu %a : tensor<?x6xf32>
  %y = lnx.matmul %g, %v : tensor<?x6xf32>, tensor<6x8xf32>
  %loss = lnx.linear_cross_entropy %y, %table, %targets {transpose_weight} : tensor<?x8xf32>, tensor<5x8xf32>, tensor<?xi32>
  return %loss : tensor<f32>
}
