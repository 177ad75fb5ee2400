// Parser: recursive descent over the tokens, one function per construct.
// Stops at the first error; every later step may trust the shape of what is left.
#include "emulator/Parser.h"

#include "emulator/TokenCursor.h"

#include <algorithm>
#include <cstdlib>

using namespace emulator;

namespace {

class Parser : private TokenCursor {
public:
  using TokenCursor::TokenCursor;

  Parsed run() {
    while (ok() && peek().kind != Token::Kind::End)
      moduleItem();
    return {std::move(program), std::move(error)};
  }

private:
  // Module level.
  void moduleItem() {
    if (takeDotted("version"))
      return version();
    if (takeDotted("target")) {
      program.target = word();
      while (take(","))
        word();
      return;
    }
    if (takeDotted("address_size")) {
      if (integer() != 64)
        fail("addresses have 64 bits here");
      return;
    }
    if (takeDotted("file")) {
      integer();
      advance();
      return;
    }
    if (takeDotted("section")) {
      while (ok() && peek().kind != Token::Kind::End && !take("}"))
        advance();
      return;
    }
    bool external = false;
    while (peek().kind == Token::Kind::Dotted &&
           (peek().text == "visible" || peek().text == "weak" || peek().text == "extern"))
      external |= tokens[advance()].text == "extern";
    if (takeDotted("entry"))
      return entry();
    if (takeDotted("func"))
      return fail("device functions are not emulated: inline them");
    for (auto [name, space] : {std::pair{"global", Space::Global}, std::pair{"const", Space::Const},
                               std::pair{"shared", Space::Shared}})
      if (takeDotted(name)) {
        variables(space, external, program.variables);
        return;
      }
    fail("unknown directive '" + std::string(peek().text) + "'");
  }

  void version() {
    std::string_view text = tokens[advance()].text;
    program.version =
        static_cast<uint32_t>(std::strtod(std::string(text).c_str(), nullptr) * 10 + 0.5);
  }

  // `.align 16 .b8 name[32] = {...}, other;`
  void variables(Space space, bool external, std::vector<Variable> &into) {
    Variable first = variableHead(space);
    do {
      Variable v = first;
      v.name = word();
      v.line = peek().line;
      dimensions(v, external);
      if (take("="))
        initialiser(v);
      into.push_back(std::move(v));
    } while (ok() && take(","));
    expect(";");
  }
  Variable variableHead(Space space) {
    Variable v;
    v.space = space;
    bool aligned = false;
    while (ok() && peek().kind == Token::Kind::Dotted) {
      std::string_view text = tokens[advance()].text;
      if (text == "align") {
        v.alignment = static_cast<uint64_t>(integer());
        aligned = true;
      } else if (text == "ptr") {
        pointerAttributes();
      } else if (auto type = typeNamed(text)) {
        v.type = *type;
      } else if (text != "attribute") {
        fail("unknown attribute '." + std::string(text) + "' of a variable");
      }
    }
    if (!aligned)
      v.alignment = std::max(1u, bytesOf(v.type));
    return v;
  }
  // What the caller promises about a pointer parameter; the checks test every access anyway.
  void pointerAttributes() {
    while (peek().kind == Token::Kind::Dotted) {
      if (takeDotted("align"))
        integer();
      else if (!(takeDotted("global") || takeDotted("shared") || takeDotted("const")))
        return;
    }
  }
  void dimensions(Variable &v, bool external) {
    v.bytes = std::max(1u, bytesOf(v.type));
    while (ok() && take("[")) {
      if (take("]")) {
        v.external = true;
        v.bytes = 0;
        continue;
      }
      v.bytes *= static_cast<uint64_t>(integer());
      expect("]");
    }
    if (external && v.bytes == 0)
      v.external = true;
  }
  void initialiser(Variable &v) {
    bool list = take("{");
    do {
      bool negative = take("-");
      if (peek().kind != Token::Kind::Number)
        return fail("only numbers can initialise a variable");
      uint64_t bits = number(negative).bits;
      for (unsigned b = 0; b < bytesOf(v.type); ++b)
        v.data.push_back(static_cast<uint8_t>(bits >> (8 * b)));
    } while (ok() && take(","));
    if (list)
      expect("}");
    if (v.data.size() > v.bytes)
      fail("'" + v.name + "' has more initial values than elements");
  }

