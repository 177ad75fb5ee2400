// A repeat inside a repeat, without parameters of its own.
lnx.model @nested context 16 {
  %tokens = lnx.input "tokens" : tensor<?xi32>
  %E = lnx.param "E" <normal, [0.5], [0.0]> : tensor<5x4xf32>
  %x0 = lnx.gather %E, %tokens : tensor<5x4xf32>, tensor<?xi32>
  %r = lnx.repeat %l first 1 count 2 scope "" carries(%x = %x0 : tensor<?x4xf32>) {
    %W = lnx.param "W" <normal, [0.5], [0.0]> : tensor<4x4xf32>
    %h = lnx.matmul %x, %W : tensor<?x4xf32>, tensor<4x4xf32>
    %i = lnx.repeat %k first 1 count 3 scope "" carries(%y = %h : tensor<?x4xf32>) {
      %a = lnx.table [0.5, 0.25, 1.5] at %k : tensor<f32>
      %t = lnx.tanh %y : tensor<?x4xf32>
      %z = lnx.matmul %t, %W : tensor<?x4xf32>, tensor<4x4xf32>
      %za = lnx.mul %z, %a : tensor<?x4xf32>, tensor<f32>
      %zx = lnx.add %za, %x : tensor<?x4xf32>, tensor<?x4xf32>
      lnx.yield %zx : tensor<?x4xf32>
    }
    lnx.yield %i : tensor<?x4xf32>
  }
  %logits = lnx.matmul %r, %E {transpose_rhs} : tensor<?x4xf32>, tensor<5x4xf32>
  lnx.return %logits : tensor<?x5xf32>
}
