// Printer: one canonical text for a tree.
// Expressions are printed flat with marked break points; lines over 100 columns break there.

#include "frontend/Printer.h"
#include "frontend/Utf8.h"

#include <algorithm>

namespace lnx {

using namespace ast;

namespace {
constexpr size_t maxColumns = 100;
constexpr size_t indentWidth = 2;
/// A space where a long line may break. Never part of a source: control characters are refused.
constexpr char breakPoint = '\x01';
/// The same inside a product, where a break reads worse.
constexpr char weakBreakPoint = '\x02';
constexpr std::string_view blanks = " \x01\x02";

/// Binding strength, weakest first, as the grammar nests.
enum Strength { Sum, Product, Sign, Power, Post };

Strength strength(BinaryOp op) {
  switch (op) {
  case BinaryOp::Add:
  case BinaryOp::Sub:
    return Sum;
  case BinaryOp::Mul:
  case BinaryOp::Div:
  case BinaryOp::MatMul:
    return Product;
  case BinaryOp::Pow:
    return Power;
  }
  return Post;
}

Strength strength(const Expr &e) {
  if (const Binary *b = e.as<Binary>())
    return strength(b->op);
  return e.as<Negate>() ? Sign : Post;
}

std::string flat(const Expr &e, Strength atLeast = Sum);

std::string flat(const std::vector<Arg> &args) {
  std::string out = "(";
  for (const Arg &arg : args) {
    if (&arg != args.data())
      out += std::string(",") + breakPoint;
    if (arg.isNamed())
      out += arg.name.text + " = ";
    out += flat(*arg.value);
  }
  return out + ")";
}

/// A chain of factors is written without spaces while it is short and plain: 8*dim(x)/3.
/// A call inside a call is not plain: dt * norm(mlp(x)).
bool isTight(const std::vector<std::string> &operands, const std::vector<BinaryOp> &ops) {
  constexpr size_t longest = 24;
  size_t size = ops.size();
  for (const std::string &operand : operands) {
    if (operand.find_first_of(blanks) != std::string::npos || operand.ends_with("))"))
      return false;
    size += operand.size();
  }
  return size <= longest && std::find(ops.begin(), ops.end(), BinaryOp::MatMul) == ops.end();
}

/// a + b - c and a * b / c lean to the left; the whole chain is printed alike.
std::string flatChain(const Expr &e, Strength own) {
  std::vector<std::string> operands;
  std::vector<BinaryOp> ops;
  const Expr *rest = &e;
  for (const Binary *b = rest->as<Binary>(); b && strength(b->op) == own; b = rest->as<Binary>()) {
    operands.push_back(flat(*b->rhs, Strength(own + 1)));
    ops.push_back(b->op);
    rest = b->lhs.get();
  }
  operands.push_back(flat(*rest, own));
  const bool isSpaced = own == Sum || !isTight(operands, ops);
  std::string out = operands.back();
  for (size_t i = ops.size(); i-- > 0;) {
    if (isSpaced)
      out += ' ';
    out += spelling(ops[i]);
    if (isSpaced)
      out += own == Sum ? breakPoint : weakBreakPoint;
    out += operands[i];
  }
  return out;
}

std::string flat(const Binary &b, const Expr &e) {
  if (b.op == BinaryOp::Pow)
    return flat(*b.lhs, Post) + "^" + flat(*b.rhs, Sign);
  return flatChain(e, strength(b.op));
}

std::string flat(const Expr &e, Strength atLeast) {
  const std::string out = std::visit(
      Match{
          [](const Number &n) { return n.spelling; },
          [](const Name &n) { return n.text; },
          [](const Negate &n) { return "-" + flat(*n.operand, Sign); },
          [&](const Binary &b) { return flat(b, e); },
          [](const Call &c) { return flat(*c.callee, Post) + flat(c.args); },
          [](const Index &i) { return flat(*i.base, Post) + "[" + flat(*i.index) + "]"; },
      },
      e.node);
  return strength(e) < atLeast ? "(" + out + ")" : out;
}

std::string flat(const Param &p) {
  std::string out = "param " + p.name.text + " : [";
  for (const ExprPtr &size : p.shape)
    out += (&size == p.shape.data() ? std::string() : std::string(",") + breakPoint) + flat(*size);
  return out + "] ~ " + flat(*p.init);
}

std::string flat(const std::optional<Bound> &bound) {
  return bound ? std::string(" ") + spelling(bound->op) + breakPoint + flat(*bound->value) : "";
}

std::string flat(const Law &law) {
  const char *op = law.bound.op == CompareOp::Equal ? "=" : spelling(law.bound.op);
  return "law " + law.name.text + " " + op + " " + flat(*law.bound.value);
}

std::string flat(const Sig &sig) {
  std::string out = "(";
  for (const Formal &formal : sig.formals) {
    if (&formal != sig.formals.data())
      out += std::string(",") + breakPoint;
    out += formal.name.text;
    if (formal.init)
      out += " = " + flat(*formal.init);
  }
  return out + ")";
}

std::string flat(const Condition &c) {
  return flat(*c.lhs) + " " + spelling(c.op) + breakPoint + flat(*c.rhs);
}

/// A statement without a body.
std::string flatPlain(const Stmt &stmt) {
  return std::visit(Match{
                        [](const Assign &a) { return a.target.text + " = " + flat(*a.value); },
                        [](const Step &s) { return s.stream.text + " <- " + flat(*s.value); },
                        [](const Param &p) { return flat(p); },
                        [](const Return &r) { return "return " + flat(*r.value); },
                        [](const Law &l) { return flat(l); },
                        [](const Assume &a) {
                          return "assume " + a.path.text() + (a.args ? flat(*a.args) : "") +
                                 flat(a.bound);
                        },
                        [](const Check &c) { return "check " + c.path.text() + flat(c.bound); },
                        [](const auto &) { return std::string(); },
                    },
                    stmt.node);
}

/// What a margin leaves of a line: little in deep nesting, but never nothing.
size_t width(size_t margin) { return margin + 40 < maxColumns ? maxColumns - margin : 40; }

/// Whether `text` takes at most `width` columns; reads no further than it must.
bool fitsIn(std::string_view text, size_t width) {
  size_t count = 0;
  for (size_t i = 0; i < text.size() && count <= width; ++count)
    i += decode(text, i).length;
  return count <= width;
}

/// Writes lines; knows the indent and breaks what is too long.
class Writer {
public:
  void line(std::string text, const std::string &comment = {});
  void blankOr(const std::string &comment);
  void body(const std::string &head, const Body &body, const std::string &comment);
  void stmt(const Stmt &stmt);
  void decl(const Decl &decl);
  std::string out;

private:
  void before(const Comments &comments);
  void inner(const Body &body);
  void ifStmt(std::string head, const If &stmt, const std::string &comment);
  bool fits(std::string_view text) const { return fitsIn(text, width(indent)); }

