// RepairEdits: rules over calls and numbers: another argument, another function, a promise.
#include "frontend/RepairEdits.h"

#include <algorithm>

namespace lnx {

using namespace ast;

//===-- edits ----------------------------------------------------------------===//

void EditList::add(const std::string &key, int cost, Replacement part) {
  const auto [at, isNew] = places.try_emplace(key, edits.size());
  if (isNew)
    edits.push_back({cost, {}});
  std::vector<Replacement> &parts = edits[at->second].parts;
  if (std::ranges::find(parts, part) == parts.end())
    parts.push_back(std::move(part));
}

std::string applied(std::string_view text, std::vector<Replacement> parts) {
  std::ranges::sort(parts, {},
                    [](const Replacement &part) { return std::pair(part.begin, part.end); });
  std::string out;
  size_t at = 0;
  for (const Replacement &part : parts) {
    if (part.begin < at) // one of two that overlap; what comes out is judged as it is
      continue;
    out += text.substr(at, part.begin - at);
    out += part.text;
    at = part.end;
  }
  return out += text.substr(at);
}

//===-- numbers --------------------------------------------------------------===//

bool hasFormal(const Decl &decl, std::string_view name) {
  return decl.sig && std::ranges::any_of(decl.sig->formals, [&](const Formal &formal) {
           return formal.name.text == name;
         });
}

std::vector<std::string> shrunk(const std::string &number) {
  if (number == "1")
    return {"1/depth", "depth^(-1/2)"};
  const bool isSum = number.find_first_of("+- ") != std::string::npos && !number.ends_with(')');
  const std::string base = isSum ? "(" + number + ")" : number;
  return {base + "/depth", base + "/depth^(1/2)"};
}

/// A number that weighs something: whole numbers from 2 on are sizes, tiny ones keep divisions
/// safe.
static bool isCoefficient(const Expr &expr) {
  if (const Number *number = expr.as<Number>()) {
    const double value = number->value;
    return value == 0 || (value >= 1e-4 && (value < 2 || value != double(int64_t(value))));
  }
  if (const Negate *negate = expr.as<Negate>())
    return isCoefficient(*negate->operand);
  const Binary *binary = expr.as<Binary>();
  return binary && (binary->lhs->as<Number>() || isCoefficient(*binary->lhs)) &&
         (binary->rhs->as<Number>() || isCoefficient(*binary->rhs));
}

/// normal(0.02), xavier(1): an initial law of one number.
static const Expr *lawNumber(const Expr &expr) {
  const Call *call = expr.as<Call>();
  const std::string *name = call ? call->callee->name() : nullptr;
  const bool isLaw = name && (*name == "normal" || *name == "xavier") && call->args.size() == 1;
  return isLaw ? call->args.front().value.get() : nullptr;
}

static std::string spellingOf(const Expr &expr) { return std::string(expr.location.spelling()); }

//===-- calls ----------------------------------------------------------------===//

namespace {
constexpr int renamed = 12, dropped = 14, changed = 16, added = 20, exchanged = 24;

class CallEdits {
public:
  CallEdits(const Definitions &definitions, const Decl &in, const Call &call, int64_t depth,
            EditList &edits)
      : definitions(definitions), in(in), call(call), depth(depth), edits(edits) {}

  void run();

private:
  using Slot = Definitions::Slot;
  void change(size_t index, const Slot &slot);
  void rename(const Arg &arg);
  Replacement without(size_t index) const;
  void addTo(const Slot &slot);
  void exchange(const Expr &name, const Decl &function, int cost);
  void insert(const Slot &slot, const std::string &value, int cost);
  void put(const std::string &key, int cost, Replacement part);
  bool bringDepth(const std::string &key, int cost);
  bool isGiven(const std::string &name) const;
  std::string id(const std::string &rest) const {
    return in.name.text + "|" + *call.callee->name() + "|" + rest;
  }

