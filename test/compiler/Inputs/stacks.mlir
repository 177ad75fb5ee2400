// A repeat that gives out a value of each layer, and one in the opposite order that takes them in:
// the long skips of a U-shaped model.
lnx.model @stacks context 16 {
  %tokens = lnx.input "tokens" : tensor<?xi32>
  %E = lnx.param "E" <normal, [0.5], [0.0]> : tensor<5x4xf32>
  %x0 = lnx.gather %E, %tokens : tensor<5x4xf32>, tensor<?xi32>
  %down:2 = lnx.repeat %l first 0 count 2 scope "down" carries(%x = %x0 : tensor<?x4xf32>)
      stacks(tensor<2x?x4xf32>) {
    %W = lnx.param "W" <normal, [0.5], [0.0]> : tensor<4x4xf32>
    %h = lnx.matmul %x, %W : tensor<?x4xf32>, tensor<4x4xf32>
    %t = lnx.tanh %h : tensor<?x4xf32>
    lnx.yield %t, %h : tensor<?x4xf32>, tensor<?x4xf32>
  }
  %up = lnx.repeat %l first 0 count 2 reverse scope "up" carries(%x = %down#0 : tensor<?x4xf32>)
      slices(%skip = %down#1 : tensor<2x?x4xf32>) {
    %W = lnx.param "W" <normal, [0.5], [0.0]> : tensor<4x4xf32>
    %s = lnx.sigmoid %skip : tensor<?x4xf32>
    %g = lnx.mul %x, %s : tensor<?x4xf32>, tensor<?x4xf32>
    %h = lnx.matmul %g, %W : tensor<?x4xf32>, tensor<4x4xf32>
    lnx.yield %h : tensor<?x4xf32>
  }
  %logits = lnx.matmul %up, %E {transpose_rhs} : tensor<?x4xf32>, tensor<5x4xf32>
  lnx.return %logits : tensor<?x5xf32>
}
