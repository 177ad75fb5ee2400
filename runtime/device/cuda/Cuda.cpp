// Cuda: context, memory and launches of one session.
// Calls of compiled code cannot return an error: the first one is kept and reported by run().
#include "device/cuda/Cuda.h"

#include "Block.h"
#include "device/cuda/Probe.h"

#include <array>

using namespace lnx;
using namespace lnx::cuda;

static Cuda &self(void *context) { return *static_cast<Cuda *>(context); }

static CUdeviceptr addressOf(const void *pointer) { return reinterpret_cast<CUdeviceptr>(pointer); }

Result<std::unique_ptr<Cuda>> Cuda::create(const lnx_program &program) {
  Result<const Driver *> driver = Driver::open();
  if (!driver)
    return driver.error();
  std::unique_ptr<Cuda> cuda(new Cuda(**driver));
  if (auto error = cuda->start())
    return *error;
  if (auto error = cuda->load(program))
    return *error;
  return cuda;
}

std::optional<Error> Cuda::start() {
  Result<Gpu> gpu = findGpu(driver);
  if (!gpu)
    return gpu.error();
  device = gpu->device;
  deviceName = gpu->name;
  if (auto error =
          driver.check(driver.devicePrimaryCtxRetain(&context, device), "use '" + deviceName + "'"))
    return error;
  if (auto error = driver.check(driver.ctxSetCurrent(context), "use the GPU"))
    return error;
  constexpr unsigned nonBlocking = 1;
  if (auto error = driver.check(driver.streamCreate(&stream, nonBlocking), "make a stream"))
    return error;
  Result<void *> workspace =
      reserve(Blas::workspaceBytes, "the matrix products", Content::anything);
  if (!workspace)
    return workspace.error();
  Result<std::unique_ptr<Blas>> opened = Blas::open(driver, addressOf(*workspace), stream);
  if (!opened)
    return opened.error();
  blas = std::move(*opened);
  graphs = std::make_unique<Graphs>(driver);
  table.context = this;
  table.launch = [](void *context, int64_t kernel, const uint64_t *slots, int64_t count,
                    int64_t blocks) { self(context).launch(kernel, slots, count, blocks); };
  table.gemm = [](void *context, int64_t transposeA, int64_t transposeB, int64_t m, int64_t n,
                  int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb,
                  int64_t accumulate, float *c, int64_t ldc) {
    self(context).multiply({transposeA != 0, transposeB != 0, m, n, k, LNX_TYPE_F32, lda, ldb,
                            accumulate != 0, LNX_TYPE_F32, ldc, LNX_EPILOGUE_NONE, 0},
                           {addressOf(a), addressOf(b), addressOf(c), 0, 0});
  };
  table.matmul = [](void *context, int64_t transposeA, int64_t transposeB, int64_t m, int64_t n,
                    int64_t k, int64_t type, const void *a, int64_t lda, const void *b, int64_t ldb,
                    int64_t accumulate, int64_t typeC, void *c, int64_t ldc, int64_t epilogue,
                    void *bias, void *aux, int64_t ldAux) {
    self(context).multiply(
        {transposeA != 0, transposeB != 0, m, n, k, type, lda, ldb, accumulate != 0, typeC, ldc,
         epilogue, ldAux},
        {addressOf(a), addressOf(b), addressOf(c), addressOf(bias), addressOf(aux)});
  };
  return std::nullopt;
}

std::optional<Error> Cuda::load(const lnx_program &program) {
  if (!program.device_code)
    return Error{"the program was compiled for the CPU: compile it with '--target=cuda'",
                 Exit::device};
  // Where the driver writes what it does not like about the code.
  constexpr int errorLog = 5, errorLogBytes = 6;
  std::array<char, 8192> text{};
  std::array<int, 2> options = {errorLog, errorLogBytes};
  std::array<void *, 2> values = {text.data(), reinterpret_cast<void *>(text.size())};
  const CUresult loaded = driver.moduleLoadDataEx(&module, program.device_code, options.size(),
                                                  options.data(), values.data());
  if (loaded != 0)
    return driver.check(loaded, "load the kernels of '" + std::string(program.name) + "'",
                        text[0] ? "the driver's compiler says: " + std::string(text.data()) : "");
  for (int64_t i = 0; i < program.kernel_count; ++i) {
    const lnx_device_kernel &kernel = program.kernels[i];
    CUfunction function = nullptr;
    if (auto error = driver.check(driver.moduleGetFunction(&function, module, kernel.name),
                                  "find the kernel '" + std::string(kernel.name) + "'"))
      return error;
    kernels.push_back({function, static_cast<unsigned>(kernel.threads), kernel.name});
  }
  return std::nullopt;
}

