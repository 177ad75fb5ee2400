// RUN: lnx-opt %s --canonicalize --split-input-file | FileCheck %s

// Numbers fold in double; operations on numbers alone leave one number.
// CHECK-LABEL: @numbers
// CHECK-NEXT: %[[C:.*]] = lnx.constant 1.500000e+00
// CHECK-NEXT: return %[[C]]
func.func @numbers() -> tensor<f32> {
  %a = lnx.constant 9.0
  %b = lnx.constant 2.0
  %r = lnx.sqrt %a : tensor<f32>
  %d = lnx.div %r, %b : tensor<f32>, tensor<f32>
  return %d : tensor<f32>
}

// -----
// A number that is not finite is left for run time.
// CHECK-LABEL: @infinite
// CHECK: lnx.log
func.func @infinite() -> tensor<f32> {
  %a = lnx.constant 0.0
  %b = lnx.log %a : tensor<f32>
  return %b : tensor<f32>
}

// -----
// CHECK-LABEL: @neutral(
// CHECK-SAME: %[[X:.*]]: tensor<?x4xf32>
// CHECK-NEXT: return %[[X]]
func.func @neutral(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %zero = lnx.constant 0.0
  %one = lnx.constant 1.0
  %a = lnx.add %zero, %x : tensor<f32>, tensor<?x4xf32>
  %b = lnx.mul %one, %a : tensor<f32>, tensor<?x4xf32>
  %c = lnx.div %b, %one : tensor<?x4xf32>, tensor<f32>
  %d = lnx.sub %c, %zero : tensor<?x4xf32>, tensor<f32>
  %e = lnx.neg %d : tensor<?x4xf32>
  %f = lnx.neg %e : tensor<?x4xf32>
  return %f : tensor<?x4xf32>
}

// -----
// A neutral element that broadcasts is not dropped: it gives the result its shape.
// CHECK-LABEL: @neutral_shape
// CHECK: lnx.mul
func.func @neutral_shape(%x: tensor<f32>) -> tensor<f32> {
  %one = lnx.constant 1.0
  %a = lnx.mul %x, %one : tensor<f32>, tensor<f32>
  %b = lnx.mul %a, %a : tensor<f32>, tensor<f32>
  return %b : tensor<f32>
}

// -----
// CHECK-LABEL: @merge(
// CHECK-SAME: %[[X:.*]]: tensor<?x4xf32>
// CHECK-DAG: %[[SIX:.*]] = lnx.constant 6.000000e+00
// CHECK-DAG: %[[TWO:.*]] = lnx.constant -2.000000e+00
// CHECK: %[[P:.*]] = lnx.mul %[[X]], %[[SIX]]
// CHECK: %[[S:.*]] = lnx.add %[[P]], %[[TWO]]
// CHECK: return %[[S]]
func.func @merge(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %half = lnx.constant 0.5
  %three = lnx.constant 3.0
  %one = lnx.constant 1.0
  %a = lnx.mul %three, %x : tensor<f32>, tensor<?x4xf32>
  %b = lnx.div %a, %half : tensor<?x4xf32>, tensor<f32>
  %c = lnx.sub %b, %three : tensor<?x4xf32>, tensor<f32>
  %d = lnx.add %c, %one : tensor<?x4xf32>, tensor<f32>
  return %d : tensor<?x4xf32>
}

// -----
// CHECK-LABEL: @negation(
// CHECK-SAME: %[[X:.*]]: tensor<?x4xf32>, %[[Y:.*]]: tensor<?x4xf32>
// CHECK: %[[D:.*]] = lnx.sub %[[X]], %[[Y]]
// CHECK: %[[S:.*]] = lnx.add %[[D]], %[[Y]]
// CHECK: %[[N:.*]] = lnx.neg %[[S]]
// CHECK: return %[[N]]
func.func @negation(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %minus = lnx.constant -1.0
  %n = lnx.neg %y : tensor<?x4xf32>
  %d = lnx.add %x, %n : tensor<?x4xf32>, tensor<?x4xf32>
  %s = lnx.sub %d, %n : tensor<?x4xf32>, tensor<?x4xf32>
  %m = lnx.mul %s, %minus : tensor<?x4xf32>, tensor<f32>
  return %m : tensor<?x4xf32>
}

