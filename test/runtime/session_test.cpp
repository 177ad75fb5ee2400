// What a session checks, reserves, initialises and hands to the program.
// The program is written by hand: its entries record what they were called with.
#include "lnx/plan.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

using namespace lnx;

namespace {

constexpr int64_t arena = 2048, vocabulary = 10, context = 8;
constexpr double deviations[] = {0.5, 2}, lows[] = {-1}, highs[] = {3}, sevens[] = {7},
                 zeros[] = {0, 0};

const lnx_parameter parameters[] = {
    {"attn.q.W", 0, 1, 2, {40, 10}, 2, LNX_INIT_NORMAL, deviations, zeros, 1, 0},
    {"E", 1000, 0, 1, {3, 4, 4}, 3, LNX_INIT_IDENTITY, zeros, zeros, 1, 0},
    {"u", 1100, 0, 1, {100}, 1, LNX_INIT_UNIFORM, lows, highs, 0, 0},
    {"scalar", 1300, 0, 1, {}, 0, LNX_INIT_CONST, sevens, zeros, 0, 0}};

// What the last call of any entry looked like.
struct Seen {
  int entry = -1;
  lnx_call call{};
  float arguments[LNX_ARGUMENT_COUNT] = {};
  float squares = 4; // what norm answers
  int64_t items = 0; // done by a parallel region inside grad
} seen;

template <int entry> void record(const lnx_call *call) {
  seen.entry = entry;
  seen.call = *call;
  std::copy_n(call->arguments, LNX_ARGUMENT_COUNT, seen.arguments);
  if (entry == LNX_ENTRY_NORM)
    call->results[0] = seen.squares;
  if (entry == LNX_ENTRY_EVAL)
    call->results[0] = 1.5f;
  if (entry == LNX_ENTRY_NEXT)
    std::iota(call->results, call->results + vocabulary, 0.0f);
}

void addItems(const uint64_t *slots, int64_t lo, int64_t hi) {
  auto *items = reinterpret_cast<int64_t *>(slots[0]);
  __atomic_fetch_add(items, hi - lo, __ATOMIC_RELAXED);
}

// Touches the last byte of its scratch and runs a parallel region.
void grad(const lnx_call *call) {
  record<LNX_ENTRY_GRAD>(call);
  const int64_t rows = (call->batch * call->time + 15) / 16 * 16;
  static_cast<char *>(call->scratch)[rows * 24 + 100 - 1] = 1;
  seen.items = 0;
  const uint64_t slots[] = {reinterpret_cast<uint64_t>(&seen.items)};
  call->runtime->parallel(call->runtime->context, addItems, slots, 1000, 7);
  call->results[0] = 2.25f;
}

lnx_program makeProgram() {
  lnx_program program{};
  program.abi_version = LNX_ABI_VERSION;
  program.parameter_count = 4;
  program.parameters = parameters;
  program.state_floats = arena;
  program.decay_floats = 1024;
  program.entries[LNX_ENTRY_GRAD] = grad;
  program.entries[LNX_ENTRY_EVAL] = record<LNX_ENTRY_EVAL>;
  program.entries[LNX_ENTRY_NEXT] = record<LNX_ENTRY_NEXT>;
  program.entries[LNX_ENTRY_NORM] = record<LNX_ENTRY_NORM>;
  program.entries[LNX_ENTRY_ADAMW] = record<LNX_ENTRY_ADAMW>;
  program.entries[LNX_ENTRY_ADAM] = record<LNX_ENTRY_ADAM>;
  program.scratch_bytes_per_row[LNX_ENTRY_GRAD] = 24;
  program.scratch_fixed_bytes[LNX_ENTRY_GRAD] = 100;
  program.scratch_bytes_per_row[LNX_ENTRY_NEXT] = 8;
  program.vocabulary = vocabulary;
  program.context = context;
  program.name = "by hand";
  program.spec = "";
  program.cpu = "x86-64";
  return program;
}

Result<Session> makeSession(const SessionOptions &options,
                            void (*change)(lnx_program &) = nullptr) {
  auto program = std::make_shared<lnx_program>(makeProgram());
  if (change)
    change(*program);
  return Session::create(Program::fromMemory(program.get(), program), options);
}

const SessionOptions small = {.batch = 2, .time = 5, .threads = 2, .seed = 11};

// Two sequences of five tokens.
struct Ids {
  std::vector<int32_t> tokens = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  std::vector<int32_t> targets = {1, 2, 3, 4, 5, 6, 7, 8, 9, 0};
  TokenBatch batch(int64_t sequences = 2, int64_t time = 5) const {
    return {tokens, targets, sequences, time};
  }
};

template <typename T> std::string messageOf(const Result<T> &result) {
  return result ? "no error" : result.error().message;
}

TEST(Session, ReservesOnceAndSaysHowMuch) {
  auto session = makeSession(small);
  ASSERT_TRUE(session) << messageOf(session);
  auto memory = session->memory();
  EXPECT_EQ(memory.state, 4 * arena * sizeof(float));
  EXPECT_EQ(memory.scratch, 16u * 24 + 100);
  EXPECT_GT(memory.workspace, 0u);
  EXPECT_EQ(memory.total(), memory.state + memory.scratch + memory.workspace);
  Result<MemoryPlan> plan = planMemory(*session->program(), small);
  ASSERT_TRUE(plan) << messageOf(plan);
  EXPECT_EQ(memory.total(), plan->total());
}

TEST(Session, PassesBatchesOn) {
  auto session = makeSession(small);
  ASSERT_TRUE(session);
  Ids ids;
  auto loss = session->gradient(ids.batch(), 0.25);
  ASSERT_TRUE(loss) << messageOf(loss);
  EXPECT_EQ(*loss, 2.25);
  EXPECT_EQ(seen.entry, LNX_ENTRY_GRAD);
  EXPECT_EQ(seen.arguments[LNX_ARGUMENT_SCALE], 0.25f);
  EXPECT_EQ(seen.call.batch, 2);
  EXPECT_EQ(seen.call.time, 5);
  EXPECT_EQ(seen.call.tokens, ids.tokens.data());
  EXPECT_EQ(seen.call.targets, ids.targets.data());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(seen.call.state) % 64, 0u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(seen.call.scratch) % 64, 0u);
  EXPECT_EQ(seen.items, 1000);

