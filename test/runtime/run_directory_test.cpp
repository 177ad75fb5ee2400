// Refusal, moving aside, locking and rows.
// A directory is never overwritten, and never written by two processes.
#include "SharedData.h"
#include "lnx/train/run.h"

#include <sys/wait.h>

using namespace lnx;
using Existing = RunDirectory::Existing;

TEST(RunDirectory, writesSettingsAndRows) {
  ScratchFolder folder;
  std::string path = folder / "deep/run";
  {
    auto run = RunDirectory::create(path, Existing::refuse);
    ASSERT_TRUE(run) << run.error().message;
    EXPECT_FALSE(run->writeSettings("{}\n"));
    StepReport report;
    report.step = 1;
    EXPECT_FALSE(run->append(report));
    report.step = 2;
    EXPECT_FALSE(run->append(report));
    EXPECT_EQ(run->movedTo(), "");
  }
  EXPECT_EQ(readFile(path + "/run.json"), "{}\n");
  std::string rows = readFile(path + "/metrics.jsonl");
  EXPECT_TRUE(rows.starts_with("{\"step\":1,")) << rows;
  EXPECT_EQ(std::count(rows.begin(), rows.end(), '\n'), 2);
  EXPECT_EQ(readFile(path + "/main.log"),
            "s:1 trl:0.0000 lr:0.000000 norm:0.00\ns:2 trl:0.0000 lr:0.000000 norm:0.00\n");
}

TEST(RunDirectory, refusesWhatIsNotEmpty) {
  ScratchFolder folder;
  std::filesystem::create_directory(folder / "run");
  folder.write("run/mine.txt", "keep");
  auto run = RunDirectory::create(folder / "run", Existing::refuse);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().message,
            "'" + (folder / "run") + "' is not empty; '--overwrite' moves it aside");
  EXPECT_EQ(run.error().exit, Exit::usage);
  EXPECT_EQ(readFile(folder / "run/mine.txt"), "keep");
}

TEST(RunDirectory, movesTheOldOneAside) {
  ScratchFolder folder;
  std::filesystem::create_directory(folder / "run");
  folder.write("run/mine.txt", "keep");
  std::filesystem::create_directory(folder / "run.old-1");
  auto run = RunDirectory::create((folder / "run") + "/", Existing::moveAside);
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ(run->movedTo(), folder / "run.old-2");
  EXPECT_EQ(readFile(folder / "run.old-2/mine.txt"), "keep");
  EXPECT_FALSE(std::filesystem::exists(folder / "run/mine.txt"));
}

// flock belongs to the open file, so a second open in this process stands for a second process.
TEST(RunDirectory, isHeldByOne) {
  ScratchFolder folder;
  std::string path = folder / "run";
  {
    auto first = RunDirectory::create(path, Existing::refuse);
    ASSERT_TRUE(first);
    char host[256] = "";
    gethostname(host, sizeof host);
    for (Existing existing : {Existing::refuse, Existing::moveAside}) {
      auto second = RunDirectory::create(path, existing);
      ASSERT_FALSE(second);
      EXPECT_EQ(second.error().message,
                "'" + path + "' is held by process " + std::to_string(getpid()) + " on " + host);
      EXPECT_EQ(second.error().exit, Exit::held);
    }
  }
  std::filesystem::remove(path + "/metrics.jsonl");
  std::filesystem::remove(path + "/main.log");
  EXPECT_TRUE(RunDirectory::create(path, Existing::refuse));
}

TEST(RunDirectory, namesAPathItCannotCreate) {
  ScratchFolder folder;
  folder.write("file", "x");
  auto run = RunDirectory::create(folder / "file/run", Existing::refuse);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().message, "cannot create '" + (folder / "file/run") + "': Not a directory");
  EXPECT_EQ(run.error().exit, Exit::io);
}
