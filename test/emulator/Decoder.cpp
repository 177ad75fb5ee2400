// Decoder: names to rows, statements to instructions.
// Lays out parameters, shared memory and registers first; then each family decodes its opcodes.
#include "emulator/Decoder.h"

#include "emulator/SharedMemory.h"
#include "emulator/unit/Units.h"

#include <algorithm>
#include <bit>
#include <charconv>

using namespace emulator;

Decoder::Decoder(const Program &program, const Entry &entry,
                 const std::map<std::string, uint64_t> &globals)
    : program(program), entry(entry), globals(globals) {}

void Decoder::fail(std::string what) {
  if (failed())
    return;
  uint32_t line = statement ? statement->line : entry.line;
  message = "line " + std::to_string(line) + ": ";
  if (statement) {
    message += "'" + statement->opcode;
    for (const std::string &m : statement->modifiers)
      message += "." + m;
    message += "': ";
  }
  message += what;
}

std::optional<Kernel> Decoder::run() {
  kernel.name = entry.name;
  kernel.maxThreads = entry.maxThreads;
  kernel.requiredThreads = entry.requiredThreads;
  kernel.minCtas = entry.minCtas;
  kernel.maxRegisters = entry.maxRegisters;
  layOutParameters();
  layOutShared();
  allocateRegisters();
  for (const Statement &s : entry.statements)
    if (!failed())
      decode(s);
  Statement end; // falling off the end is a return
  end.opcode = "ret";
  end.line = entry.statements.empty() ? entry.line : entry.statements.back().line;
  if (!failed())
    decode(end);
  if (failed())
    return std::nullopt;
  return std::move(kernel);
}

void Decoder::decode(const Statement &s) {
  statement = &s;
  modifiers.assign(s.modifiers.begin(), s.modifiers.end());
  out = {};
  out.line = s.line;
  kernel.ordersMemory |= is("membar") || is("fence") || hasModifier("acquire") ||
                         hasModifier("release") || hasModifier("acq_rel");
  if (!s.guard.empty()) {
    out.guard = predicate(s.guard);
    out.guardFlip = s.guardNegated ? ~0u : 0;
  }
  bool known = false;
  for (auto family : Families)
    if (!known && !failed())
      known = family(*this);
  if (!known)
    return fail("is not emulated: add it to a unit of the emulator, or do not emit it");
  if (!modifiers.empty())
    return fail("modifier '." + std::string(modifiers[0]) + "' is not emulated here");
  kernel.code.push_back(out);
}

// Layout.

void Decoder::layOutParameters() {
  uint64_t offset = 0;
  for (const Variable &v : entry.parameters) {
    offset = (offset + v.alignment - 1) / v.alignment * v.alignment;
    variables[v.name] = {offset, Space::Param};
    kernel.parameters.push_back(
        {v.name, static_cast<uint32_t>(offset), static_cast<uint32_t>(v.bytes)});
    offset += v.bytes;
  }
  kernel.parameterBytes = static_cast<uint32_t>(offset);
  if (offset > 4096)
    fail("a kernel has at most 4096 bytes of parameters, this one has " + std::to_string(offset));
}

void Decoder::layOutShared() {
  auto named = [&](const Operand &o, const std::string &name) { return o.name == name; };
  auto uses = [&](const Variable &v) {
    return std::any_of(entry.statements.begin(), entry.statements.end(), [&](const Statement &s) {
      return std::any_of(s.operands.begin(), s.operands.end(),
                         [&](const Operand &o) { return named(o, v.name); });
    });
  };
  uint64_t end = SharedBase;
  auto place = [&](const Variable &v) {
    end = (end + v.alignment - 1) / v.alignment * v.alignment;
    variables[v.name] = {end, Space::Shared};
    end += v.bytes;
  };
  for (const Variable &v : entry.shared)
    if (!v.external)
      place(v);
  for (const Variable &v : program.variables)
    if (v.space == Space::Shared && !v.external && uses(v))
      place(v);
  // Arrays sized at launch all begin where the fixed ones end.
  for (const Variable &v : program.variables)
    if (v.space == Space::Shared && v.external && uses(v))
      place(v);
  kernel.staticSharedBytes = static_cast<uint32_t>(end - SharedBase);
  for (const Variable &v : program.variables)
    if (v.space == Space::Global || v.space == Space::Const)
      if (auto it = globals.find(v.name); it != globals.end())
        variables[v.name] = {it->second, v.space};
}

