// attend and attend_grad against the defining formulas in double.
// The reference stores all scores; the kernels under test never do.
#include "Fill.h"
#include "device/cpu/Cpu.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

using namespace lnx;

namespace {

struct Problem {
  int64_t batch, time, heads, kvHeads, size;
  bool causal;
  float softcap;
  float sharpness = 3; // factor of the queries: 3 gives sharper distributions than averages
};

std::ostream &operator<<(std::ostream &out, const Problem &p) {
  return out << "B" << p.batch << " T" << p.time << " H" << p.heads << "/" << p.kvHeads << " d"
             << p.size << (p.causal ? " causal" : " full") << " cap " << p.softcap;
}

struct Tensors {
  std::vector<float> q, k, v, od, o, lse, dq, dk, dv;
};

Tensors makeTensors(const Problem &p) {
  const int64_t rows = p.batch * p.time, query = rows * p.heads * p.size;
  const int64_t key = rows * p.kvHeads * p.size;
  auto unwritten = [](int64_t count) {
    return std::vector<float>(static_cast<size_t>(count), std::nanf(""));
  };
  Tensors t{randomFloats(query, 1), randomFloats(key, 2), randomFloats(key, 3),
            randomFloats(query, 4), unwritten(query),     unwritten(rows * p.heads),
            unwritten(query),       unwritten(key),       unwritten(key)};
  for (float &x : t.q)
    x *= p.sharpness;
  return t;
}

float scaleOf(const Problem &p) { return 1 / std::sqrt(static_cast<float>(p.size)); }

void run(const Problem &p, const Cpu &cpu, Tensors &t) {
  const lnx_runtime &calls = cpu.calls();
  calls.attend(calls.context, t.q.data(), t.k.data(), t.v.data(), t.o.data(), t.lse.data(), p.batch,
               p.time, p.heads, p.kvHeads, p.size, p.causal, scaleOf(p), p.softcap);
  calls.attend_grad(calls.context, t.q.data(), t.k.data(), t.v.data(), t.o.data(), t.lse.data(),
                    t.od.data(), t.dq.data(), t.dk.data(), t.dv.data(), p.batch, p.time, p.heads,
                    p.kvHeads, p.size, p.causal, scaleOf(p), p.softcap);
}

// Outputs and gradients in double.
struct Exact {
  std::vector<double> o, lse, dq, dk, dv;
};

// One query row of one head.
void exactRow(const Problem &p, const Tensors &t, int64_t b, int64_t h, int64_t i, Exact &e) {
  const int64_t g = h / (p.heads / p.kvHeads), keys = p.causal ? i + 1 : p.time;
  auto queryAt = [&](int64_t c) {
    return static_cast<size_t>(((b * p.time + i) * p.heads + h) * p.size + c);
  };
  auto keyAt = [&](int64_t j, int64_t c) {
    return static_cast<size_t>(((b * p.time + j) * p.kvHeads + g) * p.size + c);
  };
  const double scale = scaleOf(p), cap = p.softcap;
  std::vector<double> weight(static_cast<size_t>(keys)), slope(weight), gradient(weight);
  double total = 0, mean = 0;
  for (int64_t j = 0; j < keys; ++j) {
    double s = 0;
    for (int64_t c = 0; c < p.size; ++c)
      s += double(t.q[queryAt(c)]) * t.k[keyAt(j, c)];
    s *= scale;
    const double tangent = cap > 0 ? std::tanh(s / cap) : 0;
    slope[static_cast<size_t>(j)] = cap > 0 ? 1 - tangent * tangent : 1;
    weight[static_cast<size_t>(j)] = std::exp(cap > 0 ? cap * tangent : s);
    total += weight[static_cast<size_t>(j)];
  }
  e.lse[static_cast<size_t>((b * p.time + i) * p.heads + h)] = std::log(total);
  for (int64_t j = 0; j < keys; ++j) {
    const auto at = static_cast<size_t>(j);
    weight[at] /= total;
    for (int64_t c = 0; c < p.size; ++c) {
      e.o[queryAt(c)] += weight[at] * t.v[keyAt(j, c)];
      e.dv[keyAt(j, c)] += weight[at] * t.od[queryAt(c)];
      gradient[at] += double(t.od[queryAt(c)]) * t.v[keyAt(j, c)];
    }
    mean += weight[at] * gradient[at];
  }
  for (int64_t j = 0; j < keys; ++j) {
    const auto at = static_cast<size_t>(j);
    const double ds = weight[at] * (gradient[at] - mean) * slope[at] * scale;
    for (int64_t c = 0; c < p.size; ++c) {
      e.dq[queryAt(c)] += ds * t.k[keyAt(j, c)];
      e.dk[keyAt(j, c)] += ds * t.q[queryAt(c)];
    }
  }
}

Exact exact(const Problem &p, const Tensors &t) {
  Exact e{std::vector<double>(t.q.size()), std::vector<double>(t.lse.size()),
          std::vector<double>(t.q.size()), std::vector<double>(t.k.size()),
          std::vector<double>(t.k.size())};
  for (int64_t b = 0; b < p.batch; ++b)
    for (int64_t h = 0; h < p.heads; ++h)
      for (int64_t i = 0; i < p.time; ++i)
        exactRow(p, t, b, h, i, e);
  return e;
}

void expectNear(const char *what, const std::vector<float> &got, const std::vector<double> &want,
                double tolerance, const Problem &p) {
  double worst = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double error = std::abs(got[i] - want[i]);
    worst = error <= worst ? worst : error; // nan counts as worst
    if (std::isnan(error))
      worst = INFINITY;
  }
  EXPECT_LE(worst, tolerance) << what << " of " << p;
}