  size_t indent = 0;
};

bool isBreak(char c) { return c == breakPoint || c == weakBreakPoint; }

/// Where to break: the last of the best points that fit, the first of all if none fits, or npos.
size_t bestBreak(std::string_view text, size_t width) {
  size_t best = std::string_view::npos, column = 0;
  int depth = 0, bestRank = 0; // rank: depth of brackets, products half a level deeper
  for (size_t i = 0; i < text.size(); i += decode(text, i).length, ++column) {
    depth += text[i] == '(' || text[i] == '[';
    depth -= text[i] == ')' || text[i] == ']';
    if (!isBreak(text[i]))
      continue;
    const bool fits = column <= width;
    const int rank = 2 * depth + (text[i] == weakBreakPoint);
    if (best == std::string_view::npos || (fits && rank <= bestRank)) {
      best = i;
      bestRank = rank;
    }
    if (!fits)
      break;
  }
  return best;
}

void Writer::line(std::string text, const std::string &comment) {
  std::string_view rest = text;
  size_t margin = indent;
  while (!fitsIn(rest, width(margin))) {
    const size_t at = bestBreak(rest, width(margin));
    if (at == std::string_view::npos)
      break;
    out += std::string(margin, ' ') + std::string(rest.substr(0, at)) + "\n";
    rest.remove_prefix(at + 1);
    margin = indent + 2 * indentWidth;
  }
  out += std::string(margin, ' ') + std::string(rest);
  if (!comment.empty())
    out += "  " + comment;
  out += '\n';
}

void Writer::blankOr(const std::string &comment) {
  if (comment.empty())
    out += '\n';
  else
    line(comment);
}

void Writer::before(const Comments &comments) {
  for (const std::string &comment : comments.before)
    blankOr(comment);
}

/// The lines between the braces.
void Writer::inner(const Body &body) {
  indent += indentWidth;
  for (const StmtPtr &s : body.stmts)
    stmt(*s);
  for (const std::string &comment : body.closing)
    blankOr(comment);
  indent -= indentWidth;
}

bool isEmpty(const Body &body) {
  return body.stmts.empty() && body.opening.empty() && body.closing.empty();
}

/// "{ statement }" of a body that may stand on one line, else nothing.
std::string oneLine(const Body &body) {
  if (isEmpty(body))
    return "{}";
  return body.onOneLine ? "{ " + flatPlain(*body.stmts.front()) + " }" : "";
}

void Writer::body(const std::string &head, const Body &body, const std::string &comment) {
  const std::string whole = oneLine(body);
  if (!whole.empty() && fits(head + whole))
    return line(head + whole, comment);
  line(head + "{", body.opening);
  inner(body);
  line("}", comment);
}

void Writer::ifStmt(std::string head, const If &stmt, const std::string &comment) {
  head += "if " + flat(stmt.condition) + " ";
  if (!stmt.otherwise)
    return body(head, stmt.then, comment);
  const std::string then = oneLine(stmt.then), otherwise = oneLine(*stmt.otherwise);
  const std::string whole = head + then + " else " + otherwise;
  if (!stmt.isChained && !head.starts_with('}') && !then.empty() && !otherwise.empty() &&
      fits(whole))
    return line(whole, comment);
  line(head + "{", stmt.then.opening);
  inner(stmt.then);
  if (stmt.isChained)
    return ifStmt("} else ", *stmt.otherwise->stmts.front()->as<If>(), comment);
  line("} else {", stmt.otherwise->opening);
  inner(*stmt.otherwise);
  line("}", comment);
}

void Writer::stmt(const Stmt &stmt) {
  before(stmt.comments);
  if (const Repeat *r = stmt.as<Repeat>())
    body("repeat " + r->index.text + " in " + flat(*r->first, Sum) + ".." + flat(*r->last) + " ",
         r->body, stmt.comments.after);
  else if (const If *i = stmt.as<If>())
    ifStmt("", *i, stmt.comments.after);
  else
    line(flatPlain(stmt), stmt.comments.after);
}

void Writer::decl(const Decl &decl) {
  before(decl.comments);
  std::string head = (decl.isModel() ? "model " : "def ") + decl.name.text;
  if (decl.sig)
    head += flat(*decl.sig);
  if (decl.body)
    body(head + " ", *decl.body, decl.comments.after);
  else
    line(head + " =" + breakPoint + flat(*decl.value), decl.comments.after);
}

std::string unmarked(std::string text) {
  std::replace_if(text.begin(), text.end(), isBreak, ' ');
  return text;
}
} // namespace

std::string print(const Expr &expr) { return unmarked(flat(expr)); }

std::string print(const Stmt &stmt) {
  Writer writer;
  writer.stmt(stmt);
  return unmarked(std::move(writer.out));
}

std::string print(const Decl &decl) {
  Writer writer;
  writer.decl(decl);
  return unmarked(std::move(writer.out));
}

std::string print(const File &file) {
  Writer writer;
  for (const DeclPtr &decl : file.decls)
    writer.decl(*decl);
  for (const std::string &comment : file.closing)
    writer.blankOr(comment);
  return unmarked(std::move(writer.out));
}

} // namespace lnx
