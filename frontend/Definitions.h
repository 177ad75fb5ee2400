// Definitions: what the names of a file stand for, judged by the tree alone.
// For tools that propose other text; the elaborator has its own, stricter view.
#pragma once

#include "frontend/Ast.h"

#include <functional>
#include <string>
#include <vector>

namespace lnx {

/// Every expression of a declaration, those inside others too.
void forEachExpr(const ast::Decl &decl, const std::function<void(const ast::Expr &)> &visit);
/// Every statement of a body, those of inner bodies too.
void forEachStmt(const ast::Body &body, const std::function<void(const ast::Stmt &)> &visit);

class Definitions {
public:
  /// Keeps the prelude alive; `file` has to outlive this.
  explicit Definitions(const ast::File &file);

  const ast::Decl *def(const std::string &name) const { return find(name, ast::DeclKind::Def); }
  const ast::Decl *model(const std::string &name) const { return find(name, ast::DeclKind::Model); }
  /// The def that `name` stands for inside `in`, by way of the default of a formal of that name.
  const ast::Decl *function(const ast::Decl &in, const std::string &name) const;
  /// `model` and the user's own definitions that it comes to use.
  std::vector<const ast::Decl *> reachable(const ast::Decl &model) const;

  enum class Kind {
    Block, ///< several formals without a default: (x, l, depth, heads)
    Norm,  ///< of one value, which it divides by a size of its own, without calling other defs
    Other
  };
  Kind kindOf(const ast::Decl &def) const;
  std::vector<std::string> norms() const;
  /// Other defs that can be called in its place, the prelude's first: blocks of the same formals,
  /// norms for a norm, else those of the same file with as many formals.
  std::vector<std::string> alike(const ast::Decl &def) const;

  /// A parameter that a call may give by name.
  struct Slot {
    std::string name;
    const ast::Expr *init; ///< its default, or null
  };
  /// The formals of `callee`; of a model those of its blocks, too.
  std::vector<Slot> slots(const ast::Decl &in, const ast::Decl &callee,
                          const ast::Call &call) const;

private:
  const ast::Decl *find(const std::string &name, ast::DeclKind kind) const;
  std::vector<const ast::Decl *> defs() const;

  const ast::File &file;
  std::vector<ast::FilePtr> prelude;
};

} // namespace lnx
