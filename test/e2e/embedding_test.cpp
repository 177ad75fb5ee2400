// embedding_test: a model written in C++, compiled in memory, stepped, saved and read back.
#include "lnx/lnx.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace lnx;

namespace {
Result<Model> small(const char *block, int depth = 2) {
  ModelBuilder file;
  file.model("small",
             prelude::gpt2(arg("vocab", 17), arg("context", 8), arg("width", 16), arg("heads", 2),
                           arg("depth", depth), arg("block", name(block))));
  return file.build();
}

/// Two sequences of eight tokens: each predicts the next number.
struct Tokens {
  std::vector<int32_t> ids, targets;
  Tokens() {
    for (int i = 0; i < 16; ++i) {
      ids.push_back(i * 5 % 17);
      targets.push_back((i + 1) * 5 % 17);
    }
  }
  TokenBatch batch() const { return {ids, targets, 2, 8}; }
};

std::vector<double> train(Session &session, int steps) {
  const Tokens tokens;
  std::vector<double> losses;
  for (int i = 0; i < steps; ++i) {
    const Result<double> loss = session.step(tokens.batch(), {.rate = 1e-2f});
    EXPECT_TRUE(loss) << loss.error().message;
    losses.push_back(loss ? *loss : 0);
  }
  return losses;
}

std::string temporary(const std::string &name) {
  return (std::filesystem::temp_directory_path() / ("lnx_" + std::to_string(::getpid()) + name))
      .string();
}
} // namespace

// The equation of a block, its verdict and its training, all from C++ values.
TEST(Embedding, OwnBlock) {
  const Def gated("gated", {"x", "l", "depth", "heads"}, [](Stream x, Num l, Num depth, Num heads) {
    when(
        2 * l <= depth, [&] { x <<= x + prelude::rmsnorm(prelude::attn(x, heads)); },
        [&] { x <<= x + 0.5 * prelude::rmsnorm(prelude::mlp(x)); });
    return x;
  });
  ModelBuilder file;
  file.model("mine", {{"depth", 4}}, [&](Num depth) {
    assume("norm.gain", atMost(2));
    check("growth", atMost("linear"));
    return prelude::gpt2(arg("vocab", 17), arg("context", 8), arg("width", 16), arg("heads", 2),
                         arg("depth", depth), arg("block", gated));
  });
  const Result<Model> model = file.build();
  ASSERT_TRUE(model) << model.error().message;
  const Result<Report> report = verify(*model);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->exit, Exit::done) << report->text;
  Result<Session> session = Session::create(*model, {.batch = 2, .time = 8});
  ASSERT_TRUE(session) << session.error().message;
  const std::vector<double> losses = train(*session, 30);
  EXPECT_NEAR(losses.front(), std::log(17), 0.1);
  EXPECT_LT(losses.back(), losses.front() / 2);
  // Printing and parsing gives the same program.
  const Result<Model> again = Model::parse(model->print());
  ASSERT_TRUE(again) << again.error().message;
  Result<Session> other = Session::create(*again, {.batch = 2, .time = 8});
  ASSERT_TRUE(other);
  train(*other, 30);
  EXPECT_EQ(session->parameterHash(), other->parameterHash());
}

