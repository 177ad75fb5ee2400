// Trees of the whole grammar.

#include "Parsing.h"

using namespace lnx;
using namespace lnx::ast;

/// The tree with all its parentheses.
static std::string shape(const ExprPtr &e) {
  return std::visit(
      Match{
          [](const Number &n) { return n.spelling; },
          [](const Name &n) { return n.text; },
          [](const Negate &n) { return "(-" + shape(n.operand) + ")"; },
          [](const Binary &b) { return "(" + shape(b.lhs) + spelling(b.op) + shape(b.rhs) + ")"; },
          [](const Call &c) {
            std::string out = shape(c.callee) + "(";
            for (const Arg &arg : c.args)
              out += (arg.isNamed() ? arg.name.text + "=" : "") + shape(arg.value) + ";";
            return out + ")";
          },
          [](const Index &i) { return shape(i.base) + "[" + shape(i.index) + "]"; },
      },
      e->node);
}

static std::string shape(const std::string &text) { return shape(expr(text)); }

/// The only declaration of a text.
static DeclPtr only(const std::string &text) {
  const FilePtr file = tree(text);
  return file && file->decls.size() == 1 ? file->decls.front() : nullptr;
}

/// The first statement of a def's body.
template <class T> static T statement(const std::string &text) {
  const DeclPtr decl = only("def f(x) {\n" + text + "\n}\n");
  const T *node = decl ? decl->body->stmts.front()->as<T>() : nullptr;
  EXPECT_NE(node, nullptr) << text;
  return node ? *node : T();
}

// Products bind tighter than sums, and both lean to the left.
TEST(Expr, SumsAndProducts) {
  EXPECT_EQ(shape("a - b - c"), "((a-b)-c)");
  EXPECT_EQ(shape("a + b*c - d/e"), "((a+(b*c))-(d/e))");
  EXPECT_EQ(shape("a*b @ c/d"), "(((a*b)@c)/d)");
  EXPECT_EQ(shape("a*(b + c)"), "(a*(b+c))");
}

// A power binds tighter than the sign before it, looser than the sign in its exponent, and leans
// to the right.
TEST(Expr, PowersAndSigns) {
  EXPECT_EQ(shape("-x^2"), "(-(x^2))");
  EXPECT_EQ(shape("2^-1"), "(2^(-1))");
  EXPECT_EQ(shape("a^b^c"), "(a^(b^c))");
  EXPECT_EQ(shape("-a*b"), "((-a)*b)");
  EXPECT_EQ(shape("a*-b"), "(a*(-b))");
  EXPECT_EQ(shape("--a"), "(-(-a))");
  EXPECT_EQ(shape("a^-b^c*d"), "((a^(-(b^c)))*d)");
  EXPECT_EQ(shape("(8*depth)^(-1/4)"), "((8*depth)^((-1)/4))");
}

// Calls and indices bind tightest and may follow each other.
TEST(Expr, CallsAndIndices) {
  EXPECT_EQ(shape("f()"), "f()");
  EXPECT_EQ(shape("attn(norm(x), heads, kv = mem)"), "attn(norm(x;);heads;kv=mem;)");
  EXPECT_EQ(shape("w[0]*x"), "(w[0]*x)");
  EXPECT_EQ(shape("A[0][1](x)^2"), "(A[0][1](x;)^2)");
  EXPECT_EQ(shape("E[tokens] + P[positions]"), "(E[tokens]+P[positions])");
}

// Every node knows its range; brackets belong to it.
TEST(Expr, Locations) {
  const ExprPtr e = expr("a*(b + f(c)) - -d");
  const Binary *top = e->as<Binary>();
  EXPECT_EQ(e->location.spelling(), "a*(b + f(c)) - -d");
  EXPECT_EQ(top->lhs->location.spelling(), "a*(b + f(c))");
  EXPECT_EQ(top->opLocation.spelling(), "-");
  EXPECT_EQ(top->lhs->as<Binary>()->rhs->location.spelling(), "(b + f(c))");
  EXPECT_EQ(top->lhs->as<Binary>()->rhs->as<Binary>()->rhs->location.spelling(), "f(c)");
  EXPECT_EQ(top->rhs->location.spelling(), "-d");
  EXPECT_EQ(e->height, 5u);
}

