// RUN: lnx-opt %s --split-input-file --verify-diagnostics

// The rules of repeat, group, apply and table.

func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{'lnx.repeat' op repeats 0 layers; there must be at least 1}}
  %0 = lnx.repeat %l first 1 count 0 scope "" carries(%c = %x : tensor<?x4xf32>) {
    lnx.yield %c : tensor<?x4xf32>
  }
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{'lnx.repeat' op slices 'tensor<?x4xf32>' into 2 layers}}
  lnx.repeat %l first 1 count 2 scope "" slices(%s = %x : tensor<?x4xf32>) {
    lnx.yield
  }
  return
}

// -----
func.func @f(%x: tensor<f32>) {
  // expected-error@+1 {{cannot slice 'tensor<f32>'}}
  lnx.repeat %l first 1 count 2 scope "" slices(%s = %x : tensor<f32>) {
    lnx.yield
  }
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{'lnx.repeat' op stacks 2 layers into 'tensor<3x?x4xf32>'}}
  %0 = lnx.repeat %l first 1 count 2 scope "" stacks(tensor<3x?x4xf32>) {
    lnx.yield %x : tensor<?x4xf32>
  }
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{'lnx.repeat' op has 1 carries and stacks but its body yields 0 values}}
  %0 = lnx.repeat %l first 1 count 2 scope "" carries(%c = %x : tensor<?x4xf32>) {
    lnx.yield
  }
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>, %y: tensor<?x3xf32>) {
  // expected-error@+1 {{'lnx.repeat' op yields 'tensor<?x3xf32>' as value 0 where 'tensor<?x4xf32>' is expected}}
  %0 = lnx.repeat %l first 1 count 2 scope "" carries(%c = %x : tensor<?x4xf32>) {
    lnx.yield %y : tensor<?x3xf32>
  }
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{'lnx.repeat' op body has 1 arguments where 2 are expected}}
  %0 = "lnx.repeat"(%x) <{first = 1 : i64, count = 2 : i64, scope = "", operandSegmentSizes = array<i32: 1, 0>}> ({
  ^bb0(%l: index):
    lnx.yield %x : tensor<?x4xf32>
  }) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{'lnx.repeat' op body argument 1 is 'tensor<4xf32>' where 'tensor<?x4xf32>' is expected}}
  %0 = "lnx.repeat"(%x) <{first = 1 : i64, count = 2 : i64, scope = "", operandSegmentSizes = array<i32: 1, 0>}> ({
  ^bb0(%l: index, %c: tensor<4xf32>):
    lnx.yield %x : tensor<?x4xf32>
  }) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{'lnx.repeat' op carries 'tensor<?x4xf32>' but results in 'tensor<4xf32>'}}
  %0 = "lnx.repeat"(%x) <{first = 1 : i64, count = 2 : i64, scope = "", operandSegmentSizes = array<i32: 1, 0>}> ({
  ^bb0(%l: index, %c: tensor<?x4xf32>):
    lnx.yield %x : tensor<?x4xf32>
  }) : (tensor<?x4xf32>) -> tensor<4xf32>
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{'lnx.repeat' op has 0 results for 1 carried values}}
  "lnx.repeat"(%x) <{first = 1 : i64, count = 2 : i64, scope = "", operandSegmentSizes = array<i32: 1, 0>}> ({
  ^bb0(%l: index, %c: tensor<?x4xf32>):
    lnx.yield %x : tensor<?x4xf32>
  }) : (tensor<?x4xf32>) -> ()
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{unknown kind of group 'columns'}}
  %0 = lnx.group columns(%a = %x : tensor<?x4xf32>) -> (tensor<?x4xf32>) {
    lnx.yield %a : tensor<?x4xf32>
  }
  return
}

// -----
lnx.parameter @W "W" layers 1 from 0 <normal, [0.02], [0.0]> : tensor<4x4xf32>
func.func @f() {
  // expected-error@+1 {{'lnx.group' op may hold primitives only, not 'lnx.get'}}
  %0 = lnx.group rows() -> (tensor<4x4xf32>) {
    %w = lnx.get @W : tensor<4x4xf32>
    lnx.yield %w : tensor<4x4xf32>
  }
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{'lnx.group' op has 2 results but its body yields 1 values}}
  %0:2 = lnx.group rows(%a = %x : tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
    lnx.yield %a : tensor<?x4xf32>
  }
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{'lnx.group' op has 1 inputs but its body has 0 arguments}}
  "lnx.group"(%x) <{kind = #lnx<group_kind rows>}> ({
    lnx.yield
  }) : (tensor<?x4xf32>) -> ()
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{'lnx.group' op body argument 0 is 'tensor<4xf32>' where 'tensor<?x4xf32>' is expected}}
  "lnx.group"(%x) <{kind = #lnx<group_kind rows>}> ({
  ^bb0(%a: tensor<4xf32>):
    lnx.yield
  }) : (tensor<?x4xf32>) -> ()
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{'lnx.group' op body must end in lnx.yield}}
  lnx.group rows(%a = %x : tensor<?x4xf32>) {
    %b = lnx.neg %a : tensor<?x4xf32>
  }
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>, %y: tensor<?x3xf32>) {
  // expected-error@+1 {{'lnx.apply' op yields 'tensor<?x3xf32>' as value 0 where 'tensor<?x4xf32>' is expected}}
  %0 = lnx.apply "mlp" "mlp" -> tensor<?x4xf32> {
    lnx.yield %y : tensor<?x3xf32>
  }
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  %0 = lnx.repeat %l first 1 count 3 scope "" carries(%c = %x : tensor<?x4xf32>) {
    // expected-error@+1 {{'lnx.table' op holds 2 numbers for 3 layers}}
    %t = lnx.table [1.0, 2.0] at %l : tensor<f32>
    lnx.yield %c : tensor<?x4xf32>
  }
  return
}

// -----
func.func @f() {
  // expected-error@+1 {{'lnx.table' op holds 2 numbers and no layer to choose one}}
  %t = lnx.table [1.0, 2.0] : tensor<f32>
  return
}

// -----
func.func @f() {
  // expected-error@+1 {{'lnx.table' op 'N +' is no schedule}}
  %t = lnx.table [1.0] schedule "N +" : tensor<f32>
  return
}

// -----
func.func @f() {
  // expected-error@+1 {{'log(l)' is no schedule}}
  %W = lnx.param "W" <normal, [0.02], [0.0] schedule "log(l)"> : tensor<4x4xf32>
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{'lnx.repeat' op says only at one end which layers it has at other depths}}
  %0 = lnx.repeat %l first 1 count 3 to "N" scope "" carries(%c = %x : tensor<?x4xf32>) {
    lnx.yield %c : tensor<?x4xf32>
  }
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{'lnx.repeat' op reaches "l", which depends on the layer}}
  %0 = lnx.repeat %l first 1 count 3 from "1" to "l" scope "" carries(%c = %x : tensor<?x4xf32>) {
    lnx.yield %c : tensor<?x4xf32>
  }
  return
}
