// builtins.h: the functions of the language, and the names of the prelude, in C++.
//
//   Expr y = prelude::attn(prelude::layernorm(x), heads, arg("causal", 0));
//
// A builtin works on numbers and on tensors alike; docs/language.md says what each computes.
#ifndef LNX_BUILTINS_H
#define LNX_BUILTINS_H

#include "lnx/expr.h"

namespace lnx {

/// NAME(x), where it is written.
#define LNX_UNARY(function)                                                                        \
  inline Expr function(const Operand &x, Place where = Place::current()) {                         \
    return call(#function, {x}, where);                                                            \
  }
LNX_UNARY(sqrt)
LNX_UNARY(rsqrt)
LNX_UNARY(exp)
LNX_UNARY(log)
LNX_UNARY(abs)
LNX_UNARY(tanh)
LNX_UNARY(sigmoid)
LNX_UNARY(relu)
LNX_UNARY(gelu)
LNX_UNARY(silu)
LNX_UNARY(ceil)
LNX_UNARY(floor)
LNX_UNARY(round)
LNX_UNARY(id)
LNX_UNARY(mean)
LNX_UNARY(sum)
LNX_UNARY(dim)
LNX_UNARY(transpose)
LNX_UNARY(join_heads)
LNX_UNARY(normal)
LNX_UNARY(xavier)
#undef LNX_UNARY

#define LNX_BINARY(function)                                                                       \
  inline Expr function(const Operand &x, const Operand &y, Place where = Place::current()) {       \
    return call(#function, {x, y}, where);                                                         \
  }
LNX_BINARY(min)
LNX_BINARY(max)
LNX_BINARY(split_heads)
LNX_BINARY(mix)
LNX_BINARY(outer)
LNX_BINARY(uniform)
#undef LNX_BINARY

/// attend(q, k, v, heads), with kv_heads, causal, scale and softcap by name.
inline Expr attend(const Argument &q, const Argument &k, const Argument &v, const Argument &heads,
                   const Argument &a = {}, const Argument &b = {}, const Argument &c = {},
                   const Argument &d = {}, Place where = Place::current()) {
  return call("attend", {q, k, v, heads, a, b, c, d}, where);
}

/// const(value): C++ keeps the word for itself.
inline Expr constant(const Operand &value, Place where = Place::current()) {
  return call("const", {value}, where);
}
inline Expr zeros(Place where = Place::current()) { return name("zeros", where); }
inline Expr ones(Place where = Place::current()) { return name("ones", where); }
inline Expr identity(Place where = Place::current()) { return name("identity", where); }

/// A definition of the prelude: called like a function, or passed as a value.
class Named {
public:
  explicit constexpr Named(const char *text) : text(text) {}
  operator Expr() const { return name(text); }
  Expr operator()(Argument a = {}, Argument b = {}, Argument c = {}, Argument d = {},
                  Argument e = {}, Argument f = {}, Argument g = {}, Argument h = {},
                  Argument i = {}, Argument j = {}, Argument k = {}, Argument l = {},
                  Argument m = {}, Argument n = {}, Argument o = {}, Argument p = {},
                  Place where = Place::current()) const {
    return call(text, {a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p}, where);
  }

private:
  const char *text;
};

/// Everything that frontend/prelude/*.lnx defines; a test compares the lists.
namespace prelude {
#define LNX_PRELUDE(name) inline constexpr Named name(#name);
LNX_PRELUDE(layernorm)
LNX_PRELUDE(rmsnorm)
LNX_PRELUDE(l2norm)
LNX_PRELUDE(dyt)
LNX_PRELUDE(weight_init)
LNX_PRELUDE(residual_init)
LNX_PRELUDE(residual)
LNX_PRELUDE(linear)
LNX_PRELUDE(attn)
LNX_PRELUDE(attn_heads)
LNX_PRELUDE(mlp)
LNX_PRELUDE(glu)
LNX_PRELUDE(moe)
LNX_PRELUDE(pre_ln)
LNX_PRELUDE(post_ln)
LNX_PRELUDE(peri_ln)
LNX_PRELUDE(no_ln)
LNX_PRELUDE(sandwich)
LNX_PRELUDE(deepnorm)
LNX_PRELUDE(rezero)
LNX_PRELUDE(layerscale)
LNX_PRELUDE(parallel)
LNX_PRELUDE(mix_ln)
LNX_PRELUDE(ln_scaling)
LNX_PRELUDE(pre_enc)
LNX_PRELUDE(pre_dec)
LNX_PRELUDE(deepnorm_enc)
LNX_PRELUDE(deepnorm_dec)
LNX_PRELUDE(gpt2)
LNX_PRELUDE(gpt2_large)
LNX_PRELUDE(gpt2_xl)
LNX_PRELUDE(encdec)
#undef LNX_PRELUDE
} // namespace prelude

} // namespace lnx

#endif