TEST(Expr, FromCxx) {
  const Location here = Location::embedded(std::source_location::current());
  EXPECT_EQ(shape(makeNumber(-0.1, here)), "(-0.1)");
  EXPECT_EQ(shape(makeNumber(1e-5, here)), "1e-5");
  EXPECT_EQ(shape(makeNumber(1e300, here)), "1e300");
  EXPECT_EQ(makeNumber(0.1, here)->as<Number>()->exact, (Decimal{1, -1}));
}

// A model has parameters and a body, or derives from another.
TEST(Decl, Models) {
  const DeclPtr full = only("model m(width = 768, depth) {\n  return width\n}\n");
  ASSERT_NE(full, nullptr);
  EXPECT_TRUE(full->isModel());
  EXPECT_EQ(full->name.text, "m");
  ASSERT_EQ(full->sig->formals.size(), 2u);
  EXPECT_EQ(shape(full->sig->formals[0].init), "768");
  EXPECT_EQ(full->sig->formals[1].init, nullptr);
  EXPECT_EQ(full->body->stmts.size(), 1u);
  EXPECT_EQ(full->value, nullptr);

  const DeclPtr derived = only("model gpt2_peri = gpt2(block = peri_ln, dt = 0.1)");
  ASSERT_NE(derived, nullptr);
  EXPECT_FALSE(derived->sig.has_value());
  EXPECT_FALSE(derived->body.has_value());
  EXPECT_EQ(shape(derived->value), "gpt2(block=peri_ln;dt=0.1;)");

  const DeclPtr both = only("model m(depth = 12) = gpt2(depth = depth)");
  ASSERT_NE(both, nullptr);
  EXPECT_EQ(both->sig->formals.size(), 1u);
}

TEST(Decl, Defs) {
  const DeclPtr value = only("def l2norm(x) = x / sqrt(sum(x*x))");
  ASSERT_NE(value, nullptr);
  EXPECT_FALSE(value->isModel());
  EXPECT_EQ(shape(value->value), "(x/sqrt(sum((x*x););))");
  EXPECT_EQ(value->location.spelling(), "def l2norm(x) = x / sqrt(sum(x*x))");
  EXPECT_EQ(value->sig->location.spelling(), "(x)");

  const DeclPtr body = only("def f() {}");
  ASSERT_NE(body, nullptr);
  EXPECT_TRUE(body->sig->formals.empty());
  EXPECT_TRUE(body->body->stmts.empty());
}

TEST(Stmt, AssignmentsAndSteps) {
  const Assign a = statement<Assign>("alpha = (2*depth)^(1/4)");
  EXPECT_EQ(a.target.text, "alpha");
  EXPECT_EQ(shape(a.value), "((2*depth)^(1/4))");
  const Step s = statement<Step>("x <- x + dt * f(x)");
  EXPECT_EQ(s.stream.text, "x");
  EXPECT_EQ(s.stream.location.position(), (Position{2, 1}));
  EXPECT_EQ(shape(s.value), "(x+(dt*f(x;)))");
}

// The initialiser is a name or a call of one; a scalar has the empty shape.
TEST(Stmt, Params) {
  const Param w = statement<Param>("param W : [dim(x), 4*dim(x)] ~ normal(0.02)");
  EXPECT_EQ(w.name.text, "W");
  ASSERT_EQ(w.shape.size(), 2u);
  EXPECT_EQ(shape(w.shape[1]), "(4*dim(x;))");
  EXPECT_EQ(w.shapeLocation.spelling(), "[dim(x), 4*dim(x)]");
  EXPECT_EQ(shape(w.init), "normal(0.02;)");
  const Param a = statement<Param>("param a : [] ~ zeros");
  EXPECT_TRUE(a.shape.empty());
  EXPECT_EQ(*a.init->name(), "zeros");
}

TEST(Stmt, Repeat) {
  const Repeat r = statement<Repeat>("repeat l in 1..2*depth { x <- block(x, l) }");
  EXPECT_EQ(r.index.text, "l");
  EXPECT_EQ(shape(r.first), "1");
  EXPECT_EQ(shape(r.last), "(2*depth)");
  EXPECT_EQ(r.body.location.spelling(), "{ x <- block(x, l) }");
  EXPECT_EQ(r.body.stmts.size(), 1u);
}

