// Embed: what expressions and bodies made in C++ carry until a model is built from them.
// Behind the public headers; the trees are those of Ast.h, with places in the user's C++.
#pragma once

#include "frontend/Ast.h"
#include "lnx/def.h"

namespace lnx {

/// Something that cannot be written down, found while an expression or a body is made.
struct Mistake {
  Location location;
  std::string message;
  bool operator==(const Mistake &) const = default;
};

/// A def and what its own body was made of.
struct Definition {
  ast::DeclPtr decl;
  std::shared_ptr<const Origin> origin;
};

struct Origin {
  std::vector<std::shared_ptr<const Definition>> definitions;
  std::vector<Mistake> mistakes;

  void add(const std::shared_ptr<const Origin> &other);
};
using OriginPtr = std::shared_ptr<const Origin>;

inline Location locate(Place where) { return Location::embedded(where); }

/// Both together; null when there is nothing in either.
OriginPtr join(const OriginPtr &a, const OriginPtr &b);
OriginPtr mistake(Place where, std::string message);

/// Whether `text` is a name of the language, or names with dots between.
bool isName(std::string_view text);
bool isPath(std::string_view text);

/// What a body writes down while it runs in this thread.
class Recorder {
public:
  Recorder();
  ~Recorder();
  Recorder(const Recorder &) = delete;
  Recorder &operator=(const Recorder &) = delete;

  /// The body that runs in this thread, or null.
  static Recorder *current();
  void add(decltype(ast::Stmt::node) node, Place where);
  void remember(const OriginPtr &origin) { gathered.add(origin); }
  /// The statements so far as a body that begins at `where`.
  ast::Body body(Place where, bool isNested);

  std::vector<ast::StmtPtr> stmts;
  Origin gathered;

private:
  Recorder *outer;
};

ast::Sig signature(std::span<const Formal> formals, Place where, Recorder &recorder);

/// A declaration from a body that runs now; `run` gives what it returns.
Definition declare(ast::DeclKind kind, const std::string &name, std::span<const Formal> formals,
                   const detail::Body &run, Place where);

} // namespace lnx
