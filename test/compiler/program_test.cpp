// Whole programs: every entry of small models against the evaluator, and what is written to disk.
#include "CompileFixture.h"

#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace lnx::test;

namespace {

std::string readFile(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Every entry of a model at level spec: forward, backward, sampling, norm and updates.
class ProgramTest : public CompileTest,
                    public testing::WithParamInterface<std::tuple<const char *, const char *>> {};

TEST_P(ProgramTest, entriesEqualTheEvaluator) {
  auto [model, entry] = GetParam();
  bool updates = llvm::StringRef(entry).starts_with("ad") || llvm::StringRef(entry) == "sgd";
  // Adam divides by the root of v: what is 1e-7 before can be 1e-5 behind.
  tolerance = updates ? 1e-4 : 1e-5;
  check(readFile(std::string(LNX_TEST_INPUTS) + "/" + model + ".mlir"), entry,
        llvm::StringRef(entry) == "next" ? 1 : 3, 7, 5);
}

INSTANTIATE_TEST_SUITE_P(
    Models, ProgramTest,
    testing::Combine(testing::Values("attention", "hyper-connections", "nested", "ngpt", "repeat",
                                     "stacks", "two-repeats"),
                     testing::Values("grad", "eval", "next", "norm", "adamw", "adam", "sgd")),
    [](const auto &info) {
      return replaceAll(std::get<0>(info.param), "-", "_") + "_" + std::get<1>(info.param);
    });

// Keeping everything, fusing nothing and lowering by reference all give the same gradients.
TEST_F(CompileTest, optionsDoNotChangeGradients) {
  std::string text = readFile(std::string(LNX_TEST_INPUTS) + "/attention.mlir");
  options.rematerialize = false;
  check(text, "grad", 2, 7, 5);
  options.fuse = false;
  check(text, "grad", 2, 7, 5);
  options.reference = true;
  check(text, "grad", 2, 7, 5);
}

// Every CPU level runs here and agrees; x86-64 has neither wide vectors nor fused products.
TEST_F(CompileTest, portableCpus) {
  std::string text = readFile(std::string(LNX_TEST_INPUTS) + "/attention.mlir");
  for (const char *cpu : {"x86-64", "x86-64-v2"}) {
    options.cpu = cpu;
    check(text, "grad", 2, 7, 5);
  }
}

//===-- files ------------------------------------------------------------===//

class FileTest : public CompileTest {
protected:
  FileTest()
      : path(std::filesystem::temp_directory_path() /
             llvm::formatv("lnx-compile-{0}.so", getpid()).str()) {}
  ~FileTest() override { std::filesystem::remove(path); }
  std::string small() { return rowsModule(8, 8, "", "%y = lnx.exp %x : tensor<?x8xf32>"); }
  std::filesystem::path path;
};

// A model.so can be opened by itself and says what it is.
TEST_F(FileTest, sharedObjectStandsAlone) {
  options.cpu = "x86-64-v3";
  options.spec = "model t";
  OwningOpRef<ModuleOp> module = parse(small());
  ASSERT_TRUE(succeeded(compileToFile(*module, path.string(), options)));
  void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(handle, nullptr) << dlerror();
  auto *program = static_cast<const lnx_program *>(dlsym(handle, LNX_PROGRAM_SYMBOL));
  ASSERT_NE(program, nullptr);
  EXPECT_EQ(program->abi_version, LNX_ABI_VERSION);
  EXPECT_EQ(program->parameter_count, 3);
  EXPECT_STREQ(program->parameters[0].name, "X");
  EXPECT_EQ(program->parameters[0].rank, 2);
  EXPECT_EQ(program->parameters[0].shape[0], 11);
  EXPECT_EQ(program->parameters[0].shape[1], 8);
  EXPECT_EQ(program->parameters[0].shape[2], 1);
  EXPECT_EQ(program->parameters[0].init, LNX_INIT_NORMAL);
  EXPECT_EQ(program->parameters[0].init_a[0], 1.0);
  EXPECT_EQ(program->parameters[0].decay, 1);
  EXPECT_EQ(program->entries[LNX_ENTRY_EVAL], nullptr);
  EXPECT_STREQ(program->name, "t");
  EXPECT_STREQ(program->spec, "model t");
  EXPECT_STREQ(program->cpu, "x86-64-v3");
  dlclose(handle);
}

// The note is found without mapping any code.
TEST_F(FileTest, noteNamesAbiAndCpu) {
  options.cpu = "x86-64-v2";
  OwningOpRef<ModuleOp> module = parse(small());
  ASSERT_TRUE(succeeded(compileToFile(*module, path.string(), options)));
  std::string bytes = readFile(path);
  static_assert(LNX_ABI_VERSION == 4, "the note below names it");
  const char note[] = "\4\0\0\0\16\0\0\0\1\0\0\0lnx\0\4\0\0\0x86-64-v2\0\0";
  EXPECT_NE(bytes.find(std::string(note, sizeof(note) - 1)), std::string::npos);
}

// What cannot be written is reported once, with the path, and leaves nothing behind.
TEST_F(FileTest, unwritablePath) {
  OwningOpRef<ModuleOp> module = parse(small());
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) { message += d.str(); });
  EXPECT_TRUE(failed(compileToFile(*module, "/nowhere/model.so", options)));
  EXPECT_NE(message.find("cannot write '/nowhere/model.so': "), std::string::npos) << message;
}

TEST_F(FileTest, unknownCpu) {
  OwningOpRef<ModuleOp> module = parse(small());
  options.cpu = "z80";
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) { message += d.str(); });
  EXPECT_TRUE(failed(compileToFile(*module, path.string(), options)));
  EXPECT_EQ(message,
            "unknown CPU 'z80': native, x86-64, x86-64-v2, x86-64-v3, x86-64-v4 are known");
}

// Two compilations of one module give the same bytes.
TEST_F(FileTest, outputIsReproducible) {
  std::string first;
  for (int run = 0; run < 2; ++run) {
    OwningOpRef<ModuleOp> module = parse(small());
    ASSERT_TRUE(succeeded(compileToFile(*module, path.string(), options)));
    std::string bytes = readFile(path);
    if (run == 0)
      first = bytes;
    else
      EXPECT_TRUE(first == bytes);
  }
}

} // namespace
