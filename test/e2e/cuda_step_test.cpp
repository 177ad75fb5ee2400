// What a training step asks of the driver: recorded calls, nothing allocated, only what is read
// copied. The look-alike of the driver counts.
#include "lnx/lnx.h"
#include "test/e2e/Harness.h"
#include "test/runtime/Emulated.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace lnx;
using namespace lnx::e2e;

namespace {

const char *settings = "width = 32, heads = 4, depth = 2, vocab = 61, context = 16";
constexpr int64_t batch = 2, length = 16;

class CudaStep : public testing::Test {
protected:
  Session session() {
    return makeSession(program, {.device = "cuda", .batch = batch, .time = length, .seed = 7});
  }
  /// One step whose rate and ids are those of its number.
  double step(Session &session, int number) {
    Ids ids = makeIds(batch, length, 61, 100 + static_cast<uint32_t>(number));
    Result<double> loss =
        session.step(ids.view(), {.rate = 1e-2f / static_cast<float>(1 + number), .clip = 0.5f});
    EXPECT_TRUE(loss) << loss.error().message;
    return loss ? *loss : 0;
  }

  Program program = e2e::Model(gpt2("peri_ln", settings)).compile({.target = "cuda"});
};

} // namespace

// From the third step on gradient, norm and update are one launch each, and nothing else is asked
// for.
TEST_F(CudaStep, LaunchesOneGraphACall) {
  Session trained = session();
  for (int number = 0; number < 2; ++number)
    step(trained, number);
  const char *const none[] = {"cuLaunchKernel",
                              "cuMemAlloc",
                              "cuGraphInstantiate",
                              "cublasLtMatmul",
                              "cublasLtMatmulDescCreate",
                              "cublasLtMatrixLayoutCreate",
                              "cublasLtMatmulAlgoGetHeuristic"};
  std::vector<uint64_t> before;
  for (const char *name : none)
    before.push_back(emulatedCalls(name));
  const uint64_t graphs = emulatedCalls("cuGraphLaunch"), copied = emulatedCalls("bytes to device");
  for (int number = 2; number < 5; ++number)
    step(trained, number);
  EXPECT_EQ(emulatedCalls("cuGraphLaunch") - graphs, 3 * 3u);
  for (size_t i = 0; i < before.size(); ++i)
    EXPECT_EQ(emulatedCalls(none[i]) - before[i], 0u) << none[i];
  // Ids and the arguments of three calls.
  EXPECT_LE(emulatedCalls("bytes to device") - copied, 3 * (2 * batch * length * 4 + 3 * 64u));
}

// Recorded calls give the bits of calls that run by themselves, with ids, rates and corrections of
// their own step: a session that is new for each step records nothing.
TEST_F(CudaStep, GraphsFreezeNothing) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("lnx-step-" + std::to_string(getpid()))).string();
  Session recorded = session(), fresh = session();
  for (int number = 0; number < 5; ++number) {
    if (number > 0) {
      fresh = session();
      ASSERT_FALSE(fresh.load(path));
    }
    const uint64_t before = emulatedCalls("cuGraphLaunch");
    const double loss = step(fresh, number);
    EXPECT_EQ(emulatedCalls("cuGraphLaunch"), before);
    EXPECT_EQ(step(recorded, number), loss) << number;
    EXPECT_EQ(recorded.parameterHash(), fresh.parameterHash()) << number;
    ASSERT_FALSE(fresh.save(path));
  }
  std::filesystem::remove(path);
}

// Of a parameter that is read only its bytes are copied, and only what was lent goes back.
TEST_F(CudaStep, CopiesWhatIsAsked) {
  Session trained = session();
  step(trained, 0);
  const lnx_parameter &first = trained.program()->parameters[0];
  uint64_t bytes = 4;
  for (int32_t d = 0; d < first.rank; ++d)
    bytes *= static_cast<uint64_t>(first.shape[d]);
  uint64_t before = emulatedCalls("bytes to host");
  Result<std::span<const float>> values = trained.read(first, 0);
  ASSERT_TRUE(values);
  EXPECT_EQ(emulatedCalls("bytes to host") - before, bytes);
  const std::vector<float> seen(values->begin(), values->end());

  const std::string name = trained.parameters()[0].name;
  step(trained, 1); // gives back what parameters() lent
  before = emulatedCalls("bytes to host");
  Result<ParameterView> view = trained.parameter(name);
  ASSERT_TRUE(view);
  EXPECT_EQ(emulatedCalls("bytes to host") - before, 4 * bytes);
  EXPECT_NE(std::vector<float>(view->value.begin(), view->value.end()), seen);
  view->value[0] = 5;
  // What was written is not lost by reading it again, alone or with the rest.
  EXPECT_EQ((*trained.read(first, 0))[0], 5);
  EXPECT_EQ(trained.parameters()[0].value[0], 5);

  Session other = session();
  step(other, 0);
  step(other, 1);
  view = other.parameter(name);
  ASSERT_TRUE(view);
  view->value[0] = 5;
  before = emulatedCalls("bytes to device");
  step(other, 2);
  EXPECT_LE(emulatedCalls("bytes to device") - before,
            4 * bytes + 2 * batch * length * 4 + 3 * 64u);
  step(trained, 2);
  EXPECT_EQ(trained.parameterHash(), other.parameterHash());
}

// The verifier's bound follows the parameters that the device has now.
TEST_F(CudaStep, MonitorMeasuresTheDevice) {
  Result<lnx::Model> model =
      lnx::Model::parse("model m = gpt2(block = peri_ln, " + std::string(settings) + ")\n");
  ASSERT_TRUE(model) << model.error().message;
  Result<Session> made =
      Session::create(*model, {.device = "cuda", .batch = batch, .time = length});
  ASSERT_TRUE(made) << made.error().message;
  Session trained = std::move(*made);
  Result<StreamMonitor> monitor = StreamMonitor::create(trained);
  ASSERT_TRUE(monitor) << monitor.error().message;
  const std::vector<double> before = monitor->bounds();
  step(trained, 0);
  EXPECT_NE(monitor->bounds(), before);
  const uint64_t copied = emulatedCalls("bytes to host");
  monitor->bounds();
  EXPECT_LT(emulatedCalls("bytes to host") - copied,
            static_cast<uint64_t>(trained.program()->state_floats) * 4);
}
