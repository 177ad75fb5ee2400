// RUN: lnx-opt %s -lnx-differentiate -canonicalize -cse -lnx-rematerialize -canonicalize -cse -split-input-file | FileCheck %s
// RUN: lnx-opt %s -lnx-differentiate -canonicalize -cse -lnx-rematerialize=storage-price=1 -canonicalize -cse -split-input-file | FileCheck %s --check-prefix=KEEP

lnx.parameter @E "E" layers 1 from 0 <normal, [0.02], [0.0]> : tensor<5x4xf32>
lnx.parameter @W "W" layers 12 from 1 <normal, [0.02], [0.0]> : tensor<4x16xf32>
lnx.parameter @V "V" layers 12 from 1 <normal, [0.02], [0.0]> : tensor<16x4xf32>

// The activation is made again from what goes into it: one stack of width 16 instead of two. The carry is
// kept, the rest of the backward body starts from these two.
// CHECK-LABEL: func.func @grad
// CHECK: lnx.repeat {{.*}} first 1 count 12 scope "" carries({{[^)]*}}) stacks(tensor<12x?x16xf32>, tensor<12x?x4xf32>)
// CHECK: %[[H:.*]] = lnx.matmul
// CHECK: lnx.gelu %[[H]]
// CHECK: lnx.yield
// CHECK: lnx.repeat {{.*}} reverse
// CHECK-SAME: slices(%[[Z:[^ ]*]] = %{{[^:]*}} : tensor<12x?x16xf32>, %[[X:[^ ]*]] = %{{[^:]*}} : tensor<12x?x4xf32>)
// CHECK: %[[A:.*]] = lnx.gelu %[[Z]]
// CHECK: lnx.matmul %[[A]], %{{.*}} {transpose_lhs}
// Where memory is cheap the product reads what the forward pass has written.
// KEEP-LABEL: func.func @grad
// KEEP: lnx.repeat {{.*}} reverse
// KEEP-SAME: slices(%[[A:[^ ]*]] = %{{[^:]*}} : tensor<12x?x16xf32>, %{{[^:]*}} : tensor<12x?x16xf32>,
// KEEP-NOT: lnx.gelu %
// KEEP: lnx.matmul %[[A]], %{{.*}} {transpose_lhs} : tensor<?x16xf32>
func.func @grad(%t: tensor<?xi32>, %y: tensor<?xi32>) -> tensor<f32> attributes {lnx.entry} {
  %E = lnx.get @E : tensor<5x4xf32>
  %x0 = lnx.gather %E, %t : tensor<5x4xf32>, tensor<?xi32>
  %r = lnx.repeat %l first 1 count 12 scope "" carries(%x = %x0 : tensor<?x4xf32>) {
    %W = lnx.get @W at %l : tensor<4x16xf32>
    %V = lnx.get @V at %l : tensor<16x4xf32>
    %h = lnx.matmul %x, %W : tensor<?x4xf32>, tensor<4x16xf32>
    %a = lnx.gelu %h : tensor<?x16xf32>
    %o = lnx.matmul %a, %V : tensor<?x16xf32>, tensor<16x4xf32>
    %x1 = lnx.add %x, %o : tensor<?x4xf32>, tensor<?x4xf32>
    lnx.yield %x1 : tensor<?x4xf32>
  }
  %z = lnx.matmul %r, %E {transpose_rhs} : tensor<?x4xf32>, tensor<5x4xf32>
  %loss = lnx.cross_entropy %z, %y : tensor<?x5xf32>, tensor<?xi32>
  return %loss : tensor<f32>
}

// -----

lnx.parameter @E "E" layers 1 from 0 <normal, [0.02], [0.0]> : tensor<5x4xf32>
lnx.parameter @W "W" layers 12 from 1 <normal, [0.02], [0.0]> : tensor<4x4xf32>

// A norm is made again from its input, which is one row of 4 and not the mean, the difference, ...
// CHECK-LABEL: func.func @grad
// CHECK: lnx.repeat {{.*}} first 1 count 12 scope "" carries({{[^)]*}}) stacks(tensor<12x?x4xf32>) {
// CHECK: lnx.repeat {{.*}} reverse {{.*}} slices(%[[X:[^ ]*]] = %{{[^:]*}} : tensor<12x?x4xf32>) {
// CHECK: lnx.mean %[[X]]
// CHECK: lnx.rsqrt
func.func @grad(%t: tensor<?xi32>, %y: tensor<?xi32>) -> tensor<f32> attributes {lnx.entry} {
  %E = lnx.get @E : tensor<5x4xf32>
  %x0 = lnx.gather %E, %t : tensor<5x4xf32>, tensor<?xi32>
  %r = lnx.repeat %l first 1 count 12 scope "" carries(%x = %x0 : tensor<?x4xf32>) {
    %W = lnx.get @W at %l : tensor<4x4xf32>
    %mu = lnx.mean %x : tensor<?x4xf32>
    %d = lnx.sub %x, %mu : tensor<?x4xf32>, tensor<?x1xf32>
    %d2 = lnx.mul %d, %d : tensor<?x4xf32>, tensor<?x4xf32>
    %var = lnx.mean %d2 : tensor<?x4xf32>
    %is = lnx.rsqrt %var : tensor<?x1xf32>
    %n = lnx.mul %d, %is : tensor<?x4xf32>, tensor<?x1xf32>
    %o = lnx.matmul %n, %W : tensor<?x4xf32>, tensor<4x4xf32>
    %x1 = lnx.add %x, %o : tensor<?x4xf32>, tensor<?x4xf32>
    lnx.yield %x1 : tensor<?x4xf32>
  }
  %z = lnx.matmul %r, %E {transpose_rhs} : tensor<?x4xf32>, tensor<5x4xf32>
  %loss = lnx.cross_entropy %z, %y : tensor<?x5xf32>, tensor<?xi32>
  return %loss : tensor<f32>
}

