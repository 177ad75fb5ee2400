// Warp: the state of 32 lanes that run one instruction together, and of their CTA.
// Units change it through these members; the scheduler moves it along.
#ifndef LNX_TEST_EMULATOR_WARP_H
#define LNX_TEST_EMULATOR_WARP_H

#include "emulator/Clock.h"
#include "emulator/Counters.h"
#include "emulator/Fault.h"
#include "emulator/GlobalMemory.h"
#include "emulator/Kernel.h"
#include "emulator/Launch.h"
#include "emulator/SharedMemory.h"

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace emulator {

inline constexpr unsigned LaneCount = 32;
inline constexpr uint32_t AllLanes = ~0u;

struct Cta;

// Lanes that went another way; they wait until the current ones reach their pc.
struct ParkedLanes {
  uint32_t pc;
  uint32_t lanes;
};

// One 4-, 8- or 16-byte piece of a cp.async; it lands at its wait.
struct AsyncCopy {
  uint32_t target;  // shared address
  uint64_t source;  // global address
  uint8_t bytes;    // written
  uint8_t provided; // read; the rest is zero
  uint8_t lane;
  const Instruction *by;
};

struct Warp {
  enum class State : uint8_t { Ready, AtBarrier, Ended };

  // Hot: read or written at every instruction.
  uint32_t mask = 0;   // lanes that execute the current instruction
  uint32_t active = 0; // lanes at `pc`
  uint32_t pc = 0, next = 0;
  uint32_t lowestParked = ~0u; // pc
  State state = State::Ready;
  uint32_t lanes = 0; // that exist
  uint32_t live = 0;  // that have not ended
  uint32_t *narrow = nullptr;
  uint64_t *wide = nullptr;
  uint32_t *predicate = nullptr;
  // One bit a lane: the value was never defined.
  uint32_t *narrowPoison = nullptr, *widePoison = nullptr, *predicatePoison = nullptr;
  const Kernel *kernel = nullptr;
  Cta *cta = nullptr;

  unsigned index = 0; // in the CTA
  int barrier = -1;   // where it waits
  Clock clock;
  std::vector<ParkedLanes> parked;
  std::vector<ParkedLanes> waiting; // at a .sync instruction, for lanes its mask names
  // Copies of the open group, then groups not yet waited for, oldest first.
  std::vector<AsyncCopy> openCopies;
  std::deque<std::vector<AsyncCopy>> copyGroups;
  std::unique_ptr<uint64_t[]> storage;

  // Stops the launch. The first fault stays. `lane` is -1 where no single lane is to blame.
  void fault(int lane, std::string what, std::string remedy);
  bool failed() const;
  // True where every lane of the warp executes the current instruction. Those that came early wait
  // here, as on the hardware; it is a fault once the others can no longer come.
  bool converged();
  // The same for the lanes that a .sync instruction names in its member mask.
  bool converged(Slot memberMask);
  // Lanes `taken`, not none, continue at `target`, the other active ones at the next instruction.
  void branch(uint32_t target, uint32_t taken);
  // Lanes that wait at `at`; the caller takes them out of `active`.
  void park(uint32_t at, uint32_t which);
  // The lanes of the mask end.
  void exit();
  // Lanes that wait at `pc` become current.
  void gather();
  // True where the lanes named are current; else the current ones wait for the others.
  bool meet(uint32_t named);
  // Reports that the lanes that wait first wait for ever.
  void reportWaiting();
  // Goes on with the lanes at the lowest pc.
  void reconverge();
  Counters &counters();
  void madeProgress();
};

// A CTA-wide named barrier in its current phase.
struct Barrier {
  uint32_t expected = 0; // threads; 0 while nobody has arrived
  uint32_t arrived = 0;
  uint32_t warps = 0;   // that have arrived, by bit
  uint32_t waiting = 0; // of those, the ones that sleep
  uint32_t line = 0;    // of the first arrival
  uint32_t reduced = 0; // of bar.red
  bool reducing = false;
  std::array<Slot, MaxWarps> result{}; // where bar.red puts it, by warp
  Clock joined;
};

struct Cta {
  struct Grid *grid = nullptr;
  std::array<uint32_t, 3> index{};
  uint32_t number = 0; // the index as one number
  uint32_t threads = 0;
  SharedMemory shared;
  std::array<Barrier, 16> barriers;
  std::vector<Warp> warps;
};

// A launch while it runs.
struct Grid {
  const Kernel &kernel;
  GlobalMemory &memory;
  Options options;
  std::array<uint32_t, 3> grid{}, block{};
  uint32_t dynamicShared = 0;
  std::span<const uint8_t> parameters;
  Counters counters;
  uint64_t sinceProgress = 0; // instructions since something was stored, passed or ended
  uint64_t random = 1;        // state of the schedule and of perturbations
  uint64_t launch = 0;        // its number in the device's memory
  std::optional<Fault> fault;

  uint64_t nextRandom();
};

inline bool Warp::failed() const { return cta->grid->fault.has_value(); }
inline Counters &Warp::counters() { return cta->grid->counters; }
inline void Warp::madeProgress() { cta->grid->sinceProgress = 0; }

} // namespace emulator

#endif