// Rows in bf16 change the losses a little, and the state of either goes on in the other.
TEST(Embedding, Precision) {
  const Result<Model> model = small("peri_ln");
  ASSERT_TRUE(model) << model.error().message;
  Result<Session> full = Session::create(*model, {.batch = 2, .time = 8});
  Result<Session> rounded = Session::create(*model, {.batch = 2, .time = 8, .precision = "bf16"});
  ASSERT_TRUE(full);
  ASSERT_TRUE(rounded) << rounded.error().message;
  EXPECT_EQ(full->parameterHash(), rounded->parameterHash());
  // 2^-9 of each activation at first; then AdamW takes whole steps by the sign of small gradients.
  const std::vector<double> expected = train(*full, 10), actual = train(*rounded, 10);
  EXPECT_NE(expected, actual);
  EXPECT_NEAR(actual.front(), expected.front(), 0.01);
  EXPECT_NEAR(actual.back(), expected.back(), 0.2);
  const std::string path = temporary(".precision");
  ASSERT_FALSE(rounded->save(path));
  EXPECT_FALSE(full->load(path));
  EXPECT_EQ(full->parameterHash(), rounded->parameterHash());
  std::filesystem::remove(path);
  const Result<Session> none = Session::create(*model, {.batch = 2, .time = 8, .precision = "f23"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().exit, Exit::usage);
  EXPECT_EQ(none.error().message, "rows are kept in f32 or bf16, not in 'f23'");
}

// A saved session goes on exactly where it was.
// What is reserved is what was planned, for models of every shape.
TEST(Embedding, ReservesWhatWasPlanned) {
  for (const char *block : {"peri_ln", "deepnorm", "parallel"}) {
    const Result<Model> model = small(block, 3);
    ASSERT_TRUE(model) << model.error().message;
    const Result<Program> program = model->compile();
    ASSERT_TRUE(program) << program.error().message;
    SessionOptions options = {.batch = 3, .time = 7, .threads = 2};
    const Result<MemoryPlan> plan = planMemory(**program, options);
    ASSERT_TRUE(plan) << plan.error().message;
    const Result<Session> session = Session::create(*program, options);
    ASSERT_TRUE(session) << session.error().message;
    EXPECT_EQ(session->memory().state, plan->state()) << block;
    EXPECT_EQ(session->memory().scratch, plan->scratch()) << block;
    EXPECT_EQ(session->memory().total(), plan->total()) << block;
    EXPECT_GE(largestBatch(**program, options, plan->total()), 3) << block;
  }
}

TEST(Embedding, SaveAndLoad) {
  const Result<Model> model = small("peri_ln");
  ASSERT_TRUE(model) << model.error().message;
  Result<Session> first = Session::create(*model, {.batch = 2, .time = 8});
  ASSERT_TRUE(first);
  const std::string path = temporary(".safetensors");
  train(*first, 5);
  ASSERT_FALSE(first->save(path));
  Result<Session> second = Session::create(*model, {.batch = 2, .time = 8, .seed = 7});
  ASSERT_TRUE(second);
  EXPECT_NE(first->parameterHash(), second->parameterHash());
  const std::optional<Error> error = second->load(path);
  ASSERT_FALSE(error) << error->message;
  EXPECT_EQ(second->steps(), 5);
  EXPECT_EQ(train(*first, 5), train(*second, 5));
  EXPECT_EQ(first->parameterHash(), second->parameterHash());
  std::filesystem::remove(path);
}

// A model that has learned its cycle goes on with it.
TEST(Embedding, Samples) {
  const Result<Model> model = small("peri_ln");
  ASSERT_TRUE(model) << model.error().message;
  Result<Session> session = Session::create(*model, {.device = "cpu", .batch = 2, .time = 8});
  ASSERT_TRUE(session) << session.error().message;
  train(*session, 100);
  const Tokens tokens;
  const auto sampled = session->sample(std::span(tokens.ids).first(3), 5, {.temperature = 0});
  ASSERT_TRUE(sampled) << sampled.error().message;
  EXPECT_EQ(*sampled, std::vector(tokens.ids.begin() + 3, tokens.ids.begin() + 8));
}

// A file of another model changes nothing.
TEST(Embedding, RefusesTheFileOfAnotherModel) {
  const std::string path = temporary(".other");
  const Result<Model> shallow = small("pre_ln", 2), deep = small("pre_ln", 3),
                      plain = small("no_ln", 2);
  Result<Session> a = Session::create(*shallow, {.batch = 2, .time = 8}),
                  b = Session::create(*deep, {.batch = 2, .time = 8}),
                  c = Session::create(*plain, {.batch = 2, .time = 8});
  ASSERT_TRUE(a && b && c);
  ASSERT_FALSE(a->save(path));
  const uint64_t before = b->parameterHash();
  EXPECT_EQ(b->load(path)->message, "'" + path + "' does not fit the model: it has no '3.norm.g'");
  EXPECT_EQ(b->parameterHash(), before);
  EXPECT_EQ(c->load(path)->message,
            "'" + path + "' does not fit the model: the model has no '1.norm.g'");
  EXPECT_EQ(c->load(path + ".none")->exit, Exit::data);
  std::filesystem::remove(path);
}

// Several models on several threads of one process do not disturb each other.
TEST(Embedding, SessionsOnThreads) {
  const char *blocks[] = {"pre_ln", "post_ln", "peri_ln"};
  std::vector<double> alone[3], together[3];
  const auto run = [&](int i, std::vector<double> &losses) {
    const Result<Model> model = small(blocks[i]);
    ASSERT_TRUE(model) << model.error().message;
    Result<Session> session = Session::create(*model, {.batch = 2, .time = 8, .threads = 1});
    ASSERT_TRUE(session) << session.error().message;
    losses = train(*session, 10);
  };
  for (int i = 0; i < 3; ++i)
    run(i, alone[i]);
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&, i] { run(i, together[i]); });
  for (std::thread &thread : threads)
    thread.join();
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(alone[i], together[i]) << blocks[i];
}

/// Resident memory in bytes.
static size_t resident() {
  std::ifstream file("/proc/self/statm");
  size_t total = 0, pages = 0;
  file >> total >> pages;
  return pages * 4096;
}

// Code, tables and buffers of a session go away with it. 40 sessions of warm-up fill the
// allocator's and MLIR's own pools; what 160 more add is a leak of less than 16 KiB each, or none.
TEST(Embedding, DestroyingASessionFreesEverything) {
  // No attention: compiling is nearly all of the time here.
  const Result<Model> model =
      Model::parse("def plain(x, l, depth, heads) {\n  x <- x + relu(x)\n  return x\n}\n"
                   "model m = gpt2(vocab = 17, context = 8, width = 16, heads = 2, "
                   "depth = 1, block = plain, final_norm = id)\n");
  ASSERT_TRUE(model) << model.error().message;
  size_t before = 0;
  for (int i = 0; i < 200; ++i) {
    if (i == 40)
      before = resident();
    Result<Session> session = Session::create(*model, {.batch = 2, .time = 8, .threads = 1});
    ASSERT_TRUE(session);
    ASSERT_TRUE(session->step(Tokens().batch(), {}));
  }
  EXPECT_LT(resident(), before + (size_t(160) * 16 << 10));
}
