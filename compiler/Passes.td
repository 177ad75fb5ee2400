// Passes.td: every pass, in pipeline order, each with its input, its output and one example.
// docs/architecture.md shows this table; a test compares the two.

#ifndef LNX_COMPILER_PASSES_TD
#define LNX_COMPILER_PASSES_TD

include "mlir/Pass/PassBase.td"

//===-- spec to grad -----------------------------------------------------===//

def InlineDefs : Pass<"lnx-inline-defs", "::mlir::ModuleOp"> {
  let summary = "expand definitions in place";
  let description = [{
    Input: level spec. Output: the same without `lnx.apply`, `lnx.step` and claims; scopes are already
    part of the parameters' paths.

        %1 = lnx.apply "mlp" "mlp" -> tensor<?x8xf32> {        %w = lnx.param "mlp.W" ...
          %w = lnx.param "mlp.W" ...                      =>   %1 = lnx.matmul %0, %w ...
          %2 = lnx.matmul %0, %w ...
          lnx.yield %2 : tensor<?x8xf32>
        }
  }];
}

def StackParams : Pass<"lnx-stack-params", "::mlir::ModuleOp"> {
  let summary = "make one parameter table row for each parameter of each repeat";
  let description = [{
    Input: `lnx.model` without definitions. Output: the module's parameter table, the attributes
    `lnx.name`, `lnx.context`, `lnx.depth` and `lnx.vocabulary`, and `func @logits`, in which a
    parameter is an `lnx.get` at the layer of the repeat around it. Two rows of one path (two repeats
    after each other) get different symbols: the second one's ends in its first layer.

        lnx.repeat first 1 count 12 ...        lnx.parameter @"attn.q.W" "attn.q.W" layers 12 from 1 ...
          %w = lnx.param "attn.q.W" ...   =>   lnx.repeat first 1 count 12 ...
                                                 %w = lnx.get @"attn.q.W" at %layer ...
  }];
}

def AddLoss : Pass<"lnx-add-loss", "::mlir::ModuleOp"> {
  let summary = "make the entry points that run the model forward";
  let description = [{
    Input: `@logits(%tokens)`. Output: `@eval(%tokens, %targets)`, the mean cross-entropy over all rows;
    `@grad`, the same until it is differentiated; `@next(%tokens)`, the logits after the last row.

        func.func @logits(%tokens)         func.func @eval(%tokens, %targets) -> tensor<f32>
          return %logits              =>     %loss = lnx.cross_entropy %logits, %targets
                                             return %loss
  }];
}

def ObserveStreams : Pass<"lnx-observe-streams", "::mlir::ModuleOp"> {
  let summary = "make @grad return how large the stream is after each layer";
  let description = [{
    Input: `@grad` computes the loss. Output: it also returns, for every row tensor that a repeat
    carries, the sums of |x|, x and x^2 over rows and features after each layer, as stacks of that
    repeat. The module attribute `lnx.streams` says of each: first layer, layers, features, and how
    many partial sums a layer has.

        %x1 = lnx.repeat (%x) { .. lnx.yield %y }   =>   %x1, %a, %s, %q = lnx.repeat (%x) { ..
        return %loss                                       lnx.yield %y, %sum_abs, %sum, %sum_squares }
                                                         return %loss, %a, %s, %q
  }];
}

def Differentiate : Pass<"lnx-differentiate", "::mlir::ModuleOp"> {
  let summary = "append the backward pass to @grad";
  let description = [{
    Input: `@grad` computes the loss. Output: it also adds the gradient of `lnx.argument 0` times the
    loss to every parameter, by one `lnx.accumulate` for each contribution. A repeat gets a second one
    that runs in `reverse` with the gradients of the carries as carries and, as slices, the forward
    values its body reads, which the first repeat stacks.

        %w = lnx.get @W            %w = lnx.get @W
        %y = lnx.matmul %x, %w =>  %y = lnx.matmul %x, %w
                                   %dw = lnx.matmul %x, %dy {transpose_lhs}
                                   lnx.accumulate @W, %dw
  }];
}

