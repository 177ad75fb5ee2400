// RUN: lnx-opt %s --lnx-lower-groups --canonicalize --cse --split-input-file | FileCheck %s
// RUN: lnx-opt %s --lnx-lower-groups --lnx-plan-arena --split-input-file | mlir-opt --split-input-file | FileCheck %s --check-prefix=LOOPS
// LOOPS-NOT: lnx.group
// Row groups on the CPU: one kernel that reads each input once and keeps a row in registers or L1.

lnx.parameter @T "T" layers 1 from 0 <normal, [1.0], [0.0]> : tensor<9x70xf32>
lnx.parameter @g "g" layers 1 from 0 <const, [1.0], [0.0]> : tensor<70xf32>

// A residual sum and its norm: three loops over the row. The sum is written once and read back from
// the result; 70 columns are two vectors of 32 and one of 8 with a mask of 6.
// CHECK-LABEL: func.func @eval
// CHECK:         scf.parallel (%[[LO:.*]]) = (%{{.*}}) to (%[[ROWS:.*]]) step
// CHECK:         scf.parallel (%[[LO:.*]]) = (%{{.*}}) to (%[[ROWS:.*]]) step
// CHECK:         scf.parallel (%[[LO:.*]]) = (%{{.*}}) to (%[[ROWS:.*]]) step
// CHECK:           %[[HI:.*]] = arith.minsi
// CHECK:           call @rows(%{{.*}}, %[[LO]], %[[HI]])
// CHECK:       func.func private @rows(
// CHECK-SAME:    %[[X:[a-z0-9]+]]: memref<?x70xf32>, %[[Y:[a-z0-9]+]]: memref<?x70xf32>, %[[G:[a-z0-9]+]]: memref<70xf32>,
// CHECK-SAME:    %[[S:[a-z0-9]+]]: memref<?x70xf32>, %[[N:[a-z0-9]+]]: memref<?x70xf32>
// CHECK-NOT:     memref.alloca
// CHECK:         scf.for %[[ROW:.*]] =
// CHECK:           scf.for {{.*}} iter_args({{.*}}) -> (vector<32xf32>)
// CHECK-DAG:         vector.load %[[X]]
// CHECK-DAG:         vector.load %[[Y]]
// CHECK:             vector.store {{.*}} %[[S]]
// CHECK-DAG:       vector.maskedload %[[X]]{{.*}} into vector<8xf32>
// CHECK-DAG:       vector.maskedload %[[Y]]{{.*}} into vector<8xf32>
// CHECK:           vector.maskedstore %[[S]]
// CHECK:           vector.reduction <add>
// CHECK:           scf.for {{.*}} iter_args
// CHECK-NOT:         vector.load %[[X]]
// CHECK:             vector.load %[[S]]
// CHECK:           vector.reduction <add>
// CHECK:           math.rsqrt {{.*}} : f32
// CHECK:           scf.for
// CHECK-NOT:         vector.load %[[X]]
// CHECK-DAG:         vector.load %[[S]]
// CHECK-DAG:         vector.load %[[G]]
// CHECK:             vector.store {{.*}} %[[N]]
func.func @eval(%tokens: tensor<?xi32>, %targets: tensor<?xi32>) -> tensor<f32> attributes {lnx.entry} {
  %t = lnx.get @T : tensor<9x70xf32>
  %g = lnx.get @g : tensor<70xf32>
  %x = lnx.group library(%a = %t : tensor<9x70xf32>, %i = %tokens : tensor<?xi32>) -> (tensor<?x70xf32>) {
    %1 = lnx.gather %a, %i : tensor<9x70xf32>, tensor<?xi32>
    lnx.yield %1 : tensor<?x70xf32>
  }
  %y = lnx.group library(%a = %t : tensor<9x70xf32>, %i = %targets : tensor<?xi32>) -> (tensor<?x70xf32>) {
    %1 = lnx.gather %a, %i : tensor<9x70xf32>, tensor<?xi32>
    lnx.yield %1 : tensor<?x70xf32>
  }
  %s, %n = lnx.group rows(%a = %x : tensor<?x70xf32>, %c = %y : tensor<?x70xf32>, %w = %g : tensor<70xf32>) -> (tensor<?x70xf32>, tensor<?x70xf32>) {
    %half = lnx.constant 0.5
    %1 = lnx.mul %c, %half : tensor<?x70xf32>, tensor<f32>
    %2 = lnx.add %a, %1 : tensor<?x70xf32>, tensor<?x70xf32>
    %m = lnx.mean %2 : tensor<?x70xf32>
    %3 = lnx.sub %2, %m : tensor<?x70xf32>, tensor<?x1xf32>
    %4 = lnx.mul %3, %3 : tensor<?x70xf32>, tensor<?x70xf32>
    %v = lnx.mean %4 : tensor<?x70xf32>
    %5 = lnx.rsqrt %v : tensor<?x1xf32>
    %6 = lnx.mul %3, %5 : tensor<?x70xf32>, tensor<?x1xf32>
    %7 = lnx.mul %6, %w : tensor<?x70xf32>, tensor<70xf32>
    lnx.yield %2, %7 : tensor<?x70xf32>, tensor<?x70xf32>
  }
  %r = lnx.group rows(%a = %s : tensor<?x70xf32>, %c = %n : tensor<?x70xf32>) -> (tensor<1xf32>) {
    %q = lnx.mul %a, %c : tensor<?x70xf32>, tensor<?x70xf32>
    %qs = lnx.sum %q : tensor<?x70xf32>
    %1 = lnx.sum_rows %qs : tensor<?x1xf32>
    lnx.yield %1 : tensor<1xf32>
  }
  %z = lnx.reshape %r : tensor<1xf32> to tensor<f32>
  return %z : tensor<f32>
}

