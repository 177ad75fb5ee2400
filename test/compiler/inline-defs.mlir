// RUN: lnx-opt %s -lnx-inline-defs -split-input-file | FileCheck %s

// Nested definitions leave their operations in place, in order; steps become their next value, claims go.
// CHECK-LABEL: lnx.model @nested
lnx.model @nested context 0 {
  %t = lnx.input "tokens" : tensor<?xi32>
  %E = lnx.param "E" <normal, [0.02], [0.0]> : tensor<5x4xf32>
  lnx.assume "tokens" "<=" bound 4 : i64
  // CHECK: %[[X:.*]] = lnx.gather
  %x = lnx.gather %E, %t : tensor<5x4xf32>, tensor<?xi32>
  // CHECK-NOT: lnx.apply
  // CHECK-NOT: lnx.assume
  // CHECK-NOT: lnx.law
  // CHECK-NOT: lnx.step
  %f = lnx.apply "block" "block" -> tensor<?x4xf32> {
    // CHECK: %[[A:.*]] = lnx.tanh %[[X]]
    %a = lnx.tanh %x : tensor<?x4xf32>
    lnx.law "norm" "<=" bound 1.0 : f64
    %g = lnx.apply "mlp" "mlp" -> tensor<?x4xf32> {
      // CHECK: %[[B:.*]] = lnx.exp %[[A]]
      %b = lnx.exp %a : tensor<?x4xf32>
      lnx.yield %b : tensor<?x4xf32>
    }
    // CHECK: %[[C:.*]] = lnx.neg %[[B]]
    %c = lnx.neg %g : tensor<?x4xf32>
    lnx.yield %c : tensor<?x4xf32>
  }
  // CHECK: %[[Y:.*]] = lnx.add %[[X]], %[[C]]
  %y = lnx.add %x, %f : tensor<?x4xf32>, tensor<?x4xf32>
  %s = lnx.step "x" %x to %y : tensor<?x4xf32>
  // CHECK: lnx.return %[[Y]]
  lnx.return %s : tensor<?x4xf32>
}

// -----

// A definition that gives back a value from around it disappears.
// CHECK-LABEL: lnx.model @identity
lnx.model @identity context 0 {
  %t = lnx.input "tokens" : tensor<?xi32>
  %E = lnx.param "E" <normal, [0.02], [0.0]> : tensor<5x4xf32>
  // CHECK: %[[X:.*]] = lnx.gather
  // CHECK-NEXT: lnx.return %[[X]]
  %x = lnx.gather %E, %t : tensor<5x4xf32>, tensor<?xi32>
  %f = lnx.apply "identity" "" -> tensor<?x4xf32> {
    lnx.yield %x : tensor<?x4xf32>
  }
  lnx.return %f : tensor<?x4xf32>
}

// -----

// A number that other depths change is a constant of this one.
// CHECK-LABEL: lnx.model @depth
lnx.model @depth context 0 {
  %t = lnx.input "tokens" : tensor<?xi32>
  %E = lnx.param "E" <normal, [0.02], [0.0]> : tensor<5x4xf32>
  %x = lnx.gather %E, %t : tensor<5x4xf32>, tensor<?xi32>
  // CHECK: %[[DT:.*]] = lnx.constant 2.500000e-01
  // CHECK: lnx.mul %{{.*}}, %[[DT]]
  %dt = lnx.table [0.25] schedule "N^-1" : tensor<f32>
  %y = lnx.mul %x, %dt : tensor<?x4xf32>, tensor<f32>
  lnx.return %y : tensor<?x4xf32>
}
