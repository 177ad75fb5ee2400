// Decoder: what a unit asks about the statement it decodes.
// A modifier that no unit takes is an error, so nothing in a PTX file is skipped silently.
#ifndef LNX_TEST_EMULATOR_DECODER_H
#define LNX_TEST_EMULATOR_DECODER_H

#include "emulator/Kernel.h"
#include "emulator/Syntax.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace emulator {

// Registers wider than the value are allowed in ld, st and cvt only.
enum class Width : uint8_t { Exact, AtLeast };

class Decoder {
public:
  Decoder(const Program &program, const Entry &entry,
          const std::map<std::string, uint64_t> &globals);
  // The whole kernel; nothing where error() is set.
  std::optional<Kernel> run();
  const std::string &error() const { return message; }
  bool failed() const { return !message.empty(); }
  void fail(std::string what);

  // The opcode and its modifiers.
  bool is(std::string_view opcode) const { return statement->opcode == opcode; }
  bool take(std::string_view modifier);
  bool hasModifier(std::string_view modifier) const; // not taken yet
  Type type(); // the first type among the modifiers; fails where there is none
  std::optional<Type> maybeType();
  bool hasType(Type type) const; // among the modifiers not taken yet

  // Operands.
  size_t count() const { return statement->operands.size(); }
  bool expectOperands(size_t least, size_t most);
  const Operand &operand(size_t index) const { return statement->operands[index]; }
  Slot source(size_t index, Type type, Width width = Width::Exact);
  Slot source(const Operand &operand, Type type, Width width = Width::Exact);
  Slot destination(size_t index, Type type, Width width = Width::Exact);
  Slot destination(const Operand &operand, Type type, Width width = Width::Exact);
  Slot predicate(std::string_view name);
  // Its declared type; None where it is no register.
  Type registerType(const Operand &operand) const;
  // A literal that fits, otherwise a failure.
  int64_t literal(size_t index);
  bool isLiteral(size_t index) const { return operand(index).kind == Operand::Kind::Integer; }
  // The base of [base + offset] as a row; its offset goes to out.immediate. True where the row
  // has 64 bits.
  bool address(size_t index, Slot &base);
  // Where branches lead: indices of instructions.
  uint32_t label(std::string_view name);
  const std::vector<std::string> *branchTable(std::string_view name) const;
  // A constant as a row.
  Slot constant(uint64_t bits, File file);
  // A narrow row of the instruction's own.
  Slot spareRow() { return kernel.narrowRows++; }
  // Appends to Kernel::slots and sets out.list and out.count.
  void list(const std::vector<Slot> &slots);

  Instruction out;

private:
  struct Register {
    Type type = Type::None;
    Slot slot = NoSlot;
  };
  struct Place {
    uint64_t address;
    Space space;
  };
  void layOutParameters();
  void layOutShared();
  Register registerNamed(std::string_view name) const;
  void allocateRegisters();
  bool special(std::string_view name, Slot &slot);
  bool fits(const Operand &operand, Type registerType, Type type, Width width);
  Slot immediate(const Operand &operand, Type type);
  void decode(const Statement &statement);

  const Program &program;
  const Entry &entry;
  const std::map<std::string, uint64_t> &globals;
  std::map<std::string, Place, std::less<>> variables;
  std::vector<std::map<std::string, Slot, std::less<>>> firstSlot; // by scope and declaration
  std::map<std::pair<uint64_t, File>, Slot> constants;
  Kernel kernel;
  const Statement *statement = nullptr;
  std::vector<std::string_view> modifiers; // not yet taken
  std::string message;
};

} // namespace emulator

#endif
