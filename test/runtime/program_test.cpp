// What Program::load accepts, and the words with which it refuses everything else.
// Patches copies of fake_model.so; nothing of a refused file may run.
#include "ProgramNote.h"
#include "lnx/runtime.h"

#include <gtest/gtest.h>

#include <elf.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

using namespace lnx;

namespace {

using Bytes = std::vector<unsigned char>;

Bytes readAll(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

Bytes model() { return readAll(LNX_FAKE_MODEL); }

class ProgramTest : public testing::Test {
protected:
  void SetUp() override {
    directory =
        std::filesystem::temp_directory_path() / ("lnx-program-test-" + std::to_string(getpid()));
    std::filesystem::create_directories(directory);
  }
  void TearDown() override { std::filesystem::remove_all(directory); }

  std::string path() const { return directory / "model.so"; }

  std::string write(const Bytes &bytes) const {
    std::ofstream(path(), std::ios::binary)
        .write(reinterpret_cast<const char *>(bytes.data()), static_cast<long>(bytes.size()));
    return path();
  }

  // The error of loading these bytes, with the path cut off.
  std::string refusal(const Bytes &bytes) const {
    auto program = Program::load(write(bytes));
    if (program)
      return "no error";
    EXPECT_EQ(program.error().exit, Exit::data);
    const std::string prefix = "'" + path() + "' ";
    EXPECT_EQ(program.error().message.find(prefix), 0u) << program.error().message;
    return program.error().message.substr(std::min(prefix.size(), program.error().message.size()));
  }

  std::filesystem::path directory;
};

// Where `wanted` begins in the file.
size_t find(const Bytes &bytes, std::string_view wanted) {
  auto at = std::search(bytes.begin(), bytes.end(), wanted.begin(), wanted.end());
  EXPECT_NE(at, bytes.end());
  return static_cast<size_t>(at - bytes.begin());
}

// Start of the note's content: ABI version, then the CPU.
size_t contentOfNote(const Bytes &bytes) {
  using namespace std::string_view_literals;
  return find(bytes, "\x01\0\0\0lnx\0"sv) + 8;
}

void patch(Bytes &bytes, size_t at, std::string_view text) {
  ASSERT_LE(at + text.size(), bytes.size());
  std::copy(text.begin(), text.end(), bytes.begin() + static_cast<long>(at));
}

void setCpu(Bytes &bytes, const std::string &cpu) {
  patch(bytes, contentOfNote(bytes) + 4, std::string_view(cpu.c_str(), cpu.size() + 1));
}

TEST_F(ProgramTest, LoadsAndCalls) {
  auto program = Program::load(LNX_FAKE_MODEL);
  ASSERT_TRUE(program) << program.error().message;
  EXPECT_STREQ((*program)->name, "fake");
  float result = 0;
  lnx_call call{};
  call.results = &result;
  (*program)->entries[LNX_ENTRY_EVAL](&call);
  EXPECT_EQ(result, 42);
}

// The code stays loaded as long as any copy of the program lives.
TEST_F(ProgramTest, KeepsItsCode) {
  std::optional<Program> kept;
  {
    auto program = Program::load(LNX_FAKE_MODEL);
    ASSERT_TRUE(program);
    kept = *program;
  }
  EXPECT_STREQ((*kept)->name, "fake");
}

// A bare name is a file here, not a library somewhere in the search path.
TEST_F(ProgramTest, NeverSearchesTheLibraryPath) {
  write(model());
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(directory);
  EXPECT_TRUE(Program::load("model.so"));
  EXPECT_FALSE(Program::load("libm.so.6"));
  std::filesystem::current_path(before);
}

TEST_F(ProgramTest, NamesFilesThatCannotBeRead) {
  auto missing = Program::load(directory / "none.so");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message,
            "cannot read '" + (directory / "none.so").string() + "': No such file or directory");
  auto folder = Program::load(directory);
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().message, "'" + directory.string() + "' is not a regular file");
}

