// LnxOps.td: all operations of the dialect, for one run of the table generator.

include "dialect/ModelOps.td"
include "dialect/ops/Elementwise.td"
include "dialect/ops/Activation.td"
include "dialect/ops/Reduce.td"
include "dialect/ops/Matmul.td"
include "dialect/ops/Shape.td"
include "dialect/ops/Attend.td"
include "dialect/ops/Lookup.td"
include "dialect/ops/Loss.td"
include "dialect/ops/Precision.td"
