// Assembler: what counts as a complaint of ptxas, and that each is found in real code.
// The tests that need ptxas are skipped without it and say so.
#include "emulator/driver/Assembler.h"
#include "emulator/driver/Client.h"

using namespace emulator;

namespace {

const std::string Head = ".version 8.3\n.target sm_90a\n.address_size 64\n";

/// A kernel that keeps `live` numbers over a barrier, with `registers` for them.
std::string manyNumbers(int live, int registers) {
  std::string loads, stores;
  for (int i = 0; i < live; ++i) {
    const std::string f = "%f" + std::to_string(i);
    loads += "  ld.global.f32 " + f + ", [%d1+" + std::to_string(4 * i) + "];\n";
    stores += "  st.global.f32 [%d1+" + std::to_string(4 * (live - 1 - i)) + "], " + f + ";\n";
  }
  return Head + ".visible .entry k(.param .u64 a) .maxntid 128 .maxnreg " +
         std::to_string(registers) + " {\n  .reg .f32 %f<" + std::to_string(live) +
         ">; .reg .b64 %d<2>;\n  ld.param.u64 %d1, [a];\n" + loads + "  bar.sync 0;\n" + stores +
         "  ret;\n}\n";
}

class Ptxas : public testing::Test {
protected:
  void SetUp() override {
    if (assembler.path().empty())
      GTEST_SKIP() << "no ptxas in PATH or /usr/local/cuda/bin: nothing was assembled";
  }
  Assembler assembler;
};

} // namespace

TEST(AssemblerReport, SizesAreNoComplaint) {
  EXPECT_EQ(
      firstComplaint("ptxas info    : 0 bytes gmem, 64 bytes cmem[4]\n"
                     "ptxas info    : Compiling entry function 'rows' for 'sm_90a'\n"
                     "ptxas info    : Function properties for rows\n"
                     "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
                     "ptxas info    : Used 40 registers, used 1 barriers, 64 bytes smem, 560 bytes "
                     "cmem[0]\n"
                     "ptxas info    : Compile time = 60.6 ms\n"),
      "");
}

TEST(AssemblerReport, AnythingElseIsOne) {
  EXPECT_EQ(firstComplaint("ptxas info    : (C7510) Potential Performance Loss: wgmma ..."),
            "ptxas info    : (C7510) Potential Performance Loss: wgmma ...");
  EXPECT_EQ(firstComplaint("ptxas info    : Function properties for rows\n"
                           "    0 bytes stack frame, 4 bytes spill stores, 4 bytes spill loads\n"),
            "kernel 'rows':     0 bytes stack frame, 4 bytes spill stores, 4 bytes spill loads");
  EXPECT_EQ(firstComplaint("ptxas warning : Instruction 'vadd' is deprecated\n"),
            "ptxas warning : Instruction 'vadd' is deprecated");
  EXPECT_EQ(firstComplaint("ptxas info    : Used 8 registers, 16 bytes lmem\n"),
            "ptxas info    : Used 8 registers, 16 bytes lmem");
  EXPECT_EQ(firstComplaint("something new"), "something new");
}

TEST_F(Ptxas, TakesWhatIsInOrder) { EXPECT_EQ(assembler.complaint(manyNumbers(40, 64)), ""); }

TEST_F(Ptxas, FindsSpills) {
  std::string found = assembler.complaint(manyNumbers(40, 24));
  EXPECT_TRUE(found.starts_with("kernel 'k':     168 bytes stack frame")) << found;
}

TEST_F(Ptxas, FindsAStack) {
  std::string found = assembler.complaint(Head + R"(.visible .entry k(.param .u64 a) {
    .local .align 4 .b8 x[64]; .reg .b64 %d<5>; .reg .b32 %r<4>;
    ld.param.u64 %d1, [a]; ld.global.u64 %d2, [%d1]; mov.u64 %d3, x; add.u64 %d4, %d3, %d2;
    st.local.u32 [%d4], 7; ld.local.u32 %r1, [%d4+8]; st.global.u32 [%d1], %r1; ret;
  })");
  EXPECT_TRUE(found.starts_with("kernel 'k':     64 bytes stack frame")) << found;
}

TEST_F(Ptxas, FindsANote) {
  std::string found = assembler.complaint(Head + R"(.visible .entry k() .maxntid 128 {
        setmaxnreg.inc.sync.aligned.u32 240; ret;
      })");
  EXPECT_NE(found.find("(C7508)"), std::string::npos) << found;
}

TEST_F(Ptxas, FindsAnUnresolvedName) {
  std::string found =
      assembler.complaint(Head + R"(.extern .func (.param .b32 r) __nv_expf(.param .b32 a);
      .visible .entry k(.param .u64 a) { .reg .f32 %f<3>; .reg .b64 %d<2>;
        ld.param.u64 %d1, [a]; ld.global.f32 %f1, [%d1];
        { .param .b32 p; .param .b32 q; st.param.f32 [p], %f1;
          call.uni (q), __nv_expf, (p); ld.param.f32 %f2, [q]; }
        st.global.f32 [%d1], %f2; ret; })");
  EXPECT_NE(found.find("Unresolved extern function '__nv_expf'"), std::string::npos) << found;
}

// Code that the emulator could run is refused like code that it could not.
TEST_F(Ptxas, DecidesWhetherAModuleLoads) {
  isolated([] {
    Cuda cuda;
    std::string text = manyNumbers(40, 24);
    CUmodule module = nullptr;
    CUresult r = cuda.ask("cuModuleLoadData", &module, static_cast<const void *>(text.c_str()));
    EXPECT_EQ(r, CUDA_ERROR_INVALID_PTX);
    EXPECT_NE(cuda.words(r).find("PTX does not load: ptxas: kernel 'k':     168 bytes stack frame"),
              std::string::npos)
        << cuda.words(r);
  });
  isolated([] {
    setenv("LNX_PTXAS", "", 1);
    Cuda cuda;
    cuda.function(manyNumbers(40, 24).c_str(), "k");
  });
}
