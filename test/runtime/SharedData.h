// SharedData.h: where optional data files lie, and scratch folders for tests.
// LNX_SHARED_DATA is set by the build; tests that need it say SKIPPED without it.
#ifndef LNX_TEST_SHAREDDATA_H
#define LNX_TEST_SHAREDDATA_H

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <string>
#include <unistd.h>

#define LNX_SKIP_WITHOUT(path)                                                                     \
  if (!std::filesystem::exists(path))                                                              \
  GTEST_SKIP() << "SKIPPED: " << (path) << " is not there"

namespace lnx {

inline std::string sharedData(const std::string &name) {
  return std::string(LNX_SHARED_DATA) + "/" + name;
}

inline std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A folder that is removed with the value.
class ScratchFolder {
public:
  ScratchFolder() {
    static int number = 0;
    const auto *test = testing::UnitTest::GetInstance()->current_test_info();
    folder = std::filesystem::temp_directory_path() /
             (std::string("lnx-") + test->name() + "-" + std::to_string(::getpid()) + "-" +
              std::to_string(number++));
    std::filesystem::create_directories(folder);
  }
  ScratchFolder(const ScratchFolder &) = delete;
  ScratchFolder &operator=(const ScratchFolder &) = delete;
  ~ScratchFolder() { std::filesystem::remove_all(folder); }

  std::string path() const { return folder; }
  std::string operator/(const std::string &name) const { return folder / name; }
  std::string write(const std::string &name, const std::string &bytes) const {
    std::ofstream(folder / name, std::ios::binary) << bytes;
    return folder / name;
  }

private:
  std::filesystem::path folder;
};

} // namespace lnx

#endif
