// A certificate with one digit changed is refused: every digit of small certificates, in turn, with
// the digest that belongs to the changed text, so that the derivation itself has to catch it.
#include "Certificates.h"

using namespace lnx::test;

namespace {
std::string modelOf(const std::string &block, const std::string &promises) {
  return block + "model m(depth = 3) {\n  assume x0.rms <= 0.75\n" + promises +
         "  return gpt2(block = b, depth = depth, width = 8, heads = 2, vocab = 12, context = "
         "4)\n}\n";
}
const char *const norms = "  assume norm.gain <= 1.5\n  assume norm.bias.rms <= 0.2\n";
const char *const values = "  assume norm.gain <= 1.5\n  assume norm.bias.rms <= 0.2\n"
                           "  assume spectral(W_V) <= 0.3\n  assume max(v.b) <= 0.01\n";
const char *const peri = "def b(x, l, depth, heads) = peri_ln(x, l, depth, heads, dt = 0.1)\n";
const char *const schedule =
    "def b(x, l, depth, heads) {\n  x <- x + l^(-1/2) * rmsnorm(attn(rmsnorm(x), heads))\n"
    "  x <- layernorm(0.9*x + attn_heads(layernorm(x), heads) / depth)\n  return x\n}\n";

const char *const laws = // declared of a definition's value, not derived
    "def tame(x) {\n  law size <= 2.5\n  law peak <= 3.75\n  return exp(x)\n}\n"
    "def steep(x) {\n  law slope <= 0.3\n  law degree = 1\n  return x * exp(x - x)\n}\n"
    "def b(x, l, depth, heads) {\n  x <- 0.9*x + tame(x)\n  x <- 0.75*x + steep(x)\n  return "
    "x\n}\n";
const char *const slopes = // each changes with the stream by no more than its matrices
    "def b(x, l, depth, heads) {\n  x <- x + l^(-1/2) * attn(x, heads, bias = 0)\n"
    "  x <- 0.9*x + mlp(x, act = gelu, bias = 0) / depth\n  return x\n}\n";
const char *const matrices = "  assume spectral(W_Q) <= 0.6\n  assume frobenius(W_K) <= 0.7\n"
                             "  assume perhead(W_V) <= 0.4\n  assume spectral(W_V) <= 0.5\n"
                             "  assume spectral(W_O) <= 0.5\n  assume spectral(W_1) <= 0.8\n"
                             "  assume spectral(W_2) <= 0.3\n";
const char *const mixing =
    "def b(x, l, depth, heads) {\n  assume abs_row_sum(a) <= 0.6\n  assume max(c) <= 0.7\n"
    "  param a : [3] ~ ones\n  param c : [3] ~ ones\n"
    "  x <- x + mix(a, outer(c, layernorm(x)))\n  return x\n}\n";

/// The same with one digit another, 9 for 0 and so on.
std::string changed(const std::string &text, size_t at) {
  std::string result = text;
  result[at] = text[at] == '9' ? '0' : static_cast<char>(text[at] + 1);
  return result;
}

struct Count {
  int digits = 0, inputs = 0, accepted = 0;
};

/// Tries every digit outside of names. A digit of the model itself, such as an eps, may make
/// another model of which the same is true: the digest of its program is then another.
Count tryEveryDigit(const std::string &text) {
  Count count;
  std::string program = read(text).programDigest;
  size_t derivations = text.find("\"derivations\"");
  bool isName = false;
  for (size_t at = text.find("\"assumptions\""); at < text.size(); ++at) {
    if (text[at] == '"')
      isName = !isName;
    if (isName || !isdigit(static_cast<unsigned char>(text[at])))
      continue;
    bool isInput = at < derivations;
    std::string mutated = changed(text, at);
    ++(isInput ? count.inputs : count.digits);
    EXPECT_NE(refusalOf(mutated), "") << "without its digest: " << text.substr(at - 20, 40);
    llvm::Expected<std::string> sealed = ::lnx::certify::sealed(mutated);
    if (!sealed) {
      llvm::consumeError(sealed.takeError()); // no JSON any more, such as 01
      continue;
    }
    if (refusalOf(*sealed) != "")
      continue;
    ++count.accepted;
    EXPECT_TRUE(isInput) << "accepted: " << text.substr(at - 60, 80);
    EXPECT_NE(read(*sealed).programDigest, program);
  }
  return count;
}
} // namespace

TEST(Mutation, EveryDigitIsRefused) {
  for (const std::string &model :
       {modelOf(peri, values), modelOf(schedule, values), modelOf(laws, ""), modelOf(mixing, norms),
        modelOf(slopes, matrices)}) {
    std::string text = certificateOf(model);
    ASSERT_EQ(refusalOf(text), "") << text;
    Count count = tryEveryDigit(text);
    std::printf(
        "%d digits of claims: all refused; %d digits of the model: %d make another model of "
        "which the same is true\n",
        count.digits, count.inputs, count.accepted);
    EXPECT_GT(count.digits, 100);
    EXPECT_LT(count.accepted, count.inputs / 2);
  }
  const ::lnx::certify::Document document = read(certificateOf(modelOf(slopes, matrices)));
  EXPECT_TRUE(conclusionOf(document, "backward.sensitivity_bound"));
}

