// Two repeats after each other over one path, the second reading a value of the first; a carry that
// is overwritten, one that only passes through, two that start as numbers and depend on a parameter from
// their second and third layer on, and a parameter used in the second repeat alone.
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
  %s = lnx.param "s" <normal, [0.5], [0.0]> : tensor<f32>
  %half = lnx.constant 0.5
  %b:4 = lnx.repeat %l first 4 count 3 scope ""
      carries(%x = %a#0 : tensor<?x4xf32>, %z = %x0 : tensor<?x4xf32>, %q = %half : tensor<f32>,
              %p = %half : tensor<f32>) {
    %W = lnx.param "W" <normal, [0.5], [0.0]> : tensor<4x4xf32>
    %h = lnx.matmul %x, %W {transpose_rhs} : tensor<?x4xf32>, tensor<4x4xf32>
    %k = lnx.matmul %h, %M1 : tensor<?x4xf32>, tensor<4x4xf32>
    %t = lnx.silu %k : tensor<?x4xf32>
    %u = lnx.mul %t, %a#1 : tensor<?x4xf32>, tensor<?x4xf32>
    %v = lnx.add %u, %z : tensor<?x4xf32>, tensor<?x4xf32>
    %w = lnx.mul %v, %p : tensor<?x4xf32>, tensor<f32>
    %q1 = lnx.add %q, %s : tensor<f32>, tensor<f32>
    %p1 = lnx.mul %q, %half : tensor<f32>, tensor<f32>
    lnx.yield %w, %z, %q1, %p1 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<f32>, tensor<f32>
  }
  %M0 = lnx.slice %M {index = 0 : i64} : tensor<2x4x4xf32>
  %y = lnx.matmul %b#0, %M0 : tensor<?x4xf32>, tensor<4x4xf32>
  %logits = lnx.matmul %y, %E {transpose_rhs} : tensor<?x4xf32>, tensor<5x4xf32>
  lnx.return %logits : tensor<?x5xf32>
}
