// embed_test: models written in C++ are the same trees, and the same errors, as in .lnx files.
#include "EmbeddedPrelude.h"
#include "frontend/Embed.h"
#include "frontend/Parser.h"
#include "frontend/Printer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>

using namespace lnx;

namespace {
std::string read(const std::string &path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The formatted text of a prelude file without its comments.
std::string prelude(const std::string &name) {
  const std::string text = read(std::string(LNX_SOURCE_DIR) + "/frontend/prelude/" + name);
  Diagnostics diagnostics;
  const ast::FilePtr file = parse(
      std::make_shared<const Source>(name, std::regex_replace(text, std::regex(" *#[^\n]*"), "")),
      diagnostics);
  EXPECT_TRUE(file) << diagnostics.render();
  return file ? print(*file) : "";
}

/// Lines that are not empty: where blank lines stand is layout, which C++ does not give.
std::vector<std::string> lines(const std::string &text) {
  std::vector<std::string> result;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    if (!line.empty())
      result.push_back(line);
  return result;
}

void same(const ModelBuilder &embedded, const std::string &file) {
  const std::vector<std::string> ours = lines(embedded.print()), theirs = lines(prelude(file));
  ASSERT_EQ(ours.size(), theirs.size()) << embedded.print();
  for (size_t i = 0; i < ours.size(); ++i)
    EXPECT_EQ(ours[i], theirs[i]) << file << ", line " << i + 1;
}

/// The error of a model, without what is in front of the column.
std::string errorOf(const Result<Model> &model) {
  return model ? "no error"
               : std::regex_replace(model.error().message, std::regex("[^\n ]*embed_test\\.cpp:"),
                                    "embed_test.cpp:");
}
} // namespace

// Everything that the prelude says can be said in C++, and prints the same.
TEST(Embed, PreludeNorms) { same(test::embeddedNorms(), "norms.lnx"); }
TEST(Embed, PreludeLayers) { same(test::embeddedLayers(), "layers.lnx"); }
TEST(Embed, PreludeBlocks) { same(test::embeddedBlocks(), "blocks.lnx"); }
TEST(Embed, PreludeModels) { same(test::embeddedModels(), "models.lnx"); }

// The constants of namespace prelude are the names that the prelude defines.
TEST(Embed, NamesOfThePrelude) {
  std::vector<std::string> defined, named;
  for (const char *name : {"norms.lnx", "layers.lnx", "blocks.lnx", "models.lnx"}) {
    Diagnostics diagnostics;
    const std::string text = read(std::string(LNX_SOURCE_DIR) + "/frontend/prelude/" + name);
    const ast::FilePtr file = parse(std::make_shared<const Source>(name, text), diagnostics);
    for (const ast::DeclPtr &decl : file->decls)
      defined.push_back(decl->name.text);
  }
  const std::string header = read(std::string(LNX_SOURCE_DIR) + "/frontend/include/lnx/builtins.h");
  const std::regex entry("LNX_PRELUDE\\((\\w+)\\)\n");
  for (std::sregex_iterator it(header.begin(), header.end(), entry), end; it != end; ++it)
    named.push_back((*it)[1]);
  EXPECT_EQ(named, defined);
}

// Statements that the prelude has no use for.
TEST(Embed, EveryStatement) {
  ModelBuilder file;
  file.add(Def("clamp", {"x"}, [](Expr x) {
    law("size", atMost(3));
    law("degree", exactly(0));
    return 3 * tanh(x);
  }));
  file.model("mine", {{"depth", 6}}, [](Num depth) {
    assume("norm.gain", atMost(1.5));
    assume("x0.std", atLeast(0.5));
    assume("spectral", {name("7.attn.q.W")}, atMost(1));
    assume("adamw", {arg("lr", 6e-4), arg("steps", 1000)});
    check("growth", atMost("linear"));
    check("bound", atMost(25));
    check("wellposed");
    when(
        depth < 4, [&] { give(prelude::gpt2(arg("depth", depth))); },
        [&] { when(depth >= 8, [&] { give(prelude::gpt2(arg("depth", 8))); }); });
    return prelude::gpt2(arg("depth", -depth + 10 - (2 - depth)));
  });
  EXPECT_EQ(file.print(), R"(def clamp(x) {
  law size <= 3
  law degree = 0
  return 3*tanh(x)
}

model mine(depth = 6) {
  assume norm.gain <= 1.5
  assume x0.std >= 0.5
  assume spectral(7.attn.q.W) <= 1
  assume adamw(lr = 6e-4, steps = 1000)
  check growth <= linear
  check bound <= 25
  check wellposed
  if depth < 4 {
    return gpt2(depth = depth)
  } else if depth >= 8 { return gpt2(depth = 8) }
  return gpt2(depth = -depth + 10 - (2 - depth))
}
)");
}

// A definition comes along with whatever calls it, before its caller and once.
TEST(Embed, DefinitionsComeAlong) {
  const Def inner("inner", [](Expr x) { return 2 * x; });
  const Def outer("outer", [&](Expr x) { return inner(inner(x)); });
  ModelBuilder file;
  file.model("mine", prelude::gpt2(arg("norm", outer), arg("final_norm", inner)));
  EXPECT_EQ(lines(file.print()),
            (std::vector<std::string>{"def inner(x) = 2*x", "def outer(x) = inner(inner(x))",
                                      "model mine = gpt2(norm = outer, final_norm = inner)"}));
}

