// EmbeddedPrelude: frontend/prelude/*.lnx written in C++, in the same order.
// Also a sample of what the embedded language looks like; embed_test compares the trees.
#pragma once

#include "lnx/lnx.h"

namespace lnx::test {

inline ModelBuilder embeddedNorms() {
  ModelBuilder file;
  file.add(Def("layernorm", {"x", {"eps", 1e-5}}, [](Expr x, Num eps) {
    Expr g = param("g", {dim(x)}, ones());
    Expr b = param("b", {dim(x)}, zeros());
    Expr c = let("c", x - mean(x));
    return g * (c / sqrt(mean(c * c) + eps)) + b;
  }));
  file.add(Def("rmsnorm", {"x", {"eps", 1e-6}, {"offset", 0}}, [](Expr x, Num eps, Num offset) {
    Expr g = param("g", {dim(x)}, constant(1 - offset));
    return (offset + g) * (x / sqrt(mean(x * x) + eps));
  }));
  file.add(Def("l2norm", [](Expr x) { return x / sqrt(sum(x * x)); }));
  file.add(Def("dyt", {"x", {"a0", 0.5}}, [](Expr x, Num a0) {
    Expr a = param("a", {}, constant(a0));
    Expr g = param("g", {dim(x)}, ones());
    Expr b = param("b", {dim(x)}, zeros());
    return g * tanh(a * x) + b;
  }));
  return file;
}

inline ModelBuilder embeddedLayers() {
  using namespace prelude;
  ModelBuilder file;
  file.add(Def("weight_init", [] { return xavier(1); }));
  file.add(Def("residual_init", [] { return xavier(1); }));
  file.add(Def("residual", {"init"}, [](Expr init) {
    when(init == weight_init, [] { give(residual_init); });
    return init;
  }));
  file.add(Def("linear", {"x", "n", {"init", weight_init}, {"bias", 1}},
               [](Expr x, Num n, Expr init, Num bias) {
                 Expr W = param("W", {dim(x), n}, init);
                 when(bias == 0, [&] { give(matmul(x, W)); });
                 Expr b = param("b", {n}, zeros());
                 return matmul(x, W) + b;
               }));
  const Expr x = name("x"), heads = name("heads"), init = name("init");
  file.add(Def(
      "attn",
      {"x",
       "heads",
       {"kv", x},
       {"kv_heads", heads},
       {"causal", 1},
       {"qk_norm", name("id")},
       {"v_norm", name("id")},
       {"scale", pow(heads / dim(x), Num(1) / 2)},
       {"softcap", 0},
       {"init", weight_init},
       {"value_init", init},
       {"out_init", residual(init)},
       {"bias", 1},
       {"project", 1}},
      [](const Formals &with) {
        const Expr x = with["x"], heads = with["heads"], bias = with["bias"];
        const Expr norm = with["qk_norm"];
        Expr q = let("q", linear(x, dim(x), arg("init", with["init"]), arg("bias", bias)));
        Expr qn = let("qn", norm(split_heads(q, heads)));
        const Expr size = with["kv_heads"] * dim(qn);
        Expr k = let("k", linear(with["kv"], size, arg("init", with["init"]), arg("bias", bias)));
        Expr kn = let("kn", norm(split_heads(k, with["kv_heads"])));
        Expr v =
            let("v", linear(with["kv"], size, arg("init", with["value_init"]), arg("bias", bias)));
        Expr vn = let("vn", with["v_norm"](split_heads(v, with["kv_heads"])));
        Expr y = let("y", attend(join_heads(qn), join_heads(kn), join_heads(vn), heads,
                                 arg("kv_heads", with["kv_heads"]), arg("causal", with["causal"]),
                                 arg("scale", with["scale"]), arg("softcap", with["softcap"])));
        when(with["project"] == 0, [&] { give(y); });
        return let("o", linear(y, dim(x), arg("init", with["out_init"]), arg("bias", bias)));
      }));
  file.add(Def("attn_heads",
               {"x",
                "heads",
                {"kv", x},
                {"kv_heads", heads},
                {"causal", 1},
                {"qk_norm", name("id")},
                {"v_norm", name("id")},
                {"scale", pow(heads / dim(x), Num(1) / 2)},
                {"softcap", 0},
                {"init", weight_init},
                {"value_init", init},
                {"bias", 1}},
               [](const Formals &with) {
                 return attn(with["x"], with["heads"], arg("kv", with["kv"]),
                             arg("kv_heads", with["kv_heads"]), arg("causal", with["causal"]),
                             arg("qk_norm", with["qk_norm"]), arg("v_norm", with["v_norm"]),
                             arg("scale", with["scale"]), arg("softcap", with["softcap"]),
                             arg("init", with["init"]), arg("value_init", with["value_init"]),
                             arg("bias", with["bias"]), arg("project", 0));
               }));
  file.add(Def("mlp",
               {"x",
                {"hidden", 4 * dim(x)},
                {"act", name("gelu")},
                {"init", weight_init},
                {"out_init", residual(init)},
                {"bias", 1}},
               [](Expr x, Num hidden, Expr act, Expr init, Expr out, Num bias) {
                 Expr up = let("up", linear(x, hidden, arg("init", init), arg("bias", bias)));
                 return let("down", linear(act(up), dim(x), arg("init", out), arg("bias", bias)));
               }));
  file.add(Def("glu",
               {"x",
                {"hidden", 4 * dim(x)},
                {"act", name("silu")},
                {"init", weight_init},
                {"out_init", residual(init)},
                {"bias", 0}},
               [](Expr x, Num hidden, Expr act, Expr init, Expr out, Num bias) {
                 Expr gate = let("gate", linear(x, hidden, arg("init", init), arg("bias", bias)));
                 Expr up = let("up", linear(x, hidden, arg("init", init), arg("bias", bias)));
                 return let("down",
                            linear(act(gate) * up, dim(x), arg("init", out), arg("bias", bias)));
               }));
  file.add(Def("moe",
               {"x",
                {"experts", 4},
                {"hidden", 4 * dim(x)},
                {"act", name("gelu")},
                {"init", weight_init},
                {"out_init", residual(init)}},
               [](Expr x, Num experts, Num hidden, Expr act, Expr init, Expr out) {
                 Expr up = let("up", linear(x, experts * hidden, arg("init", init)));
                 Expr route = let("route", linear(x, experts, arg("init", init)));
                 Expr e = let("e", exp(route - mean(route)));
                 Expr gates = let("gates", split_heads(e / sum(e), experts));
                 return let("down", linear(join_heads(gates * split_heads(act(up), experts)),
                                           dim(x), arg("init", out)));
               }));
  return file;
}

inline std::vector<Formal> blockFormals(std::initializer_list<Formal> more = {}) {
  std::vector<Formal> formals = {"x", "l", "depth", "heads"};
  formals.insert(formals.end(), more);
  return formals;
}

inline void addResidualBlocks(ModelBuilder &file) {
  using namespace prelude;
  file.add(Def("pre_ln", blockFormals({{"dt", 1}, {"norm", layernorm}, {"ff", mlp}}),
               [](Stream x, Num, Num, Num heads, Num dt, Expr norm, Expr ff) {
                 x <<= x + dt * attn(norm(x), heads);
                 x <<= x + dt * ff(norm(x));
                 return x;
               }));
  file.add(Def("post_ln", blockFormals({{"a", 1}, {"dt", 1}, {"gain", 1}, {"norm", layernorm}}),
               [](Stream x, Num, Num, Num heads, Num a, Num dt, Num gain, Expr norm) {
                 Expr w = let("w", xavier(gain));
                 x <<= norm(a * x + dt * attn(x, heads, arg("init", xavier(1)),
                                              arg("value_init", w), arg("out_init", w)));
                 x <<= norm(a * x + dt * mlp(x, arg("init", w)));
                 return x;
               }));
  file.add(Def("peri_ln", blockFormals({{"dt", 1}, {"norm", layernorm}, {"ff", mlp}}),
               [](Stream x, Num, Num, Num heads, Num dt, Expr norm, Expr ff) {
                 x <<= x + dt * norm(attn(norm(x), heads));
                 x <<= x + dt * norm(ff(norm(x)));
                 return x;
               }));
  file.add(Def("no_ln", blockFormals({{"dt", 1}, {"ff", mlp}, {"gain", 1}}),
               [](Stream x, Num, Num, Num heads, Num dt, Expr ff, Num gain) {
                 Expr w = let("w", xavier(gain));
                 x <<= x + dt * attn(x, heads, arg("value_init", w), arg("out_init", w));
                 x <<= x + dt * ff(x, arg("init", w));
                 return x;
               }));
  file.add(Def("sandwich", blockFormals({{"dt", 1}, {"norm", layernorm}, {"ff", mlp}}),
               [](Expr x, Num l, Num depth, Num heads, Num dt, Expr norm, Expr ff) {
                 return peri_ln(x, l, depth, heads, arg("dt", dt), arg("norm", norm),
                                arg("ff", ff));
               }));
  file.add(Def("deepnorm", blockFormals({{"norm", layernorm}}),
               [](Stream x, Num, Num depth, Num heads, Expr norm) {
                 Expr alpha = let("alpha", pow(2 * depth, Num(1) / 4));
                 Expr beta = let("beta", pow(8 * depth, Num(-1) / 4));
                 x <<= norm(alpha * x + attn(x, heads, arg("init", xavier(1)),
                                             arg("value_init", xavier(beta)),
                                             arg("out_init", xavier(beta))));
                 x <<= norm(alpha * x + mlp(x, arg("init", xavier(beta))));
                 return x;
               }));
}

inline void addScaledBlocks(ModelBuilder &file) {
  using namespace prelude;
  file.add(Def("rezero", blockFormals({{"ff", mlp}}), [](Stream x, Num, Num, Num heads, Expr ff) {
    Expr a = param("a", {2}, zeros());
    x <<= x + a[0] * attn(x, heads);
    x <<= x + a[1] * ff(x);
    return x;
  }));
  file.add(Def("layerscale", blockFormals({{"lam0", 0.1}, {"norm", layernorm}, {"ff", mlp}}),
               [](Stream x, Num, Num, Num heads, Num lam0, Expr norm, Expr ff) {
                 Expr lam = param("lam", {2, dim(x)}, constant(lam0));
                 x <<= x + lam[0] * attn(norm(x), heads);
                 x <<= x + lam[1] * ff(norm(x));
                 return x;
               }));
  file.add(Def("parallel", blockFormals({{"norm", layernorm}, {"ff", mlp}}),
               [](Stream x, Num, Num, Num heads, Expr norm, Expr ff) {
                 x <<= x + attn(norm(x), heads) + ff(norm(x));
                 return x;
               }));
  file.add(Def("mix_ln", blockFormals({{"part", Num(1) / 4}}),
               [](Stream x, Num l, Num depth, Num heads, Num part) {
                 when(
                     l <= part * depth, [&] { x <<= post_ln(x, l, depth, heads); },
                     [&] { x <<= pre_ln(x, l, depth, heads); });
                 return x;
               }));
  file.add(Def("ln_scaling", blockFormals({{"norm", layernorm}, {"ff", mlp}}),
               [](Stream x, Num l, Num, Num heads, Expr norm, Expr ff) {
                 x <<= x + attn(pow(l, Num(-1) / 2) * norm(x), heads);
                 x <<= x + ff(pow(l, Num(-1) / 2) * norm(x));
                 return x;
               }));
}

inline void addTwoStackBlocks(ModelBuilder &file) {
  using namespace prelude;
  file.add(Def("pre_enc", {"x", "l", "N", "M", "heads", {"dt", 1}},
               [](Expr x, Num l, Num N, Num, Num heads, Num dt) {
                 return pre_ln(x, l, N, heads, arg("dt", dt));
               }));
  file.add(Def("pre_dec", {"y", "mem", "l", "M", "heads", {"dt", 1}},
               [](Stream y, Expr mem, Num, Num, Num heads, Num dt) {
                 y <<= y + dt * attn(layernorm(y), heads);
                 y <<= y + dt * attn(layernorm(y), heads, arg("kv", mem), arg("causal", 0));
                 y <<= y + dt * mlp(layernorm(y));
                 return y;
               }));
  file.add(Def("deepnorm_enc", {"x", "l", "N", "M", "heads"},
               [](Expr x, Num l, Num N, Num M, Num heads) {
                 const Expr size = pow(N, 4) * M;
                 return post_ln(x, l, N, heads, arg("a", 0.81 * pow(size, Num(1) / 16)),
                                arg("gain", 0.87 * pow(size, Num(-1) / 16)));
               }));
  file.add(Def("deepnorm_dec", {"y", "mem", "l", "M", "heads"},
               [](Stream y, Expr mem, Num, Num M, Num heads) {
                 Expr w = let("w", xavier(pow(12 * M, Num(-1) / 4)));
                 const Expr alpha = pow(3 * M, Num(1) / 4);
                 y <<= layernorm(alpha * y +
                                 attn(y, heads, arg("value_init", w), arg("out_init", w)));
                 y <<= layernorm(alpha * y + attn(y, heads, arg("kv", mem), arg("causal", 0),
                                                  arg("value_init", w), arg("out_init", w)));
                 y <<= layernorm(alpha * y + mlp(y, arg("init", w)));
                 return y;
               }));
}

inline ModelBuilder embeddedBlocks() {
  ModelBuilder file;
  addResidualBlocks(file);
  addScaledBlocks(file);
  addTwoStackBlocks(file);
  return file;
}

inline ModelBuilder embeddedModels() {
  using namespace prelude;
  ModelBuilder file;
  const Num depth = name("depth");
  file.model("gpt2",
             {{"vocab", 50257},
              {"context", 1024},
              {"width", 768},
              {"heads", 12},
              {"depth", 12},
              {"block", pre_ln},
              {"final_norm", layernorm},
              {"weight_init", normal(0.02)},
              {"residual_init", normal(0.02 / pow(2 * depth, Num(1) / 2))}},
             [](const Formals &with) {
               Expr E = param("E", {with["vocab"], with["width"]}, normal(0.02));
               Expr P = param("P", {with["context"], with["width"]}, normal(0.02));
               Stream x = stream("x", E[name("tokens")] + P[name("positions")]);
               repeat("l", 1, with["depth"],
                      [&](Num l) { x <<= with["block"](x, l, with["depth"], with["heads"]); });
               return matmul(with["final_norm"](x), transpose(E));
             });
  file.model("gpt2_large", gpt2(arg("width", 1280), arg("heads", 20), arg("depth", 36)));
  file.model("gpt2_xl", gpt2(arg("width", 1600), arg("heads", 25), arg("depth", 48)));
  file.model("encdec",
             {{"vocab", 32000},
              {"width", 512},
              {"heads", 8},
              {"N", 6},
              {"M", 6},
              {"enc", pre_enc},
              {"dec", pre_dec}},
             [](Num vocab, Num width, Num heads, Num N, Num M, Expr enc, Expr dec) {
               Expr E = param("E", {vocab, width}, normal(0.02));
               Stream x = stream("x", E[name("source")]);
               repeat("l", 1, N, [&](Num l) { x <<= enc(x, l, N, M, heads); });
               Expr mem = let("mem", layernorm(x));
               Stream y = stream("y", E[name("tokens")]);
               repeat("l", 1, M, [&](Num l) { y <<= dec(y, mem, l, M, heads); });
               return matmul(layernorm(y), transpose(E));
             });
  return file;
}

} // namespace lnx::test
