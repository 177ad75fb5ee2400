// Random programs against the evaluator: any mixture of row-wise work, products and sums over rows
// is grouped, placed and compiled without changing what it means.
#include "CompileFixture.h"

using namespace lnx::test;

namespace {

/// Writes one program; values stay within a few units, so that f32 and double agree.
class Writer {
public:
  explicit Writer(unsigned seed) : random(seed) {}

  std::string write() {
    define("lnx.gather %E, %tokens : tensor<7x8xf32>, tensor<?xi32>", "?x8");
    for (int i = 0; i < 4; ++i)
      step();
    repeat();
    for (int i = 0; i < 12; ++i)
      step();
    std::string y = bounded(pick("?x8"));
    for (int i = 0; i < 3; ++i)
      y = define("lnx.add " + y + ", " + pick("?x8") + both("?x8", "?x8"), "?x8");
    y = bounded(y);
    return "module attributes {lnx.name = \"t\", lnx.context = 0 : i64, lnx.depth = 2 : i64,"
           " lnx.vocabulary = 7 : i64} {\n"
           "lnx.parameter @E \"E\" layers 1 from 0 <\"normal\", [1.0], [0.0]> : tensor<7x8xf32>\n"
           "lnx.parameter @w \"w\" layers 2 from 1 <\"normal\", [1.0], [0.0]> : tensor<8x8xf32>\n"
           "lnx.parameter @b \"b\" layers 2 from 1 <\"const\", [1.0], [0.0]> : tensor<8xf32>\n"
           "lnx.parameter @w0 \"w0\" layers 1 from 0 <\"normal\", [1.0], [0.0]> : tensor<8x8xf32>\n"
           "lnx.parameter @b0 \"b0\" layers 1 from 0 <\"const\", [1.0], [0.0]> : tensor<8xf32>\n"
           "func.func @grad(%tokens: tensor<?xi32>, %targets: tensor<?xi32>) -> tensor<f32>"
           " attributes {lnx.entry} {\n%E = lnx.get @E : tensor<7x8xf32>\n" +
           text + "%loss = lnx.linear_cross_entropy " + y +
           ", %E, %targets {transpose_weight} : tensor<?x8xf32>, tensor<7x8xf32>, tensor<?xi32>\n"
           "return %loss : tensor<f32> } }";
  }

private:
  static std::string one(const std::string &type) { return " : tensor<" + type + "xf32>\n"; }
  static std::string both(const std::string &a, const std::string &b) {
    return " : tensor<" + a + "xf32>, tensor<" + b + "xf32>\n";
  }
  /// A parameter of the layer, or its namesake outside the repeats.
  std::string parameter(const std::string &name) const {
    return layer.empty() ? name + "0" : name + " at " + layer;
  }
  unsigned below(unsigned limit) { return random() % limit; }

  std::string define(const std::string &op, const std::string &type) {
    std::string name = "%v" + std::to_string(next++);
    text += name + " = " + op + (op.back() == '\n' ? "" : "\n");
    values.push_back({name, type});
    return name;
  }
  std::string pick(const std::string &type) {
    std::vector<std::string> fitting;
    for (auto &[name, of] : values)
      if (of == type)
        fitting.push_back(name);
    return fitting[below(fitting.size())];
  }
  bool has(const std::string &type) {
    return llvm::any_of(values, [&](auto &value) { return value.second == type; });
  }
  std::string bounded(const std::string &value) {
    return define("lnx.tanh " + value + one("?x8"), "?x8");
  }

