// RUN: lnx-opt %s -lnx-differentiate -canonicalize -cse -split-input-file -verify-diagnostics | FileCheck %s

lnx.parameter @E "E" layers 1 from 0 <normal, [0.02], [0.0]> : tensor<5x4xf32>
lnx.parameter @W "W" layers 12 from 1 <normal, [0.02], [0.0]> : tensor<4x4xf32>

// A repeat gets a second one in the opposite order: the carried gradient in, a gradient for each layer's
// parameter out. A tied parameter is accumulated once for each of its uses, never summed before.
// CHECK-LABEL: func.func @grad
// CHECK: lnx.repeat %{{.*}} first 1 count 12 scope ""
// CHECK-SAME: carries(%[[X:[^ ]*]] = {{[^)]*}}) stacks(tensor<12x?x4xf32>
// CHECK: lnx.repeat %[[L:.*]] first 1 count 12 reverse scope ""
// CHECK-SAME: carries(%[[D:[^ ]*]] = {{[^)]*}}) slices(
// CHECK: lnx.matmul {{.*}} {transpose_rhs}
// CHECK: lnx.accumulate @W at %[[L]], %{{.*}} : tensor<4x4xf32>
// CHECK: lnx.yield
// CHECK: lnx.scatter_rows
// CHECK: lnx.accumulate @E
// CHECK: return
func.func @grad(%t: tensor<?xi32>, %y: tensor<?xi32>) -> tensor<f32> attributes {lnx.entry} {
  %E = lnx.get @E : tensor<5x4xf32>
  %x0 = lnx.gather %E, %t : tensor<5x4xf32>, tensor<?xi32>
  %r = lnx.repeat %l first 1 count 12 scope "" carries(%x = %x0 : tensor<?x4xf32>) {
    %W = lnx.get @W at %l : tensor<4x4xf32>
    %h = lnx.matmul %x, %W : tensor<?x4xf32>, tensor<4x4xf32>
    %a = lnx.tanh %h : tensor<?x4xf32>
    %x1 = lnx.add %x, %a : tensor<?x4xf32>, tensor<?x4xf32>
    lnx.yield %x1 : tensor<?x4xf32>
  }
  %z = lnx.matmul %r, %E {transpose_rhs} : tensor<?x4xf32>, tensor<5x4xf32>
  %loss = lnx.cross_entropy %z, %y : tensor<?x5xf32>, tensor<?xi32>
  return %loss : tensor<f32>
}

// -----

lnx.parameter @E "E" layers 1 from 0 <normal, [0.02], [0.0]> : tensor<5x5xf32>
lnx.parameter @U "U" layers 1 from 0 <normal, [0.02], [0.0]> : tensor<5xf32>

// What the loss does not depend on has no gradient, and what depends on no parameter passes none on.
// CHECK-LABEL: func.func @grad
// CHECK-NOT: lnx.accumulate @U
// CHECK: lnx.accumulate @E
// CHECK-NOT: lnx.accumulate
func.func @grad(%t: tensor<?xi32>, %y: tensor<?xi32>) -> tensor<f32> {
  %E = lnx.get @E : tensor<5x5xf32>
  %U = lnx.get @U : tensor<5xf32>
  %x0 = lnx.gather %E, %t : tensor<5x5xf32>, tensor<?xi32>
  %u0 = lnx.mul %x0, %U : tensor<?x5xf32>, tensor<5xf32>
  %r:2 = lnx.repeat %l first 1 count 2 scope "" carries(%x = %x0 : tensor<?x5xf32>, %u = %u0 : tensor<?x5xf32>) {
    %u1 = lnx.add %x, %u : tensor<?x5xf32>, tensor<?x5xf32>
    %x1 = lnx.tanh %x : tensor<?x5xf32>
    lnx.yield %x1, %u1 : tensor<?x5xf32>, tensor<?x5xf32>
  }
  %loss = lnx.cross_entropy %r#0, %y : tensor<?x5xf32>, tensor<?xi32>
  return %loss : tensor<f32>
}

// -----

lnx.parameter @E "E" layers 1 from 0 <normal, [0.02], [0.0]> : tensor<5x5xf32>
lnx.parameter @g "g" layers 1 from 0 <normal, [0.02], [0.0]> : tensor<5xf32>

// A parameter used inside a repeat without being of its layers is accumulated layer by layer; any other
// value from around the repeat has its gradient summed in a carry.
// CHECK-LABEL: func.func @grad
// CHECK: lnx.repeat %{{.*}} reverse scope "" carries(%{{.*}} = {{[^,]*}}, %[[S:[^ ]*]] = {{.*}}) slices
// CHECK-DAG: lnx.accumulate @g,
// CHECK-DAG: %[[SUM:.*]] = lnx.add %[[S]], %
// CHECK: lnx.yield %{{.*}}, %[[SUM]]
func.func @grad(%t: tensor<?xi32>, %y: tensor<?xi32>) -> tensor<f32> {
  %E = lnx.get @E : tensor<5x5xf32>
  %g = lnx.get @g : tensor<5xf32>
  %x0 = lnx.gather %E, %t : tensor<5x5xf32>, tensor<?xi32>
  %c = lnx.exp %x0 : tensor<?x5xf32>
  %r = lnx.repeat %l first 1 count 2 scope "" carries(%x = %x0 : tensor<?x5xf32>) {
    %a = lnx.mul %x, %g : tensor<?x5xf32>, tensor<5xf32>
    %b = lnx.mul %a, %c : tensor<?x5xf32>, tensor<?x5xf32>
    lnx.yield %b : tensor<?x5xf32>
  }
  %loss = lnx.cross_entropy %r, %y : tensor<?x5xf32>, tensor<?xi32>
  return %loss : tensor<f32>
}

// -----

// expected-error @below {{a loss is one number, not '(tensor<?xi32>) -> tensor<?xi32>'}}
func.func @grad(%t: tensor<?xi32>) -> tensor<?xi32> {
  return %t : tensor<?xi32>
}
