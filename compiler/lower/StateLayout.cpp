// StateLayout: where each parameter lives in the four state arenas.
// Relied on by add-optimizer, the lowering of get and accumulate, and the exported parameter table.
#include "compiler/lower/StateLayout.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::lnx;

// 16 floats are one cache line and one AVX-512 register.
static constexpr int64_t parameterAlignment = 16;

bool StateLayout::isDecayed(ParameterOp parameter) {
  return cast<RankedTensorType>(parameter.getType()).getRank() >= 2;
}

int64_t StateLayout::layerFloats(ParameterOp parameter) {
  return cast<RankedTensorType>(parameter.getType()).getNumElements();
}

StateLayout StateLayout::of(ModuleOp module) {
  StateLayout layout;
  int64_t next = 0;
  auto place = [&](bool decayed) {
    for (auto parameter : module.getOps<ParameterOp>()) {
      if (isDecayed(parameter) != decayed)
        continue;
      next = llvm::alignTo(next, parameterAlignment);
      layout.offsets[parameter] = next;
      next += layerFloats(parameter) * parameter.getLayers();
    }
    next = llvm::alignTo(next, segmentWidth);
  };
  place(/*decayed=*/true);
  layout.decayFloats = next;
  place(/*decayed=*/false);
  layout.floats = next;
  return layout;
}

void StateLayout::writeTable(ModuleOp module) const {
  Builder b(module.getContext());
  SmallVector<Attribute> rows;
  for (auto parameter : llvm::make_early_inc_range(module.getOps<ParameterOp>())) {
    ArrayRef<int64_t> shape = cast<RankedTensorType>(parameter.getType()).getShape();
    InitAttr init = parameter.getInit();
    NamedAttribute entries[] = {
        b.getNamedAttr("symbol", parameter.getSymNameAttr()),
        b.getNamedAttr("path", parameter.getPathAttr()),
        b.getNamedAttr("offset", b.getI64IntegerAttr(offset(parameter))),
        b.getNamedAttr("first_layer", parameter.getFirstLayerAttr()),
        b.getNamedAttr("layers", parameter.getLayersAttr()),
        b.getNamedAttr("shape", b.getDenseI64ArrayAttr(shape)),
        b.getNamedAttr("init", b.getStringAttr(init.getKind())),
        b.getNamedAttr("a", init.getA()),
        b.getNamedAttr("b", init.getB()),
        b.getNamedAttr("decay", b.getBoolAttr(isDecayed(parameter))),
    };
    rows.push_back(b.getDictionaryAttr(entries));
    parameter.erase();
  }
  module->setAttr("lnx.parameters", b.getArrayAttr(rows));
  module->setAttr("lnx.state_floats", b.getI64IntegerAttr(floats));
  module->setAttr("lnx.decay_floats", b.getI64IntegerAttr(decayFloats));
}
