// Barrier: bar and barrier with sync, arrive and red; bar.warp.sync; fences.
// A barrier counts threads by whole warps and joins the clocks of those that arrive.
#include "emulator/unit/Select.h"

using namespace emulator;

namespace {

enum : uint32_t {
  Sleeps = 1,   // sync and red
  HasCount = 2, // source[1]
  RedPopc = 4,
  RedAnd = 8,
  RedOr = 16,
  RedInvert = 32,
  RedAny = RedPopc | RedAnd | RedOr,
};

// A register that all lanes must agree on.
bool uniform(Warp &w, Slot slot, const char *what, uint32_t &value) {
  const uint32_t *lanes = row<uint32_t>(w, slot);
  value = lanes[firstLane(w.mask)];
  if (uint32_t bad = w.narrowPoison[slot] & w.mask) {
    w.fault(firstLane(bad), std::string(what) + " was never initialised", "define it");
    return false;
  }
  for (unsigned l = 0; l < LaneCount; ++l)
    if (w.mask >> l & 1 && lanes[l] != value) {
      w.fault(static_cast<int>(l), std::string(what) + " differs between lanes of a warp",
              "use the same one in every lane");
      return false;
    }
  return true;
}

bool consistent(Warp &w, const Barrier &b, uint32_t id, uint32_t threads) {
  std::string name = "barrier " + std::to_string(id);
  auto bad = [&](std::string what, std::string remedy) {
    w.fault(-1, name + what, std::move(remedy));
    return false;
  };
  if (threads % LaneCount != 0 || threads == 0)
    return bad(" counts " + std::to_string(threads) + " threads, which is no multiple of 32",
               "barriers count whole warps");
  if (threads > w.cta->warps.size() * LaneCount)
    return bad(" waits for " + std::to_string(threads) + " threads, but the CTA has " +
                   std::to_string(w.cta->threads),
               "count the threads that arrive");
  if (b.expected && b.expected != threads)
    return bad(" is used with " + std::to_string(threads) + " threads here and with " +
                   std::to_string(b.expected) + " at PTX line " + std::to_string(b.line),
               "give the same count in every place that meets at a barrier");
  if (b.warps >> w.index & 1)
    return bad(": this warp arrives twice in one phase", "let every warp arrive once a phase");
  return true;
}

void finish(Cta &cta, Barrier &b) {
  for (Warp &other : cta.warps) {
    if (!(b.waiting >> other.index & 1))
      continue;
    other.clock.join(b.joined);
    other.clock.time[other.index] += 1;
    other.state = Warp::State::Ready;
    other.barrier = -1;
  }
  b = {};
}

// The value of bar.red goes to every waiting warp.
void giveResult(Cta &cta, const Barrier &b, uint32_t control) {
  for (Warp &other : cta.warps) {
    if (!(b.waiting >> other.index & 1) || b.result[other.index] == NoSlot)
      continue;
    Slot slot = b.result[other.index];
    if (control & RedPopc) {
      uint32_t *d = row<uint32_t>(other, slot);
      std::fill_n(d, LaneCount, b.reduced);
      other.narrowPoison[slot] = 0;
    } else {
      bool value = control & RedAnd ? b.reduced == b.arrived : b.reduced != 0;
      other.predicate[slot] = value ? ~0u : 0;
      other.predicatePoison[slot] = 0;
    }
  }
}

// The warp's part of a reduction.
bool addVotes(Warp &w, const Instruction &i, Barrier &b) {
  if (uint32_t bad = w.predicatePoison[i.source[2]] & w.mask) {
    w.fault(firstLane(bad), "the predicate of the reduction was never initialised", "define it");
    return false;
  }
  uint32_t yes = (w.predicate[i.source[2]] ^ (i.control & RedInvert ? ~0u : 0)) & w.mask;
  b.reduced += static_cast<uint32_t>(std::popcount(yes)) +
               (i.control & RedAnd ? LaneCount - std::popcount(w.mask) : 0);
  b.result[w.index] = i.destination;
  return true;
}

void arrive(Warp &w, const Instruction &i) {
  if (!w.converged())
    return;
  Cta &cta = *w.cta;
  uint32_t id = 0, threads = static_cast<uint32_t>(cta.warps.size() * LaneCount);
  if (!uniform(w, i.source[0], "the number of the barrier", id) ||
      (i.control & HasCount && !uniform(w, i.source[1], "the count of the barrier", threads)))
    return;
  if (id >= cta.barriers.size())
    return w.fault(-1, "barrier " + std::to_string(id) + " does not exist: there are 16",
                   "use barriers 0 to 15");
  Barrier &b = cta.barriers[id];
  if (!consistent(w, b, id, threads))
    return;
  if (b.expected == 0)
    b.line = i.line;
  b.expected = threads;
  b.arrived += LaneCount;
  b.warps |= 1u << w.index;
  b.joined.join(w.clock);
  if (i.control & RedAny && !addVotes(w, i, b))
    return;
  w.counters().barriers += 1;
  w.madeProgress();
  if (i.control & Sleeps) {
    b.waiting |= 1u << w.index;
    w.state = Warp::State::AtBarrier;
    w.barrier = static_cast<int>(id);
  } else {
    w.clock.time[w.index] += 1; // what follows the arrival is not covered by it
  }
  if (b.arrived < b.expected)
    return;
  if (i.control & RedAny)
    giveResult(cta, b, i.control);
  finish(cta, b);
}

void syncWarp(Warp &w, const Instruction &i) { w.converged(i.source[0]); }
void nothing(Warp &, const Instruction &) {}

void decodeReduction(Decoder &d, size_t &next) {
  d.out.control |= d.take("popc") ? RedPopc : d.take("and") ? RedAnd : d.take("or") ? RedOr : 0;
  Type t = d.type();
  d.out.destination = d.destination(next++, d.out.control & RedPopc ? t : Type::Pred);
}

void decodeBar(Decoder &d) {
  d.take("cta");
  if (d.take("warp")) {
    d.take("sync");
    if (!d.expectOperands(1, 1))
      return;
    d.out.source[0] = d.source(0, Type::B32);
    d.out.execute = syncWarp;
    return;
  }
  // Without .aligned too: lanes that would arrive apart are reported.
  d.take("aligned");
  bool reduces = d.take("red"), sync = d.take("sync") || reduces;
  if (!sync && !d.take("arrive"))
    return d.fail("needs .sync, .arrive or .red");
  d.out.execute = arrive;
  d.out.control = sync ? Sleeps : 0;
  size_t next = 0, last = d.count();
  if (reduces)
    decodeReduction(d, next);
  d.out.source[0] = d.source(next++, Type::U32);
  if (reduces && last > next)
    last -= 1;
  if (next < last) {
    d.out.source[1] = d.source(next++, Type::U32);
    d.out.control |= HasCount;
  }
  if (reduces) {
    d.out.control |= d.operand(next).negated ? RedInvert : 0;
    d.out.source[2] = d.source(next++, Type::Pred);
  }
  if (!sync && !(d.out.control & HasCount))
    d.fail("an arrival needs a count");
  d.expectOperands(next, next);
}

void decodeFence(Decoder &d) {
  constexpr std::string_view Words[] = {"cta",     "cluster", "gl",      "gpu",    "sys",
                                        "acq_rel", "sc",      "acquire", "release"};
  for (std::string_view word : Words)
    d.take(word);
  d.expectOperands(0, 0);
  d.out.execute = nothing;
}

// Launches of a stream follow one another here, so there is nothing to wait for.
void decodeGridDependency(Decoder &d) {
  if (!d.take("wait") && !d.take("launch_dependents"))
    d.fail("needs .wait or .launch_dependents");
  d.expectOperands(0, 0);
  d.out.execute = nothing;
}

} // namespace

bool emulator::decodeBarrier(Decoder &d) {
  if (d.is("bar") || d.is("barrier"))
    decodeBar(d);
  else if (d.is("membar") || d.is("fence"))
    decodeFence(d);
  else if (d.is("griddepcontrol"))
    decodeGridDependency(d);
  else
    return false;
  return true;
}