  void step() {
    std::string x = pick("?x8");
    switch (below(10)) {
    case 0:
      define("lnx.sigmoid " + x + one("?x8"), "?x8");
      break;
    case 1:
      define("lnx.mean " + x + one("?x8"), "?x1");
      break;
    case 2:
      bounded(define("lnx.mul " + x + ", " + pick("?x8") + both("?x8", "?x8"), "?x8"));
      break;
    case 3:
      if (has("?x1"))
        define("lnx.sub " + x + ", " + pick("?x1") + both("?x8", "?x1"), "?x8");
      break;
    case 4: {
      std::string sum = define("lnx.sum_rows " + bounded(x) + one("?x8"), "8");
      define("lnx.tanh " + sum + one("8"), "8");
      break;
    }
    case 5:
      if (has("8"))
        bounded(define("lnx.add " + x + ", " + pick("8") + both("?x8", "8"), "?x8"));
      break;
    case 6: {
      std::string w = define("lnx.get @" + parameter("w") + one("8x8"), "8x8");
      bounded(define("lnx.matmul " + x + ", " + w + both("?x8", "8x8"), "?x8"));
      break;
    }
    case 7:
      text += "lnx.accumulate @" + parameter("b") + ", " +
              define("lnx.sum_rows " + bounded(x) + one("?x8"), "8") + one("8");
      break;
    case 8: {
      std::string split = "%v" + std::to_string(next++), sum = "%v" + std::to_string(next++);
      text += split + " = lnx.reshape " + x + " : tensor<?x8xf32> to tensor<?x4x2xf32>\n" + sum +
              " = lnx.sum " + split + " {axis = -2 : i64} : tensor<?x4x2xf32>\n";
      std::string scaled = "%v" + std::to_string(next++);
      text +=
          scaled + " = lnx.mul " + split + ", " + sum + " : tensor<?x4x2xf32>, tensor<?x1x2xf32>\n";
      bounded(define("lnx.reshape " + scaled + " : tensor<?x4x2xf32> to tensor<?x8xf32>", "?x8"));
      break;
    }
    default: {
      std::string dw = "%v" + std::to_string(next++);
      text += dw + " = lnx.matmul " + bounded(x) + ", " + bounded(pick("?x8")) +
              " {transpose_lhs}" + both("?x8", "?x8");
      text += "lnx.accumulate @" + parameter("w") + ", " + dw + one("8x8");
    }
    }
  }

  // Two layers with two carries and two stacks, and two layers that read them in reverse.
  void repeat() {
    auto outer = values;
    std::string r = "%r" + std::to_string(next++), a = pick("?x8"), c = pick("?x8");
    text += r + ":4 = lnx.repeat %l first 1 count 2 scope \"\" carries(%a = " + a +
            " : tensor<?x8xf32>, %c = " + c +
            " : tensor<?x8xf32>) stacks(tensor<2x?x8xf32>, tensor<2x?x8xf32>) {\n";
    body({"%a", "%c"}, "%l", 4);
    values = outer;
    std::string q = "%r" + std::to_string(next++);
    text += q + " = lnx.repeat %k first 1 count 2 reverse scope \"\" carries(%d = " + r +
            "#0 : tensor<?x8xf32>) slices(%s = " + r + "#2 : tensor<2x?x8xf32>, %t = " + r +
            "#3 : tensor<2x?x8xf32>) {\n";
    body({"%d", "%s", "%t"}, "%k", 1);
    values = outer;
    values.push_back({r + "#1", "?x8"});
    values.push_back({q, "?x8"});
  }
  void body(const std::vector<std::string> &arguments, const std::string &index, int yields) {
    layer = index;
    for (const std::string &argument : arguments)
      for (int weight = 0; weight < 3; ++weight)
        values.push_back({argument, "?x8"});
    for (int i = 0; i < 8; ++i)
      step();
    std::string names, types;
    for (int i = 0; i < yields; ++i) {
      names += (i ? ", " : "") + pick("?x8");
      types += std::string(i ? ", " : "") + "tensor<?x8xf32>";
    }
    text += "lnx.yield " + names + " : " + types + "\n}\n";
    layer.clear();
  }

  std::mt19937 random;
  std::string text, layer; ///< index of the layer, empty outside repeats
  std::vector<std::pair<std::string, std::string>> values; ///< name and type
  int next = 0;
};

class RandomPrograms : public CompileTest, public testing::WithParamInterface<unsigned> {};

TEST_P(RandomPrograms, EqualTheEvaluator) {
  std::string text = Writer(GetParam()).write();
  SCOPED_TRACE(text);
  check(text, "grad", 2, 9, 7);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomPrograms, testing::Range(0u, 20u));

} // namespace