// -----

lnx.parameter @E "E" layers 1 from 0 <normal, [0.02], [0.0]> : tensor<5x4xf32>
lnx.parameter @W "W" layers 12 from 1 <normal, [0.02], [0.0]> : tensor<4x4xf32>

// A product is never made again: tanh of one is kept, at no more bytes than the product itself.
// CHECK-LABEL: func.func @grad
// CHECK: lnx.repeat {{.*}} first 1 count 12 scope "" carries({{[^)]*}}) stacks(tensor<12x?x4xf32>, tensor<12x?x4xf32>) {
// CHECK: %[[H:.*]] = lnx.matmul
// CHECK: %[[T:.*]] = lnx.tanh %[[H]]
// CHECK: lnx.yield %[[T]], %[[T]], %{{.*}} :
// CHECK: lnx.repeat {{.*}} reverse
// CHECK-NOT: lnx.tanh
// CHECK: return
func.func @grad(%t: tensor<?xi32>, %y: tensor<?xi32>) -> tensor<f32> attributes {lnx.entry} {
  %E = lnx.get @E : tensor<5x4xf32>
  %x0 = lnx.gather %E, %t : tensor<5x4xf32>, tensor<?xi32>
  %r = lnx.repeat %l first 1 count 12 scope "" carries(%x = %x0 : tensor<?x4xf32>) {
    %W = lnx.get @W at %l : tensor<4x4xf32>
    %h = lnx.matmul %x, %W : tensor<?x4xf32>, tensor<4x4xf32>
    %a = lnx.tanh %h : tensor<?x4xf32>
    lnx.yield %a : tensor<?x4xf32>
  }
  %z = lnx.matmul %r, %E {transpose_rhs} : tensor<?x4xf32>, tensor<5x4xf32>
  %loss = lnx.cross_entropy %z, %y : tensor<?x5xf32>, tensor<?xi32>
  return %loss : tensor<f32>
}

// -----

lnx.parameter @E "E" layers 1 from 0 <normal, [0.02], [0.0]> : tensor<5x4xf32>
lnx.parameter @W "W" layers 12 from 1 <normal, [0.02], [0.0]> : tensor<4x4xf32>
lnx.parameter @b "b" layers 12 from 1 <const, [0.0], [0.0]> : tensor<4xf32>

// Of values of one size the one that is in memory anyway is kept: the product, not the sum with its bias,
// and the carry, not its difference from the mean.
// CHECK-LABEL: func.func @grad
// CHECK: lnx.repeat {{.*}} first 1 count 12 scope "" carries(%[[X:[^ ]*]] = {{[^)]*}}) stacks(tensor<12x?x4xf32>, tensor<12x?x4xf32>) {
// CHECK: %[[H:.*]] = lnx.matmul
// CHECK: lnx.yield %{{.*}}, %[[X]], %[[H]] :
func.func @grad(%t: tensor<?xi32>, %y: tensor<?xi32>) -> tensor<f32> attributes {lnx.entry} {
  %E = lnx.get @E : tensor<5x4xf32>
  %x0 = lnx.gather %E, %t : tensor<5x4xf32>, tensor<?xi32>
  %r = lnx.repeat %l first 1 count 12 scope "" carries(%x = %x0 : tensor<?x4xf32>) {
    %W = lnx.get @W at %l : tensor<4x4xf32>
    %b = lnx.get @b at %l : tensor<4xf32>
    %mu = lnx.mean %x : tensor<?x4xf32>
    %d = lnx.sub %x, %mu : tensor<?x4xf32>, tensor<?x1xf32>
    %n = lnx.mul %d, %d : tensor<?x4xf32>, tensor<?x4xf32>
    %h = lnx.matmul %n, %W : tensor<?x4xf32>, tensor<4x4xf32>
    %hb = lnx.add %h, %b : tensor<?x4xf32>, tensor<4xf32>
    %a = lnx.gelu %hb : tensor<?x4xf32>
    %x1 = lnx.add %x, %a : tensor<?x4xf32>, tensor<?x4xf32>
    lnx.yield %x1 : tensor<?x4xf32>
  }
  %z = lnx.matmul %r, %E {transpose_rhs} : tensor<?x4xf32>, tensor<5x4xf32>
  %loss = lnx.cross_entropy %z, %y : tensor<?x5xf32>, tensor<?xi32>
  return %loss : tensor<f32>
}
