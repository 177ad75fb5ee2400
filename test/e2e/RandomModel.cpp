// RandomModel: see RandomModel.h. Text is written from the outside in: a model, its blocks, their
// steps, their branches, each choosing among the constructs of docs/language.md.
#include "test/e2e/RandomModel.h"

#include <array>
#include <initializer_list>
#include <vector>

namespace lnx::e2e {

namespace {

// Braces are evaluated from left to right, operands of + in any order.
std::string join(std::initializer_list<std::string> parts) {
  std::string text;
  for (const std::string &part : parts)
    text += part;
  return text;
}

class Writer {
public:
  explicit Writer(uint64_t seed) : state(seed * 0x9e3779b97f4a7c15ull + 0x2545f4914f6cdd1dull) {}

  RandomModel write();

private:
  // splitmix64
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  int64_t below(int64_t bound) { return int64_t(next() % uint64_t(bound)); }
  bool chance(int64_t percent) { return below(100) < percent; }
  std::string pick(std::initializer_list<const char *> choices) {
    return choices.begin()[below(int64_t(choices.size()))];
  }
  int64_t number(std::initializer_list<int64_t> choices) {
    return choices.begin()[below(int64_t(choices.size()))];
  }

  std::string norm();
  std::string activation();
  std::string scale();
  std::string attention(const std::string &x, const std::string &memory);
  std::string branch(const std::string &x);
  std::string step(const std::string &stream);
  std::string streamStep();
  void block(const std::string &name, bool streams);
  std::string callOfBlock(const std::string &name);
  std::string repeat(const std::string &name, int64_t layers);
  std::string logits(const std::string &x);

