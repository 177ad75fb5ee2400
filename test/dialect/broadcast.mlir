// RUN: lnx-opt %s --canonicalize | FileCheck %s

// Element-wise work broadcasts by itself, so the numbers are used as they are.
// CHECK-LABEL: @used_element_wise
// CHECK-NOT: lnx.broadcast
// CHECK: lnx.mul %{{.*}}, %{{.*}} : tensor<?x4xf32>, tensor<?x1xf32>
func.func @used_element_wise(%x: tensor<?x4xf32>, %n: tensor<?x1xf32>) -> tensor<?x4xf32> {
  %b = lnx.broadcast %n, %x : tensor<?x1xf32>, tensor<?x4xf32>
  %y = lnx.mul %x, %b : tensor<?x4xf32>, tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// Where nothing else gives the shape, the broadcast stays.
// CHECK-LABEL: @gives_the_shape
// CHECK: lnx.broadcast
// CHECK: lnx.exp %{{.*}} : tensor<?x4xf32>
func.func @gives_the_shape(%x: tensor<?x4xf32>, %n: tensor<?x1xf32>) -> tensor<?x4xf32> {
  %b = lnx.broadcast %n, %x : tensor<?x1xf32>, tensor<?x4xf32>
  %y = lnx.exp %b : tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
