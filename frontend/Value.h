// Value: what an expression of a .lnx file means while it is elaborated.
// Numbers and initialisers are known when compiling; tensors stand for values of the IR.
#pragma once

#include "dialect/LnxDialect.h"
#include "frontend/Ast.h"
#include "frontend/Number.h"

namespace lnx::spec {
namespace ir = ::mlir::lnx;

struct Builtin;
struct NamedValue;

/// Reported already: whatever touches it stays silent.
struct Poison {};

struct Tensor {
  mlir::Value value;

  bool isIds() const;
  bool hasRows() const { return ir::hasRows(value.getType()); }
  llvm::ArrayRef<int64_t> features() const { return ir::getFeatures(value.getType()); }
};

/// The law a parameter is drawn from. `a` is the value, the standard deviation, the gain or the
/// lower end; `b` the upper end.
struct Initialiser {
  enum class Kind { Const, Normal, Xavier, Uniform, Identity };
  Kind kind = Kind::Const;
  Number a, b;
};

/// A def or a builtin. `extras` are arguments that a model passed to its block.
struct Function {
  std::string name;
  const ast::Decl *decl = nullptr;
  const Builtin *builtin = nullptr;
  std::shared_ptr<const std::vector<NamedValue>> extras;

  /// A def of (x, l, ...), as against a norm or a layer of x alone.
  bool isBlock() const;
};

class Value {
public:
  Value() = default; // poison
  Value(Number number, Location origin) : content(std::move(number)), where(origin) {}
  Value(Initialiser init, Location origin) : content(std::move(init)), where(origin) {}
  Value(Function function, Location origin) : content(std::move(function)), where(origin) {}
  Value(mlir::Value tensor, Location origin) : content(Tensor{tensor}), where(origin) {}

  bool isPoison() const { return std::holds_alternative<Poison>(content); }
  template <class T> const T *as() const { return std::get_if<T>(&content); }
  /// Where the user wrote it; names hand it on.
  Location origin() const { return where; }

private:
  std::variant<Poison, Number, Tensor, Initialiser, Function> content;
  Location where;
};

struct NamedValue {
  ast::Ident name;
  Value value;
};

/// "[768]", "[heads, size]" in numbers; "[]" for a number at run time.
std::string shapeText(llvm::ArrayRef<int64_t> features);
/// "a number", "a tensor [768]", "token ids", "an initialiser", "a definition".
std::string describe(const Value &value);

} // namespace lnx::spec
