// Elaborator: the state and the steps of elaboration, shared by the Elaborate*.cpp files.
// Internal to the frontend; users include Elaborate.h.
#pragma once

#include "frontend/Elaborate.h"
#include "frontend/Stretch.h"
#include "frontend/Value.h"

#include <map>
#include <set>

namespace lnx::spec {

/// A name in use.
struct Binding {
  Value value;
  Location declared;
  bool isParam = false;
};
using Scope = std::map<std::string, Binding, std::less<>>;

/// The scope a call gets in parameter paths: the name of what it calls, or of the value that it is.
/// A call of a block that is a whole step adds none.
struct CallScope {
  enum class Kind { Callee, Named, Step, None } kind = Kind::Callee;
  std::string name = {};
};

/// One model or def being expanded.
struct Frame {
  Frame(const ast::Decl *decl, Location call) : decl(decl), call(call) {}

  const ast::Decl *decl;
  Location call;           // where it is called; nowhere for the chosen model
  Frame *caller = nullptr; // the frame that calls it
  std::vector<Scope> scopes{1};
  /// Names of repeats that ended, for messages.
  std::map<std::string, Binding, std::less<>> gone;
  /// What parameter paths begin with inside one layer, and the names taken behind it.
  std::string path;
  std::shared_ptr<std::set<std::string>> taken = std::make_shared<std::set<std::string>>();
  std::optional<Value> returned;
};

/// An argument of a call, evaluated.
struct Argument {
  ast::Ident name; // empty text: positional
  Value value;
  ast::ExprPtr expr; // as written; null for an argument that a model passes on
  Location location;
};

/// An argument of a model: a value, or an expression for the model that takes it (a setting).
struct ModelArgument {
  ast::Ident name;
  std::optional<Value> value;
  ast::ExprPtr expr;
  bool isOptional = false; // dropped where nobody takes it
};

/// A maximal row of layers that is elaborated together.
struct Run {
  int64_t first = 0, count = 0;
  const Frame *owner = nullptr; // whose statement it is
  mlir::Value layer;            // the index inside the repeat
  /// The same layers at every large depth.
  Stretch stretch;
  /// Set when a condition changes at this layer: the run has to end before it.
  std::optional<int64_t> splitAt;
  Border cut; // the same at every large depth
};

/// A condition in the layers of a run.
struct Comparison {
  std::vector<bool> truths;    // one for each, or one for all
  std::optional<Truth> always; // at every large depth, if that is known
};

/// A name in an assumption that must belong to a parameter or a scope of the model.
struct PathUse {
  std::string text;
  Location location;
};

/// A table whose rows are chosen by token ids or by positions.
struct Lookup {
  std::string table;
  int64_t rows;
  Location index;
  bool isByPosition;
};

/// The call of a builtin with its arguments in the order of its formals.
struct BuiltinCall {
  const Builtin &builtin;
  Location location;
  std::vector<std::optional<Argument>> args;
};

class Elaborator {
public:
  Elaborator(const ast::File &file, const ElaborateOptions &options, mlir::MLIRContext &context,
             Diagnostics &diagnostics);
  mlir::OwningOpRef<mlir::ModuleOp> run();

  // Messages (ElaborateMessages.cpp). An error inside the prelude is shown where the user's file
  // leads to it.
  enum class CallNote { Yes, No };
  Diagnostic &error(Location at, std::string message, CallNote callNote = CallNote::Yes);
  /// Adds "'width' is 770 here" for every number that `expr` names.
  void noteNumbers(Diagnostic &diagnostic, const ast::Expr &expr);
  void suggest(Diagnostic &diagnostic, const std::string &word,
               const std::vector<std::string> &candidates);
  /// Nothing is worth reporting: the run is elaborated again or the limit is reached.
  bool isAborted() const { return (activeRun && activeRun->splitAt) || isExhausted; }
  bool stopped() const { return isAborted() || diagnostics.isFull(); }

