// run.h: the run directory: who holds it, run.json, metrics.jsonl, main.log.
//
//   Result<RunDirectory> run = RunDirectory::create("runs/peri", RunDirectory::Existing::refuse);
//   run->writeSettings(json);
//   run->append(report);
//
// One process holds a directory at a time, by flock on its file `lock`.
#ifndef LNX_TRAIN_RUN_H
#define LNX_TRAIN_RUN_H

#include "lnx/train/trainer.h"

#include <cstdio>

namespace lnx {

class RunDirectory {
public:
  enum class Existing { refuse, moveAside };

  // Creates and locks the directory. One that is not empty is refused, or moved to the first free
  // of PATH.old-1, PATH.old-2, ...; one that another process holds is refused with Exit::held.
  static Result<RunDirectory> create(const std::string &path, Existing existing);
  RunDirectory(RunDirectory &&other) noexcept;
  RunDirectory &operator=(RunDirectory &&) = delete;
  ~RunDirectory();

  std::optional<Error> writeSettings(const std::string &json);
  // Adds the step's rows to metrics.jsonl and main.log.
  std::optional<Error> append(const StepReport &report);
  const std::string &movedTo() const { return moved; } // empty: nothing was in the way

private:
  explicit RunDirectory(std::string path) : path(std::move(path)) {}

  std::string path, moved;
  int lock = -1;
  std::FILE *metrics = nullptr, *log = nullptr;
};

} // namespace lnx

#endif
