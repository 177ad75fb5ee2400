// Lexer: characters to tokens.
// Relies on checkText: below it every byte sequence is valid UTF-8 and nothing is hidden.

#include "frontend/Lexer.h"
#include "frontend/Utf8.h"

#include <algorithm>

namespace lnx {

namespace {
struct Spelled {
  TokenKind kind;
  std::string_view text;
};

constexpr Spelled keywordTable[] = {
#define LNX_KEYWORD(Id, text) {TokenKind::Id, text},
#include "frontend/Tokens.def"
};

constexpr Spelled symbolTable[] = {
#define LNX_SYMBOL(Id, text) {TokenKind::Id, text},
#include "frontend/Tokens.def"
};

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
} // namespace

bool isKeyword(TokenKind kind) {
  for (const Spelled &k : keywordTable)
    if (k.kind == kind)
      return true;
  return false;
}

std::vector<std::string> keywords() {
  std::vector<std::string> result;
  for (const Spelled &k : keywordTable)
    result.emplace_back(k.text);
  return result;
}

std::string describe(TokenKind kind) {
  switch (kind) {
  case TokenKind::End:
    return "end of file";
  case TokenKind::Invalid:
    return "an unknown character";
  case TokenKind::Number:
    return "a number";
  case TokenKind::Name:
    return "a name";
#define LNX_KEYWORD(Id, text)                                                                      \
  case TokenKind::Id:                                                                              \
    return "'" text "'";
#define LNX_SYMBOL(Id, text)                                                                       \
  case TokenKind::Id:                                                                              \
    return "'" text "'";
#include "frontend/Tokens.def"
  }
  return "";
}

namespace {
const char *nameOf(Hidden kind) {
  switch (kind) {
  case Hidden::Control:
    return "control character ";
  case Hidden::Bidirectional:
    return "bidirectional control character ";
  case Hidden::ZeroWidth:
    return "zero-width character ";
  case Hidden::No:
    break;
  }
  return "";
}
} // namespace

bool checkText(const Source &source, Diagnostics &diagnostics) {
  const std::string_view text = source.text();
  if (text.size() > Source::maxBytes) {
    diagnostics.error("'" + source.name() + "' has " + std::to_string(text.size()) +
                      " bytes, more than " + std::to_string(Source::maxBytes) +
                      ", the limit of a source file");
    return false;
  }
  bool isClean = true;
  for (size_t i = source.begin(); i < text.size() && !diagnostics.isFull();) {
    const CodePoint c = decode(text, i);
    const Location here(&source, uint32_t(i), uint32_t(i + c.length));
    if (!c.isValid) {
      constexpr char hex[] = "0123456789abcdef";
      const uint8_t byte = uint8_t(text[i]);
      diagnostics
          .error(here,
                 std::string("byte 0x") + hex[byte >> 4] + hex[byte & 15] + " is not valid UTF-8")
          .help("save the file as UTF-8");
      return false;
    }
    const bool isLineEnd = c.value == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
    if (const Hidden kind = hidden(c.value); kind != Hidden::No && !isLineEnd) {
      diagnostics.error(here, nameOf(kind) + codePointName(c.value));
      isClean = false;
    }
    i += c.length;
  }
  return isClean;
}

Lexer::Lexer(const Source &source, Diagnostics &diagnostics)
    : source(source), diagnostics(diagnostics), text(source.text()), at(source.begin()) {}

Token Lexer::next() {
  Token token;
  skipBlanks(token);
  token.begin = uint32_t(at);
  token.kind = lexToken();
  token.end = uint32_t(at);
  token.startsLine |= token.is(TokenKind::End);
  return token;
}

/// Skips white space and collects comments.
void Lexer::skipBlanks(Token &token) {
  token.startsLine = at == source.begin();
  unsigned newlines = 0; // since the last comment or token
  for (; at < text.size();) {
    if (isBlank(text[at])) {
      newlines += text[at] == '\n';
      ++at;
    } else if (text[at] == '#') {
      const bool startsLine = token.startsLine || newlines > 0;
      const size_t begin = at;
      at = std::min(text.find('\n', at), text.size());
      size_t end = at;
      while (isBlank(text[end - 1]))
        --end;
      token.comments.push_back({uint32_t(begin), uint32_t(end), startsLine, newlines > 1});
      token.startsLine = startsLine;
      newlines = 0;
      // The newline that ends the comment counts, so a blank line behind it is the second.
    } else {
      break;
    }
  }
  token.startsLine |= newlines > 0;
  token.hasBlankBefore = newlines > 1;
}

TokenKind Lexer::lexToken() {
  if (at >= text.size())
    return TokenKind::End;
  if (isDigit(text[at]) || (text[at] == '.' && isDigit(peek(1))))
    return lexNumber();
  if (isNameStart(decode(text, at).value))
    return lexName();
  return lexSymbol();
}

bool Lexer::isTooLong(size_t begin) {
  const size_t size = at - begin;
  if (size <= maxWord)
    return false;
  diagnostics.error(here(begin), "word of " + std::to_string(size) + " bytes, more than " +
                                     std::to_string(maxWord));
  return true;
}

/// digits [ "." digits ] [ ("e"|"E") ["+"|"-"] digits ]; the point of `1..9` belongs to the range.
TokenKind Lexer::lexNumber() {
  const size_t begin = at;
  const auto digits = [&] {
    while (isDigit(peek()))
      ++at;
  };
  digits();
  const bool hasWhole = at > begin;
  if (peek() == '.' && isDigit(peek(1))) {
    ++at;
    digits();
  }
  if (peek() == 'e' || peek() == 'E') {
    const bool hasSign = peek(1) == '+' || peek(1) == '-';
    if (isDigit(peek(hasSign ? 2 : 1))) {
      at += hasSign ? 2 : 1;
      digits();
    }
  }
  const size_t end = at;
  while (at < text.size() && isNameContinue(decode(text, at).value))
    at += decode(text, at).length;
  if (isTooLong(begin))
    return TokenKind::Invalid;
  const std::string word(text.substr(begin, at - begin));
  if (at != end) {
    diagnostics.error(here(begin), "'" + word + "' is neither a number nor a name");
    return TokenKind::Invalid;
  }
  if (!hasWhole) {
    diagnostics.error(here(begin), "number '" + word + "' has no digit before its point")
        .help("write '0" + word + "'");
    return TokenKind::Invalid;
  }
  return TokenKind::Number;
}

TokenKind Lexer::lexName() {
  const size_t begin = at;
  while (at < text.size() && isNameContinue(decode(text, at).value))
    at += decode(text, at).length;
  if (isTooLong(begin))
    return TokenKind::Invalid;
  const std::string_view word = text.substr(begin, at - begin);
  for (const Spelled &k : keywordTable)
    if (k.text == word)
      return k.kind;
  return TokenKind::Name;
}

TokenKind Lexer::lexSymbol() {
  for (const Spelled &s : symbolTable)
    if (startsWith(s.text)) {
      at += s.text.size();
      return s.kind;
    }
  return lexUnknown();
}

namespace {
/// What was meant by a character that other languages or text processors use.
const char *meaning(char32_t c) {
  switch (c) {
  case 0xd7: // multiplication sign
  case 0xb7: // middle dot
  case 0x22c5:
    return "write '*'";
  case 0xf7:
    return "write '/'";
  case 0x2212: // minus sign, dashes
  case 0x2013:
  case 0x2014:
    return "write '-'";
  case 0x2264:
    return "write '<='";
  case 0x2265:
    return "write '>='";
  case 0x2260:
    return "write '!='";
  case 0x2190: // arrow to the left
    return "write '<-'";
  case 0x221a: // root
    return "write 'sqrt(...)'";
  case ';':
    return "a new line ends a statement";
  case '%':
    return "comments start with '#'";
  default:
    return nullptr;
  }
}
} // namespace

/// Reports a run of the same unknown character once.
TokenKind Lexer::lexUnknown() {
  const size_t begin = at;
  const CodePoint c = decode(text, at);
  const std::string character(text.substr(at, c.length));
  while (startsWith(character))
    at += c.length;
  std::string message = "'" + character + "'";
  if (c.value >= 0x80)
    message += " (" + codePointName(c.value) + ")";
  Diagnostic &d = diagnostics.error(here(begin), message + " means nothing here");
  if (const char *fix = meaning(c.value))
    d.help(fix);
  return TokenKind::Invalid;
}

} // namespace lnx