// -----
// (-x) a is x (-a); 0 - x is -x.
// CHECK-LABEL: @negation_numbers(
// CHECK-SAME: %[[X:.*]]: tensor<?x4xf32>
// CHECK: %[[C:.*]] = lnx.constant -3.000000e+00
// CHECK: lnx.mul %[[X]], %[[C]]
// CHECK-NOT: lnx.neg
func.func @negation_numbers(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %three = lnx.constant 3.0
  %zero = lnx.constant 0.0
  %n = lnx.sub %zero, %x : tensor<f32>, tensor<?x4xf32>
  %m = lnx.mul %n, %three : tensor<?x4xf32>, tensor<f32>
  return %m : tensor<?x4xf32>
}

// -----
// CHECK-LABEL: @powers(
// CHECK-SAME: %[[X:.*]]: tensor<?x4xf32>
func.func @powers(%x: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>,
    tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  // CHECK-DAG: %[[ONE:.*]] = lnx.constant 1.000000e+00
  // CHECK-DAG: %[[P2:.*]] = lnx.mul %[[X]], %[[X]]
  %p2 = lnx.pow %x {exponent = 2.0} : tensor<?x4xf32>
  // CHECK-DAG: %[[P3:.*]] = lnx.mul %{{.*}}, %[[X]]
  %p3 = lnx.pow %x {exponent = 3.0} : tensor<?x4xf32>
  // CHECK-DAG: %[[ROOT:.*]] = lnx.sqrt %[[X]]
  %root = lnx.pow %x {exponent = 0.5} : tensor<?x4xf32>
  // CHECK-DAG: %[[RSQRT:.*]] = lnx.rsqrt %[[X]]
  %rsqrt = lnx.pow %x {exponent = -0.5} : tensor<?x4xf32>
  // CHECK-DAG: %[[INV:.*]] = lnx.div %[[ONE]], %[[X]]
  %inverse = lnx.pow %x {exponent = -1.0} : tensor<?x4xf32>
  // CHECK-DAG: %[[SQ:.*]] = lnx.mul %[[X]], %[[X]]
  // CHECK-DAG: %[[INV2:.*]] = lnx.div %[[ONE]], %[[SQ]]
  %inverse2 = lnx.pow %x {exponent = -2.0} : tensor<?x4xf32>
  // CHECK-DAG: %[[OTHER:.*]] = lnx.pow %[[X]] {exponent = 2.500000e+00 : f64}
  %other = lnx.pow %x {exponent = 2.5} : tensor<?x4xf32>
  %same = lnx.pow %x {exponent = 1.0} : tensor<?x4xf32>
  // CHECK: return %{{.*}}, %{{.*}}, %[[ROOT]], %[[RSQRT]], %[[INV]], %[[INV2]], %[[OTHER]], %[[X]]
  return %p2, %p3, %root, %rsqrt, %inverse, %inverse2, %other, %same : tensor<?x4xf32>,
    tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>,
    tensor<?x4xf32>, tensor<?x4xf32>
}

