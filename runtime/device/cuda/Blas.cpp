// Blas: row-major products in cuBLASLt's column-major words: the transpose of everything.
// C = A B row by row is C^T = B^T A^T column by column, and a row-major matrix is its transpose in
// column-major order, so nothing is moved: cuBLASLt's A is our B, its rows of D are our columns.
#include "device/cuda/Blas.h"

#include "lnx/abi.h"

#include <algorithm>
#include <cassert>
#include <limits>

using namespace lnx;
using namespace lnx::cuda;

namespace {

constexpr int32_t plain = 0, transposed = 1;

/// An epilogue of abi.h in cuBLASLt's words and ours. The bias goes along the rows of D, which are
/// our columns, and what is summed over k is the operand that we call by the other name.
struct Epilogue {
  int32_t value;
  const char *name;
  bool hasBias, hasAux;
};
constexpr std::array<Epilogue, LNX_EPILOGUE_COUNT> epilogues = {{
    {1, "no epilogue", false, false},              // DEFAULT
    {4, "a bias", true, false},                    // BIAS
    {32, "gelu", false, false},                    // GELU
    {36, "a bias and gelu", true, false},          // GELU_BIAS
    {160, "gelu kept", false, true},               // GELU_AUX
    {164, "a bias and gelu kept", true, true},     // GELU_AUX_BIAS
    {192, "the slope of gelu", false, true},       // DGELU
    {208, "the slope of gelu summed", true, true}, // DGELU_BGRAD
    {512, "sums of A", true, false},               // BGRADB
    {256, "sums of B", true, false},               // BGRADA
}};
static_assert(LNX_EPILOGUE_BIAS_GELU_AUX == 5 && LNX_EPILOGUE_SUM_A == 8 && LNX_EPILOGUE_SUM_B == 9,
              "the table is in the order of abi.h");

const Epilogue &epilogueOf(const Product &product) {
  assert(product.epilogue >= 0 && product.epilogue < LNX_EPILOGUE_COUNT && "not of abi.h");
  return epilogues[static_cast<size_t>(product.epilogue)];
}

int typeOf(int64_t type) { return type == LNX_TYPE_BF16 ? real16BF : real32F; }

/// "bf16 to f32 with a bias, 32 x 64 x 128 (m x n x k), A transposed".
std::string describeInWords(const Product &p) {
  auto type = [](int64_t type) { return type == LNX_TYPE_BF16 ? "bf16" : "f32"; };
  return std::string(type(p.type)) + " to " + type(p.typeC) + " with " + epilogueOf(p).name + ", " +
         std::to_string(p.m) + " x " + std::to_string(p.n) + " x " + std::to_string(p.k) +
         " (m x n x k)" + (p.transposeA ? ", A transposed" : "") +
         (p.transposeB ? ", B transposed" : "");
}

/// The largest power of two up to 256 that divides an address.
uint32_t alignmentOf(CUdeviceptr address) {
  return static_cast<uint32_t>(std::min<uint64_t>(address & -address, 256));
}

/// Times work of a stream, and keeps memory for as long as it does.
class Stopwatch {
public:
  Stopwatch(const Driver &driver, CUstream stream) : driver(driver), stream(stream) {
    for (CUevent *event : {&first, &last})
      if (driver.eventCreate(event, 0) != 0)
        *event = nullptr;
  }
  ~Stopwatch() {
    for (CUevent event : {first, last})
      if (event)
        driver.eventDestroy(event);
    if (memory)
      driver.memFree(memory);
  }
  Stopwatch(const Stopwatch &) = delete;
  Stopwatch &operator=(const Stopwatch &) = delete;

  /// 0 where the device has no room.
  CUdeviceptr reserve(int64_t bytes) {
    if (driver.memAlloc(&memory, static_cast<size_t>(bytes)) != 0)
      memory = 0;
    return memory;
  }
  bool begin() const { return first && driver.eventRecord(first, stream) == 0; }
  /// Milliseconds since begin.
  std::optional<float> end() const {
    float time = 0;
    if (!last || driver.eventRecord(last, stream) != 0 || driver.eventSynchronize(last) != 0 ||
        driver.eventElapsedTime(&time, first, last) != 0)
      return std::nullopt;
    return time;
  }

private:
  const Driver &driver;
  CUstream stream;
  CUevent first = nullptr, last = nullptr;
  CUdeviceptr memory = 0;
};

} // namespace