namespace {
std::string replaced(std::string text, const std::string &what, const std::string &with) {
  size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what << " is not in " << text;
  if (at != std::string::npos)
    text.replace(at, what.size(), with);
  llvm::Expected<std::string> sealed = ::lnx::certify::sealed(text);
  if (sealed)
    return *sealed;
  ADD_FAILURE() << llvm::toString(sealed.takeError());
  return text;
}
} // namespace

// A conclusion that does not follow is refused, whatever it is.
TEST(Mutation, RefusesConclusionsThatAreNotImplied) {
  std::string pre = certificateOf(
      "model m = gpt2(block = pre_ln, depth = 2, width = 8, heads = 2, vocab = 12, context = 4)\n");
  ASSERT_EQ(refusalOf(pre), "");
  for (const char *property :
       {"forward.wellposed", "backward.scale_invariance", "forward.growth", "forward.bound"}) {
    std::string text =
        replaced(pre, "\"conclusions\":[\n",
                 "\"conclusions\":[\n{\"property\":\"" + std::string(property) + "\"},\n");
    EXPECT_NE(refusalOf(text), "") << property;
  }
}

// An assumption that is not made, or not there, is not used.
TEST(Mutation, RefusesAxiomsOutOfScope) {
  std::string text = certificateOf(modelOf(peri, values));
  EXPECT_NE(refusalOf(replaced(text, "\"form\":\"norm.gain\"", "\"form\":\"norm.other\"")), "");
  size_t at = text.find("\"form\":\"norm.gain\"");
  size_t last = text.find("\"last\":", at);
  std::string narrowed =
      text.substr(0, last) + "\"last\":12}" + text.substr(text.find('}', last) + 1);
  EXPECT_NE(refusalOf(narrowed), "");
}

// A law that is not declared, or not of this value, bounds nothing; a row that is not declared no
// sum.
TEST(Mutation, RefusesLawsAndRowsThatAreNotDeclared) {
  std::string text = certificateOf(modelOf(laws, ""));
  ASSERT_EQ(refusalOf(text), "");
  for (auto [name, other] : {std::pair("\"size\":2.5", "\"size\":2.4"),
                             {"\"size\"", "\"sizes\""},
                             {"\"peak\":3.75", "\"peak\":3.74"},
                             {"\"slope\":", "\"slopes\":"},
                             {"\"degree\":1", "\"degree\":0"},
                             {"\"op\":\"law\"", "\"op\":\"low\""}})
    EXPECT_NE(refusalOf(replaced(text, name, other)), "") << name;
  EXPECT_NE(refusalOf(replaced(text, "\"slope\":0.3", "\"slope\":-0.3")).find("is negative"),
            std::string::npos);
  // of a function of two values
  ::lnx::certify::Document document = read(text);
  for (::lnx::certify::Step &step : document.program)
    if (step.op == "law" && step.of.size() == 2)
      step.of[1] = 0;
  EXPECT_NE(llvm::toString(::lnx::certify::certify(document)).find("a function of one value"),
            std::string::npos);
  text = certificateOf(modelOf(mixing, norms));
  ASSERT_EQ(refusalOf(text), "");
  for (auto [name, other] : {std::pair("\"bound\":0.6", "\"bound\":0.5"),
                             {"\"form\":\"abs_row_sum\"", "\"form\":\"abs_row\""}})
    EXPECT_NE(refusalOf(replaced(text, name, other)), "") << name;
}

// What is divided by another root than that of its own variance is no norm.
TEST(Mutation, RefusesNormsThatAreNone) {
  std::string text = certificateOf(
      "def own(x) {\n  param g : [dim(x)] ~ ones\n"
      "  return (x - mean(x)) * (mean(x^2) - mean(x)^2 + 1e-5)^(-1/2) * g\n}\n"
      "model m(depth = 2) {\n  assume norm.gain <= 1.25\n  assume x0.rms <= 1\n"
      "  return gpt2(block = post_ln, norm = own, depth = depth, width = 8, heads = 2)\n}\n");
  ASSERT_EQ(refusalOf(text), "") << text;
  using ::lnx::certify::Step;
  int changed = 0;
  auto expectRefused = [&](auto change) {
    ::lnx::certify::Document document = read(text);
    for (Step &step : document.program)
      if (step.op == "sub" && document.program[step.of[0]].op == "mean") {
        change(document, step);
        ++changed;
        break;
      }
    EXPECT_NE(llvm::toString(::lnx::certify::certify(document)), "");
  };
  // mean(x)^2 - mean(x^2), the mean of something else, other squares, another axis
  expectRefused([](auto &, Step &variance) { std::swap(variance.of[0], variance.of[1]); });
  auto meanOf = [](auto &document, Step &variance) -> Step & {
    return document.program[document.program[variance.of[1]].of[0]];
  };
  expectRefused([&](auto &document, Step &variance) { --meanOf(document, variance).of[0]; });
  expectRefused([&](auto &document, Step &variance) {
    document.program[document.program[variance.of[0]].of[0]].with["exponent"] = 3;
  });
  expectRefused(
      [&](auto &document, Step &variance) { meanOf(document, variance).with["axis"] = -2; });
  EXPECT_EQ(changed, 4);
}

