// Hyper-connections with four streams: sums over streams, mixing matrices and slices of parameters.
lnx.model @hyper_connections context 16 settings {context = 16 : i64, depth = 2 : i64, heads = 2 : i64, s = 4 : i64, vocab = 5 : i64, width = 8 : i64} {
  %0 = lnx.input "tokens" : tensor<?xi32>
  %1 = lnx.positions %0 : tensor<?xi32>
  %2 = lnx.param "E" <normal, [2.000000e-02], [0.000000e+00]> : tensor<5x8xf32>
  %3 = lnx.param "P" <normal, [2.000000e-02], [0.000000e+00]> : tensor<16x8xf32>
  %4 = lnx.param "start" <const, [1.000000e+00], [0.000000e+00]> : tensor<4xf32>
  %5 = lnx.param "finish" <const, [2.500000e-01], [0.000000e+00]> : tensor<4xf32>
  %6 = lnx.gather %2, %0 : tensor<5x8xf32>, tensor<?xi32>
  %7 = lnx.gather %3, %1 : tensor<16x8xf32>, tensor<?xi32>
  %8 = lnx.add %6, %7 : tensor<?x8xf32>, tensor<?x8xf32>
  %9 = lnx.reshape %4 : tensor<4xf32> to tensor<4x1xf32>
  %10 = lnx.reshape %8 : tensor<?x8xf32> to tensor<?x1x8xf32>
  %11 = lnx.mul %9, %10 : tensor<4x1xf32>, tensor<?x1x8xf32>
  %12 = lnx.repeat %layer first 1 count 2 scope "" carries(%carry = %11 : tensor<?x4x8xf32>) {
    %20 = lnx.apply "hyper" "" -> tensor<?x4x8xf32> {
      lnx.assume "doubly_stochastic"({path = "A"}) ""
      %22 = lnx.param "A" <identity, [1.000000e+00], [0.000000e+00]> : tensor<2x4x4xf32>
      %23 = lnx.param "m" <const, [2.500000e-01], [0.000000e+00]> : tensor<2x4xf32>
      %24 = lnx.param "b" <const, [1.000000e+00], [0.000000e+00]> : tensor<2x4xf32>
      %25 = lnx.slice %22 {index = 0 : i64} : tensor<2x4x4xf32>
      %26 = lnx.reshape %25 : tensor<4x4xf32> to tensor<4x4x1xf32>
      %27 = lnx.reshape %carry : tensor<?x4x8xf32> to tensor<?x1x4x8xf32>
      %28 = lnx.mul %26, %27 : tensor<4x4x1xf32>, tensor<?x1x4x8xf32>
      %29 = lnx.sum %28 {axis = -2 : i64} : tensor<?x4x4x8xf32>
      %30 = lnx.reshape %29 : tensor<?x4x1x8xf32> to tensor<?x4x8xf32>
      %31 = lnx.slice %24 {index = 0 : i64} : tensor<2x4xf32>
      %32 = lnx.slice %23 {index = 0 : i64} : tensor<2x4xf32>
      %33 = lnx.reshape %32 : tensor<4xf32> to tensor<4x1xf32>
      %34 = lnx.mul %33, %carry : tensor<4x1xf32>, tensor<?x4x8xf32>
      %35 = lnx.sum %34 {axis = -2 : i64} : tensor<?x4x8xf32>
      %36 = lnx.reshape %35 : tensor<?x1x8xf32> to tensor<?x8xf32>
      %37 = lnx.apply "layernorm" "layernorm" -> tensor<?x8xf32> {
        %63 = lnx.param "layernorm.g" <const, [1.000000e+00], [0.000000e+00]> : tensor<8xf32>
        %64 = lnx.param "layernorm.b" <const, [0.000000e+00], [0.000000e+00]> : tensor<8xf32>
        %65 = lnx.mean %36 : tensor<?x8xf32>
        %66 = lnx.sub %36, %65 : tensor<?x8xf32>, tensor<?x1xf32>
        %67 = lnx.mul %66, %66 : tensor<?x8xf32>, tensor<?x8xf32>
        %68 = lnx.mean %67 : tensor<?x8xf32>
        %69 = lnx.constant 1.000000e-05
        %70 = lnx.add %68, %69 : tensor<?x1xf32>, tensor<f32>
        %71 = lnx.sqrt %70 : tensor<?x1xf32>
        %72 = lnx.div %66, %71 : tensor<?x8xf32>, tensor<?x1xf32>
        %73 = lnx.mul %63, %72 : tensor<8xf32>, tensor<?x8xf32>
        %74 = lnx.add %73, %64 : tensor<?x8xf32>, tensor<8xf32>
        lnx.yield %74 : tensor<?x8xf32>
      }
      %38 = lnx.apply "attn" "attn" -> tensor<?x8xf32> {
        %63 = lnx.apply "linear" "q" -> tensor<?x8xf32> {
          %73 = lnx.param "attn.q.W" <normal, [2.000000e-02], [0.000000e+00]> : tensor<8x8xf32>
          %74 = lnx.param "attn.q.b" <const, [0.000000e+00], [0.000000e+00]> : tensor<8xf32>
          %75 = lnx.matmul %37, %73 : tensor<?x8xf32>, tensor<8x8xf32>
          %76 = lnx.add %75, %74 : tensor<?x8xf32>, tensor<8xf32>
          lnx.yield %76 : tensor<?x8xf32>
        }
        %64 = lnx.reshape %63 : tensor<?x8xf32> to tensor<?x2x4xf32>
        %65 = lnx.apply "linear" "k" -> tensor<?x8xf32> {
          %73 = lnx.param "attn.k.W" <normal, [2.000000e-02], [0.000000e+00]> : tensor<8x8xf32>
          %74 = lnx.param "attn.k.b" <const, [0.000000e+00], [0.000000e+00]> : tensor<8xf32>
          %75 = lnx.matmul %37, %73 : tensor<?x8xf32>, tensor<8x8xf32>
          %76 = lnx.add %75, %74 : tensor<?x8xf32>, tensor<8xf32>
          lnx.yield %76 : tensor<?x8xf32>
        }
        %66 = lnx.reshape %65 : tensor<?x8xf32> to tensor<?x2x4xf32>
        %67 = lnx.apply "linear" "v" -> tensor<?x8xf32> {
          %73 = lnx.param "attn.v.W" <normal, [2.000000e-02], [0.000000e+00]> : tensor<8x8xf32>
          %74 = lnx.param "attn.v.b" <const, [0.000000e+00], [0.000000e+00]> : tensor<8xf32>
          %75 = lnx.matmul %37, %73 : tensor<?x8xf32>, tensor<8x8xf32>
          %76 = lnx.add %75, %74 : tensor<?x8xf32>, tensor<8xf32>
          lnx.yield %76 : tensor<?x8xf32>
        }
        %68 = lnx.reshape %67 : tensor<?x8xf32> to tensor<?x2x4xf32>
        %69 = lnx.reshape %64 : tensor<?x2x4xf32> to tensor<?x8xf32>
        %70 = lnx.reshape %66 : tensor<?x2x4xf32> to tensor<?x8xf32>
        %71 = lnx.reshape %68 : tensor<?x2x4xf32> to tensor<?x8xf32>
        %output, %lse = lnx.attend %69, %70, %71 {causal = true, heads = 2 : i64, kv_heads = 2 : i64, scale = 5.000000e-01 : f64, softcap = 0.000000e+00 : f64} : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
        %72 = lnx.apply "linear" "o" -> tensor<?x8xf32> {
          %73 = lnx.param "attn.o.W" <normal, [1.000000e-02], [0.000000e+00]> : tensor<8x8xf32>
          %74 = lnx.param "attn.o.b" <const, [0.000000e+00], [0.000000e+00]> : tensor<8xf32>
          %75 = lnx.matmul %output, %73 : tensor<?x8xf32>, tensor<8x8xf32>
          %76 = lnx.add %75, %74 : tensor<?x8xf32>, tensor<8xf32>
          lnx.yield %76 : tensor<?x8xf32>
        }
        lnx.yield %72 : tensor<?x8xf32>
      }
      %39 = lnx.reshape %31 : tensor<4xf32> to tensor<4x1xf32>
      %40 = lnx.reshape %38 : tensor<?x8xf32> to tensor<?x1x8xf32>
      %41 = lnx.mul %39, %40 : tensor<4x1xf32>, tensor<?x1x8xf32>
      %42 = lnx.add %30, %41 : tensor<?x4x8xf32>, tensor<?x4x8xf32>
      %43 = lnx.step "X" %carry to %42 : tensor<?x4x8xf32>
      %44 = lnx.slice %22 {index = 1 : i64} : tensor<2x4x4xf32>
      %45 = lnx.reshape %44 : tensor<4x4xf32> to tensor<4x4x1xf32>
      %46 = lnx.reshape %43 : tensor<?x4x8xf32> to tensor<?x1x4x8xf32>
      %47 = lnx.mul %45, %46 : tensor<4x4x1xf32>, tensor<?x1x4x8xf32>
      %48 = lnx.sum %47 {axis = -2 : i64} : tensor<?x4x4x8xf32>
      %49 = lnx.reshape %48 : tensor<?x4x1x8xf32> to tensor<?x4x8xf32>
      %50 = lnx.slice %24 {index = 1 : i64} : tensor<2x4xf32>
      %51 = lnx.slice %23 {index = 1 : i64} : tensor<2x4xf32>
      %52 = lnx.reshape %51 : tensor<4xf32> to tensor<4x1xf32>
      %53 = lnx.mul %52, %43 : tensor<4x1xf32>, tensor<?x4x8xf32>
      %54 = lnx.sum %53 {axis = -2 : i64} : tensor<?x4x8xf32>
      %55 = lnx.reshape %54 : tensor<?x1x8xf32> to tensor<?x8xf32>
      %56 = lnx.apply "layernorm" "layernorm2" -> tensor<?x8xf32> {
        %63 = lnx.param "layernorm2.g" <const, [1.000000e+00], [0.000000e+00]> : tensor<8xf32>
        %64 = lnx.param "layernorm2.b" <const, [0.000000e+00], [0.000000e+00]> : tensor<8xf32>
        %65 = lnx.mean %55 : tensor<?x8xf32>
        %66 = lnx.sub %55, %65 : tensor<?x8xf32>, tensor<?x1xf32>
        %67 = lnx.mul %66, %66 : tensor<?x8xf32>, tensor<?x8xf32>
        %68 = lnx.mean %67 : tensor<?x8xf32>
        %69 = lnx.constant 1.000000e-05
        %70 = lnx.add %68, %69 : tensor<?x1xf32>, tensor<f32>
        %71 = lnx.sqrt %70 : tensor<?x1xf32>
        %72 = lnx.div %66, %71 : tensor<?x8xf32>, tensor<?x1xf32>
        %73 = lnx.mul %63, %72 : tensor<8xf32>, tensor<?x8xf32>
        %74 = lnx.add %73, %64 : tensor<?x8xf32>, tensor<8xf32>
        lnx.yield %74 : tensor<?x8xf32>
      }
      %57 = lnx.apply "mlp" "mlp" -> tensor<?x8xf32> {
        %63 = lnx.apply "linear" "up" -> tensor<?x32xf32> {
          %66 = lnx.param "mlp.up.W" <normal, [2.000000e-02], [0.000000e+00]> : tensor<8x32xf32>
          %67 = lnx.param "mlp.up.b" <const, [0.000000e+00], [0.000000e+00]> : tensor<32xf32>
          %68 = lnx.matmul %56, %66 : tensor<?x8xf32>, tensor<8x32xf32>
          %69 = lnx.add %68, %67 : tensor<?x32xf32>, tensor<32xf32>
          lnx.yield %69 : tensor<?x32xf32>
        }
        %64 = lnx.gelu %63 : tensor<?x32xf32>
        %65 = lnx.apply "linear" "down" -> tensor<?x8xf32> {
          %66 = lnx.param "mlp.down.W" <normal, [1.000000e-02], [0.000000e+00]> : tensor<32x8xf32>
          %67 = lnx.param "mlp.down.b" <const, [0.000000e+00], [0.000000e+00]> : tensor<8xf32>
          %68 = lnx.matmul %64, %66 : tensor<?x32xf32>, tensor<32x8xf32>
          %69 = lnx.add %68, %67 : tensor<?x8xf32>, tensor<8xf32>
          lnx.yield %69 : tensor<?x8xf32>
        }
        lnx.yield %65 : tensor<?x8xf32>
      }
      %58 = lnx.reshape %50 : tensor<4xf32> to tensor<4x1xf32>
      %59 = lnx.reshape %57 : tensor<?x8xf32> to tensor<?x1x8xf32>
      %60 = lnx.mul %58, %59 : tensor<4x1xf32>, tensor<?x1x8xf32>
      %61 = lnx.add %49, %60 : tensor<?x4x8xf32>, tensor<?x4x8xf32>
      %62 = lnx.step "X" %43 to %61 : tensor<?x4x8xf32>
      lnx.yield %62 : tensor<?x4x8xf32>
    }
    %21 = lnx.step "X" %carry to %20 : tensor<?x4x8xf32>
    lnx.yield %21 : tensor<?x4x8xf32>
  }
  %13 = lnx.reshape %5 : tensor<4xf32> to tensor<4x1xf32>
  %14 = lnx.mul %13, %12 : tensor<4x1xf32>, tensor<?x4x8xf32>
  %15 = lnx.sum %14 {axis = -2 : i64} : tensor<?x4x8xf32>
  %16 = lnx.reshape %15 : tensor<?x1x8xf32> to tensor<?x8xf32>
  %17 = lnx.apply "layernorm" "layernorm" -> tensor<?x8xf32> {
    %20 = lnx.param "layernorm.g" <const, [1.000000e+00], [0.000000e+00]> : tensor<8xf32>
    %21 = lnx.param "layernorm.b" <const, [0.000000e+00], [0.000000e+00]> : tensor<8xf32>
    %22 = lnx.mean %16 : tensor<?x8xf32>
    %23 = lnx.sub %16, %22 : tensor<?x8xf32>, tensor<?x1xf32>
    %24 = lnx.mul %23, %23 : tensor<?x8xf32>, tensor<?x8xf32>
    %25 = lnx.mean %24 : tensor<?x8xf32>
    %26 = lnx.constant 1.000000e-05
    %27 = lnx.add %25, %26 : tensor<?x1xf32>, tensor<f32>
    %28 = lnx.sqrt %27 : tensor<?x1xf32>
    %29 = lnx.div %23, %28 : tensor<?x8xf32>, tensor<?x1xf32>
    %30 = lnx.mul %20, %29 : tensor<8xf32>, tensor<?x8xf32>
    %31 = lnx.add %30, %21 : tensor<?x8xf32>, tensor<8xf32>
    lnx.yield %31 : tensor<?x8xf32>
  }
  %18 = lnx.transpose %2 : tensor<5x8xf32>
  %19 = lnx.matmul %17, %18 : tensor<?x8xf32>, tensor<8x5xf32>
  lnx.return %19 : tensor<?x5xf32>
}
