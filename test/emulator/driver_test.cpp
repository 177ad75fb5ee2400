// Driver: the look-alike through dlopen, as the runtime meets it.
// A failed device stays failed, so every test has a process of its own.
#include "emulator/driver/Client.h"

#include <cstring>
#include <thread>

using namespace emulator;

namespace {

const char *const Scale = R"(.version 8.3
.target sm_90a
.address_size 64
.global .align 4 .u32 factor = 3;
.visible .entry scale(.param .u32 n, .param .u64 data) .maxntid 128 {
  .reg .pred %p<2>; .reg .b32 %r<8>; .reg .b64 %d<4>;
  ld.param.u32 %r1, [n];
  ld.param.u64 %d1, [data];
  mov.u32 %r2, %tid.x;
  mov.u32 %r3, %ctaid.x;
  mad.lo.u32 %r2, %r3, 128, %r2;
  setp.ge.u32 %p1, %r2, %r1;
  @%p1 ret;
  mad.wide.u32 %d2, %r2, 4, %d1;
  ld.global.u32 %r4, [%d2];
  ld.global.u32 %r5, [factor];
  mul.lo.u32 %r4, %r4, %r5;
  st.global.u32 [%d2], %r4;
  ret;
})";

TEST(Driver, SaysWhatItIs) {
  isolated([] {
    setenv("LNX_EMULATOR_SMS", "5", 1);
    Cuda cuda;
    char name[64];
    cuda.call("cuDeviceGetName", static_cast<char *>(name), 64, 0);
    EXPECT_TRUE(std::strstr(name, "emulator"));
    for (auto [attribute, value] : {std::pair{16, 5}, {75, 9}, {76, 0}, {97, 232448}, {10, 32}}) {
      int got = 0;
      cuda.call("cuDeviceGetAttribute", &got, attribute, 0);
      EXPECT_EQ(got, value) << attribute;
    }
    void *function = nullptr;
    int found = -1;
    cuda.call("cuGetProcAddress_v2", static_cast<const char *>("cuMemAlloc"), &function, 12080,
              uint64_t(0), &found);
    EXPECT_EQ(function, dlsym(cuda.library, "cuMemAlloc_v2"));
  });
}

TEST(Driver, NeedsInitialisation) {
  isolated([] {
    void *library = dlopen(EMULATED_CUDA, RTLD_NOW);
    auto allocate =
        reinterpret_cast<CUresult (*)(CUdeviceptr *, size_t)>(dlsym(library, "cuMemAlloc_v2"));
    CUdeviceptr address = 0;
    EXPECT_EQ(allocate(&address, 4), CUDA_ERROR_NOT_INITIALIZED);
    reinterpret_cast<CUresult (*)(unsigned)>(dlsym(library, "cuInit"))(0);
    EXPECT_EQ(allocate(&address, 4), CUDA_ERROR_INVALID_CONTEXT);
  });
}

// A context is current for the thread that made it so, not for others.
TEST(Driver, ContextsBelongToThreads) {
  isolated([] {
    Cuda cuda;
    std::thread([&] {
      CUdeviceptr address = 0;
      EXPECT_EQ(cuda.ask("cuMemAlloc_v2", &address, size_t(4)), CUDA_ERROR_INVALID_CONTEXT);
    }).join();
    cuda.allocate(4);
  });
}

TEST(Driver, RunsAKernel) {
  isolated([] {
    Cuda cuda;
    CUfunction f = cuda.function(Scale, "scale");
    std::vector<uint32_t> values(200, 7), expected(200, 21);
    CUdeviceptr data = cuda.upload(values);
    EXPECT_EQ(cuda.launch(f, 2, 128, nullptr, 200, data), CUDA_SUCCESS);
    EXPECT_EQ(cuda.download(data, 200), expected);
    CUdeviceptr factor = 0;
    size_t bytes = 0;
    cuda.call("cuModuleGetGlobal_v2", &factor, &bytes, cuda.module,
              static_cast<const char *>("factor"));
    EXPECT_EQ(bytes, 4u);
    uint64_t counters[2] = {};
    EXPECT_EQ(static_cast<int>(cuda.ask("lnxEmulatorCounters", static_cast<const char *>("scale"),
                                        static_cast<uint64_t *>(counters), size_t(2))),
              1);
    EXPECT_EQ(counters[0], 7 * 13u + 7u); // seven warps run it all, the last one leaves at once
  });
}

// A module that does not load says which line, as the driver's compiler does.
TEST(Driver, RefusesUnknownPtx) {
  isolated([] {
    Cuda cuda;
    std::string text = std::string(".version 8.3\n.target sm_90a\n.address_size 64\n") +
                       ".visible .entry k() {\n wgmma.fence.sync.aligned;\n}";
    char log[256] = "";
    size_t size = sizeof log;
    int options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void *values[] = {log, reinterpret_cast<void *>(size)};
    CUmodule module = nullptr;
    EXPECT_EQ(cuda.ask("cuModuleLoadDataEx", &module, static_cast<const void *>(text.c_str()), 2u,
                       static_cast<int *>(options), static_cast<void **>(values)),
              CUDA_ERROR_INVALID_PTX);
    EXPECT_STREQ(log,
                 "line 5: 'wgmma.fence.sync.aligned': is not emulated: add it to a unit of the "
                 "emulator, or do not emit it");
  });
}