TEST_F(ProgramTest, RefusesWhatIsNotAProgram) {
  EXPECT_EQ(refusal({}), "is not an ELF file");
  EXPECT_EQ(refusal({'h', 'i'}), "is not an ELF file");
  Bytes bytes = model();
  bytes[offsetof(Elf64_Ehdr, e_machine)] = EM_AARCH64;
  EXPECT_EQ(refusal(bytes), "is not made for 64-bit x86 processors");
  bytes = model();
  bytes[EI_CLASS] = ELFCLASS32;
  EXPECT_EQ(refusal(bytes), "is not made for 64-bit x86 processors");
  bytes = model();
  bytes[offsetof(Elf64_Ehdr, e_type)] = ET_REL;
  EXPECT_EQ(refusal(bytes), "is not a shared object");
  bytes = model();
  bytes[offsetof(Elf64_Ehdr, e_phentsize)] = 1;
  EXPECT_EQ(refusal(bytes), "has a damaged ELF header");
}

TEST_F(ProgramTest, RefusesLibrariesThatAreNotOurs) {
  Bytes bytes = model();
  patch(bytes, contentOfNote(bytes) - 4, "lny");
  EXPECT_EQ(refusal(bytes), "has no lnx note, so it was not made by 'lnxc'");
  bytes = model();
  for (size_t i = 0; i + 14 < bytes.size(); ++i)
    if (std::memcmp(&bytes[i], LNX_PROGRAM_SYMBOL, 14) == 0)
      bytes[i + 13] = '9';
  EXPECT_EQ(refusal(bytes), "does not export 'lnx_program_v1'");
}

TEST_F(ProgramTest, RefusesOtherVersions) {
  Bytes bytes = model();
  bytes[contentOfNote(bytes)] = 7;
  EXPECT_EQ(refusal(bytes), "has ABI version 7, this runtime needs 4");
  // The note says 2 but the program itself does not.
  bytes = model();
  int64_t floats = 5120000;
  size_t at = find(bytes, {reinterpret_cast<const char *>(&floats), sizeof floats});
  bytes[at - offsetof(lnx_program, state_floats)] = 1;
  EXPECT_EQ(refusal(bytes), "holds a program that contradicts its note");
}

TEST_F(ProgramTest, RefusesFeaturesThisMachineLacks) {
  Bytes bytes = model();
  setCpu(bytes, "native:sse2,quantum");
  EXPECT_EQ(refusal(bytes), "was compiled for 'native:sse2,quantum', this machine lacks 'quantum'");
  setCpu(bytes, "znver99");
  EXPECT_EQ(refusal(bytes), "was compiled for 'znver99', this machine lacks 'znver99'");
  setCpu(bytes, "native:sse2,");
  EXPECT_EQ(refusal(bytes), "no error");
}

// The levels agree with what the compiler's own test of the machine says.
TEST(ProgramNote, KnowsTheLevels) {
  EXPECT_EQ(missingFeature("x86-64"), "");
  EXPECT_EQ(missingFeature("x86-64-v2").empty(), __builtin_cpu_supports("x86-64-v2") != 0);
  EXPECT_EQ(missingFeature("x86-64-v3").empty(), __builtin_cpu_supports("x86-64-v3") != 0);
  EXPECT_EQ(missingFeature("x86-64-v4").empty(), __builtin_cpu_supports("x86-64-v4") != 0);
}

// Every prefix of the file, and thousands of damaged ones, are refused or read; none is trusted.
TEST(ProgramNote, SurvivesDamage) {
  const Bytes good = model();
  ASSERT_TRUE(readProgramNote(good, LNX_PROGRAM_SYMBOL));
  for (size_t length = 0; length < good.size(); length += length < 1024 ? 1 : 61) {
    Bytes cut(good.begin(), good.begin() + static_cast<long>(length));
    auto note = readProgramNote(cut, LNX_PROGRAM_SYMBOL);
    EXPECT_FALSE(note && note->abiVersion != LNX_ABI_VERSION);
  }
  std::mt19937 generator(1);
  for (int round = 0; round < 20000; ++round) {
    Bytes damaged = good;
    for (int flips = 0; flips < 8; ++flips) {
      // Half of the damage hits the headers.
      size_t range = flips % 2 ? damaged.size() : 1024;
      damaged[generator() % range] = static_cast<unsigned char>(generator());
    }
    auto note = readProgramNote(damaged, LNX_PROGRAM_SYMBOL);
    EXPECT_TRUE(note || !note.error().message.empty());
  }
}

} // namespace
