// Bundle: words and numbers, each list behind its length; numbers keep all their digits.
// The first word of a line says what it is.
#include "test/device/Bundle.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iomanip>

using namespace lnx::suite;
namespace fs = std::filesystem;

namespace {

template <typename T> std::ostream &operator<<(std::ostream &os, const std::vector<T> &values) {
  os << values.size();
  for (const T &value : values)
    os << ' ' << value;
  return os;
}

template <typename T> std::istream &operator>>(std::istream &is, std::vector<T> &values) {
  size_t count = 0;
  is >> count;
  for (size_t i = 0; i < count && is; ++i) {
    values.emplace_back();
    is >> values.back();
  }
  return is;
}

bool read(std::istream &file, Case &item) {
  for (std::string word; file >> word;) {
    if (word == "name")
      std::getline(file >> std::ws, item.name);
    else if (word == "tokens")
      file >> item.tokens;
    else if (word == "targets")
      file >> item.targets;
    else if (word == "parameter")
      file >> word >> item.parameters[word];
    else if (word == "result") {
      Case::Result &result = item.results.emplace_back();
      file >> result.name >> result.scale >> result.values;
    } else
      return false;
  }
  return !item.results.empty();
}

bool read(std::istream &file, Training &item) {
  for (std::string word; file >> word;) {
    if (word == "training")
      file >> item.name >> item.batch >> item.time >> item.rate;
    else if (word == "step") {
      Training::Step &step = item.steps.emplace_back();
      file >> step.loss >> step.tokens >> step.targets;
    } else
      return false;
  }
  return !item.steps.empty();
}

bool read(std::istream &file, Timing &item) {
  for (std::string word; file >> word;) {
    if (word == "timing")
      file >> item.name >> item.batch >> item.time >> item.width;
    else if (word == "kernel") {
      file >> word;
      Timing::Bytes &bytes = item.kernels[word];
      file >> bytes.perRow >> bytes.fixed;
    } else
      return false;
  }
  return item.batch > 0;
}

template <typename Item>
bool readAll(const std::string &folder, const char *kind, std::vector<Entry<Item>> &into,
             std::string &problem) {
  std::vector<fs::path> paths;
  std::error_code none;
  for (const auto &file : fs::directory_iterator(fs::path(folder) / kind, none))
    if (file.path().extension() == ".txt")
      paths.push_back(file.path());
  std::sort(paths.begin(), paths.end());
  for (const fs::path &path : paths) {
    std::ifstream file(path);
    Entry<Item> entry;
    if (!read(file, entry.item)) {
      problem = "cannot make sense of '" + path.string() + "'";
      return false;
    }
    entry.program = fs::path(path).replace_extension(".so").string();
    into.push_back(std::move(entry));
  }
  return true;
}

std::ofstream create(const std::string &place) {
  std::ofstream file(place + ".txt");
  file << std::setprecision(17);
  return file;
}

} // namespace

std::optional<Bundle> lnx::suite::readBundle(const std::string &folder, std::string &problem) {
  Bundle bundle;
  if (!readAll(folder, "cases", bundle.cases, problem) ||
      !readAll(folder, "trainings", bundle.trainings, problem) ||
      !readAll(folder, "timings", bundle.timings, problem))
    return std::nullopt;
  if (bundle.cases.empty() || bundle.trainings.empty() || bundle.timings.empty()) {
    problem = "'" + folder + "' is no bundle: device-bundle makes one";
    return std::nullopt;
  }
  return bundle;
}

std::string lnx::suite::place(const std::string &folder, const char *kind,
                              const std::string &name) {
  fs::create_directories(fs::path(folder) / kind);
  return (fs::path(folder) / kind / name).string();
}

bool lnx::suite::write(const std::string &place, const Case &item) {
  std::ofstream file = create(place);
  file << "name " << item.name << "\ntokens " << item.tokens << "\ntargets " << item.targets
       << '\n';
  for (const auto &[name, values] : item.parameters)
    file << "parameter " << name << ' ' << values << '\n';
  for (const Case::Result &result : item.results)
    file << "result " << result.name << ' ' << result.scale << ' ' << result.values << '\n';
  return bool(file.flush());
}

bool lnx::suite::write(const std::string &place, const Training &item) {
  std::ofstream file = create(place);
  file << "training " << item.name << ' ' << item.batch << ' ' << item.time << ' ' << item.rate
       << '\n';
  for (const Training::Step &step : item.steps)
    file << "step " << step.loss << ' ' << step.tokens << ' ' << step.targets << '\n';
  return bool(file.flush());
}

bool lnx::suite::write(const std::string &place, const Timing &item) {
  std::ofstream file = create(place);
  file << "timing " << item.name << ' ' << item.batch << ' ' << item.time << ' ' << item.width
       << '\n';
  for (const auto &[name, bytes] : item.kernels)
    file << "kernel " << name << ' ' << bytes.perRow << ' ' << bytes.fixed << '\n';
  return bool(file.flush());
}
