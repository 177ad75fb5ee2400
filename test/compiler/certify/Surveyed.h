// Surveyed: all models of the examples, and one for every block that a file of definitions has.
#ifndef LNX_TEST_COMPILER_CERTIFY_SURVEYED_H
#define LNX_TEST_COMPILER_CERTIFY_SURVEYED_H

#include "../GoldenBlocks.h"

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace lnx::test {

inline std::string readFile(const std::filesystem::path &path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// Names behind `word` at the beginnings of lines, where `rest` follows.
inline std::vector<std::string> namesBehind(const std::string &word, const std::string &text,
                                            const std::string &rest = "") {
  std::vector<std::string> names;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    const size_t from = at + word.size(), to = text.find_first_of("( =", from);
    if ((at == 0 || text[at - 1] == '\n') && text.compare(to, rest.size(), rest) == 0)
      names.push_back(text.substr(from, to - from));
  }
  return names;
}

/// A model of a text.
struct Surveyed {
  std::string name, text, model;
};

/// Pieces that the claims about laws, mixing and sensitivity add.
inline const char *const moreBlocks = R"(
def fading(x, l, depth, heads) = no_ln(x, l, depth, heads, dt = 1/depth)
def stretched(x, l, depth, heads) = no_ln(x, l, depth, heads, dt = l^(-1/2))
def tame(x) {
  law size <= 2
  law peak <= 3
  return exp(x)
}
def tamed(x, l, depth, heads) {
  x <- x + tame(x)
  return x
}
def l1(x) {
  law degree = 0
  return x / sum(abs(x))
}
def scaleless(x, l, depth, heads) {
  x <- x + layernorm(l1(linear(x, dim(x), bias = 0)))
  return x
}
def steep(x) {
  law slope <= 3
  law degree = 1
  return x * exp(x - x)
}
def sloped(x, l, depth, heads) {
  x <- 0.5*x + 0.1*steep(x)
  return x
}
)";

inline std::vector<Surveyed> surveyed() {
  std::vector<Surveyed> all;
  const std::filesystem::path root = LNX_SOURCE_DIR;
  for (const auto &entry : std::filesystem::directory_iterator(root / "examples"))
    if (entry.path().extension() == ".lnx")
      for (const std::string &model : namesBehind("model ", readFile(entry.path())))
        all.push_back({entry.path().stem().string() + "/" + model, readFile(entry.path()), model});
  const std::string table =
      readFile(root / "examples/architectures.lnx") + goldenBlocks + moreBlocks;
  const std::string prelude = readFile(root / "frontend/prelude/blocks.lnx");
  for (const std::string &text : {prelude, table})
    for (const std::string &block : namesBehind("def ", text, "(x, l, depth, heads"))
      for (const char *more : {"", ", ff = glu"}) {
        const size_t at = text.find("def " + block + "(");
        if (*more && text.substr(at, text.find('\n', at) - at).find("ff = ") == std::string::npos)
          continue;
        all.push_back({block + more,
                       table +
                           "model m(depth = 12) {\n  assume norm.gain <= 1\n"
                           "  assume norm.bias.max <= 0\n  assume x0.rms <= 1\n"
                           "  return gpt2(depth = depth, width = 16, heads = 4, vocab = 20, "
                           "context = 8, block = " +
                           block + more + ")\n}\n",
                       "m"});
      }
  return all;
}

} // namespace lnx::test

#endif
