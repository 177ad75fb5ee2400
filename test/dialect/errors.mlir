// RUN: lnx-opt %s --split-input-file --verify-diagnostics

// Types that a primitive cannot work on are refused where the op is written.

func.func @f(%x: tensor<?x4xf32>, %y: tensor<3xf32>) {
  // expected-error@+1 {{sizes do not match: 'tensor<?x4xf32>' and 'tensor<3xf32>'}}
  %0 = lnx.add %x, %y : tensor<?x4xf32>, tensor<3xf32>
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{axis -2 is not one of the 1 feature axes of 'tensor<?x4xf32>'; the last is -1}}
  %0 = lnx.sum %x {axis = -2 : i64} : tensor<?x4xf32>
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{axis 0 is not one of the 1 feature axes of 'tensor<?x4xf32>'; the last is -1}}
  %0 = lnx.mean %x {axis = 0 : i64} : tensor<?x4xf32>
  return
}

// -----
func.func @f(%x: tensor<f32>) {
  // expected-error@+1 {{cannot sum the rows of 'tensor<f32>'}}
  %0 = lnx.sum_rows %x : tensor<f32>
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>, %y: tensor<4xf32>) {
  // expected-error@+1 {{cannot broadcast 'tensor<?x4xf32>' to 'tensor<4xf32>'}}
  %0 = lnx.broadcast %x, %y : tensor<?x4xf32>, tensor<4xf32>
  return
}

// -----
func.func @f(%x: tensor<?x2x2xf32>, %y: tensor<4x4xf32>) {
  // expected-error@+1 {{matmul needs matrices, not 'tensor<?x2x2xf32>'}}
  %0 = lnx.matmul %x, %y : tensor<?x2x2xf32>, tensor<4x4xf32>
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>, %y: tensor<5x4xf32>) {
  // expected-error@+1 {{cannot multiply 'tensor<?x4xf32>' by 'tensor<5x4xf32>': the sizes to sum over differ}}
  %0 = lnx.matmul %x, %y : tensor<?x4xf32>, tensor<5x4xf32>
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>) {
  // expected-error@+1 {{the rows of 'tensor<?x4xf32>' cannot become columns}}
  %0 = lnx.matmul %x, %y {transpose_rhs} : tensor<?x4xf32>, tensor<?x4xf32>
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{transpose needs a matrix without rows, not 'tensor<?x4xf32>'}}
  %0 = lnx.transpose %x : tensor<?x4xf32>
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{'lnx.reshape' op of 'tensor<?x4xf32>' to 'tensor<4xf32>' would change what a row is}}
  %0 = lnx.reshape %x : tensor<?x4xf32> to tensor<4xf32>
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{'lnx.reshape' op of 4 features to 6}}
  %0 = lnx.reshape %x : tensor<?x4xf32> to tensor<?x2x3xf32>
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{slice needs a fixed tensor with a dimension, not 'tensor<?x4xf32>'}}
  %0 = lnx.slice %x {index = 0 : i64} : tensor<?x4xf32>
  return
}

// -----
func.func @f(%x: tensor<2x4xf32>) {
  // expected-error@+1 {{'lnx.slice' op takes part 2 of 2}}
  %0 = lnx.slice %x {index = 2 : i64} : tensor<2x4xf32>
  return
}

// -----
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{unslice needs a fixed tensor, not 'tensor<?xf32>'}}
  %0 = lnx.unslice %x {index = 0 : i64, count = 2 : i64} : tensor<?xf32>
  return
}

// -----
func.func @f(%x: tensor<4xf32>) {
  // expected-error@+1 {{unslice fills part -1 of 2}}
  %0 = lnx.unslice %x {index = -1 : i64, count = 2 : i64} : tensor<4xf32>
  return
}

// -----
func.func @f(%x: tensor<4xf32>) {
  // expected-error@+1 {{attribute 'count' is missing}}
  %0 = lnx.unslice %x {index = 0 : i64} : tensor<4xf32>
  return
}

// -----
func.func @f(%x: tensor<4xf32>) {
  // expected-error@+1 {{'tensor<4xf32>' has no rows}}
  %0 = lnx.last_row %x : tensor<4xf32>
  return
}

// -----
func.func @f(%ids: tensor<3xi32>) {
  // expected-error@+1 {{ids must be tensor<?xi32>, not 'tensor<3xi32>'}}
  %0 = lnx.positions %ids : tensor<3xi32>
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?xi32>) {
  // expected-error@+1 {{cannot look up rows of 'tensor<?x4xf32>'}}
  %0 = lnx.gather %x, %ids : tensor<?x4xf32>, tensor<?xi32>
  return
}

// -----
func.func @f(%x: tensor<3x4xf32>, %ids: tensor<?xi32>) {
  // expected-error@+1 {{'tensor<3x4xf32>' has no rows}}
  %0 = lnx.scatter_rows %x, %ids {count = 5 : i64} : tensor<3x4xf32>, tensor<?xi32>
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?xi32>) {
  // expected-error@+1 {{a table of 0 rows}}
  %0 = lnx.scatter_rows %x, %ids {count = 0 : i64} : tensor<?x4xf32>, tensor<?xi32>
  return
}

// -----
func.func @f(%q: tensor<4xf32>) {
  // expected-error@+1 {{attention needs rows of features, not 'tensor<4xf32>'}}
  %0:2 = lnx.attend %q, %q, %q {heads = 2 : i64, kv_heads = 2 : i64, causal = true, scale = 1.0, softcap = 0.0}
    : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
  return
}