void check(const Problem &p, const Cpu &cpu) {
  Tensors t = makeTensors(p);
  run(p, cpu, t);
  const Exact e = exact(p, t);
  // Sums of at most T * group terms of order 1; single precision keeps about 1e-7 of each.
  const double terms = std::sqrt(double(p.time * p.heads / p.kvHeads));
  // A score of size s is rounded by 1e-7 s, and so is the exponential of it.
  const double size = p.sharpness / 3;
  expectNear("o", t.o, e.o, 2e-6 * size, p);
  expectNear("lse", t.lse, e.lse, 4e-6 * size, p);
  expectNear("dq", t.dq, e.dq, 1e-5 * size, p);
  expectNear("dk", t.dk, e.dk, 1e-5 * terms * size * size, p);
  expectNear("dv", t.dv, e.dv, 4e-6 * terms * size, p);
}

class AttentionTest : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    if (!findMicroKernel(GetParam()))
      GTEST_SKIP() << "this machine has no " << GetParam();
  }
};

// Lengths and head sizes around every block border, masked and not.
TEST_P(AttentionTest, EqualsTheFormula) {
  auto cpu = Cpu::create(2, GetParam());
  ASSERT_TRUE(cpu);
  for (int64_t time : {1, 2, 17, 63, 64, 65, 200, 300})
    for (int64_t size : {1, 5, 16, 40, 64, 100})
      for (bool causal : {true, false})
        check({2, time, 2, 2, size, causal, 0}, **cpu);
}

// Scores that spread over dozens: later blocks of keys outgrow what earlier sums are relative to.
TEST_P(AttentionTest, RescalesEarlierSums) {
  auto cpu = Cpu::create(2, GetParam());
  ASSERT_TRUE(cpu);
  for (float sharpness : {30.0f, 100.0f})
    for (bool causal : {true, false})
      check({1, 300, 2, 2, 16, causal, 0, sharpness}, **cpu);
}

// Several query heads read one key head; its gradient sums over them.
TEST_P(AttentionTest, SharesKeyHeads) {
  auto cpu = Cpu::create(2, GetParam());
  ASSERT_TRUE(cpu);
  for (int64_t time : {3, 70, 130})
    for (int64_t kvHeads : {1, 2, 3})
      for (bool causal : {true, false})
        check({1, time, 6, kvHeads, 24, causal, 0}, **cpu);
}

TEST_P(AttentionTest, CapsScores) {
  auto cpu = Cpu::create(2, GetParam());
  ASSERT_TRUE(cpu);
  for (float softcap : {0.3f, 2.0f, 50.0f})
    for (bool causal : {true, false})
      check({1, 75, 4, 2, 32, causal, softcap}, **cpu);
}

// Head sizes beyond the workspace take the plain loops.
TEST_P(AttentionTest, TakesLargeHeads) {
  auto cpu = Cpu::create(2, GetParam());
  ASSERT_TRUE(cpu);
  for (int64_t size : {256, 511, 512, 513, 600})
    for (float softcap : {0.0f, 1.5f})
      check({1, 70, 2, 1, size, true, softcap}, **cpu);
}

TEST_P(AttentionTest, BitsDoNotDependOnThreads) {
  for (const Problem &p :
       {Problem{2, 150, 4, 2, 33, true, 5}, Problem{1, 200, 4, 1, 16, true, 0}}) {
    Tensors one = makeTensors(p);
    run(p, **Cpu::create(1, GetParam()), one);
    for (int threads : {2, 3}) {
      Tensors more = makeTensors(p);
      run(p, **Cpu::create(threads, GetParam()), more);
      for (auto part : {&Tensors::o, &Tensors::lse, &Tensors::dq, &Tensors::dk, &Tensors::dv})
        EXPECT_EQ(0, std::memcmp((one.*part).data(), (more.*part).data(),
                                 (one.*part).size() * sizeof(float)));
    }
  }
}

// Scores far apart: the weights underflow to exact zeros and nothing becomes nan.
TEST_P(AttentionTest, SurvivesHugeScores) {
  auto cpu = Cpu::create(1, GetParam());
  ASSERT_TRUE(cpu);
  const Problem p{1, 100, 1, 1, 16, true, 0};
  Tensors t = makeTensors(p);
  for (float &x : t.q)
    x *= 1000;
  run(p, **cpu, t);
  for (auto part : {&Tensors::o, &Tensors::dq, &Tensors::dk, &Tensors::dv})
    for (float x : t.*part)
      ASSERT_TRUE(std::isfinite(x));
}

INSTANTIATE_TEST_SUITE_P(Kernels, AttentionTest, testing::Values("avx512", "avx2", "portable"),
                         [](const auto &info) { return std::string(info.param); });

} // namespace
