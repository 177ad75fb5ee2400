// Loss: cross-entropy, alone and behind the head's matrix product; the same for every target but
// for two kernels.
// Relied on by the folders of target/.
#ifndef LNX_COMPILER_TARGET_LOSS_H
#define LNX_COMPILER_TARGET_LOSS_H

#include "compiler/target/Target.h"

namespace mlir::lnx {

/// Arguments of the softmax kernel and what it writes.
struct SoftmaxRows {
  int64_t vocabulary;
  Value logits; ///< [rows of this chunk x vocabulary or more]; f32, or bf16 on targets that take it
  Value gradient; ///< the same shape or the same buffer; null when only the loss is wanted
  Value targets;  ///< of all rows
  Value losses;   ///< of all rows
  Value first;    ///< row of the batch that is row 0 of `logits`
  Value scale;    ///< memref<f32>: gradient of the mean loss; null without gradient
  bool accumulate = false;
};

/// What a target has to compute itself.
struct LossKernels {
  /// Losses of `count` rows, and gradient = (softmax - onehot) * scale / rows of the batch.
  void (*softmax)(GroupBuffers &buffers, SoftmaxRows rows, Value count);
  /// loss = sum of losses in a fixed order / rows.
  void (*mean)(GroupBuffers &buffers, Value losses, Value loss);
};

LogicalResult lowerCrossEntropy(CrossEntropyOp op, GroupBuffers &buffers,
                                const LossKernels &kernels);
LogicalResult lowerCrossEntropyGrad(CrossEntropyGradOp op, GroupBuffers &buffers,
                                    const LossKernels &kernels);
LogicalResult lowerLinearCrossEntropy(LinearCrossEntropyOp op, GroupBuffers &buffers,
                                      const LossKernels &kernels);
LogicalResult lowerLinearCrossEntropyGrad(LinearCrossEntropyGradOp op, GroupBuffers &buffers,
                                          const LossKernels &kernels);

} // namespace mlir::lnx

#endif
