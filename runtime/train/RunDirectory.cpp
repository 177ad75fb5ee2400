// RunDirectory.cpp: create, lock, move aside, append.
// The lock is taken before anything is looked at or written.
#include "lnx/train/metrics.h"
#include "lnx/train/run.h"
#include "runtime/AtomicFile.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

namespace lnx {

namespace fs = std::filesystem;

static Error failure(std::string_view what, const std::string &path, int code) {
  return {fmt::format("cannot {} '{}': {}", what, path, std::strerror(code)), Exit::io};
}

// Locks PATH/lock and writes "pid host" into it; the error names who holds it instead.
static Result<int> lockFile(const std::string &folder) {
  std::string path = folder + "/lock";
  int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (descriptor < 0)
    return failure("write", path, errno);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    std::string holder = fmt::format("{} {}\n", ::getpid(), host.data());
    if (::ftruncate(descriptor, 0) != 0 ||
        ::pwrite(descriptor, holder.data(), holder.size(), 0) < 0) {
      int code = errno;
      ::close(descriptor);
      return failure("write", path, code);
    }
    return descriptor;
  }
  int code = errno;
  std::array<char, 300> text{};
  if (code == EWOULDBLOCK && ::pread(descriptor, text.data(), text.size() - 1, 0) < 0)
    text[0] = 0;
  ::close(descriptor);
  if (code != EWOULDBLOCK)
    return failure("lock", path, code);
  std::string holder(text.data(), std::strcspn(text.data(), "\n"));
  size_t space = holder.find(' ');
  std::string host = space == std::string::npos ? "?" : holder.substr(space + 1);
  return Error{
      fmt::format("'{}' is held by process {} on {}", folder, holder.substr(0, space), host),
      Exit::held};
}

// Anything but our own lock.
static bool holdsFiles(const std::string &folder) {
  std::error_code code;
  for (const fs::directory_entry &entry : fs::directory_iterator(folder, code))
    if (entry.path().filename() != "lock")
      return true;
  return false;
}

static Result<std::string> moveAside(const std::string &path) {
  for (int number = 1;; ++number) {
    std::string target = fmt::format("{}.old-{}", path, number);
    std::error_code code;
    if (fs::symlink_status(target, code).type() != fs::file_type::not_found)
      continue;
    if (::rename(path.c_str(), target.c_str()) != 0)
      return failure("move", path, errno);
    return target;
  }
}

static std::optional<Error> createFolder(const std::string &path) {
  std::error_code code;
  fs::create_directories(path, code);
  if (code)
    return failure("create", path, code.value());
  return std::nullopt;
}

Result<RunDirectory> RunDirectory::create(const std::string &name, Existing existing) {
  RunDirectory run(name);
  while (run.path.size() > 1 && run.path.back() == '/')
    run.path.pop_back();
  if (auto error = createFolder(run.path))
    return *error;
  Result<int> lock = lockFile(run.path);
  if (!lock)
    return lock.error();
  run.lock = *lock;
  if (holdsFiles(run.path)) {
    if (existing == Existing::refuse)
      return Error{fmt::format("'{}' is not empty; '--overwrite' moves it aside", run.path),
                   Exit::usage};
    Result<std::string> target = moveAside(run.path);
    if (!target)
      return target.error();
    run.moved = *target;
    ::close(run.lock);
    run.lock = -1;
    if (auto error = createFolder(run.path))
      return *error;
    if (lock = lockFile(run.path); !lock)
      return lock.error();
    run.lock = *lock;
  }
  for (auto [stream, file] : {std::pair{&run.metrics, "/metrics.jsonl"}, {&run.log, "/main.log"}})
    if (*stream = std::fopen((run.path + file).c_str(), "ae"); !*stream)
      return failure("write", run.path + file, errno);
  return run;
}

RunDirectory::RunDirectory(RunDirectory &&other) noexcept
    : path(std::move(other.path)), moved(std::move(other.moved)),
      lock(std::exchange(other.lock, -1)), metrics(std::exchange(other.metrics, nullptr)),
      log(std::exchange(other.log, nullptr)) {}

RunDirectory::~RunDirectory() {
  for (std::FILE *stream : {metrics, log})
    if (stream)
      std::fclose(stream);
  if (lock >= 0)
    ::close(lock);
}

std::optional<Error> RunDirectory::writeSettings(const std::string &json) {
  AtomicFile file(path + "/run.json");
  file.write(json.data(), json.size());
  return file.commit();
}

std::optional<Error> RunDirectory::append(const StepReport &report) {
  std::string row = metricsRow(report) + "\n", lines = mainLogRows(report);
  if (std::fwrite(row.data(), 1, row.size(), metrics) != row.size() || std::fflush(metrics) != 0)
    return failure("write", path + "/metrics.jsonl", errno);
  if (std::fwrite(lines.data(), 1, lines.size(), log) != lines.size() || std::fflush(log) != 0)
    return failure("write", path + "/main.log", errno);
  return std::nullopt;
}

} // namespace lnx
