// StateLayout: where each parameter lives in the four state arenas.
// Relied on by add-optimizer, the lowering of get and accumulate, and the exported parameter table.
#ifndef LNX_COMPILER_LOWER_STATELAYOUT_H
#define LNX_COMPILER_LOWER_STATELAYOUT_H

#include "dialect/LnxDialect.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::lnx {

/// Offsets in floats from the start of any arena (param, grad, m, v: all laid out alike). Decayed
/// parameters come first, in table order, padded to a multiple of 1024 floats; then the others,
/// padded likewise. Each parameter starts at a multiple of 16 floats; its layers are dense.
struct StateLayout {
  /// Lays out the parameter table of `module`.
  static StateLayout of(ModuleOp module);

  /// Decay acts on matrices: one layer has rank 2 or more.
  static bool isDecayed(ParameterOp parameter);
  /// Floats of one layer.
  static int64_t layerFloats(ParameterOp parameter);

  int64_t offset(ParameterOp parameter) const { return offsets.lookup(parameter); }

  /// Segments are seen as rows of 1024 floats: tensor<Sx1024xf32>.
  static constexpr int64_t segmentWidth = 1024;
  /// S of a segment, 0 decayed or 1 not; 0 where it is empty.
  int64_t segmentRows(int64_t segment) const {
    return (segment == 0 ? decayFloats : floats - decayFloats) / segmentWidth;
  }

  /// Replaces the module's lnx.parameter operations by builtin attributes of the module, which
  /// levels below fused can keep: lnx.state_floats, lnx.decay_floats and lnx.parameters, an array
  /// with one dictionary for each parameter: symbol, path, offset, first_layer, layers, shape, init
  /// (its kind), a, b, decay.
  void writeTable(ModuleOp module) const;

  int64_t floats = 0;      ///< of one arena; a multiple of 1024
  int64_t decayFloats = 0; ///< the first of them that are decayed; a multiple of 1024

private:
  llvm::DenseMap<Operation *, int64_t> offsets;
};

} // namespace mlir::lnx

#endif
