// Lexer: characters to tokens.
// Comments vanish; lines are counted for every message that comes later.
#include "emulator/Lexer.h"

#include <cctype>

using namespace emulator;

namespace {

bool isWordCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%';
}
bool isDigit(char c) { return std::isdigit(static_cast<unsigned char>(c)); }

class Lexer {
public:
  explicit Lexer(std::string_view text) : text(text) {}

  Tokens run() {
    while (skipBlank() && result.error.empty())
      next();
    push(Token::Kind::End, position, position);
    return std::move(result);
  }

private:
  char at(size_t ahead) const {
    return position + ahead < text.size() ? text[position + ahead] : '\0';
  }

  void push(Token::Kind kind, size_t from, size_t to) {
    result.tokens.push_back({kind, text.substr(from, to - from), line});
  }

  // False at the end of the text.
  bool skipBlank() {
    while (position < text.size()) {
      if (text[position] == '\n')
        ++line;
      if (std::isspace(static_cast<unsigned char>(text[position])) || text[position] == '\0') {
        ++position;
      } else if (at(0) == '/' && at(1) == '/') {
        position = std::min(text.find('\n', position), text.size());
      } else if (at(0) == '/' && at(1) == '*') {
        size_t end = std::min(text.find("*/", position), text.size() - 2) + 2;
        for (; position < end; ++position)
          line += text[position] == '\n';
      } else {
        return true;
      }
    }
    return false;
  }

  void next() {
    size_t start = position;
    if (at(0) == '.' && isWordCharacter(at(1)))
      return dotted();
    if (isDigit(at(0)))
      return number();
    if (isWordCharacter(at(0))) {
      while (isWordCharacter(at(0)))
        ++position;
      return push(Token::Kind::Word, start, position);
    }
    if (at(0) == '"') {
      position = text.find('"', position + 1);
      if (position == std::string_view::npos)
        return fail("a string without its closing quote");
      ++position;
      return push(Token::Kind::String, start + 1, position - 1);
    }
    if (std::string_view("{}()[]<>,;:@!|+-=").find(at(0)) == std::string_view::npos)
      return fail(std::string("unexpected character '") + at(0) + "'");
    ++position;
    push(Token::Kind::Punctuation, start, position);
  }

  void dotted() {
    size_t start = ++position;
    while (isWordCharacter(at(0)) || (at(0) == ':' && at(1) == ':')) {
      position += at(0) == ':' ? 2 : 1;
    }
    push(Token::Kind::Dotted, start, position);
  }

  void number() {
    size_t start = position;
    while (isWordCharacter(at(0)))
      ++position;
    if (at(0) == '.' && isDigit(at(1)))
      for (++position; isWordCharacter(at(0));)
        ++position;
    push(Token::Kind::Number, start, position);
  }

  void fail(std::string what) {
    result.error = std::move(what);
    result.errorLine = line;
    position = text.size();
  }

  std::string_view text;
  size_t position = 0;
  uint32_t line = 1;
  Tokens result;
};

} // namespace

Tokens emulator::lex(std::string_view text) { return Lexer(text).run(); }