// A verifier that forgot the heads (S43), or the bias, would write these.
TEST(Mutation, RefusesWhatAWrongVerifierWouldClaim) {
  std::string text = certificateOf(
      "def b(x, l, depth, heads) {\n  x <- x + attn_heads(layernorm(x), heads, bias = 0)\n"
      "  return x\n}\n"
      "model m(depth = 1) {\n  assume norm.gain <= 1\n  assume norm.bias.rms <= 0\n"
      "  assume x0.rms <= 1\n  assume spectral(W_V) <= 1\n"
      "  return gpt2(block = b, depth = depth, width = 32, heads = 4, vocab = 12)\n}\n");
  ASSERT_EQ(refusalOf(text), "");
  ::lnx::certify::Document document = read(text);
  // sqrt(4) is in the claims of the attention: rms 2 from values of rms 1.
  int64_t attention = -1;
  for (size_t place = 0; place < document.program.size(); ++place)
    if (document.program[place].op == "attend")
      attention = static_cast<int64_t>(place);
  ASSERT_GE(attention, 0);
  const ::lnx::certify::Claim &claim = document.derivations[0].claims.at(attention);
  ASSERT_TRUE(claim.bound[::lnx::certify::rms]);
  EXPECT_EQ(claim.bound[::lnx::certify::rms]->one[0], 2);
  document.derivations[0].claims[attention].bound[::lnx::certify::rms]->one = 1.0;
  std::string refusal = llvm::toString(::lnx::certify::certify(document));
  EXPECT_NE(refusal.find("(attend): claims rms <= 1, which follows from no rule"),
            std::string::npos)
      << refusal;
}

// Damage of any kind ends in a refusal, or in another true certificate; never in a crash.
TEST(Mutation, SurvivesRandomDamage) {
  std::string text = certificateOf(modelOf(schedule, values));
  Draw draw(7);
  int read = 0, accepted = 0;
  for (int turn = 0; turn < 3000; ++turn) {
    std::string damaged = text;
    for (int edits = 1 + draw.below(3); edits > 0; --edits) {
      size_t at = draw.random() % damaged.size(), from = draw.random() % damaged.size();
      switch (draw.below(4)) {
      case 0:
        damaged[at] = "0123456789-+.eE,:[]{}\"ntf"[draw.below(24)];
        break;
      case 1:
        damaged.erase(at, 1 + draw.below(8));
        break;
      case 2:
        damaged.insert(at, damaged.substr(from, draw.below(12)));
        break;
      default: // one number for another
        if (isdigit(static_cast<unsigned char>(damaged[at])))
          damaged.insert(at, std::to_string(draw.below(1000)));
      }
    }
    llvm::Expected<std::string> sealed = ::lnx::certify::sealed(damaged);
    if (!sealed) {
      llvm::consumeError(sealed.takeError());
      continue;
    }
    ++read;
    accepted += refusalOf(*sealed).empty();
  }
  std::printf("%d of 3000 damaged files are JSON, %d of them are accepted\n", read, accepted);
  EXPECT_GT(read, 300);
}

// What is no certificate is refused with the place.
TEST(Mutation, RefusesWhatIsNoCertificate) {
  std::string text = certificateOf(modelOf(peri, values));
  const std::pair<std::string, std::string> cases[] = {
      {"", "it is not JSON"},
      {"[]", "it is not an object"},
      {"{}", "missing value at certificate.lnx_certificate"},
      {std::string(100, '['), "nested more than 64 deep"},
      {replaced(text, "\"lnx_certificate\":1", "\"lnx_certificate\":2"),
       "is a version that is not known at certificate.lnx_certificate"},
      {replaced(text, "\"model\":", "\"surprise\":0,\"model\":"),
       "is not known at certificate.surprise"},
      {replaced(text, "\"of\":[0", "\"of\":[-1"), "there is no step -1 before it"},
      {replaced(text, "\"shape\":[12", "\"shape\":[0"), "has too many features, or none"},
      {replaced(text, "\"op\":\"end\"", "\"op\":\"tanh\""), "it has no end"}};
  for (const auto &[wrong, reason] : cases)
    EXPECT_NE(refusalOf(wrong).find(reason), std::string::npos)
        << refusalOf(wrong) << " is not " << reason;
}