TEST(Stmt, If) {
  const If i = statement<If>("if 4*l <= depth { x <- f(x) } else { x <- g(x) }");
  EXPECT_EQ(i.condition.op, CompareOp::LessEqual);
  EXPECT_EQ(shape(i.condition.lhs), "(4*l)");
  EXPECT_EQ(shape(i.condition.rhs), "depth");
  EXPECT_EQ(i.condition.location.spelling(), "4*l <= depth");
  ASSERT_TRUE(i.otherwise.has_value());
  EXPECT_FALSE(i.isChained);
  for (const auto &[sign, op] : {std::pair{"<", CompareOp::Less},
                                 {">", CompareOp::Greater},
                                 {">=", CompareOp::GreaterEqual},
                                 {"==", CompareOp::Equal},
                                 {"!=", CompareOp::NotEqual}})
    EXPECT_EQ(statement<If>(std::string("if l ") + sign + " 1 {}").condition.op, op);
}

// An else may stand on its own line, and may be an if.
TEST(Stmt, ElseIf) {
  const If i = statement<If>("if l == 1 {\n}\nelse if l == 2\n{\n  x <- y\n}\nelse {}\n");
  EXPECT_TRUE(i.isChained);
  ASSERT_EQ(i.otherwise->stmts.size(), 1u);
  const If *inner = i.otherwise->stmts.front()->as<If>();
  ASSERT_NE(inner, nullptr);
  EXPECT_EQ(inner->then.stmts.size(), 1u);
  EXPECT_TRUE(inner->otherwise.has_value());
}

TEST(Stmt, LawsAssumptionsChecks) {
  const Law size = statement<Law>("law size <= 3");
  EXPECT_EQ(size.name.text, "size");
  EXPECT_EQ(size.bound.op, CompareOp::LessEqual);
  EXPECT_EQ(statement<Law>("law degree = 1").bound.op, CompareOp::Equal);

  const Assume rms = statement<Assume>("assume norm.bias.rms <= 0.2");
  EXPECT_EQ(rms.path.text(), "norm.bias.rms");
  EXPECT_EQ(rms.path.location.spelling(), "norm.bias.rms");
  EXPECT_FALSE(rms.args.has_value());
  EXPECT_EQ(rms.bound->op, CompareOp::LessEqual);
  EXPECT_EQ(statement<Assume>("assume x0.std >= 0.5").bound->op, CompareOp::GreaterEqual);
  const Assume adam = statement<Assume>("assume adamw(lr = 6e-4, steps = 600000)");
  EXPECT_EQ(adam.args->size(), 2u);
  EXPECT_FALSE(adam.bound.has_value());

  const Check growth = statement<Check>("check growth <= linear");
  EXPECT_EQ(*growth.bound->value->name(), "linear");
  EXPECT_FALSE(statement<Check>("check forward.wellposed").bound.has_value());
}

// A parameter inside a layer is assumed about by its path.
TEST(Stmt, AssumePaths) {
  const Assume a = statement<Assume>("assume spectral(attn.q.W) <= 1.0");
  EXPECT_EQ(*a.args->front().value->name(), "attn.q.W");
}

// A newline is white space in brackets, behind an operator, a comma, '=', '<-' and before '{'.
TEST(Lines, WhereNewlinesEndNothing) {
  const FilePtr file = tree("model m(\n  width = 1,\n  depth\n)\n{\n"
                            "  y =\n    a +\n    b *\n    -c\n"
                            "  x <-\n    f(a\n      + b\n      (c))\n"
                            "  param W : [\n    d\n  ] ~\n    zeros\n"
                            "  repeat l in 1 ..\n    depth\n  {\n  }\n"
                            "  if l <=\n    3\n  {\n  }\n"
                            "  return\n    x\n}\n"
                            "def f(x)\n  = x\n");
  ASSERT_NE(file, nullptr);
  ASSERT_EQ(file->decls.size(), 2u);
  EXPECT_EQ(file->decls[0]->body->stmts.size(), 6u);
}

// A body inside brackets of nothing: its lines end statements again.
TEST(Lines, OneLineBodies) {
  EXPECT_EQ(only("def f(x) { return x }")->body->stmts.size(), 1u);
  EXPECT_EQ(messages("def f(x) { y = x return y }\n"),
            "t.lnx:1:18: error: expected end of line, found 'return'\n"
            "    def f(x) { y = x return y }\n"
            "                     ^~~~~~\n");
}

// Every architecture of the stability page is in the language.
TEST(File, Architectures) {
  Diagnostics diagnostics;
  const SourcePtr source = readSource(LNX_TEST_DIR "/Inputs/architectures.lnx", diagnostics);
  ASSERT_NE(source, nullptr);
  const FilePtr file = parse(source, diagnostics);
  EXPECT_EQ(diagnostics.render(), "");
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(file->decls.size(), 42u);
}
