// Type: the scalar types of PTX, their sizes and their names.
// Relies on nothing; parser, decoder and units share it.
#ifndef LNX_TEST_EMULATOR_TYPE_H
#define LNX_TEST_EMULATOR_TYPE_H

#include <cstdint>
#include <optional>
#include <string_view>

namespace emulator {

enum class Type : uint8_t {
  None,
  Pred,
  B8,
  U8,
  S8,
  B16,
  U16,
  S16,
  F16,
  BF16,
  B32,
  U32,
  S32,
  F32,
  F16x2,
  BF16x2,
  B64,
  U64,
  S64,
  F64,
};

struct TypeName {
  std::string_view name;
  Type type;
  unsigned bytes;
};

inline constexpr TypeName TypeNames[] = {
    {"pred", Type::Pred, 0}, {"b8", Type::B8, 1},       {"u8", Type::U8, 1},
    {"s8", Type::S8, 1},     {"b16", Type::B16, 2},     {"u16", Type::U16, 2},
    {"s16", Type::S16, 2},   {"f16", Type::F16, 2},     {"bf16", Type::BF16, 2},
    {"b32", Type::B32, 4},   {"u32", Type::U32, 4},     {"s32", Type::S32, 4},
    {"f32", Type::F32, 4},   {"f16x2", Type::F16x2, 4}, {"bf16x2", Type::BF16x2, 4},
    {"b64", Type::B64, 8},   {"u64", Type::U64, 8},     {"s64", Type::S64, 8},
    {"f64", Type::F64, 8},
};

inline std::optional<Type> typeNamed(std::string_view name) {
  for (const TypeName &t : TypeNames)
    if (t.name == name)
      return t.type;
  return std::nullopt;
}

// Bytes in memory; 0 for predicates, which have no address.
inline unsigned bytesOf(Type type) {
  for (const TypeName &t : TypeNames)
    if (t.type == type)
      return t.bytes;
  return 0;
}

inline std::string_view nameOf(Type type) {
  for (const TypeName &t : TypeNames)
    if (t.type == type)
      return t.name;
  return "none";
}

inline bool isSigned(Type t) {
  return t == Type::S8 || t == Type::S16 || t == Type::S32 || t == Type::S64;
}
inline bool isUnsigned(Type t) {
  return t == Type::U8 || t == Type::U16 || t == Type::U32 || t == Type::U64;
}
inline bool isInteger(Type t) { return isSigned(t) || isUnsigned(t); }
inline bool isBits(Type t) {
  return t == Type::B8 || t == Type::B16 || t == Type::B32 || t == Type::B64;
}
inline bool isFloat(Type t) {
  return t == Type::F16 || t == Type::BF16 || t == Type::F32 || t == Type::F64;
}

// Where an address points. A generic address says it by its value.
enum class Space : uint8_t { Generic, Global, Shared, Param, Const };

// Generic addresses of the first byte of the shared and the parameter window. Global addresses are
// the same in both forms.
inline constexpr uint64_t SharedWindow = 0x7e8000000000, ParamWindow = 0x7e0000000000;
inline constexpr uint64_t WindowBytes = 1ull << 32;

} // namespace emulator

#endif
