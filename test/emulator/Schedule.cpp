// Schedule: the interpreter's loop and the order of warps.
// Without a seed warps run in order, each until it waits; with one, warp and length are random.
#include "emulator/Schedule.h"

#include "emulator/Lanes.h"
#include "emulator/Special.h"

#include <algorithm>

using namespace emulator;

namespace {

// A waiting loop must let others run: no warp keeps the machine longer than this.
constexpr uint32_t Quantum = 4096, RandomQuantum = 24;

// Rows of a warp in one block: 64-bit ones, 32-bit ones, predicates, then the three sets of marks.
// Constants are never written again, so a later CTA finds them in place.
void allocateRows(Warp &w, const Kernel &k) {
  size_t narrow = size_t(k.narrowRows) * LaneCount;
  size_t words =
      2 * size_t(k.wideRows) * LaneCount + narrow + 2 * k.predicateRows + k.narrowRows + k.wideRows;
  w.storage = std::make_unique<uint64_t[]>(words / 2 + 1 + 8);
  uintptr_t start = (reinterpret_cast<uintptr_t>(w.storage.get()) + 63) & ~uintptr_t(63);
  w.wide = reinterpret_cast<uint64_t *>(start);
  w.narrow = reinterpret_cast<uint32_t *>(w.wide + size_t(k.wideRows) * LaneCount);
  w.predicate = w.narrow + narrow;
  w.predicatePoison = w.predicate + k.predicateRows;
  w.narrowPoison = w.predicatePoison + k.predicateRows;
  w.widePoison = w.narrowPoison + k.narrowRows;
  w.predicate[0] = AllLanes;
  for (const ConstantRow &c : k.narrowConstants)
    std::fill_n(w.narrow + size_t(c.slot) * LaneCount, LaneCount, static_cast<uint32_t>(c.value));
  for (const ConstantRow &c : k.wideConstants)
    std::fill_n(w.wide + size_t(c.slot) * LaneCount, LaneCount, c.value);
  for (const ConstantRow &c : k.predicateConstants)
    w.predicate[c.slot] = static_cast<uint32_t>(c.value);
}

// Before the first instruction: all registers undefined, all lanes that exist at pc 0.
void restart(Warp &w, Cta &cta, unsigned index) {
  const Kernel &k = *w.kernel;
  unsigned threads = std::min(LaneCount, cta.threads - index * LaneCount);
  w.lanes = w.live = w.active = threads == LaneCount ? AllLanes : (1u << threads) - 1;
  w.pc = 0;
  w.state = Warp::State::Ready;
  w.clock = {};
  w.clock.time[index] = 1;
  w.copyGroups.clear();
  w.parked.clear();
  w.waiting.clear();
  std::fill_n(w.narrowPoison, k.narrowRegisters, AllLanes);
  std::fill_n(w.widePoison, k.wideRegisters, AllLanes);
  std::fill_n(w.predicatePoison + 1, k.predicateRegisters - 1, AllLanes);
  fillSpecials(w);
}

std::unique_ptr<Cta> makeCta(Grid &grid) {
  auto cta = std::make_unique<Cta>();
  cta->grid = &grid;
  cta->threads = grid.block[0] * grid.block[1] * grid.block[2];
  cta->warps.resize((cta->threads + LaneCount - 1) / LaneCount);
  for (unsigned w = 0; w < cta->warps.size(); ++w) {
    cta->warps[w].cta = cta.get();
    cta->warps[w].kernel = &grid.kernel;
    cta->warps[w].index = w;
    allocateRows(cta->warps[w], grid.kernel);
  }
  return cta;
}

void startCta(Cta &cta, uint64_t number) {
  Grid &grid = *cta.grid;
  cta.number = static_cast<uint32_t>(number);
  cta.index = {static_cast<uint32_t>(number % grid.grid[0]),
               static_cast<uint32_t>(number / grid.grid[0] % grid.grid[1]),
               static_cast<uint32_t>(number / grid.grid[0] / grid.grid[1])};
  cta.shared.reset(grid.kernel.staticSharedBytes + grid.dynamicShared);
  for (unsigned w = 0; w < cta.warps.size(); ++w)
    restart(cta.warps[w], cta, w);
}

bool guardUndefined(Warp &w, const Instruction &i) {
  uint32_t bad = w.predicatePoison[i.guard] & w.active;
  if (bad)
    w.fault(firstLane(bad), "the guard predicate was never initialised",
            "set the predicate on every path that leads here");
  return bad != 0;
}

// Up to `quantum` instructions of a warp.
void runWarp(Warp &w, uint32_t quantum) {
  const Instruction *code = w.kernel->code.data();
  uint32_t done = 0;
  while (done < quantum && w.state == Warp::State::Ready) {
    const Instruction &i = code[w.pc];
    ++done;
    if (w.predicatePoison[i.guard] & w.active && guardUndefined(w, i))
      break;
    w.next = w.pc + 1;
    w.mask = w.active & (w.predicate[i.guard] ^ i.guardFlip);
    if (w.mask) {
      i.execute(w, i);
      if (w.failed())
        break;
    }
    w.pc = w.next;
    if (w.lowestParked <= w.pc && w.state != Warp::State::Ended)
      w.reconverge();
  }
  Grid &grid = *w.cta->grid;
  grid.counters.instructions += done;
  grid.sinceProgress += done;
}

// Which warps wait for whom, in words.
void reportDeadlock(Cta &cta) {
  Warp *first = nullptr;
  std::string what = "deadlock:", ended;
  for (Warp &w : cta.warps) {
    if (w.state == Warp::State::Ended)
      ended += (ended.empty() ? "" : ", ") + std::to_string(w.index);
    if (w.state != Warp::State::AtBarrier)
      continue;
    const Barrier &b = cta.barriers[static_cast<size_t>(w.barrier)];
    if (first && first->barrier == w.barrier)
      continue;
    first = first ? first : &w;
    what += " barrier " + std::to_string(w.barrier) + " waits for " + std::to_string(b.expected) +
            " threads, " + std::to_string(b.arrived) + " have arrived;";
  }
  if (!ended.empty())
    what += " ended without arriving: warps " + ended + ";";
  what.pop_back();
  first->pc -= 1; // it waits after its barrier
  first->fault(-1, what, "let every warp that the barrier counts arrive at it");
}

void reportStuck(Warp &w) {
  w.fault(-1,
          "no progress: " + std::to_string(w.cta->grid->sinceProgress) +
              " instructions without a store, a barrier or an end",
          "look at the loop here: what it waits for never comes");
}

bool ended(const Cta &cta) {
  return std::all_of(cta.warps.begin(), cta.warps.end(),
                     [](const Warp &w) { return w.state == Warp::State::Ended; });
}

// Gives each warp of the CTA that can move a turn; false where none can.
bool turn(Cta &cta) {
  Grid &grid = *cta.grid;
  bool moved = false;
  size_t n = cta.warps.size();
  size_t first = grid.options.seed ? grid.nextRandom() % n : 0;
  for (size_t k = 0; k < n && !grid.fault; ++k) {
    Warp &w = cta.warps[(first + k) % n];
    if (w.state != Warp::State::Ready)
      continue;
    moved = true;
    if (grid.options.seed && grid.nextRandom() >> 63)
      continue; // it could have run, but not this time
    uint32_t quantum = grid.options.seed
                           ? 1 + static_cast<uint32_t>(grid.nextRandom() >> 40) % RandomQuantum
                           : Quantum;
    runWarp(w, quantum);
    if (grid.sinceProgress > grid.options.patience && w.state == Warp::State::Ready)
      reportStuck(w);
  }
  return moved;
}

} // namespace

void emulator::runGrid(Grid &grid) {
  uint64_t total = uint64_t(grid.grid[0]) * grid.grid[1] * grid.grid[2], next = 0;
  size_t most = std::max(1u, grid.options.residentCtas);
  std::vector<std::unique_ptr<Cta>> resident, idle;
  while (!grid.fault && (next < total || !resident.empty())) {
    while (resident.size() < most && next < total) {
      if (idle.empty())
        idle.push_back(makeCta(grid));
      resident.push_back(std::move(idle.back()));
      idle.pop_back();
      startCta(*resident.back(), next++);
    }
    for (std::unique_ptr<Cta> &cta : resident)
      if (!grid.fault && !turn(*cta) && !ended(*cta))
        reportDeadlock(*cta);
    for (size_t k = 0; k < resident.size();)
      if (ended(*resident[k])) {
        idle.push_back(std::move(resident[k]));
        resident.erase(resident.begin() + static_cast<long>(k));
      } else {
        ++k;
      }
  }
}