// Errors point into this file: its line, and the column of the operand.
TEST(Embed, ErrorsPointHere) {
  const int line = __LINE__ + 2;
  const Def wide("wide", [](Expr x) {
    Expr W = param("W", {dim(x), 8 * dim(x) / 3}, normal(0.02));
    return matmul(x, W);
  });
  ModelBuilder file;
  file.model("mine", prelude::gpt2(arg("norm", wide), arg("width", 64), arg("heads", 2)));
  EXPECT_EQ(errorOf(file.build()),
            "embed_test.cpp:" + std::to_string(line) +
                ":34: error: size '8*dim(x)/3' is 170.667, not a whole number\n"
                "prelude/blocks.lnx:6:22: note: 'dim(x)' is 64 here\n"
                "help: round it: 'ceil(8*dim(x)/3)'");
}

// A name is where it is used, not where it was made.
TEST(Embed, NamesAreWhereTheyAreUsed) {
  const Expr nowhere = name("nowhere");
  const int line = __LINE__ + 1;
  const Def odd("odd", [&](Expr x) { return x + nowhere; });
  ModelBuilder file;
  file.model("mine", prelude::gpt2(arg("norm", odd), arg("width", 64), arg("heads", 2)));
  const std::string text = errorOf(file.build());
  EXPECT_EQ(text.substr(0, text.find('\n')),
            "embed_test.cpp:" + std::to_string(line) + ":49: error: unknown name 'nowhere'");
}

// What cannot be written down is said where it was made, all of it in one run.
TEST(Embed, Mistakes) {
  const Expr lost = param("W", {2}, zeros());
  const Def two("two", {"x", "y"}, [](Expr x) { return x; });
  const int line = __LINE__ + 1;
  const Def odd("odd", [&](Expr x) {
    Expr y = let("1x", x * (0.0 / 0.0));
    Stream(y + 1) <<= y;
    return name("a b") * lost + two(x);
  });
  ModelBuilder file;
  file.model("mine", prelude::gpt2(arg("norm", odd), arg("no name", 1)));
  const std::string text = errorOf(file.build());
  const auto at = [&](int offset) {
    return "embed_test.cpp:" + std::to_string(line + offset) + ":";
  };
  for (const std::string &part :
       {at(1) + "14: error: '1x' is not a name",
        at(1) + "28: error: a number of a model has to be finite, this is nan",
        at(2) + "23: error: a step updates a name, not '1x + 1'",
        at(3) + "12: error: 'a b' is not a name",
        at(-3) + "21: error: parameter 'W' stands outside of a definition or model",
        at(-2) + "13: error: 'two' names 2 arguments, its body takes another number",
        at(6) + "69: error: 'no name' is not a name"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

// The same words as for a file.
TEST(Embed, SameWords) {
  const auto words = [](const std::string &message) {
    return std::regex_replace(message, std::regex("(^|\n)[^ \n]*: |\n    [^\n]*"), "$1");
  };
  const auto compare = [&](const Expr &call, const std::string &text) {
    ModelBuilder file;
    file.model("mine", call);
    EXPECT_EQ(words(errorOf(file.build())),
              words(errorOf(Model::parse("model mine = " + text + "\n"))));
  };
  using prelude::gpt2;
  compare(gpt2(arg("width", 770), arg("heads", 12)), "gpt2(width = 770, heads = 12)");
  compare(gpt2(arg("blok", prelude::peri_ln)), "gpt2(blok = peri_ln)");
  compare(gpt2(arg("depth", 2.5)), "gpt2(depth = 2.5)");
  compare(gpt2(arg("block", name("peri"))), "gpt2(block = peri)");
  compare(name("gpt3")(arg("depth", 2)), "gpt3(depth = 2)");
}

// A model made in C++ has no file: the changes that flip its verdicts are those of what it prints.
TEST(Embed, FixesOfThePrintedText) {
  ModelBuilder file;
  file.model("mine", {{"depth", 2}}, [](Num depth) {
    assume("norm.gain", atMost(1));
    assume("norm.bias.max", atMost(0));
    return prelude::gpt2(arg("block", prelude::pre_ln), arg("depth", depth), arg("width", 32),
                         arg("heads", 2));
  });
  const Result<Model> model = file.build();
  ASSERT_TRUE(model) << model.error().message;
  const Result<Report> report = verify(*model);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->find("growth")->fix,
            "mine.lnx:4:   return gpt2(block = peri_ln, depth = depth, "
            "width = 32, heads = 2)")
      << report->text;
  EXPECT_NE(report->text.find("+ return gpt2(block = peri_ln"), std::string::npos) << report->text;
}

// Settings are those of --set, and a model may be named.
TEST(Embed, Settings) {
  ModelBuilder file;
  file.model("small", prelude::gpt2(arg("depth", 2), arg("width", 32), arg("heads", 2)));
  file.model("other", prelude::gpt2(arg("depth", 2), arg("width", 64), arg("heads", 2)));
  const Result<Model> model = file.build({{"block", "peri_ln"}}, "small");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->name(), "small");
  const Result<Model> deeper = model->with({{"depth", "4"}, {"block", "post_ln"}});
  ASSERT_TRUE(deeper) << deeper.error().message;
  const Result<Report> before = verify(*model), after = verify(*deeper);
  ASSERT_TRUE(before && after);
  EXPECT_NE(before->text.find("depth=2"), std::string::npos) << before->text;
  EXPECT_NE(after->text.find("depth=4"), std::string::npos) << after->text;
  EXPECT_EQ(after->find("growth")->growth, "unbounded");
  EXPECT_EQ(after->find("identity_path")->word, "REFUTED");
}
