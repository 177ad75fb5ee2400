// Assembler: runs ptxas as a child process and reads its report.
// Every line that is not known to be harmless is a complaint: what a later ptxas may say is trouble
// until somebody has looked at it.
#include "emulator/driver/Assembler.h"

#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <spawn.h>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

using namespace emulator;

namespace {

// A folder that goes with its files.
class Folder {
public:
  Folder() {
    const char *root = std::getenv("TMPDIR");
    place = std::string(root && *root ? root : "/tmp") + "/lnx-ptxas-XXXXXX";
    if (!mkdtemp(place.data()))
      place.clear();
  }
  ~Folder() {
    for (const char *name : {"code.ptx", "code.cubin", "report"})
      unlink((place + "/" + name).c_str());
    rmdir(place.c_str());
  }
  std::string file(const char *name) const { return place + "/" + name; }
  bool exists() const { return !place.empty(); }

private:
  std::string place;
};

bool isExecutable(const std::string &path) { return access(path.c_str(), X_OK) == 0; }

std::string find() {
  if (const char *named = std::getenv("LNX_PTXAS"))
    return named;
  std::stringstream folders(std::string(std::getenv("PATH") ? std::getenv("PATH") : "") +
                            ":/usr/local/cuda/bin");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (!folder.empty() && isExecutable(folder + "/ptxas"))
      return folder + "/ptxas";
  return "";
}

// Runs ptxas with its words in `report`; the exit status, or -1 where it did not start.
int run(const std::string &program, const std::string &code, const std::string &cubin,
        const std::string &report) {
  std::string arguments[] = {program, "-arch=sm_90a", "-v", "-o", cubin, code};
  char *argv[] = {arguments[0].data(),
                  arguments[1].data(),
                  arguments[2].data(),
                  arguments[3].data(),
                  arguments[4].data(),
                  arguments[5].data(),
                  nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, report.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t child = 0;
  int status = -1;
  if (posix_spawn(&child, program.c_str(), &actions, nullptr, argv, environ) == 0)
    waitpid(child, &status, 0);
  posix_spawn_file_actions_destroy(&actions);
  return status;
}

bool contains(std::string_view line, std::string_view part) {
  return line.find(part) != std::string_view::npos;
}

// Whether a line says only how large a kernel is. Spills and stack frames are counted in bytes.
bool isHarmless(std::string_view line) {
  if (contains(line, "bytes stack frame"))
    return contains(line, " 0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads");
  if (!line.starts_with("ptxas info    : "))
    return line.empty();
  line.remove_prefix(std::string_view("ptxas info    : ").size());
  if (line.starts_with("Used ")) // registers, barriers, memory
    return !contains(line, "lmem");
  return line.starts_with("Compiling entry function ") ||
         line.starts_with("Function properties for ") || line.starts_with("Compile time = ") ||
         contains(line, "bytes gmem");
}

} // namespace

std::string emulator::firstComplaint(std::string_view report) {
  std::string kernel;
  while (!report.empty()) {
    size_t end = report.find('\n');
    std::string_view line = report.substr(0, end);
    report.remove_prefix(end == std::string_view::npos ? report.size() : end + 1);
    if (size_t at = line.find("Function properties for "); at != std::string_view::npos)
      kernel = line.substr(at + 24);
    if (!isHarmless(line))
      return (kernel.empty() ? "" : "kernel '" + kernel + "': ") + std::string(line);
  }
  return "";
}

Assembler::Assembler() : program(find()) {}

std::string Assembler::complaint(std::string_view ptx) {
  if (program.empty() || passed.contains(ptx))
    return "";
  Folder folder;
  if (!folder.exists())
    return "no folder for the files of ptxas";
  std::ofstream(folder.file("code.ptx")) << ptx;
  int status =
      run(program, folder.file("code.ptx"), folder.file("code.cubin"), folder.file("report"));
  std::stringstream report;
  report << std::ifstream(folder.file("report")).rdbuf();
  std::string found = firstComplaint(report.str());
  if (found.empty() && status != 0)
    found = "'" + program + "' failed and did not say why";
  if (found.empty())
    passed.emplace(ptx);
  return found;
}
