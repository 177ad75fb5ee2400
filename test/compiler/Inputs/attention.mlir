// Attention and positions inside a repeat, and a soft cap written with numbers.
lnx.model @attention context 16 {
  %tokens = lnx.input "tokens" : tensor<?xi32>
  %E = lnx.param "E" <normal, [0.5], [0.0]> : tensor<5x4xf32>
  %x0 = lnx.gather %E, %tokens : tensor<5x4xf32>, tensor<?xi32>
  %r = lnx.repeat %l first 1 count 2 scope "" carries(%x = %x0 : tensor<?x4xf32>) {
    %P = lnx.param "P" <normal, [0.5], [0.0]> : tensor<16x4xf32>
    %Q = lnx.param "Q" <normal, [0.5], [0.0]> : tensor<4x4xf32>
    %K = lnx.param "K" <normal, [0.5], [0.0]> : tensor<4x2xf32>
    %V = lnx.param "V" <normal, [0.5], [0.0]> : tensor<4x2xf32>
    %at = lnx.positions %tokens : tensor<?xi32>
    %p = lnx.gather %P, %at : tensor<16x4xf32>, tensor<?xi32>
    %xp = lnx.add %x, %p : tensor<?x4xf32>, tensor<?x4xf32>
    %q = lnx.matmul %xp, %Q : tensor<?x4xf32>, tensor<4x4xf32>
    %k = lnx.matmul %xp, %K : tensor<?x4xf32>, tensor<4x2xf32>
    %v = lnx.matmul %xp, %V : tensor<?x4xf32>, tensor<4x2xf32>
    %o, %lse = lnx.attend %q, %k, %v {heads = 2 : i64, kv_heads = 1 : i64, causal = true,
        scale = 0.7 : f64, softcap = 0.0 : f64} : tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>
    %x1 = lnx.add %x, %o : tensor<?x4xf32>, tensor<?x4xf32>
    lnx.yield %x1 : tensor<?x4xf32>
  }
  %raw = lnx.matmul %r, %E {transpose_rhs} : tensor<?x4xf32>, tensor<5x4xf32>
  %cap = lnx.constant 3.0
  %scaled = lnx.div %raw, %cap : tensor<?x5xf32>, tensor<f32>
  %bounded = lnx.tanh %scaled : tensor<?x5xf32>
  %logits = lnx.mul %bounded, %cap : tensor<?x5xf32>, tensor<f32>
  lnx.return %logits : tensor<?x5xf32>
}