Cuda::~Cuda() {
  if (!context)
    return;
  driver.ctxSetCurrent(context);
  if (stream)
    driver.streamSynchronize(stream);
  graphs.reset();
  blas.reset();
  for (CUdeviceptr address : reserved)
    driver.memFree(address);
  if (module)
    driver.moduleUnload(module);
  if (stream)
    driver.streamDestroy(stream);
  driver.devicePrimaryCtxRelease(device);
}

Result<void *> Cuda::reserve(size_t bytes, const char *purpose, Content content) {
  bytes = std::max<size_t>(bytes, 16);
  CUdeviceptr address = 0;
  driver.ctxSetCurrent(context);
  const CUresult result = driver.memAlloc(&address, bytes);
  if (result == outOfMemory) {
    size_t available = 0, total = 0;
    driver.memGetInfo(&available, &total);
    return Error{"'" + deviceName + "' has no room for " + purpose + ": " + mebibytes(bytes) +
                     " are needed, " + mebibytes(available) + " of " + mebibytes(total) +
                     " are free" + helpLine(result),
                 Exit::device};
  }
  if (auto error = driver.check(result, "reserve memory"))
    return *error;
  reserved.push_back(address);
  if (content == Content::zeros)
    if (auto error = driver.check(driver.memsetD8Async(address, 0, bytes, stream), "clear memory"))
      return *error;
  return reinterpret_cast<void *>(address);
}

std::optional<Error> Cuda::upload(void *to, const void *from, size_t bytes) {
  driver.ctxSetCurrent(context);
  if (bytes == 0)
    return std::nullopt;
  // The driver takes pageable memory before it returns, and the stream keeps the order.
  return driver.check(driver.memcpyHtoDAsync(addressOf(to), from, bytes, stream),
                      "copy to the GPU");
}

std::optional<Error> Cuda::download(void *to, const void *from, size_t bytes) {
  driver.ctxSetCurrent(context);
  if (bytes == 0)
    return std::nullopt;
  if (auto error = driver.check(driver.memcpyDtoHAsync(to, addressOf(from), bytes, stream),
                                "copy from the GPU"))
    return error;
  return driver.check(driver.streamSynchronize(stream), "copy from the GPU");
}

void Cuda::note(std::optional<Error> error) {
  if (error && !failed)
    failed = std::move(error);
}

void Cuda::launch(int64_t number, const uint64_t *slots, int64_t count, int64_t blocks) {
  constexpr int64_t mostSlots = 512; // 4 KiB, what a kernel may take
  if (blocks == 0 || failed)
    return;
  const Kernel &kernel = kernels[static_cast<size_t>(number)];
  std::array<void *, mostSlots> parameters;
  if (count > mostSlots) {
    note(Error{"the kernel '" + std::string(kernel.name) + "' takes " + std::to_string(count) +
                   " parameters, the limit is " + std::to_string(mostSlots),
               Exit::internal});
    return;
  }
  for (int64_t i = 0; i < count; ++i)
    parameters[static_cast<size_t>(i)] = const_cast<uint64_t *>(slots + i);
  note(
      driver.check(driver.launchKernel(kernel.function, static_cast<unsigned>(blocks), 1, 1,
                                       kernel.threads, 1, 1, 0, stream, parameters.data(), nullptr),
                   "launch the kernel '" + std::string(kernel.name) + "'"));
}

void Cuda::multiply(const Product &product, const Operands &at) {
  if (!failed)
    note(blas->run(product, at));
}

std::optional<Error> Cuda::run(lnx_entry entry, const lnx_call &call) {
  driver.ctxSetCurrent(context);
  if (failed)
    return failed;
  note(graphs->run(entry, call, stream, [&] {
    entry(&call);
    return failed;
  }));
  if (failed)
    return failed;
  return driver.check(driver.streamSynchronize(stream), "run the program");
}

size_t Cuda::freeBytes() const {
  size_t available = 0, total = 0;
  driver.ctxSetCurrent(context);
  driver.memGetInfo(&available, &total);
  return available;
}

size_t lnx::cudaWorkspaceBytes() { return Blas::workspaceBytes; }

Result<std::unique_ptr<Device>> lnx::createCudaDevice(const lnx_program &program) {
  Result<std::unique_ptr<Cuda>> cuda = Cuda::create(program);
  if (!cuda)
    return cuda.error();
  return std::unique_ptr<Device>(std::move(*cuda));
}