  auto evaluated = session->evaluate(ids.batch());
  ASSERT_TRUE(evaluated);
  EXPECT_EQ(*evaluated, 1.5);
  EXPECT_EQ(seen.entry, LNX_ENTRY_EVAL);

  auto logits = session->next(std::vector<int32_t>{3, 4, 5});
  ASSERT_TRUE(logits) << messageOf(logits);
  EXPECT_EQ(logits->size(), size_t{vocabulary});
  EXPECT_EQ((*logits)[9], 9);
  EXPECT_EQ(seen.call.batch, 1);
  EXPECT_EQ(seen.call.time, 3);
}

// Other shapes are welcome while they fit what was reserved.
TEST(Session, TakesSmallerBatches) {
  auto session = makeSession(small);
  ASSERT_TRUE(session);
  Ids ids;
  TokenBatch batch = {std::span(ids.tokens).first(8), std::span(ids.targets).first(8), 1, 8};
  EXPECT_TRUE(session->gradient(batch));
}

TEST(Session, NamesWhatIsWrongWithABatch) {
  auto session = makeSession(small);
  ASSERT_TRUE(session);
  Ids ids;
  EXPECT_EQ(messageOf(session->gradient(ids.batch(2, 4))),
            "batch 2 of time 4 needs 8 tokens and targets, got 10 and 10");
  EXPECT_EQ(messageOf(session->gradient(ids.batch(1, 10))),
            "time 10 exceeds the model's context 8");
  EXPECT_EQ(messageOf(session->gradient(ids.batch(4, 5))),
            "batch 4 of time 5 exceeds the 10 tokens reserved for this session");
  EXPECT_EQ(messageOf(session->gradient(ids.batch(0, 5))),
            "batch 0 and time 5 must both be at least 1");
  ids.tokens[3] = 10;
  EXPECT_EQ(messageOf(session->gradient(ids.batch())),
            "token 10 at position 3 is outside the vocabulary of 10");
  ids.tokens[3] = 0;
  ids.targets[9] = -1;
  EXPECT_EQ(messageOf(session->evaluate(ids.batch())),
            "target -1 at position 9 is outside the vocabulary of 10");
  EXPECT_EQ(messageOf(session->next(std::vector<int32_t>{1, 77})),
            "token 77 at position 1 is outside the vocabulary of 10");
  EXPECT_EQ(messageOf(session->next(std::vector<int32_t>(9, 1))),
            "time 9 exceeds the model's context 8");
  EXPECT_EQ(messageOf(session->next({})), "batch 1 and time 0 must both be at least 1");
}

