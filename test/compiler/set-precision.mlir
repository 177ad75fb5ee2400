// RUN: lnx-opt %s --lnx-set-precision | FileCheck %s
// RUN: lnx-opt %s --lnx-set-precision | lnx-opt | FileCheck %s
// RUN: lnx-opt %s --lnx-set-precision --lnx-lower-groups --lnx-plan-arena | FileCheck %s --check-prefix=LOOPS

module attributes {lnx.name = "small"} {
  lnx.parameter @E "E" layers 1 from 0 <const, [0.0], [0.0]> : tensor<5x8xf32>
  lnx.parameter @W "W" layers 2 from 1 <const, [0.0], [0.0]> : tensor<8x8xf32>
  lnx.parameter @V "V" layers 1 from 0 <const, [0.0], [0.0]> : tensor<8x8xf32>
  lnx.parameter @g "g" layers 1 from 0 <const, [0.0], [0.0]> : tensor<8xf32>

  // CHECK-LABEL: func.func @grad
  // LOOPS-LABEL: func.func @grad
  func.func @grad(%tokens: tensor<?xi32>, %targets: tensor<?xi32>) -> tensor<f32> attributes {lnx.entry} {
    // A table is looked up in f32; what a row of it becomes is rounded.
    // CHECK: %[[E:.*]] = lnx.get @E : tensor<5x8xf32>
    // CHECK: %[[X:.*]] = lnx.group library(%[[T:.*]] = %[[E]] : tensor<5x8xf32>, {{.*}}) -> (tensor<?x8xbf16>)
    // CHECK-NEXT: %[[GATHERED:.*]] = lnx.gather %[[T]]
    // CHECK-NEXT: %[[ROUNDED:.*]] = lnx.cast %[[GATHERED]] : tensor<?x8xf32> to tensor<?x8xbf16>
    // CHECK-NEXT: lnx.yield %[[ROUNDED]]
    %e = lnx.get @E : tensor<5x8xf32>
    %x = lnx.group library(%t = %e : tensor<5x8xf32>, %i = %tokens : tensor<?xi32>) -> (tensor<?x8xf32>) {
      %0 = lnx.gather %t, %i : tensor<5x8xf32>, tensor<?xi32>
      lnx.yield %0 : tensor<?x8xf32>
    }
    // A carry has one type throughout, and a stack that of its layers; a number of each row stays f32.
    // CHECK: %[[R:.*]]:3 = lnx.repeat %[[L:.*]] first 1 count 2 scope "" carries(%[[S:.*]] = %[[X]] : tensor<?x8xbf16>) stacks(tensor<2x?x8xbf16>, tensor<2x?x1xf32>)
    %r, %kept, %means = lnx.repeat %l first 1 count 2 scope "" carries(%s = %x : tensor<?x8xf32>) stacks(tensor<2x?x8xf32>, tensor<2x?x1xf32>) {
      // A matrix is rounded in front of the product, which accumulates in f32.
      // CHECK: %[[W:.*]] = lnx.get @W at %[[L]] : tensor<8x8xf32>
      // CHECK-NEXT: %[[SHADOW:.*]] = lnx.group rows(%[[A:.*]] = %[[W]] : tensor<8x8xf32>) -> (tensor<8x8xbf16>)
      // CHECK-NEXT: lnx.cast %[[A]] : tensor<8x8xf32> to tensor<8x8xbf16>
      // CHECK: %[[P:.*]] = lnx.group gemm(%[[A:.*]] = %[[S]] : tensor<?x8xbf16>, %[[B:.*]] = %[[SHADOW]] : tensor<8x8xbf16>) -> (tensor<?x8xbf16>)
      // CHECK-DAG: %[[A32:.*]] = lnx.cast %[[A]] : tensor<?x8xbf16> to tensor<?x8xf32>
      // CHECK-DAG: %[[B32:.*]] = lnx.cast %[[B]] : tensor<8x8xbf16> to tensor<8x8xf32>
      // CHECK: %[[C32:.*]] = lnx.matmul %[[A32]], %[[B32]] : tensor<?x8xf32>, tensor<8x8xf32>
      // CHECK-NEXT: lnx.cast %[[C32]] : tensor<?x8xf32> to tensor<?x8xbf16>
      // LOOPS: call @lnx_
      %w = lnx.get @W at %l : tensor<8x8xf32>
      %p = lnx.group gemm(%a = %s : tensor<?x8xf32>, %b = %w : tensor<8x8xf32>) -> (tensor<?x8xf32>) {
        %0 = lnx.matmul %a, %b : tensor<?x8xf32>, tensor<8x8xf32>
        lnx.yield %0 : tensor<?x8xf32>
      }
      // Arithmetic is f32: what is read is widened once, and the mean is handed on as it is.
      // CHECK: %[[N:.*]]:2 = lnx.group rows(%[[A:.*]] = %[[P]] : tensor<?x8xbf16>) -> (tensor<?x8xbf16>, tensor<?x1xf32>)
      // CHECK-NEXT: %[[A32:.*]] = lnx.cast %[[A]] : tensor<?x8xbf16> to tensor<?x8xf32>
      // CHECK-NEXT: %[[M:.*]] = lnx.mean %[[A32]] : tensor<?x8xf32>
      // CHECK-NEXT: %[[D:.*]] = lnx.sub %[[A32]], %[[M]]
      // CHECK-NEXT: %[[D16:.*]] = lnx.cast %[[D]]
      // CHECK-NEXT: lnx.yield %[[D16]], %[[M]] : tensor<?x8xbf16>, tensor<?x1xf32>
      %n:2 = lnx.group rows(%a = %p : tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x1xf32>) {
        %0 = lnx.mean %a : tensor<?x8xf32>
        %1 = lnx.sub %a, %0 : tensor<?x8xf32>, tensor<?x1xf32>
        lnx.yield %1, %0 : tensor<?x8xf32>, tensor<?x1xf32>
      }
      lnx.yield %n#0, %p, %n#1 : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x1xf32>
    }
    // What exponentials are taken of stays f32: the primitive says so.
    // CHECK: lnx.group attend({{.*}}) -> (tensor<?x8xbf16>, tensor<?x2xf32>)
    %o:2 = lnx.group attend(%q = %r : tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x2xf32>) {
      %0:2 = lnx.attend %q, %q, %q {heads = 2 : i64, kv_heads = 2 : i64, causal = true, scale = 0.5, softcap = 0.0} : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
      lnx.yield %0#0, %0#1 : tensor<?x8xf32>, tensor<?x2xf32>
    }
    // What is added to a rounded product in its group is rounded as well; both results are rounded once.
    // CHECK: %[[BIAS:.*]] = lnx.group rows(%{{.*}} = %{{.*}} : tensor<8xf32>) -> (tensor<8xbf16>)
    // CHECK: lnx.group gemm({{.*}}, %{{.*}} = %[[BIAS]] : tensor<8xbf16>) -> (tensor<?x8xbf16>, tensor<?x8xbf16>)
    // CHECK: %[[SUM:.*]] = lnx.add
    // CHECK-NEXT: %[[GELU:.*]] = lnx.gelu %[[SUM]] : tensor<?x8xf32>
    // CHECK-NEXT: lnx.cast %[[SUM]] : tensor<?x8xf32> to tensor<?x8xbf16>
    // CHECK-NEXT: lnx.cast %[[GELU]] : tensor<?x8xf32> to tensor<?x8xbf16>
    %g = lnx.get @g : tensor<8xf32>
    %c0 = lnx.get @V : tensor<8x8xf32>
    %h:2 = lnx.group gemm(%a = %r : tensor<?x8xf32>, %b = %c0 : tensor<8x8xf32>, %c = %g : tensor<8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
      %0 = lnx.matmul %a, %b : tensor<?x8xf32>, tensor<8x8xf32>
      %1 = lnx.add %0, %c : tensor<?x8xf32>, tensor<8xf32>
      %2 = lnx.gelu %1 : tensor<?x8xf32>
      lnx.yield %1, %2 : tensor<?x8xf32>, tensor<?x8xf32>
    }
    // A view changes with what it is a view of; the gradient of a matrix is a sum of bf16 products in f32.
    // CHECK: %[[V:.*]] = lnx.reshape {{.*}} : tensor<?x8xbf16> to tensor<?x2x4xbf16>
    // CHECK: %[[DW:.*]] = lnx.group gemm(%{{.*}} = %{{.*}} : tensor<?x8xbf16>, %{{.*}} : tensor<?x8xbf16>) -> (tensor<8x8xf32>)
    // CHECK: lnx.accumulate @W at %{{.*}}, %[[DW]] : tensor<8x8xf32>
    %v = lnx.reshape %o#0 : tensor<?x8xf32> to tensor<?x2x4xf32>
    %f = lnx.reshape %v : tensor<?x2x4xf32> to tensor<?x8xf32>
    %dw = lnx.group gemm(%a = %f : tensor<?x8xf32>, %b = %r : tensor<?x8xf32>) -> (tensor<8x8xf32>) {
      %0 = lnx.matmul %a, %b {transpose_lhs} : tensor<?x8xf32>, tensor<?x8xf32>
      lnx.yield %0 : tensor<8x8xf32>
    }
    lnx.repeat %l first 1 count 2 scope "" {
      lnx.accumulate @W at %l, %dw : tensor<8x8xf32>
      lnx.yield
    }
    %loss = lnx.group rows(%a = %o#1 : tensor<?x2xf32>) -> (tensor<f32>) {
      %0 = lnx.sum %a : tensor<?x2xf32>
      %1 = lnx.sum_rows %0 : tensor<?x1xf32>
      %2 = lnx.reshape %1 : tensor<1xf32> to tensor<f32>
      lnx.yield %2 : tensor<f32>
    }
    return %loss : tensor<f32>
  }

  // Rows that a function gives back stay f32, and so does the matrix that meets them.
  // CHECK-LABEL: func.func @given_back
  // CHECK-NOT: bf16
  func.func @given_back(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
    %w = lnx.get @W : tensor<8x8xf32>
    %p = lnx.group gemm(%a = %x : tensor<?x8xf32>, %b = %w : tensor<8x8xf32>) -> (tensor<?x8xf32>) {
      %0 = lnx.matmul %a, %b : tensor<?x8xf32>, tensor<8x8xf32>
      lnx.yield %0 : tensor<?x8xf32>
    }
    return %p : tensor<?x8xf32>
  }
}