void Decoder::allocateRegisters() {
  firstSlot.resize(entry.scopes.size());
  for (size_t s = 0; s < entry.scopes.size(); ++s)
    for (const auto &[name, declared] : entry.scopes[s].registers) {
      File file = fileOf(declared.type);
      uint32_t &rows = file == File::Wide     ? kernel.wideRows
                       : file == File::Narrow ? kernel.narrowRows
                                              : kernel.predicateRows;
      firstSlot[s][name] = rows;
      rows += std::max(1u, declared.count);
    }
  kernel.narrowRegisters = kernel.narrowRows;
  kernel.wideRegisters = kernel.wideRows;
  kernel.predicateRegisters = kernel.predicateRows;
  kernel.registerWords = kernel.narrowRows + 2 * kernel.wideRows;
}

Decoder::Register Decoder::registerNamed(std::string_view name) const {
  size_t stem = name.size();
  while (stem && name[stem - 1] >= '0' && name[stem - 1] <= '9')
    --stem;
  std::string whole(name), prefix(name.substr(0, stem));
  uint32_t number = 0;
  std::from_chars(name.data() + stem, name.data() + name.size(), number);
  for (int s = static_cast<int>(statement->scope); s >= 0; s = entry.scopes[s].parent) {
    const auto &registers = entry.scopes[s].registers;
    if (auto it = registers.find(whole); it != registers.end() && it->second.count == 0)
      return {it->second.type, firstSlot[s].find(name)->second};
    if (auto it = registers.find(prefix);
        stem < name.size() && it != registers.end() && number < it->second.count)
      return {it->second.type, firstSlot[s].find(prefix)->second + number};
  }
  return {};
}

Type Decoder::registerType(const Operand &o) const {
  return o.kind == Operand::Kind::Name ? registerNamed(o.name).type : Type::None;
}

// Modifiers.

bool Decoder::take(std::string_view modifier) {
  auto it = std::find(modifiers.begin(), modifiers.end(), modifier);
  if (it == modifiers.end())
    return false;
  modifiers.erase(it);
  return true;
}

bool Decoder::hasModifier(std::string_view modifier) const {
  return std::find(modifiers.begin(), modifiers.end(), modifier) != modifiers.end();
}

std::optional<Type> Decoder::maybeType() {
  for (auto it = modifiers.begin(); it != modifiers.end(); ++it)
    if (auto type = typeNamed(*it)) {
      modifiers.erase(it);
      return type;
    }
  return std::nullopt;
}

bool Decoder::hasType(Type type) const {
  for (std::string_view m : modifiers)
    if (typeNamed(m) == type)
      return true;
  return false;
}

Type Decoder::type() {
  if (auto t = maybeType())
    return *t;
  fail("needs a type");
  return Type::B32;
}

bool Decoder::expectOperands(size_t least, size_t most) {
  if (count() >= least && count() <= most)
    return true;
  fail("has " + std::to_string(count()) + " operands, expected " + std::to_string(least) +
       (least == most ? "" : " to " + std::to_string(most)));
  return false;
}

// Operands.

bool Decoder::fits(const Operand &o, Type declared, Type type, Width width) {
  if (type == Type::Pred || declared == Type::Pred) {
    if (type == declared)
      return true;
    fail("'" + o.name + "' is ." + std::string(nameOf(declared)) + ", expected ." +
         std::string(nameOf(type)));
    return false;
  }
  unsigned have = bytesOf(declared), need = bytesOf(type);
  if (have == need || (width == Width::AtLeast && have > need))
    return true;
  fail("register '" + o.name + "' has " + std::to_string(8 * have) + " bits, expected " +
       std::to_string(8 * need));
  return false;
}

Slot Decoder::source(size_t index, Type type, Width width) {
  return index < count() ? source(operand(index), type, width) : (expectOperands(index + 1, 99), 0);
}

Slot Decoder::source(const Operand &o, Type type, Width width) {
  switch (o.kind) {
  case Operand::Kind::Integer:
  case Operand::Kind::Float32:
  case Operand::Kind::Float64:
    return immediate(o, type);
  case Operand::Kind::Name:
    break;
  default:
    fail("expected a register or a constant");
    return 0;
  }
  if (Register r = registerNamed(o.name); r.slot != NoSlot)
    return fits(o, r.type, type, width) ? r.slot : 0;
  if (Slot slot; special(o.name, slot)) {
    if (bytesOf(type) != 4)
      fail("'" + o.name + "' has 32 bits");
    return slot;
  }
  if (auto it = variables.find(o.name); it != variables.end())
    return constant(it->second.address + static_cast<uint64_t>(o.offset), fileOf(type));
  fail("'" + o.name + "' is not declared");
  return 0;
}

Slot Decoder::destination(size_t index, Type type, Width width) {
  return index < count() ? destination(operand(index), type, width)
                         : (expectOperands(index + 1, 99), 0);
}