  // Values (ElaborateValue.cpp)
  mlir::Location place(Location at);
  mlir::Value tensorOf(const Value &value, Location at);
  std::optional<Number> numberOf(const Argument &arg, const std::string &what);
  /// A whole number that a shape or a choice rests on.
  std::optional<int64_t> wholeOf(const Value &value, const ast::Expr *expr, Location at,
                                 const std::string &what);
  /// One that other depths may change.
  std::optional<int64_t> wholeAtDepth(const Value &value, const ast::Expr *expr, Location at,
                                      const std::string &what);
  std::optional<int64_t> positiveOf(const Argument &arg, const std::string &what);
  std::optional<Initialiser> initialiserOf(const Value &value, Location at);
  /// A float tensor, or a number made one.
  mlir::Value operandOf(const Argument &arg, const char *builtin);
  mlir::RankedTensorType typeOf(llvm::ArrayRef<int64_t> features, bool withRows);
  /// `used`: where it is named first.
  mlir::Value input(llvm::StringRef name, Location used);
  mlir::OpBuilder &ops() { return builder; }
  /// Something of the model is known at this depth only.
  void keepToDepth() { isOfOneDepth = true; }
  void keepToDepth(const Number &number) { isOfOneDepth |= number.hasSchedule(); }

private:
  friend struct FrameGuard;

  // Names (ElaborateNames.cpp)
  void collect(const ast::File &file, bool isUsers);
  bool isPrelude(const Location &location) const;
  const ast::Decl *findDecl(std::string_view name, ast::DeclKind kind, const Location &at) const;
  const Binding *findBinding(std::string_view name) const;
  Binding *findStream(const ast::Ident &name);
  Value lookUp(const std::string &name, Location at);
  Value unknownName(const std::string &name, Location at);
  std::vector<std::string> visibleNames() const;
  void define(const ast::Ident &name, Value value, bool isParam);
  std::string uniqueName(const std::string &base);

  // Expressions (ElaborateExpr.cpp)
  Value evaluate(const ast::ExprPtr &expr, const CallScope &scope = {});
  Value negate(const ast::Expr &expr, const ast::Negate &node);
  Value binary(const ast::Expr &expr, const ast::Binary &node);
  Value arithmetic(const ast::Expr &expr, const ast::Binary &node, const Value &l, const Value &r);
  Value powerOf(const ast::Expr &expr, const ast::Binary &node, const Value &l, const Value &r);
  Value matmul(const ast::Expr &expr, const ast::Binary &node, const Value &l, const Value &r);
  Value index(const ast::Expr &expr, const ast::Index &node);
  Value finite(Number number, const ast::Expr &expr);
  bool mayDivideBy(const Number &divisor, const ast::Expr &expr);

  // Calls (ElaborateCall.cpp)
  Value call(const ast::Expr &expr, const ast::Call &node, const CallScope &scope);
  Value callFunction(const Function &function, std::vector<Argument> args, Location at,
                     const CallScope &scope);
  Value callBuiltin(const Builtin &builtin, std::vector<Argument> args, Location at);
  Value callDef(const Function &function, std::vector<Argument> args, Location at,
                const CallScope &scope);
  bool mayEnter(const ast::Decl &decl, Location at);
  bool bindFormals(Frame &callee, const Function &function, std::vector<Argument> args);
  Value expand(Frame &callee);
  Value wrapApply(const Frame &callee, const std::string &scope, mlir::Region &region,
                  const Value &result, Location at);

  // Statements (ElaborateStmt.cpp)
  void runBody(const ast::Body &body);
  void runStmt(const ast::Stmt &stmt);
  void assign(const ast::Assign &node);
  void step(const ast::Stmt &stmt, const ast::Step &node);
  void param(const ast::Stmt &stmt, const ast::Param &node);
  void giveBack(const ast::Return &node);
  void choose(const ast::If &node);
  std::optional<bool> decide(const ast::Condition &condition);
  std::optional<Comparison> compare(const ast::Condition &condition);
  Comparison compareNumbers(const ast::Condition &condition, const Number &a, const Number &b);
  mlir::StringAttr scheduleAttr(const Number &number);
  ir::InitAttr initAttr(const Initialiser &init, llvm::ArrayRef<int64_t> shape, Location at);