// A fault is found when the work runs; from then on every call fails with its sentence.
TEST(Driver, FailuresStay) {
  isolated([] {
    Cuda cuda;
    CUfunction f = cuda.function(Scale, "scale");
    CUdeviceptr data = cuda.upload(std::vector<uint32_t>(100, 1));
    CUstream stream = nullptr;
    cuda.call("cuStreamCreate", &stream, 1u);
    EXPECT_EQ(cuda.launch(f, 1, 128, stream, 101, data), CUDA_SUCCESS);
    EXPECT_EQ(cuda.ask("cuStreamSynchronize", stream), CUDA_ERROR_LAUNCH_FAILED);
    EXPECT_NE(
        cuda.words(CUDA_ERROR_LAUNCH_FAILED)
            .find("unspecified launch failure: kernel 'scale', PTX line 15, CTA (0,0,0), warp "
                  "3, lane 4: address"),
        std::string::npos)
        << cuda.words(CUDA_ERROR_LAUNCH_FAILED);
    CUdeviceptr more = 0;
    EXPECT_EQ(cuda.ask("cuMemAlloc_v2", &more, size_t(4)), CUDA_ERROR_LAUNCH_FAILED);
  });
}

TEST(Driver, RefusesBadLaunches) {
  isolated([] {
    Cuda cuda;
    CUfunction f = cuda.function(Scale, "scale");
    CUdeviceptr data = cuda.upload({1});
    EXPECT_EQ(cuda.launch(f, 1, 256, nullptr, 1, data), CUDA_ERROR_INVALID_VALUE);
    EXPECT_NE(cuda.words(CUDA_ERROR_INVALID_VALUE).find("above .maxntid (128,1,1)"),
              std::string::npos);
    EXPECT_EQ(cuda.launch(f, 1, 128, nullptr, 1, data, 50000), CUDA_ERROR_INVALID_VALUE);
    cuda.call("cuFuncSetAttribute", f, 8, 50000);
    EXPECT_EQ(cuda.launch(f, 1, 128, nullptr, 1, data, 50000), CUDA_SUCCESS);
    EXPECT_EQ(cuda.ask("cuFuncSetAttribute", f, 8, 240000), CUDA_ERROR_INVALID_VALUE);
    // The device is as good as before.
    cuda.call("cuCtxSynchronize");
  });
}

// What nothing wrote is not zero by luck; memset and copies carry what was written.
TEST(Driver, UnwrittenMemoryReadsAsRubbish) {
  isolated([] {
    Cuda cuda;
    CUdeviceptr data = cuda.allocate(8);
    cuda.call("cuMemsetD32_v2", data, 7u, size_t(1));
    EXPECT_EQ(cuda.download(data, 2), (std::vector<uint32_t>{7, 0xcdcdcdcd}));
    CUdeviceptr copy = cuda.allocate(8);
    cuda.call("cuMemcpyDtoD_v2", copy, data, size_t(8));
    EXPECT_EQ(cuda.download(copy, 2), (std::vector<uint32_t>{7, 0xcdcdcdcd}));
  });
}

