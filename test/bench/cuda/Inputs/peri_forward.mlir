// y = x + s LN(b); z = LN(y), the middle of a Peri-LN layer.
// Level grad: rows come from tables and go to gradients, so that the rows group is what is compared.
module attributes {lnx.name = "bench", lnx.vocabulary = 8 : i64} {
  lnx.parameter @x "x" layers 1 from 0 <const, [0.0], [0.0]> : tensor<8x768xf32>
  lnx.parameter @b "b" layers 1 from 0 <const, [0.0], [0.0]> : tensor<8x768xf32>
  lnx.parameter @dy "dy" layers 1 from 0 <const, [0.0], [0.0]> : tensor<8x768xf32>
  lnx.parameter @dz "dz" layers 1 from 0 <const, [0.0], [0.0]> : tensor<8x768xf32>
  lnx.parameter @gain1 "gain1" layers 1 from 0 <const, [1.0], [0.0]> : tensor<768xf32>
  lnx.parameter @bias1 "bias1" layers 1 from 0 <const, [1.0], [0.0]> : tensor<768xf32>
  lnx.parameter @gain2 "gain2" layers 1 from 0 <const, [1.0], [0.0]> : tensor<768xf32>
  lnx.parameter @bias2 "bias2" layers 1 from 0 <const, [1.0], [0.0]> : tensor<768xf32>
  func.func @grad(%tokens: tensor<?xi32>, %targets: tensor<?xi32>) -> tensor<f32> attributes {lnx.entry} {
    %gain1 = lnx.get @gain1 : tensor<768xf32>
    %bias1 = lnx.get @bias1 : tensor<768xf32>
    %gain2 = lnx.get @gain2 : tensor<768xf32>
    %bias2 = lnx.get @bias2 : tensor<768xf32>
    %t_x = lnx.get @x : tensor<8x768xf32>
    %x = lnx.gather %t_x, %tokens : tensor<8x768xf32>, tensor<?xi32>
    %t_b = lnx.get @b : tensor<8x768xf32>
    %b = lnx.gather %t_b, %tokens : tensor<8x768xf32>, tensor<?xi32>
    %eps = lnx.constant 1.0e-05
    %size = lnx.constant 1.0e-01
    %pm = lnx.mean %b : tensor<?x768xf32>
    %pc = lnx.sub %b, %pm : tensor<?x768xf32>, tensor<?x1xf32>
    %pq = lnx.mul %pc, %pc : tensor<?x768xf32>, tensor<?x768xf32>
    %pv = lnx.mean %pq : tensor<?x768xf32>
    %pe = lnx.add %pv, %eps : tensor<?x1xf32>, tensor<f32>
    %pr = lnx.rsqrt %pe : tensor<?x1xf32>
    %pn = lnx.mul %pc, %pr : tensor<?x768xf32>, tensor<?x1xf32>
    %pg = lnx.mul %gain2, %pn : tensor<768xf32>, tensor<?x768xf32>
    %p = lnx.add %pg, %bias2 : tensor<?x768xf32>, tensor<768xf32>
    %step = lnx.mul %p, %size : tensor<?x768xf32>, tensor<f32>
    %y = lnx.add %x, %step : tensor<?x768xf32>, tensor<?x768xf32>
    %zm = lnx.mean %y : tensor<?x768xf32>
    %zc = lnx.sub %y, %zm : tensor<?x768xf32>, tensor<?x1xf32>
    %zq = lnx.mul %zc, %zc : tensor<?x768xf32>, tensor<?x768xf32>
    %zv = lnx.mean %zq : tensor<?x768xf32>
    %ze = lnx.add %zv, %eps : tensor<?x1xf32>, tensor<f32>
    %zr = lnx.rsqrt %ze : tensor<?x1xf32>
    %zn = lnx.mul %zc, %zr : tensor<?x768xf32>, tensor<?x1xf32>
    %zg = lnx.mul %gain1, %zn : tensor<768xf32>, tensor<?x768xf32>
    %z = lnx.add %zg, %bias1 : tensor<?x768xf32>, tensor<768xf32>
    %s_dy = lnx.scatter_rows %y, %tokens {count = 8 : i64} : tensor<?x768xf32>, tensor<?xi32>
    lnx.accumulate @dy, %s_dy : tensor<8x768xf32>
    %s_dz = lnx.scatter_rows %z, %tokens {count = 8 : i64} : tensor<?x768xf32>, tensor<?xi32>
    lnx.accumulate @dz, %s_dz : tensor<8x768xf32>
    %zero = lnx.constant 0.0
    return %zero : tensor<f32>
  }
}
