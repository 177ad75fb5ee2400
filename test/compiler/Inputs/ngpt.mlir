// nGPT: every matrix is normalised before it is used, and so are the streams.
lnx.model @gpt2_ngpt context 16 settings {block = "ngpt", context = 16 : i64, depth = 2 : i64, final_norm = "layernorm", heads = 2 : i64, vocab = 5 : i64, width = 8 : i64} {
  %0 = lnx.input "tokens" : tensor<?xi32>
  %1 = lnx.positions %0 : tensor<?xi32>
  %2 = lnx.param "E" <normal, [2.000000e-02], [0.000000e+00]> : tensor<5x8xf32>
  %3 = lnx.param "P" <normal, [2.000000e-02], [0.000000e+00]> : tensor<16x8xf32>
  %4 = lnx.gather %2, %0 : tensor<5x8xf32>, tensor<?xi32>
  %5 = lnx.gather %3, %1 : tensor<16x8xf32>, tensor<?xi32>
  %6 = lnx.add %4, %5 : tensor<?x8xf32>, tensor<?x8xf32>
  %7 = lnx.repeat %layer first 1 count 2 scope "" carries(%carry = %6 : tensor<?x8xf32>) {
    %11 = lnx.apply "ngpt" "" -> tensor<?x8xf32> {
      %13 = lnx.param "a" <const, [5.000000e-02], [0.000000e+00]> : tensor<2x8xf32>
      %14 = lnx.slice %13 {index = 0 : i64} : tensor<2x8xf32>
      %15 = lnx.abs %14 : tensor<8xf32>
      %16 = lnx.constant 1.000000e+00
      %17 = lnx.sub %16, %15 : tensor<f32>, tensor<8xf32>
      %18 = lnx.apply "l2norm" "l2norm" -> tensor<?x8xf32> {
        %42 = lnx.mul %carry, %carry : tensor<?x8xf32>, tensor<?x8xf32>
        %43 = lnx.sum %42 : tensor<?x8xf32>
        %44 = lnx.sqrt %43 : tensor<?x1xf32>
        %45 = lnx.div %carry, %44 : tensor<?x8xf32>, tensor<?x1xf32>
        lnx.yield %45 : tensor<?x8xf32>
      }
      %19 = lnx.mul %17, %18 : tensor<8xf32>, tensor<?x8xf32>
      %20 = lnx.slice %13 {index = 0 : i64} : tensor<2x8xf32>
      %21 = lnx.abs %20 : tensor<8xf32>
      %22 = lnx.apply "attn" "attn" -> tensor<?x8xf32> {
        %42 = lnx.apply "linear" "q" -> tensor<?x8xf32> {
          %54 = lnx.param "attn.q.W" <normal, [2.000000e-02], [0.000000e+00]> : tensor<8x8xf32>
          %55 = lnx.param "attn.q.b" <const, [0.000000e+00], [0.000000e+00]> : tensor<8xf32>
          %56 = lnx.matmul %carry, %54 : tensor<?x8xf32>, tensor<8x8xf32>
          %57 = lnx.add %56, %55 : tensor<?x8xf32>, tensor<8xf32>
          lnx.yield %57 : tensor<?x8xf32>
        }
        %43 = lnx.reshape %42 : tensor<?x8xf32> to tensor<?x2x4xf32>
        %44 = lnx.apply "l2norm" "qn" -> tensor<?x2x4xf32> {
          %54 = lnx.mul %43, %43 : tensor<?x2x4xf32>, tensor<?x2x4xf32>
          %55 = lnx.sum %54 : tensor<?x2x4xf32>
          %56 = lnx.sqrt %55 : tensor<?x2x1xf32>
          %57 = lnx.div %43, %56 : tensor<?x2x4xf32>, tensor<?x2x1xf32>
          lnx.yield %57 : tensor<?x2x4xf32>
        }
        %45 = lnx.apply "linear" "k" -> tensor<?x8xf32> {
          %54 = lnx.param "attn.k.W" <normal, [2.000000e-02], [0.000000e+00]> : tensor<8x8xf32>
          %55 = lnx.param "attn.k.b" <const, [0.000000e+00], [0.000000e+00]> : tensor<8xf32>
          %56 = lnx.matmul %carry, %54 : tensor<?x8xf32>, tensor<8x8xf32>
          %57 = lnx.add %56, %55 : tensor<?x8xf32>, tensor<8xf32>
          lnx.yield %57 : tensor<?x8xf32>
        }
        %46 = lnx.reshape %45 : tensor<?x8xf32> to tensor<?x2x4xf32>
        %47 = lnx.apply "l2norm" "kn" -> tensor<?x2x4xf32> {
          %54 = lnx.mul %46, %46 : tensor<?x2x4xf32>, tensor<?x2x4xf32>
          %55 = lnx.sum %54 : tensor<?x2x4xf32>
          %56 = lnx.sqrt %55 : tensor<?x2x1xf32>
          %57 = lnx.div %46, %56 : tensor<?x2x4xf32>, tensor<?x2x1xf32>
          lnx.yield %57 : tensor<?x2x4xf32>
        }
        %48 = lnx.apply "linear" "v" -> tensor<?x8xf32> {
          %54 = lnx.param "attn.v.W" <normal, [2.000000e-02], [0.000000e+00]> : tensor<8x8xf32>
          %55 = lnx.param "attn.v.b" <const, [0.000000e+00], [0.000000e+00]> : tensor<8xf32>
          %56 = lnx.matmul %carry, %54 : tensor<?x8xf32>, tensor<8x8xf32>
          %57 = lnx.add %56, %55 : tensor<?x8xf32>, tensor<8xf32>
          lnx.yield %57 : tensor<?x8xf32>
        }
        %49 = lnx.reshape %48 : tensor<?x8xf32> to tensor<?x2x4xf32>
        %50 = lnx.reshape %44 : tensor<?x2x4xf32> to tensor<?x8xf32>
        %51 = lnx.reshape %47 : tensor<?x2x4xf32> to tensor<?x8xf32>
        %52 = lnx.reshape %49 : tensor<?x2x4xf32> to tensor<?x8xf32>
        %output, %lse = lnx.attend %50, %51, %52 {causal = true, heads = 2 : i64, kv_heads = 2 : i64, scale = 2.000000e+00 : f64, softcap = 0.000000e+00 : f64} : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
        %53 = lnx.apply "linear" "o" -> tensor<?x8xf32> {
          %54 = lnx.param "attn.o.W" <normal, [1.000000e-02], [0.000000e+00]> : tensor<8x8xf32>
          %55 = lnx.param "attn.o.b" <const, [0.000000e+00], [0.000000e+00]> : tensor<8xf32>
          %56 = lnx.matmul %output, %54 : tensor<?x8xf32>, tensor<8x8xf32>
          %57 = lnx.add %56, %55 : tensor<?x8xf32>, tensor<8xf32>
          lnx.yield %57 : tensor<?x8xf32>
        }
        lnx.yield %53 : tensor<?x8xf32>
      }
      %23 = lnx.apply "l2norm" "l2norm2" -> tensor<?x8xf32> {
        %42 = lnx.mul %22, %22 : tensor<?x8xf32>, tensor<?x8xf32>
        %43 = lnx.sum %42 : tensor<?x8xf32>
        %44 = lnx.sqrt %43 : tensor<?x1xf32>
        %45 = lnx.div %22, %44 : tensor<?x8xf32>, tensor<?x1xf32>
        lnx.yield %45 : tensor<?x8xf32>
      }
      %24 = lnx.mul %21, %23 : tensor<8xf32>, tensor<?x8xf32>
      %25 = lnx.add %19, %24 : tensor<?x8xf32>, tensor<?x8xf32>
      %26 = lnx.apply "l2norm" "" -> tensor<?x8xf32> {
        %42 = lnx.mul %25, %25 : tensor<?x8xf32>, tensor<?x8xf32>
        %43 = lnx.sum %42 : tensor<?x8xf32>
        %44 = lnx.sqrt %43 : tensor<?x1xf32>
        %45 = lnx.div %25, %44 : tensor<?x8xf32>, tensor<?x1xf32>
        lnx.yield %45 : tensor<?x8xf32>
      }
      %27 = lnx.step "x" %carry to %26 : tensor<?x8xf32>
      %28 = lnx.slice %13 {index = 1 : i64} : tensor<2x8xf32>
      %29 = lnx.abs %28 : tensor<8xf32>
      %30 = lnx.constant 1.000000e+00
      %31 = lnx.sub %30, %29 : tensor<f32>, tensor<8xf32>
      %32 = lnx.apply "l2norm" "l2norm3" -> tensor<?x8xf32> {
        %42 = lnx.mul %27, %27 : tensor<?x8xf32>, tensor<?x8xf32>
        %43 = lnx.sum %42 : tensor<?x8xf32>
        %44 = lnx.sqrt %43 : tensor<?x1xf32>
        %45 = lnx.div %27, %44 : tensor<?x8xf32>, tensor<?x1xf32>
        lnx.yield %45 : tensor<?x8xf32>
      }
      %33 = lnx.mul %31, %32 : tensor<8xf32>, tensor<?x8xf32>
      %34 = lnx.slice %13 {index = 1 : i64} : tensor<2x8xf32>
      %35 = lnx.abs %34 : tensor<8xf32>
      %36 = lnx.apply "mlp" "mlp" -> tensor<?x8xf32> {
        %42 = lnx.apply "linear" "up" -> tensor<?x32xf32> {
          %45 = lnx.param "mlp.up.W" <normal, [2.000000e-02], [0.000000e+00]> : tensor<8x32xf32>
          %46 = lnx.param "mlp.up.b" <const, [0.000000e+00], [0.000000e+00]> : tensor<32xf32>
          %47 = lnx.matmul %27, %45 : tensor<?x8xf32>, tensor<8x32xf32>
          %48 = lnx.add %47, %46 : tensor<?x32xf32>, tensor<32xf32>
          lnx.yield %48 : tensor<?x32xf32>
        }
        %43 = lnx.gelu %42 : tensor<?x32xf32>
        %44 = lnx.apply "linear" "down" -> tensor<?x8xf32> {
          %45 = lnx.param "mlp.down.W" <normal, [1.000000e-02], [0.000000e+00]> : tensor<32x8xf32>
          %46 = lnx.param "mlp.down.b" <const, [0.000000e+00], [0.000000e+00]> : tensor<8xf32>
          %47 = lnx.matmul %43, %45 : tensor<?x32xf32>, tensor<32x8xf32>
          %48 = lnx.add %47, %46 : tensor<?x8xf32>, tensor<8xf32>
          lnx.yield %48 : tensor<?x8xf32>
        }
        lnx.yield %44 : tensor<?x8xf32>
      }
      %37 = lnx.apply "l2norm" "l2norm4" -> tensor<?x8xf32> {
        %42 = lnx.mul %36, %36 : tensor<?x8xf32>, tensor<?x8xf32>
        %43 = lnx.sum %42 : tensor<?x8xf32>
        %44 = lnx.sqrt %43 : tensor<?x1xf32>
        %45 = lnx.div %36, %44 : tensor<?x8xf32>, tensor<?x1xf32>
        lnx.yield %45 : tensor<?x8xf32>
      }
      %38 = lnx.mul %35, %37 : tensor<8xf32>, tensor<?x8xf32>
      %39 = lnx.add %33, %38 : tensor<?x8xf32>, tensor<?x8xf32>
      %40 = lnx.apply "l2norm" "" -> tensor<?x8xf32> {
        %42 = lnx.mul %39, %39 : tensor<?x8xf32>, tensor<?x8xf32>
        %43 = lnx.sum %42 : tensor<?x8xf32>
        %44 = lnx.sqrt %43 : tensor<?x1xf32>
        %45 = lnx.div %39, %44 : tensor<?x8xf32>, tensor<?x1xf32>
        lnx.yield %45 : tensor<?x8xf32>
      }
      %41 = lnx.step "x" %27 to %40 : tensor<?x8xf32>
      lnx.yield %41 : tensor<?x8xf32>
    }
    %12 = lnx.step "x" %carry to %11 : tensor<?x8xf32>
    lnx.yield %12 : tensor<?x8xf32>
  }
  %8 = lnx.apply "layernorm" "final_norm" -> tensor<?x8xf32> {
    %11 = lnx.param "final_norm.g" <const, [1.000000e+00], [0.000000e+00]> : tensor<8xf32>
    %12 = lnx.param "final_norm.b" <const, [0.000000e+00], [0.000000e+00]> : tensor<8xf32>
    %13 = lnx.mean %7 : tensor<?x8xf32>
    %14 = lnx.sub %7, %13 : tensor<?x8xf32>, tensor<?x1xf32>
    %15 = lnx.mul %14, %14 : tensor<?x8xf32>, tensor<?x8xf32>
    %16 = lnx.mean %15 : tensor<?x8xf32>
    %17 = lnx.constant 1.000000e-05
    %18 = lnx.add %16, %17 : tensor<?x1xf32>, tensor<f32>
    %19 = lnx.sqrt %18 : tensor<?x1xf32>
    %20 = lnx.div %14, %19 : tensor<?x8xf32>, tensor<?x1xf32>
    %21 = lnx.mul %11, %20 : tensor<8xf32>, tensor<?x8xf32>
    %22 = lnx.add %21, %12 : tensor<?x8xf32>, tensor<8xf32>
    lnx.yield %22 : tensor<?x8xf32>
  }
  %9 = lnx.transpose %2 : tensor<5x8xf32>
  %10 = lnx.matmul %8, %9 : tensor<?x8xf32>, tensor<8x5xf32>
  lnx.return %10 : tensor<?x5xf32>
}
