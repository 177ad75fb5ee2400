// LayerRange.h: what the IR says about other depths: which layers a repeat has there and what the
// numbers in it are. The one reader of the schedules in attributes.
#ifndef LNX_DIALECT_LAYERRANGE_H
#define LNX_DIALECT_LAYERRANGE_H

#include "dialect/LnxDialect.h"
#include "dialect/Series.h"

namespace mlir::lnx {

/// The layers of a repeat at every large depth.
struct LayerRange {
  Layers layers;
  /// How many they are, at least 1; unknown where nothing is known of the layers either.
  Schedule count = Schedule::constant(1);
};

/// Of a repeat; of what stands outside any where it is null.
LayerRange layersOf(RepeatOp repeat);

/// Numbers in `repeat`, one or one for each layer, with their schedule as an attribute writes it.
Series seriesOf(llvm::ArrayRef<double> values, StringAttr schedule, RepeatOp repeat);
Series seriesOf(TableOp table);

} // namespace mlir::lnx

#endif