TEST(Session, RefusesPromptsBeyondWhatIsReserved) {
  auto session = makeSession({.batch = 1, .time = 4, .threads = 1});
  ASSERT_TRUE(session);
  EXPECT_EQ(messageOf(session->next(std::vector<int32_t>(6, 1))),
            "a prompt of 6 exceeds the tokens reserved for this session: 4");
}

TEST(Session, RefusesImpossibleOptions) {
  EXPECT_EQ(messageOf(makeSession({.batch = 0, .time = 1})),
            "batch 0 and time 1 must both be at least 1");
  EXPECT_EQ(messageOf(makeSession({.batch = 1, .time = 9})),
            "time 9 exceeds the model's context 8");
  EXPECT_EQ(messageOf(makeSession({.batch = 1, .time = 1, .threads = -1})),
            "cannot use -1 threads, the limit is 1024");
  const auto elsewhere = makeSession({.device = "tpu", .batch = 1, .time = 1});
  EXPECT_EQ(messageOf(elsewhere), "there is no device 'tpu', only 'cpu' and 'cuda'");
  EXPECT_EQ(elsewhere.error().exit, Exit::device);
  auto unbounded = makeSession({.batch = int64_t{1} << 40, .time = 8});
  ASSERT_FALSE(unbounded);
  EXPECT_EQ(unbounded.error().exit, Exit::io);
  for (const char *part :
       {"batch 1099511627776 of time 8 needs 2013265",
        " MiB of memory (0.0 MiB for parameters, gradients and moments, 201326592.0 MiB for "
        "activations, ",
        " are available on this machine\nhelp: a micro-batch of ", " of time 8 fits"})
    EXPECT_NE(unbounded.error().message.find(part), std::string::npos) << unbounded.error().message;
  auto uncountable = makeSession({.batch = int64_t{1} << 60, .time = 8});
  ASSERT_FALSE(uncountable);
  EXPECT_EQ(uncountable.error().message,
            "batch 1152921504606846976 of time 8 needs more memory than can be counted");
}

TEST(Session, RefusesParametersOutsideTheArena) {
  auto session = makeSession(small, [](lnx_program &program) { program.state_floats = 1024; });
  EXPECT_EQ(messageOf(session),
            "parameter 'E' does not lie inside the 1024 floats of the program's arena");
}

// Every kind of start; deviations differ by layer; names carry the layer's number.
TEST(Session, InitialisesParameters) {
  auto session = makeSession(small);
  ASSERT_TRUE(session);
  auto views = session->parameters();
  ASSERT_EQ(views.size(), 5u);
  EXPECT_EQ(views[0].name, "1.attn.q.W");
  EXPECT_EQ(views[1].name, "2.attn.q.W");
  EXPECT_EQ(views[0].shape, (std::vector<int64_t>{40, 10}));
  for (int layer : {0, 1}) {
    double squares = 0;
    for (float x : views[static_cast<size_t>(layer)].value)
      squares += double(x) * x;
    // 400 values: the sample deviation is within 15 % with probability 1 - 2e-5.
    EXPECT_NEAR(std::sqrt(squares / 400) / deviations[layer], 1, 0.15);
  }
  EXPECT_NE(views[0].value[0] * 4, views[1].value[0]);
  for (size_t i = 0; i < 48; ++i)
    EXPECT_EQ(views[2].value[i], i % 16 / 4 == i % 4 ? 1 : 0);
  for (float x : views[3].value) {
    EXPECT_GE(x, -1);
    EXPECT_LT(x, 3);
  }
  EXPECT_EQ(views[4].name, "scalar");
  EXPECT_TRUE(views[4].shape.empty());
  ASSERT_EQ(views[4].value.size(), 1u);
  EXPECT_EQ(views[4].value[0], 7);
  EXPECT_EQ(views[4].gradient[0], 0);
}

