// Depths: scales the settings that say how deep a model is and elaborates it again.
#include "frontend/Depths.h"

#include "dialect/LnxDialect.h"

#include "llvm/Support/MathExtras.h"

#include <compare>

namespace lnx {
namespace {
namespace ir = ::mlir::lnx;

/// Layers of all stacks together.
int64_t layersOf(mlir::ModuleOp module) {
  int64_t layers = 0;
  module.walk<mlir::WalkOrder::PreOrder>([&](ir::RepeatOp repeat) {
    layers += int64_t(repeat.getCount());
    return mlir::WalkResult::skip();
  });
  return layers;
}

/// The settings that say how deep a model is, and their values.
std::vector<std::pair<std::string, int64_t>> depthsOf(mlir::ModuleOp module) {
  std::vector<std::pair<std::string, int64_t>> depths;
  module.walk([&](ir::ModelOp model) {
    const mlir::DictionaryAttr settings = model.getSettingsAttr();
    for (const char *name : {"depth", "N", "M"})
      if (const auto value = settings ? settings.getAs<mlir::IntegerAttr>(name) : nullptr)
        depths.emplace_back(name, value.getInt());
  });
  return depths;
}

class Deeper {
public:
  Deeper(mlir::ModuleOp module, const ast::File &file, const ElaborateOptions &options)
      : file(file), options(options), context(*module.getContext()), layers(layersOf(module)),
        depths(depthsOf(module)) {}

  /// Null when the model cannot have this depth.
  mlir::OwningOpRef<mlir::ModuleOp> operator()(int64_t wanted) const {
    int64_t deepest = 0;
    for (const auto &[name, value] : depths)
      deepest = std::max(deepest, value);
    if (deepest < 1 || wanted < 1)
      return {};
    ElaborateOptions changed = options;
    for (const auto &[name, value] : depths) {
      std::erase_if(changed.settings, [&](const auto &setting) { return setting.first == name; });
      int64_t product = 0;
      if (llvm::MulOverflow(value, wanted, product))
        return {};
      const int64_t rounded = product / deepest + (product % deepest * 2 >= deepest ? 1 : 0);
      changed.settings.emplace_back(name, std::to_string(std::max<int64_t>(1, rounded)));
    }
    Diagnostics silent;
    mlir::OwningOpRef<mlir::ModuleOp> module = elaborate(file, changed, context, silent);
    // A setting of that name need not be what the layers are counted by.
    if (!module || (layersOf(*module) <=> layers) != (wanted <=> deepest))
      return {};
    return module;
  }

private:
  const ast::File &file;
  const ElaborateOptions &options;
  mlir::MLIRContext &context;
  int64_t layers;
  std::vector<std::pair<std::string, int64_t>> depths;
};
} // namespace

std::function<mlir::OwningOpRef<mlir::ModuleOp>(int64_t)>
atOtherDepths(mlir::ModuleOp module, const ast::File &file, const ElaborateOptions &options) {
  return Deeper(module, file, options);
}

} // namespace lnx