  // Kernels.
  void entry() {
    Entry e;
    e.line = peek().line;
    e.name = word();
    if (take("("))
      while (ok() && !take(")")) {
        if (!takeDotted("param"))
          fail("expected a parameter");
        Variable v = variableHead(Space::Param);
        v.name = word();
        v.line = peek().line;
        dimensions(v, false);
        e.parameters.push_back(std::move(v));
        take(",");
      }
    while (ok() && peek().kind == Token::Kind::Dotted)
      entryDirective(e);
    expect("{");
    e.scopes.emplace_back();
    body(e, 0);
    program.entries.push_back(std::move(e));
  }
  void entryDirective(Entry &e) {
    std::string_view name = tokens[advance()].text;
    if (name == "maxntid")
      e.maxThreads = triple();
    else if (name == "reqntid")
      e.requiredThreads = triple();
    else if (name == "minnctapersm")
      e.minCtas = static_cast<uint32_t>(integer());
    else if (name == "maxnreg")
      e.maxRegisters = static_cast<uint32_t>(integer());
    else if (name == "pragma")
      pragma();
    else
      fail("unknown directive '." + std::string(name) + "' of an entry");
  }
  std::array<uint32_t, 3> triple() {
    std::array<uint32_t, 3> result{1, 1, 1};
    unsigned i = 0;
    do
      result[i++] = static_cast<uint32_t>(integer());
    while (ok() && i < 3 && take(","));
    return result;
  }
  void pragma() {
    while (peek().kind == Token::Kind::String)
      advance();
    expect(";");
  }

  void body(Entry &e, uint32_t scope) {
    while (ok() && !take("}")) {
      if (peek().kind == Token::Kind::End)
        return fail("the text ends inside kernel '" + e.name + "'");
      if (take("{")) {
        e.scopes.emplace_back().parent = static_cast<int>(scope);
        body(e, static_cast<uint32_t>(e.scopes.size() - 1));
      } else if (peek().kind == Token::Kind::Dotted) {
        bodyDirective(e, scope);
      } else if (peek().kind == Token::Kind::Word && peek(1).text == ":" &&
                 peek(1).kind == Token::Kind::Punctuation) {
        label(e, scope);
      } else {
        statement(e, scope);
      }
    }
  }
  void bodyDirective(Entry &e, uint32_t scope) {
    if (takeDotted("reg"))
      return registers(e.scopes[scope]);
    if (takeDotted("shared"))
      return variables(Space::Shared, false, e.shared);
    if (takeDotted("pragma"))
      return pragma();
    if (takeDotted("loc")) {
      uint32_t line = peek().line;
      while (peek().line == line && peek().kind != Token::Kind::End)
        advance();
      return;
    }
    if (takeDotted("local"))
      return fail("local memory is not emulated: a kernel of ours has no spills and no stack");
    fail("unknown directive '." + std::string(peek().text) + "' in a kernel");
  }
  void registers(Scope &scope) {
    auto type = typeNamed(tokens[advance()].text);
    if (!type)
      return fail("unknown register type");
    do {
      std::string name = word();
      uint32_t count = 0;
      if (take("<")) {
        count = static_cast<uint32_t>(integer());
        expect(">");
      }
      if (!scope.registers.emplace(name, RegisterDeclaration{*type, count}).second)
        fail("register '" + name + "' is declared twice");
    } while (ok() && take(","));
    expect(";");
  }
  void label(Entry &e, uint32_t scope) {
    std::string name = word();
    expect(":");
    if (takeDotted("branchtargets")) {
      std::vector<std::string> &targets = e.scopes[scope].branchTables[name];
      do
        targets.push_back(word());
      while (ok() && take(","));
      return expect(";");
    }
    if (!e.scopes[scope].labels.emplace(name, e.statements.size()).second)
      fail("label '" + name + "' stands twice");
  }

  // Statements.
  void statement(Entry &e, uint32_t scope) {
    Statement s;
    s.line = peek().line;
    s.scope = scope;
    if (take("@")) {
      s.guardNegated = take("!");
      s.guard = word();
    }
    s.opcode = word();
    while (peek().kind == Token::Kind::Dotted)
      s.modifiers.emplace_back(tokens[advance()].text);
    if (!at(";"))
      do
        s.operands.push_back(operand());
      while (ok() && take(","));
    expect(";");
    e.statements.push_back(std::move(s));
  }
  Operand operand() {
    if (take("["))
      return address();
    if (take("{")) {
      Operand vector;
      vector.kind = Operand::Kind::Vector;
      do
        vector.elements.push_back(operand());
      while (ok() && take(","));
      expect("}");
      return vector;
    }
    bool inverted = take("!");
    bool negative = take("-");
    if (peek().kind == Token::Kind::Number)
      return number(negative);
    Operand o;
    o.negated = inverted;
    o.name = word();
    while (peek().kind == Token::Kind::Dotted) // %tid.x
      o.name += "." + std::string(tokens[advance()].text);
    o.kind = o.name == "_" ? Operand::Kind::Sink : Operand::Kind::Name;
    if (take("|"))
      o.second = word();
    if (at("+") || at("-"))
      o.offset = signedOffset();
    return o;
  }
  int64_t signedOffset() {
    take("+");
    return integer();
  }
  Operand address() {
    Operand o;
    o.kind = Operand::Kind::Address;
    if (peek().kind == Token::Kind::Number)
      o.offset = integer();
    else
      o.name = word();
    if (at("+") || at("-"))
      o.offset = signedOffset();
    if (take(","))
      o.elements.push_back(operand());
    expect("]");
    return o;
  }

  Program program;
};

} // namespace

Parsed emulator::parse(std::string_view text) { return Parser(lex(text)).run(); }
