// embedded: a residual equation in C++, its verdict, and a few steps of training.
#include <lnx/lnx.h>

#include <cstdio>
#include <vector>

using namespace lnx;

int main() {
  // x <- x + dt * rms(attn(rms(x))), with a norm of our own.
  const Def rms("rms", [](Expr x) {
    Expr g = param("g", {dim(x)}, ones());
    return g * x / sqrt(mean(x * x) + 1e-5);
  });
  const Def block("block", {"x", "l", "depth", "heads", {"dt", 0.1}},
                  [&](Stream x, Num, Num, Num heads, Num dt) {
                    x <<= x + dt * rms(prelude::attn(rms(x), heads));
                    x <<= x + dt * rms(prelude::mlp(rms(x)));
                    return x;
                  });
  ModelBuilder builder;
  builder.model("mine", {{"depth", 4}}, [&](Num depth) {
    assume("norm.gain", atMost(2));
    check("growth", atMost("linear"));
    return prelude::gpt2(arg("vocab", 64), arg("context", 32), arg("width", 64), arg("heads", 4),
                         arg("depth", depth), arg("block", block));
  });
  const Result<Model> model = builder.build();
  if (!model) {
    std::fprintf(stderr, "%s\n", model.error().message.c_str());
    return int(model.error().exit);
  }
  std::printf("%s\n", model->print().c_str());

  const Result<Report> report = verify(*model);
  if (const Verdict *growth = report ? report->find("growth") : nullptr)
    std::printf("growth: %s, %s in depth\n", growth->word.c_str(), growth->growth.c_str());

  Result<Session> session = Session::create(*model, {.batch = 4, .time = 32, .seed = 1});
  if (!session) {
    std::fprintf(stderr, "%s\n", session.error().message.c_str());
    return int(session.error().exit);
  }
  std::vector<int32_t> tokens, targets;
  for (int i = 0; i < 4 * 32; ++i) {
    tokens.push_back(i * 7 % 64);
    targets.push_back((i + 1) * 7 % 64);
  }
  for (int step = 1; step <= 40; ++step) {
    const Result<double> loss = session->step({tokens, targets, 4, 32}, {.rate = 3e-3f});
    if (!loss) {
      std::fprintf(stderr, "%s\n", loss.error().message.c_str());
      return int(loss.error().exit);
    }
    if (step % 10 == 0)
      std::printf("step %d loss %.3f\n", step, *loss);
  }
  if (const Result<ParameterView> gain = session->parameter("1.rms.g"))
    std::printf("1.rms.g: %lld of %s, the first is %.3f\n", (long long)gain->shape[0],
                nameOf(gain->dtype).data(), double(gain->value[0]));
  const std::vector<int32_t> prompt = {0};
  if (const Result<std::vector<int32_t>> next = session->sample(prompt, 3, {.temperature = 0}))
    std::printf("after 0: %d %d %d\n", (*next)[0], (*next)[1], (*next)[2]);
  return session->save("mine.safetensors") ? 1 : 0;
}
