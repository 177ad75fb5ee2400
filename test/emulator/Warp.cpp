// Warp: divergence by lowest pc, and faults with their place.
// Lanes that parked at the pc of the current ones join them, so paths meet as early as they can.
#include "emulator/Warp.h"

#include "emulator/Lanes.h"

using namespace emulator;

namespace {

// "0-3, 7" for a mask.
std::string laneList(uint32_t lanes) {
  std::string s;
  for (unsigned l = 0; l < LaneCount; ++l) {
    if (!(lanes >> l & 1))
      continue;
    unsigned last = l;
    while (last + 1 < LaneCount && lanes >> (last + 1) & 1)
      ++last;
    s += (s.empty() ? "" : ", ") + std::to_string(l);
    if (last > l)
      s += "-" + std::to_string(last);
    l = last;
  }
  return s;
}

void reportMissing(Warp &w, uint32_t missing) {
  uint32_t ended = missing & ~w.live;
  std::string what = "lanes " + laneList(missing) +
                     " do not execute this instruction together with lanes " + laneList(w.mask);
  if (ended)
    what += "; " + std::string(ended == missing ? "they" : "some of them") + " have ended";
  for (const std::vector<ParkedLanes> *groups : {&w.parked, &w.waiting})
    for (const ParkedLanes &p : *groups)
      if (p.lanes & missing)
        what += "; lanes " + laneList(p.lanes & missing) + " are at PTX line " +
                std::to_string(w.kernel->code[p.pc].line);
  w.fault(firstLane(missing), what,
          "move it to where the whole warp passes, or make the branch before it uniform");
}

// The member mask that all lanes here name; reports what is wrong with it.
bool readMemberMask(Warp &w, Slot slot, uint32_t &named) {
  const uint32_t *members = w.narrow + size_t(slot) * LaneCount;
  if (uint32_t undefined = w.narrowPoison[slot] & w.mask) {
    w.fault(firstLane(undefined), "the member mask was never initialised", "define it");
    return false;
  }
  named = members[firstLane(w.mask)];
  for (unsigned l = 0; l < LaneCount; ++l)
    if (w.mask >> l & 1 && members[l] != named) {
      w.fault(static_cast<int>(l), "lanes name different member masks",
              "use one mask for all lanes that meet here");
      return false;
    }
  if (uint32_t strangers = w.mask & ~named) {
    w.fault(firstLane(strangers),
            "the member mask leaves out lanes " + laneList(strangers) +
                ", which execute the instruction",
            "name every lane that gets here");
    return false;
  }
  return true;
}

} // namespace

uint64_t Grid::nextRandom() { // xorshift64* (Vigna 2016)
  random ^= random >> 12;
  random ^= random << 25;
  random ^= random >> 27;
  return random * 0x2545f4914f6cdd1dull;
}

void Warp::fault(int lane, std::string what, std::string remedy) {
  if (failed())
    return;
  Fault f;
  f.place.kernel = kernel->name;
  f.place.line = kernel->code[pc].line;
  if (kernel->lines && f.place.line && f.place.line <= kernel->lines->size())
    f.place.statement = (*kernel->lines)[f.place.line - 1];
  f.place.cta = cta->index;
  f.place.warp = static_cast<int>(index);
  f.place.lane = lane;
  f.what = std::move(what);
  f.remedy = std::move(remedy);
  cta->grid->fault = std::move(f);
}

void Warp::gather() {
  std::erase_if(waiting, [this](const ParkedLanes &group) {
    if (group.pc != pc)
      return false;
    mask |= group.lanes;
    active |= group.lanes;
    return true;
  });
}

bool Warp::meet(uint32_t named) {
  if (!(named & ~mask))
    return true;
  waiting.push_back({pc, mask});
  active &= ~mask;
  if (active)
    return false;
  next = ~0u; // those parked go on
  if (parked.empty())
    reportWaiting();
  return false;
}

// A compiler may put the block of a branch behind what follows it: lanes that skip it come early.
// Lanes here that a guard keeps from the instruction never execute it.
bool Warp::converged() {
  if (active != mask) {
    reportMissing(*this, lanes & ~mask);
    return false;
  }
  gather();
  return meet(lanes);
}

bool Warp::converged(Slot memberMask) {
  gather();
  uint32_t named = 0;
  if (!readMemberMask(*this, memberMask, named))
    return false;
  if (uint32_t absent = named & ~lanes) {
    fault(-1, "the member mask names lanes " + laneList(absent) + ", which this warp does not have",
          "launch a multiple of 32 threads, or name existing lanes only");
    return false;
  }
  return meet(named);
}

void Warp::reportWaiting() {
  pc = waiting[0].pc;
  mask = waiting[0].lanes;
  waiting.erase(waiting.begin());
  reportMissing(*this, lanes & ~mask);
}

void Warp::branch(uint32_t target, uint32_t taken) {
  uint32_t rest = active & ~taken;
  if (rest) {
    park(pc + 1, rest);
    active = taken;
  }
  next = target;
}

void Warp::park(uint32_t at, uint32_t which) {
  parked.push_back({at, which});
  lowestParked = std::min(lowestParked, at);
}

void Warp::exit() {
  live &= ~mask;
  active &= ~mask;
  if (active)
    return;
  next = ~0u; // above every parked pc
  if (!parked.empty())
    return;
  if (!waiting.empty())
    reportWaiting();
  state = State::Ended;
}

void Warp::reconverge() {
  if (active)
    parked.push_back({pc, active});
  pc = ~0u;
  for (const ParkedLanes &p : parked)
    pc = std::min(pc, p.pc);
  active = 0;
  lowestParked = ~0u;
  size_t kept = 0;
  for (const ParkedLanes &p : parked) {
    if (p.pc == pc) {
      active |= p.lanes;
    } else {
      lowestParked = std::min(lowestParked, p.pc);
      parked[kept++] = p;
    }
  }
  parked.resize(kept);
}
