// ElaborateClaim: law, assume and check, kept in the IR for the verifier.
// Only names are judged here: what stability.md S3, S7 and section 5 know.
#include "frontend/Elaborator.h"
#include "frontend/Printer.h"

#include "llvm/ADT/StringExtras.h"

#include <array>

namespace lnx::spec {
namespace {
constexpr std::array laws = {"size", "peak", "slope", "degree"};

constexpr std::array properties = {"forward.growth",
                                   "forward.bound",
                                   "forward.variance",
                                   "forward.wellposed",
                                   "backward.scale_invariance",
                                   "backward.identity_path",
                                   "backward.sensitivity_bound",
                                   "backward.init_gradient_profile",
                                   "init.variance",
                                   "init.parameter_gradient_profile",
                                   "deepnorm.update_bound",
                                   "needs_warmup",
                                   "rank_collapse",
                                   "attention.logit_bound",
                                   "precision.overflow",
                                   "precision.absorption",
                                   "depth.limit",
                                   "layer.effectiveness"};

/// `arguments` in the form of a builtin's formals; "@": one path of a parameter or a scope.
struct Assumption {
  const char *path;
  const char *arguments;
};
constexpr std::array assumptions = {Assumption{"norm.gain", nullptr},
                                    Assumption{"gain", nullptr},
                                    Assumption{"norm.bias.rms", nullptr},
                                    Assumption{"norm.bias.max", nullptr},
                                    Assumption{"x0.rms", nullptr},
                                    Assumption{"x0.std", nullptr},
                                    Assumption{"spectral", "@"},
                                    Assumption{"perhead", "@"},
                                    Assumption{"frobenius", "@"},
                                    Assumption{"max", "@"},
                                    Assumption{"doubly_stochastic", "@"},
                                    Assumption{"abs_row_sum", "@"},
                                    Assumption{"std", "@"},
                                    Assumption{"adamw", "lr steps decay beta1 beta2"},
                                    Assumption{"sgd", "lr steps clip"},
                                    Assumption{"muon", "lr steps decay size"},
                                    Assumption{"l2", "decay loss0"}};

/// Short names of the matrices of attn, mlp and glu.
constexpr std::array matrices = {"W_Q", "W_K", "W_V", "W_O", "W_1", "W_2", "W_g", "W_u", "W_d"};

/// Classes of growth (S48), in their order.
constexpr std::array classes = {"bounded",   "log",         "sqrt",
                                "linear",    "power",       "quadratic",
                                "stretched", "exponential", "double_exponential",
                                "unbounded"};

template <class Names> std::vector<std::string> list(const Names &names) {
  return std::vector<std::string>(names.begin(), names.end());
}

/// "linear", "power(1/2)": a class of growth, not a number.
bool isClass(const ast::Expr &expr) {
  const ast::Call *call = expr.as<ast::Call>();
  const std::string *name = call ? call->callee->name() : expr.name();
  const bool isParametric = name && (*name == "power" || *name == "stretched");
  return name && llvm::is_contained(list(classes), *name) && isParametric == (call != nullptr);
}

/// Properties that hold or do not: there is no number to compare.
bool isYesOrNo(llvm::StringRef property) {
  return property == "forward.wellposed" || property == "backward.scale_invariance" ||
         property == "backward.identity_path" || property == "needs_warmup";
}

/// Claims of assume that have no bound.
bool takesBound(llvm::StringRef path) {
  return path != "adamw" && path != "sgd" && path != "muon" && path != "l2" &&
         path != "doubly_stochastic";
}

bool isGrowth(llvm::StringRef property) {
  return property == "forward.growth" || property == "forward.variance" ||
         property == "backward.sensitivity_bound" || property == "deepnorm.update_bound";
}
} // namespace

mlir::Attribute Elaborator::numberAttr(const Number &number) {
  if (!number.isUniform())
    return builder.getDenseF64ArrayAttr(number.values());
  if (const std::optional<int64_t> whole = number.front().whole())
    return builder.getI64IntegerAttr(*whole);
  return builder.getF64FloatAttr(number.front().value());
}

std::optional<Number> Elaborator::boundOf(const ast::Bound &bound) {
  const Value value = evaluate(bound.value);
  return numberOf({{}, value, bound.value, bound.value->location}, "a bound");
}

mlir::Attribute Elaborator::boundAttr(const Number &bound) {
  if (bound.isUniform())
    return builder.getF64FloatAttr(bound.front().value());
  return builder.getDenseF64ArrayAttr(bound.values());
}

void Elaborator::law(const ast::Stmt &stmt, const ast::Law &node) {
  if (!llvm::is_contained(list(laws), node.name.text))
    suggest(error(node.name.location,
                  "unknown law '" + node.name.text + "'; laws are size, peak, slope and degree"),
            node.name.text, list(laws));
  // Where a definition is being built its block hangs in no model yet.
  mlir::Operation *parent = builder.getInsertionBlock()->getParentOp();
  const bool isInModel =
      parent && (mlir::isa<ir::ModelOp>(parent) || parent->getParentOfType<ir::ModelOp>());
  if (isInModel && !parent->getParentOfType<ir::ApplyOp>() && !mlir::isa<ir::ApplyOp>(parent))
    error(node.name.location, "a law says what a 'def' computes; this is a model");
  const bool isEqual = node.bound.op == ast::CompareOp::Equal;
  const char *relation = isEqual ? "=" : ast::spelling(node.bound.op);
  const std::optional<Number> bound = boundOf(node.bound);
  if (!bound)
    return;
  keepToDepth(*bound);
  ir::LawOp::create(builder, place(stmt.location), builder.getStringAttr(node.name.text),
                    mlir::DictionaryAttr(), builder.getStringAttr(relation), boundAttr(*bound));
}

/// False after an error: the p of power(p) and stretched(p) is a positive number.
bool Elaborator::isClassWithExponent(const ast::Expr &expr) {
  const ast::Call *call = isClass(expr) ? expr.as<ast::Call>() : nullptr;
  if (!call)
    return true;
  if (call->args.size() == 1 && !call->args.front().isNamed()) {
    const ast::ExprPtr &p = call->args.front().value;
    const std::optional<Number> number = numberOf({{}, evaluate(p), p, p->location}, "an exponent");
    if (!number)
      return false;
    if (number->isUniform() && number->front().value() > 0)
      return true;
  }
  error(expr.location, "the exponent of '" + *call->callee->name() + "' is one positive number");
  return false;
}

void Elaborator::check(const ast::Stmt &stmt, const ast::Check &node) {
  const std::string path = node.path.text();
  std::string property;
  std::vector<std::string> candidates;
  for (const char *known : properties) {
    const llvm::StringRef full = known, last = full.rsplit('.').second;
    candidates.push_back(last.empty() ? full.str() : last.str());
    if (path == full || path == last)
      property = full.str();
  }
  for (const char *known : properties)
    candidates.push_back(known);
  if (property.empty()) {
    suggest(error(node.path.location, "'" + path + "' is not a property that can be checked"), path,
            candidates);
    return;
  }
  mlir::Attribute bound;
  if (node.bound && isYesOrNo(property)) {
    error(node.bound->value->location,
          "'" + path + "' holds or does not; there is nothing to compare it with");
    return;
  }
  if (node.bound && property == "forward.growth" && !isClass(*node.bound->value)) {
    error(node.bound->value->location,
          "growth is compared with a class: bounded, log, sqrt, linear, power(p), quadratic, "
          "stretched(p), exponential, double_exponential or unbounded");
    return;
  }
  if (node.bound && isGrowth(property) && !isClassWithExponent(*node.bound->value))
    return;
  if (node.bound && isGrowth(property) && isClass(*node.bound->value)) {
    bound = builder.getStringAttr(print(*node.bound->value));
  } else if (node.bound) {
    const std::optional<Number> number = boundOf(*node.bound); // asked about at this depth
    if (!number)
      return;
    bound = boundAttr(*number);
  }
  ir::CheckOp::create(
      builder, place(stmt.location), builder.getStringAttr(property), mlir::DictionaryAttr(),
      builder.getStringAttr(node.bound ? ast::spelling(node.bound->op) : ""), bound);
}

void Elaborator::assume(const ast::Stmt &stmt, const ast::Assume &node) {
  const std::string path = node.path.text();
  const Assumption *known = nullptr;
  std::vector<std::string> candidates;
  for (const Assumption &assumption : assumptions) {
    candidates.push_back(assumption.path);
    if (path == assumption.path)
      known = &assumption;
  }
  if (!known) {
    suggest(error(node.path.location, "'" + path + "' is not something that can be assumed"), path,
            candidates);
    return;
  }
  if (node.args.has_value() != (known->arguments != nullptr)) {
    error(node.path.location,
          "'" + path + "' takes " +
              (!known->arguments                          ? "no arguments"
               : llvm::StringRef(known->arguments) == "@" ? "the path of a parameter"
                                                          : "arguments"));
    return;
  }
  if (node.bound.has_value() != takesBound(path)) {
    error(node.path.location, node.bound ? "'" + path + "' takes no bound"
                                         : "'" + path + "' needs a bound: '" +
                                               (path.ends_with("std") ? ">= ...'" : "<= ...'"));
    return;
  }
  const mlir::DictionaryAttr arguments =
      known->arguments ? assumeArguments(node, known->arguments) : mlir::DictionaryAttr();
  const std::optional<Number> bound = node.bound ? boundOf(*node.bound) : std::nullopt;
  if ((known->arguments && !arguments) || (node.bound && !bound))
    return;
  ir::AssumeOp::create(builder, place(stmt.location), builder.getStringAttr(path), arguments,
                       builder.getStringAttr(node.bound ? ast::spelling(node.bound->op) : ""),
                       bound ? boundAttr(*bound) : mlir::Attribute(),
                       bound ? scheduleAttr(*bound) : mlir::StringAttr());
}

/// {path = "attn.q.W"} or {lr = 6e-4, ...}; null after an error.
mlir::DictionaryAttr Elaborator::assumeArguments(const ast::Assume &node, llvm::StringRef formals) {
  const std::string path = node.path.text();
  if (formals == "@") {
    const std::string *name = node.args->size() == 1 ? node.args->front().value->name() : nullptr;
    if (!name || node.args->front().isNamed()) {
      error(node.path.location, "'" + path + "' takes the path of one parameter");
      return {};
    }
    pathUses.push_back({*name, node.args->front().value->location});
    return builder.getDictionaryAttr(builder.getNamedAttr("path", builder.getStringAttr(*name)));
  }
  llvm::SmallVector<llvm::StringRef> names;
  formals.split(names, ' ');
  mlir::NamedAttrList list;
  size_t position = 0;
  bool isGood = true;
  for (const ast::Arg &arg : *node.args) {
    const std::string name = arg.isNamed()             ? arg.name.text
                             : position < names.size() ? names[position++].str()
                                                       : "";
    const Location at = arg.isNamed() ? arg.name.location : arg.value->location;
    if (!llvm::is_contained(names, name)) {
      Diagnostic &diagnostic =
          error(at, name.empty() ? "'" + path + "' takes at most " + std::to_string(names.size()) +
                                       " arguments"
                                 : "'" + path + "' has no argument '" + name + "'");
      suggest(diagnostic, name, std::vector<std::string>(names.begin(), names.end()));
      isGood = false;
      continue;
    }
    const std::optional<Number> number =
        numberOf({{}, evaluate(arg.value), arg.value, arg.value->location}, "'" + name + "'");
    if (number)
      keepToDepth(*number);
    if (number)
      list.set(name, builder.getF64FloatAttr(number->front().value()));
    isGood &= number.has_value();
  }
  return isGood ? list.getDictionary(&context) : mlir::DictionaryAttr();
}

/// Assumptions speak about parameters or scopes; both are known only when the model is built.
void Elaborator::checkPaths(mlir::Operation *model) {
  std::set<std::string> known(scopesUsed);
  known.insert(matrices.begin(), matrices.end());
  model->walk([&](ir::ParamOp param) {
    // Any end of a path names it: q.W for attn.q.W.
    for (llvm::StringRef rest = param.getPath(); !rest.empty(); rest = rest.split('.').second)
      known.insert(rest.str());
  });
  for (const PathUse &use : pathUses) {
    llvm::StringRef name = use.text;
    if (name.split('.').first.find_first_not_of("0123456789") == llvm::StringRef::npos)
      name = name.split('.').second; // one layer's parameter
    if (known.count(name.str()))
      continue;
    suggest(
        diagnostics.error(use.location, "no parameter of the model is called '" + use.text + "'"),
        name.str(), std::vector<std::string>(known.begin(), known.end()));
  }
}

} // namespace lnx::spec