  // Repeats (ElaborateRepeat.cpp)
  void repeat(const ast::Stmt &stmt, const ast::Repeat &node);
  Stretch stretchOf(const Value &first, const Value &last, int64_t count);
  void unroll(const ast::Stmt &stmt, const ast::Repeat &node, int64_t first, int64_t last);
  bool runBodyOf(ir::RepeatOp op, const ast::Repeat &node, Run &run,
                 const std::vector<Binding *> &streams);
  bool runLayers(const ast::Stmt &stmt, const ast::Repeat &node, Run &run,
                 const std::vector<std::string> &streams, const std::string &scope);
  std::vector<std::string> streamsOf(const ast::Body &body);
  std::string repeatScope(const std::vector<std::string> &streams);
  void leaveScope();

  // Claims (ElaborateClaim.cpp)
  void law(const ast::Stmt &stmt, const ast::Law &node);
  void assume(const ast::Stmt &stmt, const ast::Assume &node);
  void check(const ast::Stmt &stmt, const ast::Check &node);
  bool isClassWithExponent(const ast::Expr &expr);
  std::optional<Number> boundOf(const ast::Bound &bound);
  mlir::Attribute boundAttr(const Number &bound);
  mlir::Attribute numberAttr(const Number &number);
  mlir::DictionaryAttr assumeArguments(const ast::Assume &node, llvm::StringRef formals);
  void checkPaths(mlir::Operation *model);

  // The whole (Elaborate.cpp)
  const ast::Decl *chooseModel();
  std::vector<std::string> modelNames() const;
  std::vector<ModelArgument> settings();
  void finish(ir::ModelOp op, const ast::Decl &decl, const Value &logits);
  void checkVocabulary(const Value &logits, int64_t count);
  void checkLookups(const Value &logits, int64_t vocabulary);

  // Models (ElaborateModel.cpp)
  Value model(const ast::Decl &decl, std::vector<ModelArgument> args, Location at);
  bool bindModel(Frame &frame, std::vector<ModelArgument> &args, Location at);
  bool returnsModel(const ast::Body &body) const;
  const ast::Decl *modelCall(const ast::Expr &expr) const;
  bool passToBlocks(Frame &frame, const ModelArgument &arg);
  void passRest(Frame &frame, std::vector<ModelArgument> args);
  Value callBase(const ast::Expr &expr, std::vector<ModelArgument> overriding, bool withForwards);
  void modelArguments(const ast::Decl &base, const ast::Call &call,
                      std::vector<ModelArgument> &args);
  const ast::Sig *sigOf(const ast::Decl &decl) const;
  void keepSettings(const Frame &frame);
  void keepContext(const Value &value);
  void markDepth(const std::string &formal, Value &value);

  const ast::File &file;
  const ElaborateOptions &options;
  mlir::MLIRContext &context;
  Diagnostics &diagnostics;
  mlir::OpBuilder builder;
  Diagnostic silenced; // what is said while aborted

  std::vector<ast::FilePtr> prelude;
  std::map<std::string, const ast::Decl *, std::less<>> usersDefs, usersModels, preludeDefs,
      preludeModels;
  Frame *frame = nullptr;             // the innermost
  Frame *modelFrame = nullptr;        // whose formals every def sees
  std::vector<ModelArgument> pending; // settings for the model that this one returns
  Run *activeRun = nullptr;
  std::map<std::string, mlir::Value> inputs;
  mlir::Block *modelBlock = nullptr;
  std::map<std::string, mlir::Attribute> settingAttrs;
  std::optional<int64_t> contextLength;
  Location contextSet; // where its value is written
  std::vector<Lookup> lookups;
  std::vector<PathUse> pathUses;
  std::set<std::string> scopesUsed;
  uint32_t depth = 0;      // of nested evaluation
  uint32_t expansions = 0; // calls of definitions so far
  bool isExhausted = false;
  bool isOfOneDepth = false;
  /// The first setting that says how deep the model is: the N of its schedules.
  std::optional<Scalar> depthUnit;
};

/// Enters a frame for as long as it lives.
struct FrameGuard {
  FrameGuard(Elaborator &elaborator, Frame &callee)
      : elaborator(elaborator), caller(elaborator.frame) {
    callee.caller = caller;
    elaborator.frame = &callee;
  }
  ~FrameGuard() { elaborator.frame = caller; }
  Elaborator &elaborator;
  Frame *caller;
};

} // namespace lnx::spec