struct Blas::Plan {
  const BlasLibrary &library;
  void *description = nullptr, *a = nullptr, *b = nullptr, *c = nullptr;
  Algorithm algorithm{};

  explicit Plan(const BlasLibrary &library) : library(library) {}
  ~Plan() {
    if (description)
      library.matmulDescDestroy(description);
    for (void *layout : {a, b, c})
      if (layout)
        library.matrixLayoutDestroy(layout);
  }
  template <typename T> int set(int attribute, T value) const {
    return library.matmulDescSetAttribute(description, attribute, &value, sizeof value);
  }
  /// Layers share a plan but not their vectors.
  int pointTo(const Epilogue &epilogue, const Operands &at) const {
    const int status = epilogue.hasBias ? set(attributeBias, at.bias) : 0;
    return status == 0 && epilogue.hasAux ? set(attributeAux, at.aux) : status;
  }
};

Blas::Blas(const Driver &driver, const BlasLibrary *library, CUdeviceptr workspace, CUstream stream)
    : driver(driver), library(library), workspace(workspace), stream(stream) {}

Blas::~Blas() {
  plans.clear();
  for (const auto &[type, vectors] : vectorsOfOnes)
    for (const Ones &vector : vectors)
      driver.memFree(vector.address);
  if (handle)
    library->destroy(handle);
}

Result<std::unique_ptr<Blas>> Blas::open(const Driver &driver, CUdeviceptr workspace,
                                         CUstream stream) {
  Result<const BlasLibrary *> library = BlasLibrary::open(driver);
  if (!library)
    return library.error();
  std::unique_ptr<Blas> blas(new Blas(driver, *library, workspace, stream));
  if (auto error = (*library)->check((*library)->create(&blas->handle), "start"))
    return *error;
  return blas;
}

std::optional<Error> Blas::describe(Plan &plan, const Product &p) const {
  const BlasLibrary &l = *library;
  const Epilogue &epilogue = epilogueOf(p);
  auto layout = [&](void *&made, int64_t type, bool isTransposed, int64_t rows, int64_t columns,
                    int64_t ld) {
    if (isTransposed)
      std::swap(rows, columns);
    return l.matrixLayoutCreate(&made, typeOf(type), static_cast<uint64_t>(columns),
                                static_cast<uint64_t>(rows), ld);
  };
  int status = l.matmulDescCreate(&plan.description, compute32F, real32F);
  if (status == 0)
    status = plan.set(attributeTransA, p.transposeB ? transposed : plain);
  if (status == 0)
    status = plan.set(attributeTransB, p.transposeA ? transposed : plain);
  if (status == 0)
    status = plan.set(attributeEpilogue, epilogue.value);
  if (status == 0 && epilogue.hasAux)
    status = plan.set(attributeAuxLd, p.ldAux);
  if (status == 0)
    status = layout(plan.a, p.type, p.transposeA, p.m, p.k, p.lda);
  if (status == 0)
    status = layout(plan.b, p.type, p.transposeB, p.k, p.n, p.ldb);
  if (status == 0)
    status = layout(plan.c, p.typeC, false, p.m, p.n, p.ldc);
  return l.check(status, "describe a product of " + describeInWords(p));
}

Result<std::vector<Heuristic>> Blas::candidates(const Plan &plan, const Product &product) const {
  constexpr int wanted = 8;
  const BlasLibrary &l = *library;
  void *preference = nullptr;
  int status = l.matmulPreferenceCreate(&preference);
  auto prefer = [&](int attribute, auto value) {
    if (status == 0)
      status = l.matmulPreferenceSetAttribute(preference, attribute, &value, sizeof value);
  };
  const auto [a, b, c] = product.alignment;
  prefer(preferenceMaxWorkspace, uint64_t{workspaceBytes});
  prefer(preferenceAlignmentA, b);
  prefer(preferenceAlignmentB, a);
  prefer(preferenceAlignmentC, c);
  prefer(preferenceAlignmentD, c);
  std::vector<Heuristic> results(wanted);
  int found = 0;
  if (status == 0)
    status = l.matmulAlgoGetHeuristic(handle, plan.description, plan.b, plan.a, plan.c, plan.c,
                                      preference, wanted, results.data(), &found);
  if (preference)
    l.matmulPreferenceDestroy(preference);
  if (auto error = l.check(status, "compute a product of " + describeInWords(product)))
    return *error;
  results.resize(static_cast<size_t>(found));
  std::erase_if(results, [](const Heuristic &result) { return result.state != 0; });
  if (results.empty())
    return Error{"cuda: cuBLASLt has no algorithm for a product of " + describeInWords(product),
                 Exit::device};
  return results;
}

