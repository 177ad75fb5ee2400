// GoldenBlocks: blocks of the golden table (section 7) that no example has.
#ifndef LNX_TEST_COMPILER_GOLDENBLOCKS_H
#define LNX_TEST_COMPILER_GOLDENBLOCKS_H

namespace lnx::test {

inline const char *const goldenBlocks = R"(
def lns_plain(x, l, depth, heads) {
  x <- x + attn(l^(-1/2) * layernorm(x), heads, bias = 0)
  x <- x + mlp(l^(-1/2) * layernorm(x), bias = 0)
  return x
}
def lns_swiglu(x, l, depth, heads) {
  x <- x + glu(l^(-1/2) * layernorm(x))
  return x
}
def squared(x) = relu(x)^2
def no_ln_squared(x, l, depth, heads) {
  x <- x + mlp(x, act = squared)
  return x
}
)";

} // namespace lnx::test

#endif
