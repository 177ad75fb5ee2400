// Two layers, tied embedding, a parameter and a row tensor captured by the repeat, a table by layer,
// definitions and steps: what inline-defs, stack-params and differentiate meet in every real model.
lnx.model @repeat context 16 {
  %tokens = lnx.input "tokens" : tensor<?xi32>
  %E = lnx.param "E" <normal, [0.5], [0.0]> : tensor<5x4xf32>
  %c = lnx.param "c" <normal, [0.5], [0.0]> : tensor<4xf32>
  %s = lnx.param "s" <normal, [0.5], [0.0]> : tensor<f32>
  %x0 = lnx.gather %E, %tokens : tensor<5x4xf32>, tensor<?xi32>
  %y0 = lnx.tanh %x0 : tensor<?x4xf32>
  %r = lnx.repeat %l first 1 count 2 scope "" carries(%x = %x0 : tensor<?x4xf32>) {
    %alpha = lnx.table [0.7, 1.3] at %l : tensor<f32>
    %f = lnx.apply "mlp" "mlp" -> tensor<?x4xf32> {
      %W = lnx.param "mlp.W" <normal, [0.5], [0.0]> : tensor<4x6xf32>
      %b = lnx.param "mlp.b" <const, [0.1], [0.0]> : tensor<6xf32>
      %V = lnx.param "mlp.V" <normal, [0.5], [0.0]> : tensor<6x4xf32>
      %mu = lnx.mean %x : tensor<?x4xf32>
      %d = lnx.sub %x, %mu : tensor<?x4xf32>, tensor<?x1xf32>
      %d2 = lnx.mul %d, %d : tensor<?x4xf32>, tensor<?x4xf32>
      %var = lnx.mean %d2 : tensor<?x4xf32>
      %eps = lnx.constant 1.0e-2
      %ve = lnx.add %var, %eps : tensor<?x1xf32>, tensor<f32>
      %is = lnx.rsqrt %ve : tensor<?x1xf32>
      %n = lnx.mul %d, %is : tensor<?x4xf32>, tensor<?x1xf32>
      %g = lnx.mul %n, %c : tensor<?x4xf32>, tensor<4xf32>
      %h = lnx.matmul %g, %W : tensor<?x4xf32>, tensor<4x6xf32>
      %hb = lnx.add %h, %b : tensor<?x6xf32>, tensor<6xf32>
      %a = lnx.gelu %hb : tensor<?x6xf32>
      %o = lnx.matmul %a, %V : tensor<?x6xf32>, tensor<6x4xf32>
      lnx.yield %o : tensor<?x4xf32>
    }
    %fa = lnx.mul %f, %alpha : tensor<?x4xf32>, tensor<f32>
    %x1 = lnx.add %x, %fa : tensor<?x4xf32>, tensor<?x4xf32>
    %x2 = lnx.step "x" %x to %x1 : tensor<?x4xf32>
    %y1 = lnx.mul %y0, %s : tensor<?x4xf32>, tensor<f32>
    %x3 = lnx.add %x2, %y1 : tensor<?x4xf32>, tensor<?x4xf32>
    lnx.yield %x3 : tensor<?x4xf32>
  }
  %logits = lnx.matmul %r, %E {transpose_rhs} : tensor<?x4xf32>, tensor<5x4xf32>
  lnx.return %logits : tensor<?x5xf32>
}
