// dtype.h: how the numbers of a tensor are stored, by the names of the safetensors format.
//
//   static_assert(bytesOf(Dtype::f32) == 4);
//   const std::string_view name = nameOf(Dtype::bf16); // "BF16"
//   std::optional<Dtype> dtype = dtypeNamed("F8_E4M3");
//
// Sees only the standard library.
#ifndef LNX_DTYPE_H
#define LNX_DTYPE_H

#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>

namespace lnx {

// From C these are the LNX_F32, ... of session.h: added types go last.
enum class Dtype {
  f32,
  bf16,
  f16,
  f64,
  i8,
  i16,
  i32,
  i64,
  u8,
  u16,
  u32,
  u64,
  f8e4m3,
  f8e5m2,
  boolean
};

namespace detail {
struct DtypeRow {
  std::string_view name; // as safetensors files say it
  size_t bytes;          // of one number
};
inline constexpr DtypeRow dtypes[] = {{"F32", 4},     {"BF16", 2},    {"F16", 2}, {"F64", 8},
                                      {"I8", 1},      {"I16", 2},     {"I32", 4}, {"I64", 8},
                                      {"U8", 1},      {"U16", 2},     {"U32", 4}, {"U64", 8},
                                      {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"BOOL", 1}};
} // namespace detail

// Bytes of one number.
constexpr size_t bytesOf(Dtype dtype) { return detail::dtypes[static_cast<size_t>(dtype)].bytes; }
// "F32".
constexpr std::string_view nameOf(Dtype dtype) {
  return detail::dtypes[static_cast<size_t>(dtype)].name;
}
// Nothing where no type has this name.
constexpr std::optional<Dtype> dtypeNamed(std::string_view name) {
  for (size_t i = 0; i < std::size(detail::dtypes); ++i)
    if (detail::dtypes[i].name == name)
      return static_cast<Dtype>(i);
  return std::nullopt;
}

} // namespace lnx

#endif
