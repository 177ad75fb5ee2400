// The head and its loss, differentiated: the softmax kernel is what is compared.
// Level grad: rows come from tables and go to gradients, so that the rows group is what is compared.
module attributes {lnx.name = "bench", lnx.vocabulary = 50257 : i64} {
  lnx.parameter @E "E" layers 1 from 0 <const, [0.0], [0.0]> : tensor<50257x768xf32>
  func.func @grad(%tokens: tensor<?xi32>, %targets: tensor<?xi32>) -> tensor<f32> attributes {lnx.entry} {
    %table = lnx.get @E : tensor<50257x768xf32>
    %x = lnx.gather %table, %tokens : tensor<50257x768xf32>, tensor<?xi32>
    %one = lnx.argument 0 : tensor<f32>
    %loss, %d_x, %d_weight = lnx.linear_cross_entropy_grad %x, %table, %targets, %one {transpose_weight} : tensor<?x768xf32>, tensor<50257x768xf32>, tensor<?xi32>, tensor<f32>
    lnx.accumulate @E, %d_weight : tensor<50257x768xf32>
    %s = lnx.scatter_rows %d_x, %tokens {count = 50257 : i64} : tensor<?x768xf32>, tensor<?xi32>
    lnx.accumulate @E, %s : tensor<50257x768xf32>
    return %loss : tensor<f32>
  }
}
