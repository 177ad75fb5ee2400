// Bundle: what travels to a device: programs, and what has to come out of them, as files of words.
// Written by device-bundle, which has the compiler; read by device-suite, which has none.
#ifndef LNX_TEST_DEVICE_BUNDLE_H
#define LNX_TEST_DEVICE_BUNDLE_H

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lnx::suite {

/// One primitive: a call of @grad on given parameters, and gradients that have to come out.
struct Case {
  std::string name;
  std::vector<int32_t> tokens, targets;
  std::map<std::string, std::vector<double>> parameters;
  struct Result {
    std::string name;
    double scale = 1; ///< an error counts relative to it
    std::vector<double> values;
  };
  std::vector<Result> results;
};

/// Steps of AdamW from seed 7, and the losses of the double evaluator.
struct Training {
  std::string name;
  int64_t batch = 0, time = 0;
  double rate = 0;
  struct Step {
    std::vector<int32_t> tokens, targets;
    double loss = 0;
  };
  std::vector<Step> steps;
};

/// A model to be timed, and the bytes that its kernels move.
struct Timing {
  std::string name;
  int64_t batch = 0, time = 0, width = 0;
  struct Bytes {
    double perRow = 0, fixed = 0; ///< of one launch, read and written
  };
  std::map<std::string, Bytes> kernels;
};

/// `program` is the path of the compiled model beside the description.
template <typename Item> struct Entry {
  Item item;
  std::string program;
};

/// A folder: cases/, trainings/ and timings/, each with NAME.so and NAME.txt.
struct Bundle {
  std::vector<Entry<Case>> cases;
  std::vector<Entry<Training>> trainings;
  std::vector<Entry<Timing>> timings;
};

/// Nothing where a file cannot be read; `problem` says which.
std::optional<Bundle> readBundle(const std::string &folder, std::string &problem);

/// The path of the description without its end; the folder exists afterwards.
std::string place(const std::string &folder, const char *kind, const std::string &name);
bool write(const std::string &place, const Case &item);
bool write(const std::string &place, const Training &item);
bool write(const std::string &place, const Timing &item);

} // namespace lnx::suite

#endif
