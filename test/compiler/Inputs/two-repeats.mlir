// Two repeats after each other over one path, the second reading a value of the first; a carry that
// is overwritten, one that only passes through, and a parameter used in the second repeat alone.
lnx.model @two_repeats context 16 {
  %tokens = lnx.input "tokens" : tensor<?xi32>
  %E = lnx.param "E" <normal, [0.5], [0.0]> : tensor<5x4xf32>
  %M = lnx.param "M" <normal, [0.5], [0.0]> : tensor<2x4x4xf32>
  %x0 = lnx.gather %E, %tokens : tensor<5x4xf32>, tensor<?xi32>
  %a:2 = lnx.repeat %l first 1 count 3 scope ""
      carries(%x = %x0 : tensor<?x4xf32>, %z = %x0 : tensor<?x4xf32>) {
    %W = lnx.param "W" <normal, [0.5], [0.0]> : tensor<4x4xf32>
    %h = lnx.matmul %x, %W : tensor<?x4xf32>, tensor<4x4xf32>
    %t = lnx.tanh %h : tensor<?x4xf32>
    lnx.yield %t, %h : tensor<?x4xf32>, tensor<?x4xf32>
  }
  %M1 = lnx.slice %M {index = 1 : i64} : tensor<2x4x4xf32>
  %b:2 = lnx.repeat %l first 4 count 2 scope ""
      carries(%x = %a#0 : tensor<?x4xf32>, %z = %x0 : tensor<?x4xf32>) {
    %W = lnx.param "W" <normal, [0.5], [0.0]> : tensor<4x4xf32>
    %h = lnx.matmul %x, %W {transpose_rhs} : tensor<?x4xf32>, tensor<4x4xf32>
    %k = lnx.matmul %h, %M1 : tensor<?x4xf32>, tensor<4x4xf32>
    %t = lnx.silu %k : tensor<?x4xf32>
    %u = lnx.mul %t, %a#1 : tensor<?x4xf32>, tensor<?x4xf32>
    %v = lnx.add %u, %z : tensor<?x4xf32>, tensor<?x4xf32>
    lnx.yield %v, %z : tensor<?x4xf32>, tensor<?x4xf32>
  }
  %M0 = lnx.slice %M {index = 0 : i64} : tensor<2x4x4xf32>
  %y = lnx.matmul %b#0, %M0 : tensor<?x4xf32>, tensor<4x4xf32>
  %logits = lnx.matmul %y, %E {transpose_rhs} : tensor<?x4xf32>, tensor<5x4xf32>
  lnx.return %logits : tensor<?x5xf32>
}
