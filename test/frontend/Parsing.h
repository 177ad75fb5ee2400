// Parsing: a text to its tree or to its messages, for the tests of the syntax half.
// The name of every text is "t.lnx".
#pragma once

#include "frontend/Parser.h"
#include "frontend/Printer.h"

#include <gtest/gtest.h>

namespace lnx {

/// A source that lives as long as the tests, since they look at places of trees they have dropped.
inline SourcePtr sourceOf(const std::string &text) {
  static std::vector<SourcePtr> all;
  return all.emplace_back(std::make_shared<const Source>("t.lnx", text));
}

struct Parsed {
  ast::FilePtr file;
  std::string messages;
};

inline Parsed parsed(const std::string &text) {
  Diagnostics diagnostics;
  ast::FilePtr file = parse(sourceOf(text), diagnostics);
  return {file, diagnostics.render()};
}

/// The tree of a text that must be right.
inline ast::FilePtr tree(const std::string &text) {
  const Parsed result = parsed(text);
  EXPECT_EQ(result.messages, "");
  return result.file;
}

/// The messages of a text that must be wrong.
inline std::string messages(const std::string &text) {
  const Parsed result = parsed(text);
  EXPECT_EQ(result.file, nullptr) << text;
  return result.messages;
}

inline ast::ExprPtr expr(const std::string &text) {
  Diagnostics diagnostics;
  ast::ExprPtr result = parseExpr(sourceOf(text), diagnostics);
  EXPECT_EQ(diagnostics.render(), "");
  return result;
}

} // namespace lnx
