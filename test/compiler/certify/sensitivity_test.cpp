// backward.sensitivity_bound in certificates: numbers that were worked out by hand (S83), and what
// lnx-certify must refuse although no claim of a bound stands against it.
#include "Certificates.h"

using namespace lnx::test;
using ::lnx::certify::Conclusion;
using ::lnx::certify::Document;
using ::lnx::certify::Step;

namespace {
constexpr const char *property = "backward.sensitivity_bound";

std::string modelOf(const std::string &steps, int depth,
                    const std::vector<std::string> &matrices = {}) {
  std::string promises;
  for (const std::string &matrix : matrices)
    promises += "  assume spectral(" + matrix + ") <= 0.5\n";
  return "def b(x, l, depth, heads) {\n" + steps +
         "  return x\n}\nmodel m(depth = " + std::to_string(depth) + ") {\n  assume x0.rms <= 1\n" +
         promises +
         "  return gpt2(block = b, depth = depth, width = 8, heads = 2, vocab = 12, context = "
         "4)\n}\n";
}

/// Nothing but the program and the sensitivity, which takes no claim for granted.
Document alone(const std::string &certificate) {
  Document document = read(certificate);
  const Conclusion *conclusion = conclusionOf(document, property);
  if (!conclusion) {
    ADD_FAILURE() << certificate;
    return document;
  }
  document.derivations = {{false, {}, {*conclusion}}};
  return document;
}

std::string refusalOf(const Document &document) {
  return llvm::toString(::lnx::certify::certify(document));
}

int64_t placeOf(const Document &document, const std::string &op) {
  for (size_t place = 0; place < document.program.size(); ++place)
    if (document.program[place].op == op)
      return static_cast<int64_t>(place);
  ADD_FAILURE() << "no " << op;
  return 0;
}
} // namespace

TEST(CertifySensitivity, IsTheProductOfTheSlopes) {
  const double root = std::sqrt(0.5);
  using Names = std::vector<std::string>;
  const std::tuple<const char *, int, Names, double> cases[] = {
      {"  x <- x + 0.5*tanh(x)\n", 3, {}, 1.5 * 1.5 * 1.5},
      {"  x <- 0.75*x - 0.5*sigmoid(x)\n", 2, {}, 0.875 * 0.875},
      {"  x <- x + tanh(x)/l\n", 3, {}, 2 * 1.5 * 4 / 3},
      // |W|^2 times the largest slope of GELU, rounded up
      {"  x <- x + mlp(x, act = gelu, bias = 0)\n",
       2,
       {"W_1", "W_2"},
       (1 + .25 * 1.129) * (1 + .25 * 1.129)},
      // S46: |q^h|, |k^h|, |v^h| <= .5 sqrt(8); a head changes by .5 and both together by
      // sqrt(1/2); scores are scaled by 1/2
      {"  x <- x + attn(x, heads, bias = 0)\n",
       1,
       {"W_Q", "W_K", "W_V", "W_O"},
       1 + .5 * (root + root * (root + 1))}};
  for (const auto &[steps, depth, matrices, expected] : cases) {
    const std::string certificate = certificateOf(modelOf(steps, depth, matrices));
    EXPECT_EQ(refusalOf(certificate), "");
    const Document document = read(certificate);
    const Conclusion *conclusion = conclusionOf(document, property);
    ASSERT_TRUE(conclusion && conclusion->number) << certificate;
    EXPECT_GE(*conclusion->number, expected * (1 - 1e-15)) << steps;
    EXPECT_LE(*conclusion->number, expected * (1 + 2e-8)) << steps; // nine digits
  }
}

TEST(CertifySensitivity, RefusesOtherNumbers) {
  Document document = alone(certificateOf(modelOf("  x <- x + 0.5*tanh(x)\n", 3)));
  EXPECT_EQ(refusalOf(document), "");
  Conclusion &conclusion = document.derivations[0].conclusions[0];
  for (double other : {3.37499999, 3.37500003, 3.3751, 1.0, 0.0, 6.75, 1e300}) {
    conclusion.number = other;
    EXPECT_NE(refusalOf(document), "") << other;
  }
  conclusion.number.reset();
  EXPECT_NE(refusalOf(document), "");
  conclusion.number = 3.37500001;
  conclusion.growth = "bounded"; // a class is not known
  EXPECT_NE(refusalOf(document), "");
}

// Of another program the number is too small, too large or none.
TEST(CertifySensitivity, RefusesOtherPrograms) {
  const std::string text = certificateOf(modelOf("  x <- x + 0.5*tanh(x)\n  x <- 0.5*x\n", 3));
  auto expectRefused = [&](auto change) {
    Document document = alone(text);
    change(document);
    EXPECT_NE(refusalOf(document), "");
  };
  EXPECT_EQ(refusalOf(alone(text)), "");
  for (const char *other : {"silu", "gelu", "sigmoid", "exp", "sign", "abs2"})
    expectRefused(
        [&](Document &document) { document.program[placeOf(document, "tanh")].op = other; });
  expectRefused([](Document &document) { // the update reads the first stream
    Step &update = document.program[placeOf(document, "tanh")];
    update.of[0] = document.program[placeOf(document, "repeat")].of[0];
  });
  expectRefused([](Document &document) { // the second step reads the stream before the first
    for (size_t place = placeOf(document, "step") + 1; place < document.program.size(); ++place)
      for (int64_t &of : document.program[place].of)
        if (of == placeOf(document, "step") && document.program[place].op == "mul")
          of = placeOf(document, "repeat");
  });
  expectRefused([](Document &document) { // one layer more
    document.program[placeOf(document, "repeat")].with["count"] = 4;
  });
  expectRefused([](Document &document) { // and far more than anybody goes through one by one
    document.program[placeOf(document, "repeat")].with["count"] = 5000;
  });
}

// What a norm changes rests on deviations, which lnx-certify does not follow.
TEST(CertifySensitivity, RefusesNorms) {
  Document document =
      read(certificateOf("model m(depth = 2) {\n  assume x0.rms <= 1\n  assume norm.gain <= 1\n"
                         "  return gpt2(block = pre_ln, depth = depth, width = 8, heads = 2, "
                         "vocab = 12, context = 4)\n}\n"));
  for (double number : {1.0, 1e6, 1e300}) {
    document.derivations = {{false, {}, {}}};
    document.derivations[0].conclusions.emplace_back();
    document.derivations[0].conclusions[0].property = property;
    document.derivations[0].conclusions[0].number = number;
    EXPECT_NE(refusalOf(document).find("nothing bounds how much it changes"), std::string::npos)
        << refusalOf(document);
  }
}
