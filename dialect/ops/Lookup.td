// Lookup.td: rows of tables, and positions.

include "dialect/ops/Primitive.td"

def Lnx_PositionsOp : Lnx_Primitive<"positions"> {
  let summary = "the position of each row in its sequence, from 0";
  let arguments = (ins Lnx_Ids:$like);
  let results = (outs Lnx_Ids:$result);
  let extraClassDeclaration = [{
    static ::std::vector<::llvm::StringRef> samples() {
      return {"lnx.positions %0 : tensor<?xi32>"};
    }
  }];
}
def Lnx_GatherOp : Lnx_Primitive<"gather"> {
  let summary = "row ids[r] of a table for each row r; ids outside the table are the caller's error";
  let arguments = (ins Lnx_Tensor:$table, Lnx_Ids:$ids);
  let results = (outs Lnx_Tensor:$result);
  let extraClassDeclaration = [{
    static ::std::vector<::llvm::StringRef> samples() {
      return {"lnx.gather %0, %1 : tensor<5x3xf32>, tensor<?xi32>"};
    }
  }];
}
def Lnx_ScatterRowsOp : Lnx_Primitive<"scatter_rows"> {
  let summary = "sums the rows of x by id into a table of `count` rows: the gradient of gather";
  let arguments = (ins Lnx_Tensor:$x, Lnx_Ids:$ids, I64Attr:$count);
  let results = (outs Lnx_Tensor:$result);
  let extraClassDeclaration = [{
    static ::std::vector<::llvm::StringRef> samples() {
      return {"lnx.scatter_rows %0, %1 {count = 5 : i64} : tensor<?x3xf32>, tensor<?xi32>"};
    }
  }];
}