// -----
func.func @f(%q: tensor<?x770xf32>) {
  // expected-error@+1 {{width 770 cannot be split into 12 heads}}
  %0:2 = lnx.attend %q, %q, %q {heads = 12 : i64, kv_heads = 12 : i64, causal = true, scale = 1.0, softcap = 0.0}
    : tensor<?x770xf32>, tensor<?x770xf32>, tensor<?x770xf32>
  return
}

// -----
func.func @f(%q: tensor<?x12xf32>) {
  // expected-error@+1 {{4 heads cannot share 3 key heads}}
  %0:2 = lnx.attend %q, %q, %q {heads = 4 : i64, kv_heads = 3 : i64, causal = true, scale = 1.0, softcap = 0.0}
    : tensor<?x12xf32>, tensor<?x12xf32>, tensor<?x12xf32>
  return
}

// -----
func.func @f(%q: tensor<?x12xf32>) {
  // expected-error@+1 {{keys are 12 wide where 2 heads of 3 are expected}}
  %0:2 = lnx.attend %q, %q, %q {heads = 4 : i64, kv_heads = 2 : i64, causal = true, scale = 1.0, softcap = 0.0}
    : tensor<?x12xf32>, tensor<?x12xf32>, tensor<?x12xf32>
  return
}

// -----
func.func @f(%q: tensor<?x12xf32>, %v: tensor<?x6xf32>) {
  // expected-error@+1 {{keys are 'tensor<?x12xf32>' but values are 'tensor<?x6xf32>'}}
  %0:2 = lnx.attend %q, %q, %v {heads = 4 : i64, kv_heads = 4 : i64, causal = true, scale = 1.0, softcap = 0.0}
    : tensor<?x12xf32>, tensor<?x12xf32>, tensor<?x6xf32>
  return
}

// -----
func.func @f(%q: tensor<?x12xf32>) {
  // expected-error@+1 {{'lnx.attend' op softcap is -1.000000e+00, less than 0}}
  %0:2 = lnx.attend %q, %q, %q {heads = 4 : i64, kv_heads = 4 : i64, causal = true, scale = 1.0, softcap = -1.0}
    : tensor<?x12xf32>, tensor<?x12xf32>, tensor<?x12xf32>
  return
}

// -----
func.func @f(%q: tensor<?x12xf32>) {
  // expected-error@+1 {{attribute 'kv_heads' is missing}}
  %0:2 = lnx.attend %q, %q, %q {heads = 4 : i64, causal = true, scale = 1.0, softcap = 0.0}
    : tensor<?x12xf32>, tensor<?x12xf32>, tensor<?x12xf32>
  return
}

// -----
func.func @f(%q: tensor<?x12xf32>, %o: tensor<?x6xf32>, %lse: tensor<?x4xf32>) {
  // expected-error@+1 {{outputs are 'tensor<?x6xf32>' but queries are 'tensor<?x12xf32>'}}
  %0:3 = lnx.attend_grad %q, %q, %q, %o, %lse, %q {heads = 4 : i64, kv_heads = 4 : i64, causal = true, scale = 1.0, softcap = 0.0}
    : tensor<?x12xf32>, tensor<?x12xf32>, tensor<?x12xf32>, tensor<?x6xf32>, tensor<?x4xf32>, tensor<?x12xf32>
  return
}

// -----
func.func @f(%x: tensor<9xf32>, %t: tensor<?xi32>) {
  // expected-error@+1 {{the loss needs rows of features, not 'tensor<9xf32>'}}
  %0 = lnx.cross_entropy %x, %t : tensor<9xf32>, tensor<?xi32>
  return
}

// -----
func.func @f(%x: tensor<?x9xf32>, %t: tensor<4xi32>) {
  // expected-error@+1 {{ids must be tensor<?xi32>, not 'tensor<4xi32>'}}
  %0 = lnx.cross_entropy %x, %t : tensor<?x9xf32>, tensor<4xi32>
  return
}

// -----
func.func @f(%x: tensor<?x9xf32>, %t: tensor<?xi32>, %d: tensor<1xf32>) {
  // expected-error@+1 {{the gradient of the loss is 'tensor<1xf32>', not a single number}}
  %0 = lnx.cross_entropy_grad %x, %t, %d : tensor<?x9xf32>, tensor<?xi32>, tensor<1xf32>
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>, %w: tensor<9xf32>, %t: tensor<?xi32>) {
  // expected-error@+1 {{the head needs a fixed matrix, not 'tensor<9xf32>'}}
  %0 = lnx.linear_cross_entropy %x, %w, %t : tensor<?x4xf32>, tensor<9xf32>, tensor<?xi32>
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>, %w: tensor<9x4xf32>, %t: tensor<?xi32>) {
  // expected-error@+1 {{x has 4 features but the head takes 9}}
  %0 = lnx.linear_cross_entropy %x, %w, %t : tensor<?x4xf32>, tensor<9x4xf32>, tensor<?xi32>
  return
}

// -----
func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{'lnx.cast' op of 'tensor<?x4xf32>' to 'tensor<?x2xbf16>' would change the shape}}
  %0 = lnx.cast %x : tensor<?x4xf32> to tensor<?x2xbf16>
  return
}

// -----
// Numbers are computed on in f32 alone.
func.func @f(%x: tensor<?x4xbf16>) {
  // expected-error@+1 {{'lnx.exp' op operand #0 must be ranked tensor of 32-bit float values, but got 'tensor<?x4xbf16>'}}
  %0 = lnx.exp %x : tensor<?x4xbf16>
  return
}