int Blas::start(const Plan &plan, const Algorithm &algorithm, const Product &product,
                const Operands &at, CUdeviceptr result) const {
  const float one = 1, keep = product.accumulate ? 1 : 0;
  auto address = [](CUdeviceptr at) { return reinterpret_cast<void *>(at); };
  return library->matmul(handle, plan.description, &one, address(at.b), plan.b, address(at.a),
                         plan.a, &keep, address(at.c), plan.c, address(result), plan.c, &algorithm,
                         address(workspace), workspaceBytes, stream);
}

std::optional<Error> Blas::choose(Plan &plan, const Product &product, const Operands &at) const {
  Result<std::vector<Heuristic>> found = candidates(plan, product);
  if (!found)
    return found.error();
  plan.algorithm = found->front().algorithm;
  if (found->size() == 1)
    return std::nullopt;
  // What C holds must survive; without memory for another result the library's first choice is
  // taken.
  Stopwatch watch(driver, stream);
  const int64_t floats = (product.m - 1) * product.ldc + product.n;
  const CUdeviceptr result = product.accumulate ? watch.reserve(floats * 4) : at.c;
  if (result == 0)
    return std::nullopt;
  // Times vary by some percent from run to run, and with the choice the last bits would.
  constexpr float clearly = 0.95f;
  float least = std::numeric_limits<float>::infinity();
  for (const Heuristic &candidate : *found) {
    // The first run of an algorithm may have to load its code.
    std::optional<float> time;
    if (start(plan, candidate.algorithm, product, at, result) == 0 && watch.begin() &&
        start(plan, candidate.algorithm, product, at, result) == 0)
      time = watch.end();
    if (time && *time < least * clearly) {
      least = *time;
      plan.algorithm = candidate.algorithm;
    }
  }
  return driver.check(driver.streamSynchronize(stream),
                      "time a product of " + describeInWords(product));
}

Result<const Blas::Plan *> Blas::plan(const Product &product, const Operands &at) {
  if (auto known = plans.find(product); known != plans.end())
    return known->second.get();
  if (canBeUnfused(product) && !offers(product))
    return plans[product].get();
  auto made = std::make_unique<Plan>(*library);
  if (auto error = describe(*made, product))
    return *error;
  if (auto error = library->check(made->pointTo(epilogueOf(product), at), "place an epilogue"))
    return *error;
  if (auto known = recalled.find(product); known != recalled.end())
    made->algorithm = known->second;
  else if (auto error = choose(*made, product, at))
    return *error;
  return (plans[product] = std::move(made)).get();
}

std::optional<Error> Blas::run(Product product, const Operands &at) {
  product.alignment = {alignmentOf(at.a), alignmentOf(at.b), alignmentOf(at.c)};
  Result<const Plan *> planned = plan(product, at);
  if (!planned)
    return planned.error();
  if (!*planned)
    return runUnfused(product, at);
  const Plan &p = **planned;
  int status = p.pointTo(epilogueOf(product), at);
  if (status == 0)
    status = start(p, p.algorithm, product, at, at.c);
  if (status == 0)
    return std::nullopt;
  return library->check(status, "start a product of " + describeInWords(product));
}

bool Blas::offers(const Product &product) const {
  Plan plan(*library);
  return !describe(plan, product) && candidates(plan, product);
}

std::vector<Choice> Blas::choices() const {
  std::vector<Choice> chosen;
  for (const auto &[product, plan] : plans)
    if (plan)
      chosen.push_back({product, plan->algorithm});
  return chosen;
}

void Blas::recall(std::span<const Choice> choices) {
  for (const Choice &choice : choices)
    recalled[choice.product] = choice.algorithm;
}
