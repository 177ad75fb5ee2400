// RepairSteps: rules over the equations of steps: a norm around an update, a number on the other
// operand. What stands in x <- n(a*x + b*f(x)) is found by structure.
#include "frontend/RepairEdits.h"

#include <algorithm>

namespace lnx {

using namespace ast;

namespace {
constexpr int moved = 12, weighed = 18, wrapped = 22, unwrapped = 24;

/// weight * core, with the sign it has in the sum.
struct Summand {
  const Expr *whole;
  const Expr *weight = nullptr; ///< null: 1
  const Expr *core;
  bool isStream = false, isNegative = false;
};

class StepRules {
public:
  StepRules(const Definitions &definitions, const Decl &in, const ast::Step &step, EditList &edits);
  void run(const std::vector<std::string> &norms);

private:
  void flatten(const ExprPtr &expr, bool isNegative);
  void wrapUpdates(const std::string &norm);
  void moveNorm();
  void moveWeight();
  void weighUpdates();
  void weighStream();
  bool isNormCall(const Expr &expr) const;
  bool isBuiltinCall(const Expr &expr) const;
  bool isStream(const Expr &expr) const;
  const Expr &branchOf(const Expr &update) const;
  void replace(const std::string &rule, int cost, const Expr &what, std::string text);
  std::string joined(bool isWeightMoved) const;