TEST(Session, HashFollowsSeedAndValuesOnly) {
  auto session = makeSession(small);
  SessionOptions other = small;
  other.threads = 1;
  other.batch = 1;
  auto same = makeSession(other);
  other.seed = 12;
  auto different = makeSession(other);
  ASSERT_TRUE(session && same && different);
  EXPECT_EQ(session->parameterHash(), same->parameterHash());
  EXPECT_NE(session->parameterHash(), different->parameterHash());
  auto views = same->parameters();
  views[4].value[0] = std::nextafter(views[4].value[0], 8.0f);
  EXPECT_NE(session->parameterHash(), same->parameterHash());
  views[4].value[0] = 7;
  views[0].gradient[0] = 1;
  EXPECT_EQ(session->parameterHash(), same->parameterHash());
}

TEST(Session, ClipsAndCorrectsUpdates) {
  auto session = makeSession(small);
  ASSERT_TRUE(session);
  session->setSteps(2);
  seen.squares = 16;
  auto report = session->update(
      {.optimizer = Optimizer::adam, .rate = 0.1f, .clip = 1, .beta1 = 0.9f, .beta2 = 0.99f});
  ASSERT_TRUE(report) << messageOf(report);
  EXPECT_EQ(report->gradientNorm, 4);
  EXPECT_TRUE(report->finite);
  EXPECT_EQ(session->steps(), 3);
  EXPECT_EQ(seen.entry, LNX_ENTRY_ADAM);
  EXPECT_EQ(seen.arguments[LNX_ARGUMENT_CLIP], 0.25f);
  EXPECT_EQ(seen.arguments[LNX_ARGUMENT_RATE], 0.1f);
  EXPECT_FLOAT_EQ(seen.arguments[LNX_ARGUMENT_CORRECTION1], 1 / (1 - std::pow(double(0.9f), 3)));
  EXPECT_FLOAT_EQ(seen.arguments[LNX_ARGUMENT_CORRECTION2], 1 / (1 - std::pow(double(0.99f), 3)));
  seen.squares = 0.25f;
  ASSERT_TRUE(session->update({.clip = 1}));
  EXPECT_EQ(seen.arguments[LNX_ARGUMENT_CLIP], 1);
  seen.squares = 16;
  ASSERT_TRUE(session->update({.clip = 0}));
  EXPECT_EQ(seen.arguments[LNX_ARGUMENT_CLIP], 1);
}

// A gradient that is not finite is reported; no update entry runs and no step is counted.
TEST(Session, NeverUpdatesFromNonFiniteGradients) {
  for (float squares : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    auto session = makeSession(small);
    ASSERT_TRUE(session);
    seen.squares = squares;
    auto report = session->update({});
    ASSERT_TRUE(report);
    EXPECT_FALSE(report->finite);
    EXPECT_EQ(seen.entry, LNX_ENTRY_NORM);
    EXPECT_EQ(session->steps(), 0);
  }
}

TEST(Session, SaysWhichEntryIsMissing) {
  auto session = makeSession(small);
  ASSERT_TRUE(session);
  EXPECT_EQ(messageOf(session->update({.optimizer = Optimizer::sgd})),
            "the program has no entry 'sgd'");
}

TEST(Session, RefusesMomentsOutsideTheirRange) {
  auto session = makeSession(small);
  ASSERT_TRUE(session);
  EXPECT_EQ(messageOf(session->update({.beta1 = 1})), "beta1 1.000000 is not in [0, 1)");
  EXPECT_EQ(messageOf(session->update({.beta2 = -0.5f})), "beta2 -0.500000 is not in [0, 1)");
}

} // namespace
