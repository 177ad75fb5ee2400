// Syntax: a PTX file as the parser leaves it, before any operand is resolved.
// The decoder turns it into instructions; nothing else reads it.
#ifndef LNX_TEST_EMULATOR_SYNTAX_H
#define LNX_TEST_EMULATOR_SYNTAX_H

#include "emulator/Type.h"

#include <array>
#include <map>
#include <string>
#include <vector>

namespace emulator {

struct Operand {
  enum class Kind : uint8_t { Name, Integer, Float32, Float64, Address, Vector, Sink };
  Kind kind = Kind::Sink;
  bool negated = false;          // !p
  std::string name;              // a name, or the base of an address; empty where it has none
  std::string second;            // q of p|q
  uint64_t bits = 0;             // of a literal
  int64_t offset = 0;            // [base + offset]
  std::vector<Operand> elements; // {a, b} or the coordinates of a tensor address
};

struct Statement {
  uint32_t line = 0;
  uint32_t scope = 0;
  std::string guard; // predicate name, empty where unguarded
  bool guardNegated = false;
  std::string opcode;
  std::vector<std::string> modifiers;
  std::vector<Operand> operands;
};

// A variable in memory: parameter, shared array or module global.
struct Variable {
  std::string name;
  Space space = Space::Global;
  Type type = Type::B8;
  uint32_t line = 0;
  uint64_t alignment = 1;
  uint64_t bytes = 0;
  bool external = false; // its size is given at launch
  std::vector<uint8_t> data;
};

// `.reg .b32 %r<94>` is one declaration with a count; `.reg .b32 a` has none.
struct RegisterDeclaration {
  Type type = Type::B32;
  uint32_t count = 0;
};

struct Scope {
  int parent = -1;
  std::map<std::string, RegisterDeclaration> registers;
  std::map<std::string, uint32_t> labels; // index of the statement that follows
  std::map<std::string, std::vector<std::string>> branchTables;
};

struct Entry {
  std::string name;
  uint32_t line = 0;
  std::vector<Variable> parameters;
  std::vector<Variable> shared;
  std::vector<Scope> scopes;
  std::vector<Statement> statements;
  std::array<uint32_t, 3> maxThreads{};      // .maxntid; all 0 where absent
  std::array<uint32_t, 3> requiredThreads{}; // .reqntid
  uint32_t minCtas = 0;
  uint32_t maxRegisters = 0;
};

struct Program {
  uint32_t version = 0; // 83 for 8.3
  std::string target;
  std::vector<Variable> variables;
  std::vector<Entry> entries;
};

} // namespace emulator

#endif