  uint64_t state;
  int64_t heads = 1, size = 4, depth = 1, streams = 0;
  std::string defs;
  int scalars = 0, vectors = 0; // learned scales of the block being written
};

const char *const ownDefs = R"(
def ball(x) = x / sqrt(sum(x*x) + 1e-2)
def rms_min(x) {
  param g : [dim(x)] ~ ones
  return g * x / max(sqrt(mean(x*x)), 0.5)
}
def half_centred(x) {
  param k : [] ~ const(0.5)
  c = x - k*mean(x)
  return c * rsqrt(mean(c*c) + 0.1) + 0.1*x
}
def mean_abs(x) = x / (mean(abs(x)) + 0.3)
def squared_relu(x) = relu(x)^2
def swish(x) {
  param beta : [dim(x)] ~ ones
  return x * sigmoid(beta*x)
}
def bell(x) = x * exp(-(x*x)/4)
def soft(x) = log(1 + exp(x))
def capped(x) = min(max(x, -1/2), 2)
def cube(x) = x - x^3/20
def root(x) = sqrt(x*x + 1/4) - 1/2
)";

std::string Writer::norm() {
  return pick({"layernorm", "layernorm", "rmsnorm", "rmsnorm", "l2norm", "dyt", "ball", "rms_min",
               "half_centred", "mean_abs", "id"});
}

std::string Writer::activation() {
  return pick({"gelu", "gelu", "silu", "relu", "tanh", "sigmoid", "squared_relu", "swish", "bell",
               "soft", "capped", "cube", "root"});
}

// A factor of a branch: a number, a number of the layer, or learned.
std::string Writer::scale() {
  switch (below(9)) {
  case 0:
    return "0.3 * ";
  case 1:
    return "l^(-1/2) * ";
  case 2:
    return "(2*depth)^(-1/2) * ";
  case 3:
    return "a[" + std::to_string(scalars++) + "] * ";
  case 4:
    return "lam[" + std::to_string(vectors++) + "] * ";
  case 5:
    return "(1 + (-1)^l / 4) * ";
  case 6:
    return "shared_scalar * ";
  case 7:
    return "shared_vector * ";
  default:
    return "";
  }
}

std::string Writer::attention(const std::string &x, const std::string &memory) {
  std::string text = join({pick({"attn(", "attn(", "attn(", "attn_heads("}), x, ", heads"});
  std::vector<int64_t> divisors;
  for (int64_t d = 1; d <= heads; ++d)
    if (heads % d == 0)
      divisors.push_back(d);
  if (chance(45))
    text += ", kv_heads = " + std::to_string(divisors[size_t(below(int64_t(divisors.size())))]);
  if (chance(30))
    text += ", qk_norm = " + pick({"rmsnorm", "l2norm", "layernorm", "ball"});
  if (chance(15))
    text += ", v_norm = " + pick({"rmsnorm", "ball", "dyt"});
  if (chance(25))
    text += ", softcap = " + pick({"1", "5", "20"});
  if (chance(25))
    text += ", causal = 0";
  if (chance(20))
    text += ", scale = " + pick({"1", "0.1", "l/(4*depth)", "shared_scalar"});
  if (chance(20))
    text += ", bias = 0";
  if (!memory.empty())
    text += ", kv = " + memory;
  return text + ")";
}

// What multiplies its input by itself takes it bounded: a few layers would leave the range of f32.
std::string bounded(const std::string &x) {
  const bool grows = x == "x" || x == "h" || x.starts_with("id(") || x.starts_with("half_centred(");
  return grows ? "rmsnorm(" + x + ")" : x;
}

std::string Writer::branch(const std::string &x) {
  switch (below(10)) {
  case 0:
  case 1:
  case 2:
    return attention(x, "");
  case 3:
    return attention(x, pick({"first", "first", "layernorm(first)"}));
  case 4:
  case 5:
    return join({"mlp(", bounded(x), ", act = ", activation(),
                 pick({")", ")", ", hidden = 2*dim(x) + 1)", ", hidden = 17)", ", bias = 0)"})});
  case 6:
  case 7:
    return join({"glu(", bounded(x), pick({", hidden = ceil(8*dim(x)/3), act = ", ", act = "}),
                 activation(), pick({")", ", bias = 1)"})});
  case 8:
    return join({pick({"sigmoid", "tanh", ""}), "(linear(", bounded(x), ", dim(x)",
                 pick({"", ", bias = 0"}), ")) * ", bounded(x)});
  default:
    return chance(50) ? "(" + x + " @ Shared)" : "moe(" + x + ", experts = 3, hidden = 5)";
  }
}

// One residual update of a stream [d], or two that share what they read.
std::string Writer::step(const std::string &x) {
  const std::string before = norm(), after = norm(), normed = before + "(" + x + ")";
  switch (below(7)) {
  case 0:
  case 1: // Pre
    return join({x, " <- ", x, " + ", scale(), branch(normed), "\n"});
  case 2: // Peri
    return join({x, " <- ", x, " + ", scale(), after, "(", branch(normed), ")\n"});
  case 3: // Post
    return join({x, " <- ", after, "(", scale(), x, " + ", scale(), branch(x), ")\n"});
  case 4: // two branches of one value
    return join({"h = ", normed, "\n  ", x, " <- ", x, " + ", scale(), branch("h"), " + ", scale(),
                 branch("h"), "\n"});
  case 5: // what came in before the stack is used in every layer
    return join({x, " <- ", x, " + ", scale(),
                 branch(join({before, "(", x, " + ", scale(), "first)"})), "\n"});
  default: { // a choice of the layer
    std::string text = join({"if l <= ", pick({"1", "depth/4", "depth/2", "depth - 1"}), " { ", x,
                             " <- ", x, " + ", branch(normed), " }"});
    if (chance(60))
      text += join({" else { ", x, " <- ", after, "(", x, " + ", scale(), branch(x), ") }"});
    return text + "\n";
  }
  }
}

std::string Writer::streamStep() {
  const std::string n = std::to_string(vectors++), mixed = norm() + "(mix(M[" + n + "], X))";
  return join({"X <- mix(A[", n, "], X) + outer(B[", n, "], ", scale(), branch(mixed), ")\n"});
}

void Writer::block(const std::string &name, bool several) {
  scalars = vectors = 0;
  std::string steps;
  const int64_t count = 1 + below(3);
  if (several) {
    for (int64_t i = 0; i < count; ++i)
      steps += "  " + streamStep();
  } else {
    bool named = false; // `h` can be named once
    for (int64_t i = 0; i < count; ++i) {
      std::string text = step("x");
      while (named && text.starts_with("h ="))
        text = step("x");
      named |= text.starts_with("h =");
      steps += "  " + text;
    }
  }
  const std::string x = several ? "X" : "x";
  defs += "def " + name + "(" + x +
          ", first, Shared, shared_scalar, shared_vector, l, depth, heads) {\n";
  if (several) {
    const std::string n = std::to_string(vectors), s = std::to_string(streams);
    defs += "  x = first\n";
    defs += "  param A : [" + n + ", " + s + ", " + s + "] ~ identity\n";
    defs += "  param M : [" + n + ", " + s + "] ~ const(1/" + s + ")\n";
    defs += "  param B : [" + n + ", " + s + "] ~ ones\n";
  }
  if (scalars)
    defs += "  param a : [" + std::to_string(scalars) + "] ~ const(0.4)\n";
  if (vectors)
    defs += "  param lam : [" + std::to_string(vectors) + ", dim(x)] ~ const(0.6)\n";
  defs += steps + "  return " + x + "\n}\n";
}

std::string Writer::repeat(const std::string &name, int64_t layers) {
  const std::string x = streams ? "X" : "x", n = std::to_string(layers);
  auto call = [&](const char *layer) {
    return x + " <- " + name + "(" + x + ", first, Shared, shared_scalar, shared_vector, " + layer +
           ", " + n + ", heads)";
  };
  if (layers > 1 && chance(15)) // the same layers around an inner stack
    return "  repeat l in 1.." + n + " {\n    " + call("l") + "\n    repeat k in 1..2 { " +
           call("k") + " }\n  }\n";
  return "  repeat l in 1.." + n + " { " + call("l") + " }\n";
}

std::string Writer::logits(const std::string &x) {
  const std::string y = join({pick({"layernorm(", "rmsnorm(", "ball(", "("}), x, ")",
                              chance(55) ? " @ transpose(E)" : " @ U"});
  switch (below(4)) {
  case 0:
    return "3 * tanh((" + y + ") / 3)";
  case 1:
    return "2 * (" + y + ")";
  default:
    return y;
  }
}

RandomModel Writer::write() {
  heads = number({1, 2, 2, 3, 4, 4, 6});
  size = number({4, 5, 8, 9, 10, 13, 16, 33});
  if (heads * size > 80)
    size = number({4, 5, 8, 10});
  depth = 1 + below(4);
  streams = chance(20) ? 2 + below(2) : 0;
  RandomModel model;
  model.vocabulary = number({11, 16, 29, 61, 97});
  model.batch = 1 + below(3);
  model.time = number({1, 2, 5, 8, 13, 16, 17, 33});
  if (chance(8)) { // more than one block of keys, and of rows of the head
    model.time = number({65, 70, 129});
    model.vocabulary = chance(50) ? 5001 : 97;
    depth = 1;
  }
  const std::string width = std::to_string(heads * size), v = std::to_string(model.vocabulary);
  defs = ownDefs;
  block("first_block", streams != 0);
  const bool second = chance(35);
  if (second)
    block("second_block", streams != 0);
  std::string body = "  param E : [vocab, width] ~ normal(0.5)\n"
                     "  param U : [width, vocab] ~ xavier(1)\n"
                     "  param Shared : [width, width] ~ xavier(1)\n"
                     "  param shared_scalar : [] ~ const(0.7)\n"
                     "  param shared_vector : [width] ~ ones\n";
  const bool positions = chance(70);
  if (positions)
    body += "  param P : [" + std::to_string(model.time + below(3)) + ", width] ~ normal(0.3)\n";
  body += join({"  first = ", pick({"", "", "layernorm", "rmsnorm", "dyt"}), "(E[tokens]",
                positions ? " + P[positions])\n" : ")\n"});
  if (streams) {
    const std::string s = std::to_string(streams);
    body += "  param start : [" + s + "] ~ ones\n  param end : [" + s + "] ~ const(1/" + s +
            ")\n  X = outer(start, first)\n";
  } else {
    body += "  x = first\n";
  }
  body += repeat("first_block", depth);
  if (second)
    body += repeat("second_block", 1 + below(3));
  body += "  return " + logits(streams ? "mix(end, X)" : "x") + "\n";
  model.text = defs + "model m(vocab = " + v + ", width = " + width +
               ", heads = " + std::to_string(heads) + ") {\n" + body + "}\n";
  return model;
}

} // namespace

RandomModel makeRandomModel(uint64_t seed) { return Writer(seed).write(); }

} // namespace lnx::e2e
