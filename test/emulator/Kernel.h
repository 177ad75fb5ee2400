// Kernel: decoded instructions, with every operand a row of registers.
// The decoder fills it once; execution reads it only.
#ifndef LNX_TEST_EMULATOR_KERNEL_H
#define LNX_TEST_EMULATOR_KERNEL_H

#include "emulator/Type.h"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace emulator {

struct Warp;
struct Instruction;
using Execute = void (*)(Warp &, const Instruction &);

// Registers lie in three files: 32 lanes of 32 bits, 32 lanes of 64 bits, one bit a lane.
enum class File : uint8_t { Narrow, Wide, Predicate };

inline File fileOf(Type type) {
  if (type == Type::Pred)
    return File::Predicate;
  return bytesOf(type) == 8 ? File::Wide : File::Narrow;
}

// A slot is the number of a row in its file. Immediates and special registers are rows too, so
// that a unit never asks what an operand is. Predicate row 0 is true in every lane.
using Slot = uint32_t;
inline constexpr Slot NoSlot = ~0u; // `_`, or an operand that is not there

struct Instruction {
  Execute execute = nullptr;
  Slot destination = NoSlot;
  std::array<Slot, 4> source{NoSlot, NoSlot, NoSlot, NoSlot};
  Slot guard = 0;
  uint32_t guardFlip = 0; // all ones for @!p
  uint32_t list = 0;      // first of Kernel::slots, for vectors and operands beyond four
  uint32_t count = 0;     // how many of them
  int64_t immediate = 0;  // of the unit: branch target, byte offset, barrier, ...
  uint32_t control = 0;   // of the unit: flags fixed when it was decoded
  uint32_t line = 0;
};

enum class Special : uint8_t {
  TidX,
  TidY,
  TidZ,
  NtidX,
  NtidY,
  NtidZ,
  CtaidX,
  CtaidY,
  CtaidZ,
  NctaidX,
  NctaidY,
  NctaidZ,
  LaneId,
  WarpId,
  NWarpId,
  SmId,
  NSmId,
  LaneMaskEq,
  LaneMaskLt,
  LaneMaskLe,
  LaneMaskGt,
  LaneMaskGe,
  Clock,
  DynamicSharedSize,
  TotalSharedSize,
};

// `%tid.x` and its like; nothing where the name is no special register of 32 bits.
std::optional<Special> specialNamed(std::string_view name);

struct SpecialRow {
  Special special;
  Slot slot;
};
struct ConstantRow {
  uint64_t value;
  Slot slot;
};

struct Parameter {
  std::string name;
  uint32_t offset = 0;
  uint32_t bytes = 0;
};

struct Kernel {
  std::string name;
  std::vector<Instruction> code;
  std::vector<Slot> slots;
  // Rows in all, and of those the registers, which come first and start undefined.
  uint32_t narrowRows = 0, wideRows = 0, predicateRows = 1;
  uint32_t narrowRegisters = 0, wideRegisters = 0, predicateRegisters = 1;
  std::vector<SpecialRow> specials; // all in the narrow file
  std::vector<ConstantRow> narrowConstants, wideConstants, predicateConstants;
  std::vector<Parameter> parameters;
  uint32_t parameterBytes = 0;
  uint32_t staticSharedBytes =
      0; // from the start of the window, padding of external arrays included
  std::array<uint32_t, 3> maxThreads{}, requiredThreads{};
  uint32_t minCtas = 0, maxRegisters = 0;
  bool ordersMemory = false;  // has fences, or accesses that acquire or release
  uint32_t registerWords = 0; // 32-bit words a thread declares
  std::shared_ptr<const std::vector<std::string>> lines; // of the file, quoted in faults
};

} // namespace emulator

#endif