def Rematerialize : Pass<"lnx-rematerialize", "::mlir::ModuleOp"> {
  let summary = "keep fewer values between the forward and the backward repeat";
  let description = [{
    Input: `@grad` with pairs of repeats that share stacks. Output: the stacks of a minimum cut, in bytes
    for each row, between what the backward body reads and what it can start from; row-wise operations
    behind the cut are computed again in the backward body, at no cost in a fused kernel. Between cuts of
    about the same size the one with less memory traffic is taken, then the one that computes less.

        forward:  %h = gelu %z; yield .., %z, %h        forward:  %h = gelu %z; yield .., %z
        backward: (.., %z, %h): matmul %h, %d     =>    backward: (.., %z): %h = gelu %z; matmul %h, %d
  }];
  let options = [Option<"storagePrice", "storage-price", "int64_t", "16",
    "bytes of traffic that a byte kept for every layer is worth">];
}

def AddOptimizer : Pass<"lnx-add-optimizer", "::mlir::ModuleOp"> {
  let summary = "add the entry points that read the gradient arena";
  let description = [{
    Input: the parameter table. Output: `@norm`, the sum of squares of all gradients, and the updates
    `@adamw`, `@adam` and `@sgd`, each one chain of element-wise work for each segment of the state.
    Arguments are numbered by runtime/include/lnx/abi.h.

        func.func @sgd() {
          %g = lnx.read_state "grad" 0 ...       %scaled = lnx.mul %g, %clip
          ...                                    lnx.write_state "param" 0, %new
        }
  }];
}

//===-- grad to loops ----------------------------------------------------===//

def FormGroups : Pass<"lnx-form-groups", "::mlir::ModuleOp"> {
  let summary = "put every primitive into exactly one group";
  let description = [{
    Input: level grad. Output: level fused. Row-wise operations over one iteration space join one `rows`
    group as long as no path leaves the group and comes back; sums over all rows end a chain. Every
    other primitive is a group of its own. Numbers are copied into the groups that use them.

        %1 = lnx.mul %x, %scale                  %2 = lnx.group rows(%x, %scale, %y) {
        %2 = lnx.add %1, %y                =>      %1 = lnx.mul ..., %2 = lnx.add ..., lnx.yield %2
        %3 = lnx.matmul %2, %w                   }
                                                 %3 = lnx.group gemm(%2, %w) { lnx.matmul ... }
  }];
  let options = [Option<"fuse", "fuse", "bool", "true", "join row-wise operations">];
}

def SetPrecision : Pass<"lnx-set-precision", "::mlir::ModuleOp"> {
  let summary = "keep rows in bf16 between groups";
  let description = [{
    Input and output: level fused. Row tensors that groups hand to each other become bf16: they are
    widened where a group reads them and rounded to nearest even where one gives them, so all arithmetic
    stays f32. Numbers of a row and of a head (their last dimension is 1, or the primitive says that it
    needs full precision), fixed tensors, parameters and gradients stay f32. A matrix that meets bf16
    rows in a product is rounded in front of it.

        %y = lnx.group gemm(%a = %x : tensor<?x8xf32>, ...)    %s = lnx.group rows(%w) { lnx.cast ... }
          %p = lnx.matmul %a, %b                            => %y = lnx.group gemm(%a = %x : tensor<?x8xbf16>, ...)
          lnx.yield %p : tensor<?x8xf32>                         %a32 = lnx.cast %a, %b32 = lnx.cast %b
                                                                 %p = lnx.matmul %a32, %b32
                                                                 %r = lnx.cast %p : tensor<?x8xf32> to tensor<?x8xbf16>
                                                                 lnx.yield %r
  }];
}

