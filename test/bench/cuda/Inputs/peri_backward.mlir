// Backward of y = x + s LN(b); z = LN(y), as the compiler differentiates it.
// Level grad: rows come from tables and go to gradients, so that the rows group is what is compared.
module attributes {lnx.name = "bench", lnx.vocabulary = 8 : i64} {
  lnx.parameter @y "y" layers 1 from 0 <const, [0.0], [0.0]> : tensor<8x768xf32>
  lnx.parameter @b "b" layers 1 from 0 <const, [0.0], [0.0]> : tensor<8x768xf32>
  lnx.parameter @dy "dy" layers 1 from 0 <const, [0.0], [0.0]> : tensor<8x768xf32>
  lnx.parameter @dz "dz" layers 1 from 0 <const, [0.0], [0.0]> : tensor<8x768xf32>
  lnx.parameter @dx "dx" layers 1 from 0 <const, [0.0], [0.0]> : tensor<8x768xf32>
  lnx.parameter @db "db" layers 1 from 0 <const, [0.0], [0.0]> : tensor<8x768xf32>
  lnx.parameter @gain1 "gain1" layers 1 from 0 <const, [1.0], [0.0]> : tensor<768xf32>
  lnx.parameter @gain2 "gain2" layers 1 from 0 <const, [1.0], [0.0]> : tensor<768xf32>
  lnx.parameter @dgain1 "dgain1" layers 1 from 0 <const, [1.0], [0.0]> : tensor<768xf32>
  lnx.parameter @dbias1 "dbias1" layers 1 from 0 <const, [1.0], [0.0]> : tensor<768xf32>
  lnx.parameter @dgain2 "dgain2" layers 1 from 0 <const, [1.0], [0.0]> : tensor<768xf32>
  lnx.parameter @dbias2 "dbias2" layers 1 from 0 <const, [1.0], [0.0]> : tensor<768xf32>
  func.func @grad(%tokens: tensor<?xi32>, %targets: tensor<?xi32>) -> tensor<f32> attributes {lnx.entry} {
    %gain1 = lnx.get @gain1 : tensor<768xf32>
    %gain2 = lnx.get @gain2 : tensor<768xf32>
    %dgain1 = lnx.get @dgain1 : tensor<768xf32>
    %dbias1 = lnx.get @dbias1 : tensor<768xf32>
    %dgain2 = lnx.get @dgain2 : tensor<768xf32>
    %dbias2 = lnx.get @dbias2 : tensor<768xf32>
    %t_y = lnx.get @y : tensor<8x768xf32>
    %y = lnx.gather %t_y, %tokens : tensor<8x768xf32>, tensor<?xi32>
    %t_b = lnx.get @b : tensor<8x768xf32>
    %b = lnx.gather %t_b, %tokens : tensor<8x768xf32>, tensor<?xi32>
    %t_dy = lnx.get @dy : tensor<8x768xf32>
    %dy = lnx.gather %t_dy, %tokens : tensor<8x768xf32>, tensor<?xi32>
    %t_dz = lnx.get @dz : tensor<8x768xf32>
    %dz = lnx.gather %t_dz, %tokens : tensor<8x768xf32>, tensor<?xi32>
    %eps = lnx.constant 1.0e-05
    %size = lnx.constant 1.0e-01
    %half = lnx.constant -0.5
    %share = lnx.constant 0.0013020833333333333
    %zm = lnx.mean %y : tensor<?x768xf32>
    %zc = lnx.sub %y, %zm : tensor<?x768xf32>, tensor<?x1xf32>
    %zq = lnx.mul %zc, %zc : tensor<?x768xf32>, tensor<?x768xf32>
    %zv = lnx.mean %zq : tensor<?x768xf32>
    %ze = lnx.add %zv, %eps : tensor<?x1xf32>, tensor<f32>
    %zr = lnx.rsqrt %ze : tensor<?x1xf32>
    %zn = lnx.mul %zc, %zr : tensor<?x768xf32>, tensor<?x1xf32>
    %zdb = lnx.sum_rows %dz : tensor<?x768xf32>
    lnx.accumulate @dbias1, %zdb : tensor<768xf32>
    %zdn = lnx.mul %dz, %zn : tensor<?x768xf32>, tensor<?x768xf32>
    %zdg = lnx.sum_rows %zdn : tensor<?x768xf32>
    lnx.accumulate @dgain1, %zdg : tensor<768xf32>
    %zs = lnx.mul %dz, %gain1 : tensor<?x768xf32>, tensor<768xf32>
    %zsr = lnx.mul %zs, %zr : tensor<?x768xf32>, tensor<?x1xf32>
    %zsc = lnx.mul %zs, %zc : tensor<?x768xf32>, tensor<?x768xf32>
    %za = lnx.sum %zsc : tensor<?x768xf32>
    %zah = lnx.mul %za, %half : tensor<?x1xf32>, tensor<f32>
    %zr2 = lnx.mul %zr, %zr : tensor<?x1xf32>, tensor<?x1xf32>
    %zr3 = lnx.mul %zr2, %zr : tensor<?x1xf32>, tensor<?x1xf32>
    %zk = lnx.mul %zah, %zr3 : tensor<?x1xf32>, tensor<?x1xf32>
    %zkw = lnx.mul %zk, %share : tensor<?x1xf32>, tensor<f32>
    %zkc = lnx.mul %zkw, %zc : tensor<?x1xf32>, tensor<?x768xf32>
    %zu = lnx.add %zsr, %zkc : tensor<?x768xf32>, tensor<?x768xf32>
    %zw = lnx.add %zu, %zkc : tensor<?x768xf32>, tensor<?x768xf32>
    %zwn = lnx.neg %zw : tensor<?x768xf32>
    %zws = lnx.sum %zwn : tensor<?x768xf32>
    %zwm = lnx.mul %zws, %share : tensor<?x1xf32>, tensor<f32>
    %zdx = lnx.add %zw, %zwm : tensor<?x768xf32>, tensor<?x1xf32>
    %total = lnx.add %dy, %zdx : tensor<?x768xf32>, tensor<?x768xf32>
    %small = lnx.mul %total, %size : tensor<?x768xf32>, tensor<f32>
    %pm = lnx.mean %b : tensor<?x768xf32>
    %pc = lnx.sub %b, %pm : tensor<?x768xf32>, tensor<?x1xf32>
    %pq = lnx.mul %pc, %pc : tensor<?x768xf32>, tensor<?x768xf32>
    %pv = lnx.mean %pq : tensor<?x768xf32>
    %pe = lnx.add %pv, %eps : tensor<?x1xf32>, tensor<f32>
    %pr = lnx.rsqrt %pe : tensor<?x1xf32>
    %pn = lnx.mul %pc, %pr : tensor<?x768xf32>, tensor<?x1xf32>
    %pdb = lnx.sum_rows %small : tensor<?x768xf32>
    lnx.accumulate @dbias2, %pdb : tensor<768xf32>
    %pdn = lnx.mul %small, %pn : tensor<?x768xf32>, tensor<?x768xf32>
    %pdg = lnx.sum_rows %pdn : tensor<?x768xf32>
    lnx.accumulate @dgain2, %pdg : tensor<768xf32>
    %ps = lnx.mul %small, %gain2 : tensor<?x768xf32>, tensor<768xf32>
    %psr = lnx.mul %ps, %pr : tensor<?x768xf32>, tensor<?x1xf32>
    %psc = lnx.mul %ps, %pc : tensor<?x768xf32>, tensor<?x768xf32>
    %pa = lnx.sum %psc : tensor<?x768xf32>
    %pah = lnx.mul %pa, %half : tensor<?x1xf32>, tensor<f32>
    %pr2 = lnx.mul %pr, %pr : tensor<?x1xf32>, tensor<?x1xf32>
    %pr3 = lnx.mul %pr2, %pr : tensor<?x1xf32>, tensor<?x1xf32>
    %pk = lnx.mul %pah, %pr3 : tensor<?x1xf32>, tensor<?x1xf32>
    %pkw = lnx.mul %pk, %share : tensor<?x1xf32>, tensor<f32>
    %pkc = lnx.mul %pkw, %pc : tensor<?x1xf32>, tensor<?x768xf32>
    %pu = lnx.add %psr, %pkc : tensor<?x768xf32>, tensor<?x768xf32>
    %pw = lnx.add %pu, %pkc : tensor<?x768xf32>, tensor<?x768xf32>
    %pwn = lnx.neg %pw : tensor<?x768xf32>
    %pws = lnx.sum %pwn : tensor<?x768xf32>
    %pwm = lnx.mul %pws, %share : tensor<?x1xf32>, tensor<f32>
    %pdx = lnx.add %pw, %pwm : tensor<?x768xf32>, tensor<?x1xf32>
    %s_dx = lnx.scatter_rows %total, %tokens {count = 8 : i64} : tensor<?x768xf32>, tensor<?xi32>
    lnx.accumulate @dx, %s_dx : tensor<8x768xf32>
    %s_db = lnx.scatter_rows %pdx, %tokens {count = 8 : i64} : tensor<?x768xf32>, tensor<?xi32>
    lnx.accumulate @db, %s_db : tensor<8x768xf32>
    %zero = lnx.constant 0.0
    return %zero : tensor<f32>
  }
}