// -----
// A division by a root is one rsqrt for the row and a product for each feature.
// CHECK-LABEL: @divide_by_root(
// CHECK-SAME: %[[X:.*]]: tensor<?x4xf32>, %[[V:.*]]: tensor<?x1xf32>
// CHECK-DAG: %[[R:.*]] = lnx.rsqrt %[[V]]
// CHECK: %[[Y:.*]] = lnx.mul %[[X]], %[[R]]
// CHECK: %[[S:.*]] = lnx.rsqrt %[[V]]
// CHECK: return %[[Y]], %[[S]]
func.func @divide_by_root(%x: tensor<?x4xf32>, %v: tensor<?x1xf32>) -> (tensor<?x4xf32>, tensor<?x1xf32>) {
  %one = lnx.constant 1.0
  %s = lnx.sqrt %v : tensor<?x1xf32>
  %y = lnx.div %x, %s : tensor<?x4xf32>, tensor<?x1xf32>
  %t = lnx.sqrt %v : tensor<?x1xf32>
  %z = lnx.div %one, %t : tensor<f32>, tensor<?x1xf32>
  return %y, %z : tensor<?x4xf32>, tensor<?x1xf32>
}

// -----
// CHECK-LABEL: @transposes(
// CHECK-SAME: %[[X:.*]]: tensor<?x4xf32>, %[[W:.*]]: tensor<4x4xf32>
// CHECK-NEXT: %[[A:.*]] = lnx.matmul %[[X]], %[[W]] {transpose_rhs}
// CHECK-NEXT: %[[B:.*]] = lnx.matmul %[[A]], %[[W]] :
// CHECK-NEXT: return %[[B]]
func.func @transposes(%x: tensor<?x4xf32>, %w: tensor<4x4xf32>) -> tensor<?x4xf32> {
  %t = lnx.transpose %w : tensor<4x4xf32>
  %tt = lnx.transpose %t : tensor<4x4xf32>
  %a = lnx.matmul %x, %t : tensor<?x4xf32>, tensor<4x4xf32>
  %b = lnx.matmul %a, %tt : tensor<?x4xf32>, tensor<4x4xf32>
  return %b : tensor<?x4xf32>
}

// -----
// CHECK-LABEL: @reshapes(
// CHECK-SAME: %[[X:.*]]: tensor<?x6xf32>
// CHECK-NEXT: %[[R:.*]] = lnx.reshape %[[X]] : tensor<?x6xf32> to tensor<?x3x2xf32>
// CHECK-NEXT: return %[[R]], %[[X]]
func.func @reshapes(%x: tensor<?x6xf32>) -> (tensor<?x3x2xf32>, tensor<?x6xf32>) {
  %a = lnx.reshape %x : tensor<?x6xf32> to tensor<?x2x3xf32>
  %b = lnx.reshape %a : tensor<?x2x3xf32> to tensor<?x3x2xf32>
  %c = lnx.reshape %a : tensor<?x2x3xf32> to tensor<?x6xf32>
  return %b, %c : tensor<?x3x2xf32>, tensor<?x6xf32>
}

// -----
// What was widened is narrowed again without a loss; what was rounded stays rounded.
// CHECK-LABEL: @casts(
// CHECK-SAME: %[[X:.*]]: tensor<?x6xbf16>, %[[Y:.*]]: tensor<?x6xf32>
// CHECK-NEXT: %[[N:.*]] = lnx.cast %[[Y]] : tensor<?x6xf32> to tensor<?x6xbf16>
// CHECK-NEXT: %[[W:.*]] = lnx.cast %[[N]] : tensor<?x6xbf16> to tensor<?x6xf32>
// CHECK-NEXT: return %[[X]], %[[W]], %[[Y]]
func.func @casts(%x: tensor<?x6xbf16>, %y: tensor<?x6xf32>) -> (tensor<?x6xbf16>, tensor<?x6xf32>, tensor<?x6xf32>) {
  %a = lnx.cast %x : tensor<?x6xbf16> to tensor<?x6xf32>
  %b = lnx.cast %a : tensor<?x6xf32> to tensor<?x6xbf16>
  %c = lnx.cast %y : tensor<?x6xf32> to tensor<?x6xbf16>
  %d = lnx.cast %c : tensor<?x6xbf16> to tensor<?x6xf32>
  %e = lnx.cast %y : tensor<?x6xf32> to tensor<?x6xf32>
  return %b, %d, %e : tensor<?x6xbf16>, tensor<?x6xf32>, tensor<?x6xf32>
}