// A sum over rows: sixteen chunks of rows, each with a partial sum of its own, added in order by a
// second kernel.
// CHECK:       func.func private @rows_0(
// CHECK-SAME:    %[[PARTIAL:[a-z0-9]+]]: memref<16x1xf32>, %[[GRAIN:[a-z0-9]+]]: index, %[[FIRST:[a-z0-9]+]]: index
// CHECK:         %[[CHUNK:.*]] = arith.divui %[[FIRST]], %[[GRAIN]]
// CHECK:         %[[MINE:.*]] = memref.reinterpret_cast %[[PARTIAL]] to offset: [%[[CHUNK]]]
// CHECK:         vector.store %{{.*}}, %[[MINE]]
// CHECK:         scf.for
// CHECK:           scf.for
// CHECK:           vector.reduction <add>
// CHECK:           memref.load %[[MINE]]
// CHECK:           memref.store %{{.*}}, %[[MINE]]
// CHECK:       func.func private @add_partials(
// CHECK:         scf.for {{.*}} iter_args
// CHECK:           vector.load
// CHECK:           arith.addf

// -----

// The same work twice is one kernel.
// CHECK-LABEL: func.func @eval
// CHECK:         call @rows(
// CHECK:         call @rows(
// CHECK:       func.func private @rows(
// CHECK-NOT:   func.func private @rows
func.func @eval(%tokens: tensor<?xi32>, %targets: tensor<?xi32>) -> tensor<f32> attributes {lnx.entry} {
  %a = lnx.argument 0 : tensor<f32>
  %b = lnx.group rows(%x = %a : tensor<f32>) -> (tensor<f32>) {
    %0 = lnx.exp %x : tensor<f32>
    lnx.yield %0 : tensor<f32>
  }
  %c = lnx.group rows(%x = %b : tensor<f32>) -> (tensor<f32>) {
    %0 = lnx.exp %x : tensor<f32>
    lnx.yield %0 : tensor<f32>
  }
  return %c : tensor<f32>
}