  const Definitions &definitions;
  const Decl &in;
  const Call &call;
  int64_t depth;
  EditList &edits;
  const Decl *callee = nullptr;
  std::vector<Slot> slots;
};

void CallEdits::run() {
  const std::string *name = call.callee->name();
  if (!name)
    return;
  callee = definitions.function(in, *name);
  const bool isDirect = callee && callee->name.text == *name;
  if (!callee && in.isModel())
    callee = definitions.model(*name);
  if (!callee)
    return;
  slots = definitions.slots(in, *callee, call);
  for (const Slot &slot : slots) {
    const auto arg = std::ranges::find(
        call.args, slot.name, [](const Arg &a) -> const std::string & { return a.name.text; });
    if (arg != call.args.end())
      change(size_t(arg - call.args.begin()), slot);
    else if (slot.init && !isGiven(slot.name))
      addTo(slot);
  }
  if (isDirect && !callee->isModel())
    exchange(*call.callee, *callee, exchanged + 2);
}

/// By its name, or as one of the positional arguments.
bool CallEdits::isGiven(const std::string &name) const {
  size_t positional = 0;
  for (const Arg &arg : call.args) {
    if (arg.name.text == name)
      return true;
    positional += !arg.isNamed();
  }
  for (size_t i = 0; i < slots.size() && i < positional; ++i)
    if (slots[i].name == name)
      return true;
  return false;
}

/// A formula with `depth` needs it in scope: a model that does not name it gets it as a parameter.
bool CallEdits::bringDepth(const std::string &key, int cost) {
  if (hasFormal(in, "depth"))
    return true;
  if (!in.isModel())
    return false;
  std::string value = std::to_string(depth);
  bool isPassed = !in.body; // model m(sig) = f(args) hands its parameters on
  for (const Arg &arg : call.args)
    if (arg.name.text == "depth") {
      value = spellingOf(*arg.value);
      const Location at = arg.value->location;
      edits.add(key, cost, {at.begin(), at.end(), "depth"});
      isPassed = true;
    }
  if (!isPassed)
    return false;
  const std::string formal = "depth = " + value;
  if (!in.sig) {
    const uint32_t at = in.name.location.end();
    edits.add(key, cost, {at, at, "(" + formal + ")"});
  } else {
    const uint32_t at = in.sig->location.end() - 1;
    edits.add(key, cost, {at, at, (in.sig->formals.empty() ? "" : ", ") + formal});
  }
  return true;
}

void CallEdits::put(const std::string &key, int cost, Replacement part) {
  if (part.text.find("depth") == std::string::npos || bringDepth(key, cost))
    edits.add(key, cost, std::move(part));
}

void CallEdits::insert(const Slot &slot, const std::string &value, int cost) {
  const bool isFirst = call.args.empty();
  const uint32_t at =
      isFirst ? call.callee->location.end() + 1 : call.args.back().value->location.end();
  put(id("+" + slot.name + "=" + value), cost,
      {at, at, (isFirst ? "" : ", ") + slot.name + " = " + value});
}

/// Another function, without the arguments that only the old one has.
void CallEdits::exchange(const Expr &name, const Decl &function, int cost) {
  const bool isCallee = &function == callee;
  for (const std::string &other : definitions.alike(function)) {
    const std::string key = in.name.text + "|" + *name.name() + "->" + other;
    edits.add(key, cost, {name.location.begin(), name.location.end(), other});
    for (size_t i = 0; i < call.args.size(); ++i) {
      const std::string &arg = call.args[i].name.text;
      const bool isIts = hasFormal(function, arg) && (isCallee || !hasFormal(*callee, arg));
      if (isIts && !hasFormal(*definitions.def(other), arg))
        edits.add(key, cost, without(i));
    }
  }
}

/// An argument that is not given.
void CallEdits::addTo(const Slot &slot) {
  const Expr &init = *slot.init;
  if (const std::string *name = init.name()) {
    const Decl *function = definitions.def(*name);
    const bool isAny = *name == "id"; // any norm will do
    if (function || isAny)
      for (const std::string &other : isAny ? definitions.norms() : definitions.alike(*function))
        insert(slot, other, exchanged);
  } else if (const Expr *number = lawNumber(init)) {
    const std::string law = *init.as<Call>()->callee->name();
    insert(slot, law + "(" + spellingOf(*number) + "/(2*depth)^(1/2))", added + 3);
  } else if (isCoefficient(init)) {
    const std::string text = spellingOf(init);
    if (text == "0") // such as a cap that is off
      return insert(slot, "50", added);
    int cost = added;
    for (const std::string &value : shrunk(text))
      insert(slot, value, cost++);
    if (text == "1") {
      insert(slot, "(2*depth)^(1/4)", cost++);
      insert(slot, "(8*depth)^(-1/4)", cost);
    }
  }
}

/// An argument that is given by name.
void CallEdits::change(size_t index, const Slot &slot) {
  const Arg &arg = call.args[index];
  const Location at = arg.value->location;
  if (const std::string *name = arg.value->name())
    if (const Decl *function = definitions.function(in, *name)) {
      exchange(*arg.value, *function, exchanged);
      return;
    }
  if (!slot.init || !isCoefficient(*slot.init))
    return;
  rename(arg);
  edits.add(id("-" + arg.name.text), dropped, without(index));
  int cost = changed;
  for (const std::string &value : shrunk(spellingOf(*arg.value)))
    put(id(arg.name.text + "=" + value), cost++, {at.begin(), at.end(), value});
}

/// The same number for another argument.
void CallEdits::rename(const Arg &arg) {
  const Location at = arg.name.location;
  for (const Slot &other : slots)
    if (other.init && isCoefficient(*other.init) && !isGiven(other.name))
      edits.add(id(arg.name.text + "->" + other.name), renamed, {at.begin(), at.end(), other.name});
}

/// The call without an argument.
Replacement CallEdits::without(size_t index) const {
  const std::vector<Arg> &args = call.args;
  const auto beginOf = [](const Arg &arg) {
    return arg.isNamed() ? arg.name.location.begin() : arg.value->location.begin();
  };
  uint32_t begin = beginOf(args[index]), end = args[index].value->location.end();
  if (index > 0)
    begin = args[index - 1].value->location.end();
  else if (args.size() > 1)
    end = beginOf(args[1]);
  return {begin, end, ""};
}

//===-- declarations ---------------------------------------------------------===//

/// The numbers that a declaration names: defaults of formals, and what it calls dt = 1.
void addNumberEdits(const Decl &decl, EditList &edits) {
  const auto add = [&](const std::string &name, const Expr &value) {
    if (!hasFormal(decl, "depth") || !isCoefficient(value) || spellingOf(value) == "0")
      return;
    int cost = changed;
    const Location at = value.location;
    for (const std::string &text : shrunk(spellingOf(value)))
      edits.add(decl.name.text + "|" + name + "=" + text, cost++, {at.begin(), at.end(), text});
  };
  if (!decl.isModel() && decl.sig)
    for (const Formal &formal : decl.sig->formals)
      if (formal.init)
        add(formal.name.text, *formal.init);
  if (decl.body)
    forEachStmt(*decl.body, [&](const Stmt &stmt) {
      if (const Assign *assign = stmt.as<Assign>())
        add(assign->target.text, *assign->value);
    });
}

/// Smaller initial weights.
void addLawEdits(const Decl &decl, EditList &edits) {
  if (hasFormal(decl, "depth"))
    forEachExpr(decl, [&](const Expr &expr) {
      const Expr *number = lawNumber(expr);
      if (!number || number->location.source() != decl.location.source())
        return;
      const Location at = number->location;
      edits.add(decl.name.text + "|law|" + spellingOf(expr), added + 3,
                {at.begin(), at.end(), spellingOf(*number) + "/(2*depth)^(1/2)"});
    });
}
} // namespace

std::vector<Edit> editsOf(const Definitions &definitions, const Decl &model, int64_t depth) {
  EditList edits;
  for (const Decl *decl : definitions.reachable(model)) {
    forEachExpr(*decl, [&](const Expr &expr) {
      if (const Call *call = expr.as<Call>())
        CallEdits(definitions, *decl, *call, depth, edits).run();
    });
    addNumberEdits(*decl, edits);
    addLawEdits(*decl, edits);
    if (decl->body)
      addStepEdits(definitions, *decl, edits);
  }
  return edits.take();
}

//===-- promises -------------------------------------------------------------===//

/// The white space that a place's line begins with.
static std::string indentOf(const Location &at) {
  const std::string_view line = at.source()->line(at.position().line);
  return std::string(line.substr(0, std::min(line.find_first_not_of(" \t"), line.size())));
}

std::optional<Edit> promise(const Decl &model, const std::vector<std::string> &lines) {
  Edit edit{10 * int(lines.size()), {}};
  if (model.body) {
    const Location body = model.body->location;
    if (model.body->stmts.empty() || model.body->onOneLine)
      return std::nullopt;
    const Location first = model.body->stmts.front()->location;
    const std::string indent = indentOf(first);
    std::string text;
    for (const std::string &line : lines)
      text += line + "\n" + indent;
    edit.parts.push_back({first.begin(), first.begin(), text});
    return body.source() ? std::optional(edit) : std::nullopt;
  }
  if (!model.value)
    return std::nullopt;
  const Location call = model.value->location;
  const std::string indent = indentOf(model.location) + "  ";
  std::string text = model.sig ? " {\n" : "() {\n";
  for (const std::string &line : lines)
    text += indent + line + "\n";
  text += indent + "return ";
  // What stood before the '=' stays; formals are handed on by `return f(args)` only by name.
  std::string tail;
  if (model.sig)
    for (const Formal &formal : model.sig->formals)
      if (const Call *base = model.value->as<Call>(); std::ranges::none_of(
              base->args, [&](const Arg &a) { return a.name.text == formal.name.text; }))
        tail += ", " + formal.name.text + " = " + formal.name.text;
  const uint32_t head = model.sig ? model.sig->location.end() : model.name.location.end();
  edit.parts.push_back({head, call.begin(), text});
  if (!tail.empty())
    edit.parts.push_back({call.end() - 1, call.end() - 1, tail});
  edit.parts.push_back({call.end(), call.end(), "\n" + indentOf(model.location) + "}"});
  return edit;
}

} // namespace lnx