TEST(Driver, MemoryHasALimit) {
  isolated([] {
    setenv("LNX_EMULATOR_MEMORY", "1000000", 1);
    Cuda cuda;
    CUdeviceptr a = cuda.allocate(900000), b = 0;
    EXPECT_EQ(cuda.ask("cuMemAlloc_v2", &b, size_t(200000)), CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_EQ(cuda.words(CUDA_ERROR_OUT_OF_MEMORY),
              "out of memory: 200000 bytes asked for, 100000 of 1000000 are free");
    cuda.call("cuMemFree_v2", a);
    size_t free = 0, total = 0;
    cuda.call("cuMemGetInfo_v2", &free, &total);
    EXPECT_EQ(free, 1000000u);
    EXPECT_EQ(cuda.ask("cuMemFree_v2", a), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cuda.ask("cuMemsetD8_v2", CUdeviceptr(64), static_cast<unsigned char>(1), size_t(4)),
              CUDA_ERROR_INVALID_VALUE);
  });
}

// Work of a stream runs when it is waited for; pinned memory shows it.
TEST(Driver, StreamsAreLazyAndOrdered) {
  isolated([] {
    Cuda cuda;
    CUfunction f = cuda.function(Scale, "scale");
    CUdeviceptr data = cuda.upload(std::vector<uint32_t>(4, 1));
    uint32_t *host = nullptr;
    cuda.call("cuMemHostAlloc", reinterpret_cast<void **>(&host), size_t(16), 0u);
    CUstream first = nullptr, second = nullptr;
    cuda.call("cuStreamCreate", &first, 1u);
    cuda.call("cuStreamCreate", &second, 1u);
    CUevent event = nullptr;
    cuda.call("cuEventCreate", &event, 0u);
    EXPECT_EQ(cuda.launch(f, 1, 128, first, 4, data), CUDA_SUCCESS);
    cuda.call("cuEventRecord", event, first);
    cuda.call("cuStreamWaitEvent", second, event, 0u);
    cuda.call("cuMemcpyDtoHAsync_v2", static_cast<void *>(host), data, size_t(16), second);
    EXPECT_EQ(host[0], 0u);
    EXPECT_EQ(cuda.ask("cuEventQuery", event), CUDA_ERROR_NOT_READY);
    cuda.call("cuStreamSynchronize", second);
    EXPECT_EQ(host[0], 3u);
    EXPECT_EQ(cuda.ask("cuEventQuery", event), CUDA_SUCCESS);
  });
}

TEST(Driver, GraphsReplay) {
  isolated([] {
    Cuda cuda;
    CUfunction f = cuda.function(Scale, "scale");
    CUdeviceptr data = cuda.upload(std::vector<uint32_t>(4, 1)), copy = cuda.allocate(16);
    CUstream stream = nullptr, side = nullptr;
    CUevent fork = nullptr, join = nullptr;
    cuda.call("cuStreamCreate", &stream, 1u);
    cuda.call("cuStreamCreate", &side, 1u);
    cuda.call("cuEventCreate", &fork, 0u);
    cuda.call("cuEventCreate", &join, 0u);
    cuda.call("cuStreamBeginCapture_v2", stream, 1);
    EXPECT_EQ(cuda.launch(f, 1, 128, stream, 4, data), CUDA_SUCCESS);
    cuda.call("cuEventRecord", fork, stream);
    cuda.call("cuStreamWaitEvent", side, fork, 0u);
    cuda.call("cuMemcpyDtoDAsync_v2", copy, data, size_t(16), side);
    cuda.call("cuEventRecord", join, side);
    cuda.call("cuStreamWaitEvent", stream, join, 0u);
    CUgraph graph = nullptr;
    cuda.call("cuStreamEndCapture", stream, &graph);
    CUgraphExec exec = nullptr;
    cuda.call("cuGraphInstantiateWithFlags", &exec, graph, 0ull);
    EXPECT_EQ(cuda.download(data, 1)[0], 1u); // recorded, not run
    for (int k = 0; k < 2; ++k)
      cuda.call("cuGraphLaunch", exec, stream);
    cuda.call("cuStreamSynchronize", stream);
    EXPECT_EQ(cuda.download(copy, 4), std::vector<uint32_t>(4, 9));
    cuda.call("cuGraphExecDestroy", exec);
    cuda.call("cuGraphDestroy", graph);
  });
}

// What a capture forbids is refused and spoils it; a side stream must come back.
TEST(Driver, CapturesAreGuarded) {
  isolated([] {
    Cuda cuda;
    CUdeviceptr data = cuda.allocate(16), more = 0;
    CUstream stream = nullptr, side = nullptr;
    CUevent event = nullptr;
    CUgraph graph = nullptr;
    cuda.call("cuStreamCreate", &stream, 1u);
    cuda.call("cuStreamCreate", &side, 1u);
    cuda.call("cuEventCreate", &event, 0u);
    cuda.call("cuStreamBeginCapture_v2", stream, 0);
    EXPECT_EQ(cuda.ask("cuMemAlloc_v2", &more, size_t(4)), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    EXPECT_EQ(cuda.ask("cuStreamEndCapture", stream, &graph),
              CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    cuda.call("cuStreamBeginCapture_v2", stream, 0);
    EXPECT_EQ(cuda.ask("cuStreamSynchronize", stream), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    EXPECT_EQ(cuda.ask("cuStreamEndCapture", stream, &graph),
              CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    cuda.call("cuStreamBeginCapture_v2", stream, 0);
    cuda.call("cuEventRecord", event, stream);
    cuda.call("cuStreamWaitEvent", side, event, 0u);
    cuda.call("cuMemsetD32Async", data, 1u, size_t(4), side);
    EXPECT_EQ(cuda.ask("cuStreamEndCapture", stream, &graph), CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
    cuda.call("cuMemsetD32_v2", data, 5u, size_t(4));
    EXPECT_EQ(cuda.download(data, 4), std::vector<uint32_t>(4, 5));
  });
}

TEST(Driver, Occupancy) {
  isolated([] {
    Cuda cuda;
    CUfunction f = cuda.function(Scale, "scale");
    int blocks = 0;
    cuda.call("cuOccupancyMaxActiveBlocksPerMultiprocessor", &blocks, f, 128, size_t(0));
    EXPECT_EQ(blocks, 16); // 64 warps
    cuda.call("cuOccupancyMaxActiveBlocksPerMultiprocessor", &blocks, f, 128, size_t(100000));
    EXPECT_EQ(blocks, 2); // two times 101,024 of 233,472 bytes
  });
}

} // namespace