Slot Decoder::destination(const Operand &o, Type type, Width width) {
  if (o.kind == Operand::Kind::Sink)
    return NoSlot;
  Register r = o.kind == Operand::Kind::Name ? registerNamed(o.name) : Register();
  if (r.slot == NoSlot) {
    fail("'" + o.name + "' is no register");
    return 0;
  }
  return fits(o, r.type, type, width) ? r.slot : 0;
}

Slot Decoder::predicate(std::string_view name) {
  Register r = registerNamed(name);
  if (r.type != Type::Pred)
    fail("'" + std::string(name) + "' is no predicate");
  return r.type == Type::Pred ? r.slot : 0;
}

int64_t Decoder::literal(size_t index) {
  if (index < count() && isLiteral(index))
    return static_cast<int64_t>(operand(index).bits);
  fail("operand " + std::to_string(index + 1) + " must be a constant");
  return 0;
}

Slot Decoder::immediate(const Operand &o, Type type) {
  if (type == Type::Pred)
    return constant(o.bits ? ~0u : 0, File::Predicate);
  uint64_t bits = o.bits;
  if (o.kind == Operand::Kind::Float64 && bytesOf(type) == 4)
    bits = std::bit_cast<uint32_t>(static_cast<float>(std::bit_cast<double>(bits)));
  else if (o.kind == Operand::Kind::Float32 && bytesOf(type) != 4)
    fail("a 0f constant has 32 bits, expected " + std::to_string(8 * bytesOf(type)));
  else if (o.kind == Operand::Kind::Integer && isFloat(type) && bytesOf(type) >= 4)
    fail("an integer constant cannot be ." + std::string(nameOf(type)));
  if (bytesOf(type) < 8)
    bits &= (1ull << (8 * bytesOf(type))) - 1;
  return constant(bits, fileOf(type));
}

Slot Decoder::constant(uint64_t bits, File file) {
  auto [it, added] = constants.try_emplace({bits, file}, 0);
  if (added) {
    it->second = file == File::Wide     ? kernel.wideRows++
                 : file == File::Narrow ? kernel.narrowRows++
                                        : kernel.predicateRows++;
    (file == File::Wide     ? kernel.wideConstants
     : file == File::Narrow ? kernel.narrowConstants
                            : kernel.predicateConstants)
        .push_back({bits, it->second});
  }
  return it->second;
}

bool Decoder::special(std::string_view name, Slot &slot) {
  auto special = specialNamed(name);
  if (!special)
    return false;
  for (const SpecialRow &row : kernel.specials)
    if (row.special == *special) {
      slot = row.slot;
      return true;
    }
  slot = kernel.narrowRows++;
  kernel.specials.push_back({*special, slot});
  return true;
}

bool Decoder::address(size_t index, Slot &base) {
  base = 0;
  if (index >= count() || operand(index).kind != Operand::Kind::Address) {
    fail("operand " + std::to_string(index + 1) + " must be an address");
    return true;
  }
  const Operand &o = operand(index);
  out.immediate = o.offset;
  if (Register r = registerNamed(o.name); r.slot != NoSlot) {
    if (bytesOf(r.type) != 8 && bytesOf(r.type) != 4)
      fail("'" + o.name + "' cannot hold an address");
    base = r.slot;
    return bytesOf(r.type) == 8;
  }
  auto it = variables.find(o.name);
  if (it == variables.end() && !o.name.empty())
    fail("'" + o.name + "' is not declared");
  base = constant(it == variables.end() ? 0 : it->second.address, File::Wide);
  return true;
}

uint32_t Decoder::label(std::string_view name) {
  for (int s = static_cast<int>(statement->scope); s >= 0; s = entry.scopes[s].parent)
    if (auto it = entry.scopes[s].labels.find(std::string(name));
        it != entry.scopes[s].labels.end())
      return it->second;
  fail("label '" + std::string(name) + "' is not declared");
  return 0;
}

const std::vector<std::string> *Decoder::branchTable(std::string_view name) const {
  for (int s = static_cast<int>(statement->scope); s >= 0; s = entry.scopes[s].parent)
    if (auto it = entry.scopes[s].branchTables.find(std::string(name));
        it != entry.scopes[s].branchTables.end())
      return &it->second;
  return nullptr;
}

void Decoder::list(const std::vector<Slot> &slots) {
  out.list = static_cast<uint32_t>(kernel.slots.size());
  out.count = static_cast<uint32_t>(slots.size());
  kernel.slots.insert(kernel.slots.end(), slots.begin(), slots.end());
}
