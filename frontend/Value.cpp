// Value: how messages speak about values.
#include "frontend/Value.h"

namespace lnx::spec {

bool Function::isBlock() const {
  return decl && llvm::count_if(decl->sig->formals,
                                [](const ast::Formal &formal) { return !formal.init; }) >= 2;
}

bool Tensor::isIds() const {
  return mlir::cast<mlir::RankedTensorType>(value.getType()).getElementType().isInteger();
}

std::string shapeText(llvm::ArrayRef<int64_t> features) {
  std::string text = "[";
  for (size_t i = 0; i < features.size(); ++i)
    text += (i ? ", " : "") + std::to_string(features[i]);
  return text + "]";
}

std::string describe(const Value &value) {
  if (value.as<Number>())
    return "a number";
  if (const Tensor *tensor = value.as<Tensor>())
    return tensor->isIds() ? "token ids" : "a tensor " + shapeText(tensor->features());
  if (value.as<Initialiser>())
    return "an initialiser";
  return "a definition";
}

} // namespace lnx::spec