def LowerGroups : Pass<"lnx-lower-groups", "::mlir::ModuleOp"> {
  let summary = "give every value a buffer and turn groups into loops";
  let description = [{
    Input: level fused. Output: level loops with `memref.alloc`. The target lowers each group; what it
    declines is lowered by each operation's own reference lowering. A repeat becomes one loop; stacks
    and parameters are views; a gradient is added where it is computed.

        func.func @grad(%tokens, %targets) -> tensor<f32>     func.func @grad(%state, %scratch, %tokens,
          %w = lnx.get @W                              =>       %targets, %batch, %time, %arguments, %results)
          %y = lnx.group gemm(%x, %w) {...}                     %y = memref.alloc(%rows) : memref<?x8xf32>
                                                                call @lnx_gemm(...)
  }];
  let options = [Option<"target", "target", "std::string", "\"cpu\"", "cpu, cuda or reference">];
  let dependentDialects = ["::mlir::func::FuncDialect", "::mlir::gpu::GPUDialect", "::mlir::scf::SCFDialect", "::mlir::memref::MemRefDialect",
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::vector::VectorDialect", "::mlir::LLVM::LLVMDialect"];
}

def PlanArena : Pass<"lnx-plan-arena", "::mlir::ModuleOp"> {
  let summary = "place every buffer in the one scratch block";
  let description = [{
    Input: level loops with `memref.alloc`. Output: the same with views of %scratch; buffers that live at
    different times share memory. Offsets are linear in the rows, rounded up to 16; the size of the block
    is left on each entry as `lnx.scratch_bytes_per_row` and `lnx.scratch_fixed_bytes`.

        %y = memref.alloc(%rows)     =>    %y = memref.view %scratch[%offset][%rows]
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect", "::mlir::arith::ArithDialect"];
}

def OutlineKernels : Pass<"lnx-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "turn what touches the device's memory into kernels and launches";
  let description = [{
    Input: level loops, planned. Output: a `gpu.module @kernels`; a parallel loop becomes a launch with one
    block for each iteration, its calls expanded. A kernel runs with as many threads as the attribute
    `lnx.threads` of the function it calls says, else with one; so do loads and stores outside of loops.

        scf.parallel (%lo) = (%c0) to (%n) step (%c1) {      gpu.launch_func @kernels::@rows
          func.call @rows(%x, %lo, %hi)                 =>     blocks in (%n, 1, 1) threads in (192, 1, 1)
        }                                                      args(%x : memref<?x768xf32>, ...)
  }];
  let dependentDialects = ["::mlir::gpu::GPUDialect", "::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::func::FuncDialect"];
}

def LowerCalls : Pass<"lnx-lower-calls", "::mlir::ModuleOp"> {
  let summary = "call the runtime through its table";
  let description = [{
    Input: level loops, planned. Output: entry functions take the runtime's table first. A parallel loop
    becomes a task function and a call of `parallel` over its iterations; what it captures travels in
    8-byte slots. `@lnx_*` becomes an indirect call, by the order of runtime/include/lnx/abi.def.

        scf.parallel (%lo) = (%c0) to (%n) step (%g) {      llvm.store %address, %slots[0] ...
          func.call @rows(%x, %lo, %hi)                 =>  llvm.call %parallel(%context, @task, %slots, %items, 1)
        }                                                   func @task(%slots, %lo, %hi) { for ... call @rows }
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect"];
}

def ExportProgram : Pass<"lnx-export-program", "::mlir::ModuleOp"> {
  let summary = "write the entry points and the program's table";
  let description = [{
    Input: entries that take the runtime's table. Output: functions `void(const lnx_call *)` around them,
    the constant `lnx_program_v1` of runtime/include/lnx/abi.h, and the note that a loader reads first.

        func.func @eval(%runtime, %state, ...)    =>    llvm.func @lnx_entry_eval(%call) { ... call @eval }
                                                        llvm.mlir.global @lnx_program_v1
  }];
  let options = [Option<"cpu", "cpu", "std::string", "\"x86-64-v3\"", "CPU the code is generated for">];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect"];
}

#endif // LNX_COMPILER_PASSES_TD
