// Safetensors: what is written reads back, and a file that is not exactly right is refused.
#include "runtime/Safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

using namespace lnx;

namespace {
std::string temporary(const std::string &name) {
  return (std::filesystem::temp_directory_path() / ("lnx_" + std::to_string(::getpid()) + name))
      .string();
}

/// A file of this header and so many bytes of numbers.
Result<Safetensors> read(const std::string &header, size_t bytes) {
  const std::string path = temporary(".safetensors");
  std::ofstream file(path, std::ios::binary);
  const uint64_t length = header.size();
  file.write(reinterpret_cast<const char *>(&length), sizeof length);
  file << header << std::string(bytes, '\1');
  file.close();
  Result<Safetensors> result = Safetensors::read(path);
  std::filesystem::remove(path);
  return result;
}

/// What is wrong, without the path.
std::string reason(const std::string &header, size_t bytes) {
  const Result<Safetensors> result = read(header, bytes);
  if (result)
    return "";
  EXPECT_EQ(result.error().exit, Exit::data);
  return result.error().message.substr(result.error().message.find("file: ") + 6);
}
} // namespace

TEST(Safetensors, RoundTrip) {
  const float numbers[] = {1, 2.5f, -3, 4, 5, 6};
  const std::string_view bytes(reinterpret_cast<const char *>(numbers), sizeof numbers);
  const std::vector<NamedTensor> tensors = {{"b.W", Dtype::f32, {2, 3}, bytes},
                                            {"a", Dtype::f32, {}, bytes.substr(0, 4)},
                                            {"none", Dtype::i8, {0, 7}, {}}};
  const std::string path = temporary(".round");
  ASSERT_FALSE(writeSafetensors(path, tensors, {{"format", "pt"}, {"key", "quote \" and \n"}}));
  const Result<Safetensors> file = Safetensors::read(path);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->tensors().size(), 3u);
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(file->tensors()[i].name, tensors[i].name);
    EXPECT_EQ(file->tensors()[i].type, tensors[i].type);
    EXPECT_EQ(file->tensors()[i].shape, tensors[i].shape);
    EXPECT_EQ(file->tensors()[i].bytes, tensors[i].bytes);
  }
  EXPECT_EQ(file->find("a")->bytes.size(), 4u);
  EXPECT_EQ(file->find("c"), nullptr);
  EXPECT_EQ(file->metadata().at("key"), "quote \" and \n");
  EXPECT_EQ(reinterpret_cast<uintptr_t>(file->tensors()[0].bytes.data()) % 8,
            0u); // may be read as floats
  std::filesystem::remove(path);
}

TEST(Safetensors, RefusesWhatIsNotRight) {
  const std::string good =
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}})";
  EXPECT_EQ(reason(good, 9), "");
  EXPECT_EQ(reason(good, 10), "1 bytes behind the last tensor belong to nothing");
  EXPECT_EQ(reason(good, 8), "'b' does not lie inside the 8 bytes of the file");
  EXPECT_EQ(
      reason(
          R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}})",
          9),
      "'a' stands twice");
  EXPECT_EQ(reason(R"({"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8),
            "'dtype' stands twice");
  EXPECT_EQ(reason(R"({"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}})", 8),
            "'a' has the unknown type 'F33'");
  EXPECT_EQ(reason(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8),
            "'a' has 8 bytes, its shape and type need 12");
  EXPECT_EQ(
      reason(
          R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
          3),
      "'b' begins at byte 2, the tensor before it ends at 1");
  EXPECT_EQ(
      reason(
          R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
          3),
      "'b' begins at byte 1, the tensor before it ends at 2");
  EXPECT_EQ(
      reason(R"({"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0),
      "the size of 'a' does not fit 64 bits");
  EXPECT_EQ(reason(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,0]}})", 0),
            "-1 is negative");
  EXPECT_EQ(reason(R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,0]}})", 0),
            "1.5 is not a whole number");
  EXPECT_EQ(reason(R"({"a":{"dtype":"F32","size":3}})", 0), "'a' has an unknown key 'size'");
  EXPECT_EQ(reason(R"({"a":{"dtype":["F32"]}})", 0), "a list stands where 'dtype' has none");
  EXPECT_EQ(reason(R"({"a":[1]})", 0), "a list stands where 'a' has none");
  EXPECT_EQ(reason(R"({"a":{"dtype":{"b":{}}}})", 0), "objects nested more than twice");
  EXPECT_EQ(reason(R"({"a":)", 0), "its header is not JSON at byte 14");
  EXPECT_EQ(reason("[]", 0), "its header does not begin with '{'");
  EXPECT_EQ(reason("{}", 0), "");
  EXPECT_EQ(reason(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[4,0]}})", 4),
            "'a' does not lie inside the 4 bytes of the file");
  EXPECT_EQ(reason(std::string(200, '['), 0), "its header does not begin with '{'");
  EXPECT_EQ(reason("{\"a\":" + std::string(100000, '['), 0), "a list stands where 'a' has none");
}

TEST(Safetensors, ShortFiles) {
  const std::string path = temporary(".short");
  std::ofstream(path, std::ios::binary) << "1234567";
  EXPECT_EQ(Safetensors::read(path).error().message,
            "'" + path + "' is not a safetensors file: it has 7 bytes, fewer than 8");
  std::ofstream(path, std::ios::binary) << std::string("\xff\0\0\0\0\0\0\0{}", 10);
  EXPECT_EQ(Safetensors::read(path).error().message,
            "'" + path + "' is not a safetensors file: its header of 255 bytes is longer than 2");
  std::filesystem::remove(path);
  EXPECT_NE(Safetensors::read(path).error().message.find("No such file"), std::string::npos);
}