  const Definitions &definitions;
  const Decl &in;
  const ast::Step &step;
  EditList &edits;
  const Call *outer = nullptr; ///< the norm over the sum
  std::vector<Summand> summands;
  const Summand *stream = nullptr;
};

std::string textOf(const Expr &expr) { return std::string(expr.location.spelling()); }

/// As a factor: sums need brackets.
std::string factorOf(const Expr &expr) {
  const Binary *binary = expr.as<Binary>();
  const bool isSum = binary && (binary->op == BinaryOp::Add || binary->op == BinaryOp::Sub);
  const std::string text = textOf(expr);
  return (isSum || expr.as<Negate>()) && !text.starts_with('(') ? "(" + text + ")" : text;
}

StepRules::StepRules(const Definitions &definitions, const Decl &in, const ast::Step &step,
                     EditList &edits)
    : definitions(definitions), in(in), step(step), edits(edits) {
  ExprPtr sum = step.value;
  if (isNormCall(*sum)) {
    outer = sum->as<Call>();
    sum = outer->args.front().value;
  }
  flatten(sum, false);
  const auto found = std::ranges::find(summands, true, &Summand::isStream);
  stream = found == summands.end() ? nullptr : &*found;
}

bool StepRules::isNormCall(const Expr &expr) const {
  const Call *call = expr.as<Call>();
  const std::string *name = call ? call->callee->name() : nullptr;
  if (!name || call->args.empty() || call->args.front().isNamed())
    return false;
  const Decl *decl = definitions.function(in, *name);
  return decl && definitions.kindOf(*decl) == Definitions::Kind::Norm;
}

bool StepRules::isBuiltinCall(const Expr &expr) const {
  const Call *call = expr.as<Call>();
  return call && call->callee->name() && !definitions.function(in, *call->callee->name());
}

/// x, and several streams that are mixed: mix(A, X).
bool StepRules::isStream(const Expr &expr) const {
  if (expr.name())
    return *expr.name() == step.stream.text;
  return isBuiltinCall(expr) && expr.as<Call>()->args.size() > 1 &&
         std::ranges::any_of(expr.as<Call>()->args, [&](const Arg &arg) {
           return arg.value->name() && *arg.value->name() == step.stream.text;
         });
}

/// What an update computes before it is spread over several streams: f(X) of outer(b, f(X)).
const Expr &StepRules::branchOf(const Expr &update) const {
  const Expr *at = &update;
  while (isBuiltinCall(*at)) {
    const std::vector<Arg> &args = at->as<Call>()->args;
    const auto inner =
        std::ranges::find_if(args, [](const Arg &arg) { return arg.value->as<Call>() != nullptr; });
    if (inner == args.end())
      break;
    at = inner->value.get();
  }
  return *at;
}

void StepRules::flatten(const ExprPtr &expr, bool isNegative) {
  const Binary *binary = expr->as<Binary>();
  if (binary && (binary->op == BinaryOp::Add || binary->op == BinaryOp::Sub)) {
    flatten(binary->lhs, isNegative);
    flatten(binary->rhs, isNegative != (binary->op == BinaryOp::Sub));
    return;
  }
  Summand summand{.whole = expr.get(), .core = expr.get(), .isNegative = isNegative};
  if (binary && binary->op == BinaryOp::Mul) {
    summand.weight = binary->lhs.get();
    summand.core = binary->rhs.get();
  }
  summand.isStream = isStream(*summand.core);
  summands.push_back(summand);
}

void StepRules::replace(const std::string &rule, int cost, const Expr &what, std::string text) {
  const Location at = what.location;
  edits.add(in.name.text + "|step|" + rule, cost, {at.begin(), at.end(), std::move(text)});
}

/// x + b*f(x) to x + b*n(f(x)), and to n(x + b*f(x)) where nothing normalises the sum yet.
void StepRules::wrapUpdates(const std::string &norm) {
  for (const Summand &update : summands) {
    const Expr &branch = branchOf(*update.core);
    if (!update.isStream && !isNormCall(branch))
      replace("wrap " + norm, wrapped, branch, norm + "(" + textOf(branch) + ")");
  }
  if (!outer)
    replace("over " + norm, unwrapped + 2, *step.value, norm + "(" + textOf(*step.value) + ")");
  for (const Summand &update : summands) {
    const Call *call = update.core->as<Call>();
    if (update.isStream || !call || call->args.empty())
      continue;
    const Expr &input = *call->args.front().value;
    if (input.name() && *input.name() == step.stream.text)
      replace("in " + norm, wrapped + 2, input, norm + "(" + textOf(input) + ")");
  }
}

/// The sum as text, its stream and its updates with their weights exchanged if asked for.
std::string StepRules::joined(bool isWeightMoved) const {
  const auto update = std::ranges::find(summands, false, &Summand::isStream);
  std::string text;
  for (const Summand &summand : summands) {
    if (!text.empty() || summand.isNegative)
      text += text.empty() ? "-" : summand.isNegative ? " - " : " + ";
    const Expr *weight = !isWeightMoved     ? summand.weight
                         : summand.isStream ? update->weight
                                            : stream->weight;
    text += weight ? factorOf(*weight) + "*" + factorOf(*summand.core) : factorOf(*summand.core);
  }
  return text;
}

/// n(x + b*f(x)) to x + b*n(f(x)), and to the bare sum.
void StepRules::moveNorm() {
  if (!outer)
    return;
  const std::string norm = *outer->callee->name();
  std::string text;
  for (const Summand &summand : summands) {
    text += text.empty() ? "" : summand.isNegative ? " - " : " + ";
    if (summand.weight)
      text += factorOf(*summand.weight) + "*";
    text += summand.isStream || isNormCall(*summand.core)
                ? factorOf(*summand.core)
                : norm + "(" + textOf(*summand.core) + ")";
  }
  replace("move norm", wrapped, *step.value, text);
  replace("drop norm", unwrapped, *step.value, joined(/*isWeightMoved=*/false));
}

/// x + b*f(x) to b*x + f(x), and back.
void StepRules::moveWeight() {
  const auto update = std::ranges::find(summands, false, &Summand::isStream);
  if (update == summands.end() || !update->weight == !stream->weight)
    return;
  for (const Summand &other : summands)
    if (!other.isStream && (!other.weight != !update->weight ||
                            (other.weight && textOf(*other.weight) != textOf(*update->weight))))
      return;
  const Expr &sum = outer ? *outer->args.front().value : *step.value;
  replace("move weight", moved, sum, joined(/*isWeightMoved=*/true));
}

void StepRules::weighUpdates() {
  for (const Summand &update : summands) {
    if (update.isStream)
      continue;
    int cost = weighed;
    if (!update.weight) {
      replace("weigh 1/depth", cost, *update.core, "1/depth * " + factorOf(*update.core));
      replace("weigh root", cost + 1, *update.core, "depth^(-1/2) * " + factorOf(*update.core));
      continue;
    }
    for (const std::string &text : shrunk(textOf(*update.weight))) {
      replace("weigh " + std::to_string(cost), cost, *update.weight, text);
      ++cost;
    }
  }
}

/// n(x + f(x)) to n((2*depth)^(1/4)*x + f(x)), DeepNet's weight of the stream.
void StepRules::weighStream() {
  if (outer && !stream->weight)
    replace("weigh stream", weighed + 2, *stream->whole,
            "(2*depth)^(1/4)*" + factorOf(*stream->core));
}

void StepRules::run(const std::vector<std::string> &norms) {
  if (!stream) // x <- block(x, ...): the block's own steps are meant
    return;
  for (const std::string &norm : norms)
    wrapUpdates(norm);
  moveNorm();
  moveWeight();
  if (!hasFormal(in, "depth"))
    return;
  weighUpdates();
  weighStream();
}

/// Norms that a declaration uses already, then all others.
std::vector<std::string> normsFor(const Definitions &definitions, const Decl &decl) {
  std::vector<std::string> names;
  const auto add = [&](const std::string &name) {
    if (std::ranges::find(names, name) == names.end())
      names.push_back(name);
  };
  forEachExpr(decl, [&](const Expr &expr) {
    const Call *call = expr.as<Call>();
    const std::string *name = call ? call->callee->name() : nullptr;
    const Decl *callee = name ? definitions.function(decl, *name) : nullptr;
    if (callee && definitions.kindOf(*callee) == Definitions::Kind::Norm)
      add(*name);
  });
  for (const std::string &name : definitions.norms())
    add(name);
  return names;
}

/// The stream before its first layer, and behind its last: a norm, or the embedding at size 1.
void addEnds(const Decl &decl, const std::vector<std::string> &norms,
             const std::vector<std::string> &streams, EditList &edits) {
  const auto isStream = [&](const std::string &name) {
    return std::ranges::find(streams, name) != streams.end();
  };
  for (const StmtPtr &stmt : decl.body->stmts) {
    const Assign *assign = stmt->as<Assign>();
    const Return *end = stmt->as<Return>();
    const Expr *value = assign ? assign->value.get() : end ? end->value.get() : nullptr;
    if (!value || (assign && !isStream(assign->target.text)))
      continue;
    if (end) { // x @ transpose(E)
      const Binary *product = value->as<Binary>();
      value = product ? product->lhs.get() : value;
      if (!value->name() || !isStream(*value->name()))
        continue;
    }
    const Location at = value->location;
    for (const std::string &norm : norms)
      edits.add(decl.name.text + (end ? "|end|" : "|start|") + norm, wrapped + 1,
                {at.begin(), at.end(), norm + "(" + textOf(*value) + ")"});
    if (assign && hasFormal(decl, "width"))
      edits.add(decl.name.text + "|start|width", weighed + 1,
                {at.begin(), at.end(), "width^(1/2)*(" + textOf(*value) + ")"});
  }
}
} // namespace

void addStepEdits(const Definitions &definitions, const Decl &decl, EditList &edits) {
  const std::vector<std::string> norms = normsFor(definitions, decl);
  std::vector<std::string> streams;
  forEachStmt(*decl.body, [&](const Stmt &stmt) {
    const ast::Step *step = stmt.as<ast::Step>();
    if (!step)
      return;
    streams.push_back(step->stream.text);
    StepRules(definitions, decl, *step, edits).run(norms);
  });
  if (decl.isModel())
    addEnds(decl, norms, streams, edits);
}

} // namespace lnx
