// result.h: a value or the reason why there is none.
//
//   Result<Program> program = Program::load(path);
//   if (!program)
//     return program.error();
//   run(*program);
//
// Sees only the standard library. Dereference only what is there.
#ifndef LNX_RESULT_H
#define LNX_RESULT_H

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace lnx {

// Exit codes of the tools; a failure carries the one its cause deserves.
enum class Exit {
  done = 0,
  input = 1,
  usage = 2,
  refuted = 3,
  unknown = 4,
  data = 5,
  io = 6,
  device = 7,
  unstable = 8,
  held = 9,
  peer = 10,
  internal = 70,
  stopped = 75
};

struct Error {
  std::string message; // lower case, no full stop
  Exit exit = Exit::data;
};

template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : content(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : content(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return content.index() == 0; }
  T &operator*() { return *operator->(); }
  const T &operator*() const { return *operator->(); }
  T *operator->() { return present(std::get_if<0>(&content)); }
  const T *operator->() const { return present(std::get_if<0>(&content)); }
  const Error &error() const { return *present(std::get_if<1>(&content)); }

private:
  // std::get would throw.
  template <typename P> static P *present(P *content) {
    assert(content && "a result holds a value or an error; ask it which");
    return content;
  }

  std::variant<T, Error> content;
};

} // namespace lnx

#endif
