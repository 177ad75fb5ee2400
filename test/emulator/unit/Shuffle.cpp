// Shuffle: shfl.sync, vote.sync, match.sync, redux.sync, activemask, elect.sync.
// The lanes of the member mask must all be here; a lane never reads one that is not.
#include "emulator/unit/Select.h"

using namespace emulator;

namespace {

enum class Mode : uint8_t { Up, Down, Butterfly, Index };

// The lane that `lane` reads, and whether it lies in range (PTX, shfl.sync).
template <Mode M> unsigned sourceLane(unsigned lane, uint32_t b, uint32_t c, bool &inRange) {
  int bits = static_cast<int>(b & 31), clamp = static_cast<int>(c & 31);
  int segment = static_cast<int>(c >> 8 & 31), self = static_cast<int>(lane);
  int most = (self & segment) | (clamp & ~segment), least = self & segment;
  int j = M == Mode::Up          ? self - bits
          : M == Mode::Down      ? self + bits
          : M == Mode::Butterfly ? self ^ bits
                                 : least | (bits & ~segment);
  inRange = M == Mode::Up ? j >= most : j <= most;
  return static_cast<unsigned>(inRange ? j : self);
}

void setPredicate(Warp &w, Slot slot, uint32_t value) {
  if (slot == NoSlot)
    return;
  w.predicate[slot] = (w.predicate[slot] & ~w.mask) | (value & w.mask);
  w.predicatePoison[slot] &= ~w.mask;
}

template <Mode M> void shuffle(Warp &w, const Instruction &i) {
  if (!w.converged(i.source[3]))
    return;
  const uint32_t *a = row<uint32_t>(w, i.source[0]);
  const uint32_t *b = row<uint32_t>(w, i.source[1]), *c = row<uint32_t>(w, i.source[2]);
  if (uint32_t bad = (w.narrowPoison[i.source[1]] | w.narrowPoison[i.source[2]]) & w.mask)
    return w.fault(firstLane(bad), "the lane to read was never initialised", "define it");
  uint32_t value[LaneCount], from[LaneCount], poisoned = 0, ranges = 0;
  for (unsigned l = 0; l < LaneCount; ++l) {
    bool inRange = false;
    from[l] = sourceLane<M>(l, b[l], c[l], inRange);
    ranges |= uint32_t(inRange) << l;
  }
  for (unsigned l = 0; l < LaneCount; ++l)
    value[l] = a[from[l]];
  if (uint32_t marks = w.narrowPoison[i.source[0]])
    for (unsigned l = 0; l < LaneCount; ++l)
      poisoned |= (marks >> from[l] & 1) << l;
  if (w.mask != AllLanes)
    for (unsigned l = 0; l < LaneCount; ++l)
      if (w.mask >> l & 1 && !(w.mask >> from[l] & 1))
        return w.fault(static_cast<int>(l),
                       "reads lane " + std::to_string(from[l]) +
                           ", which does not execute the shuffle",
                       "shuffle with the whole warp, or keep the source inside the member mask");
  if (i.destination != NoSlot) {
    uint32_t *d = row<uint32_t>(w, i.destination);
    for (unsigned l = 0; l < LaneCount; ++l)
      d[l] = w.mask >> l & 1 ? value[l] : d[l];
    uint32_t &p = w.narrowPoison[i.destination];
    p = (p & ~w.mask) | (poisoned & w.mask);
  }
  setPredicate(w, static_cast<Slot>(i.immediate), ranges);
}

// Fills a narrow row with one value.
void broadcast(Warp &w, Slot slot, uint32_t value) {
  if (slot == NoSlot)
    return;
  uint32_t *d = row<uint32_t>(w, slot);
  for (unsigned l = 0; l < LaneCount; ++l)
    d[l] = w.mask >> l & 1 ? value : d[l];
  w.narrowPoison[slot] &= ~w.mask;
}

enum : uint32_t { VoteAll, VoteAny, VoteUni, VoteBallot, VoteMode = 3, VoteInvert = 4 };

void vote(Warp &w, const Instruction &i) {
  if (!w.converged(i.source[1]))
    return;
  if (uint32_t bad = w.predicatePoison[i.source[0]] & w.mask)
    return w.fault(firstLane(bad), "the predicate of the vote was never initialised", "define it");
  uint32_t yes = (w.predicate[i.source[0]] ^ (i.control & VoteInvert ? ~0u : 0)) & w.mask;
  if ((i.control & VoteMode) == VoteBallot)
    return broadcast(w, i.destination, yes);
  bool all = yes == w.mask, any = yes != 0;
  bool result = (i.control & VoteMode) == VoteAll   ? all
                : (i.control & VoteMode) == VoteAny ? any
                                                    : all || !any;
  setPredicate(w, i.destination, result ? ~0u : 0);
}

void activeMask(Warp &w, const Instruction &i) { broadcast(w, i.destination, w.mask); }

// One lane of the members, here the lowest, gets a true predicate; all learn which.
void elect(Warp &w, const Instruction &i) {
  if (!w.converged(i.source[1]))
    return;
  uint32_t leader = static_cast<uint32_t>(firstLane(w.mask));
  broadcast(w, i.destination, leader);
  setPredicate(w, i.source[0], 1u << leader);
}

template <typename T> void matchAny(Warp &w, const Instruction &i) {
  if (!w.converged(i.source[1]))
    return;
  if (uint32_t bad = poison<T>(w, i.source[0]) & w.mask)
    return w.fault(firstLane(bad), "the value to match was never initialised", "define it");
  const Cell<T> *a = row<T>(w, i.source[0]);
  uint32_t result[LaneCount] = {};
  for (unsigned l = 0; l < LaneCount; ++l)
    for (unsigned k = 0; k < LaneCount; ++k)
      result[l] |= uint32_t(a[l] == a[k]) << k;
  uint32_t *d = row<uint32_t>(w, i.destination);
  for (unsigned l = 0; l < LaneCount; ++l)
    d[l] = w.mask >> l & 1 ? result[l] & w.mask : d[l];
  w.narrowPoison[i.destination] &= ~w.mask;
}

enum : uint32_t { ReduceAdd, ReduceMin, ReduceMax, ReduceAnd, ReduceOr, ReduceXor };

template <typename T> void reduce(Warp &w, const Instruction &i) {
  if (!w.converged(i.source[1]))
    return;
  if (uint32_t bad = w.narrowPoison[i.source[0]] & w.mask)
    return w.fault(firstLane(bad), "the value to reduce was never initialised", "define it");
  const uint32_t *a = row<T>(w, i.source[0]);
  T r = get<T>(a[firstLane(w.mask)]);
  for (unsigned l = static_cast<unsigned>(firstLane(w.mask)) + 1; l < LaneCount; ++l) {
    if (!(w.mask >> l & 1))
      continue;
    T x = get<T>(a[l]);
    uint32_t u = static_cast<uint32_t>(r), v = static_cast<uint32_t>(x);
    r = i.control == ReduceAdd   ? T(u + v)
        : i.control == ReduceMin ? std::min(r, x)
        : i.control == ReduceMax ? std::max(r, x)
        : i.control == ReduceAnd ? T(u & v)
        : i.control == ReduceOr  ? T(u | v)
                                 : T(u ^ v);
  }
  broadcast(w, i.destination, static_cast<uint32_t>(r));
}

void decodeShfl(Decoder &d) {
  d.out.execute = d.take("up")     ? shuffle<Mode::Up>
                  : d.take("down") ? shuffle<Mode::Down>
                  : d.take("bfly") ? shuffle<Mode::Butterfly>
                  : d.take("idx")  ? shuffle<Mode::Index>
                                   : nullptr;
  if (!d.take("sync") || !d.out.execute)
    return d.fail("needs .sync and .up, .down, .bfly or .idx");
  d.type();
  if (!d.expectOperands(5, 5))
    return;
  d.out.destination = d.destination(0, Type::B32);
  const std::string &p = d.operand(0).second;
  d.out.immediate = p.empty() || p == "_" ? NoSlot : d.predicate(p);
  for (unsigned k = 0; k < 4; ++k)
    d.out.source[k] = d.source(k + 1, Type::B32);
}

void decodeVote(Decoder &d) {
  bool ballot = d.take("ballot");
  d.out.control = ballot          ? VoteBallot
                  : d.take("all") ? VoteAll
                  : d.take("any") ? VoteAny
                  : d.take("uni") ? VoteUni
                                  : VoteMode + 1;
  if (!d.take("sync") || d.out.control > VoteMode)
    return d.fail("needs .sync and .all, .any, .uni or .ballot");
  Type t = d.type();
  if (!d.expectOperands(3, 3))
    return;
  d.out.destination = d.destination(0, ballot ? Type::B32 : t);
  d.out.source[0] = d.source(1, Type::Pred);
  d.out.source[1] = d.source(2, Type::B32);
  d.out.control |= d.operand(1).negated ? VoteInvert : 0;
  d.out.execute = vote;
}

void decodeMatch(Decoder &d) {
  if (!d.take("any") || !d.take("sync"))
    return d.fail("needs .any.sync: .all is not emulated");
  Type t = d.type();
  if (!d.expectOperands(3, 3))
    return;
  d.out.destination = d.destination(0, Type::B32);
  d.out.source[0] = d.source(1, t);
  d.out.source[1] = d.source(2, Type::B32);
  d.out.execute = bytesOf(t) == 8 ? matchAny<uint64_t> : matchAny<uint32_t>;
}

void decodeReduce(Decoder &d) {
  constexpr std::string_view Names[] = {"add", "min", "max", "and", "or", "xor"};
  d.out.control = ~0u;
  for (uint32_t k = 0; k < std::size(Names); ++k)
    if (d.take(Names[k]))
      d.out.control = k;
  if (!d.take("sync") || d.out.control == ~0u)
    return d.fail("needs .sync and an operation");
  Type t = d.type();
  d.out.execute = isSigned(t) ? reduce<int32_t> : reduce<uint32_t>;
  if (!d.expectOperands(3, 3))
    return;
  d.out.destination = d.destination(0, t);
  d.out.source[0] = d.source(1, t);
  d.out.source[1] = d.source(2, Type::B32);
}

void decodeElect(Decoder &d) {
  if (!d.take("sync") || !d.expectOperands(2, 2))
    return d.fail("needs .sync");
  d.out.destination = d.destination(0, Type::B32);
  if (!d.operand(0).second.empty())
    d.out.source[0] = d.predicate(d.operand(0).second);
  d.out.source[1] = d.source(1, Type::B32);
  d.out.execute = elect;
}

} // namespace

bool emulator::decodeShuffle(Decoder &d) {
  if (d.is("shfl"))
    decodeShfl(d);
  else if (d.is("vote"))
    decodeVote(d);
  else if (d.is("match"))
    decodeMatch(d);
  else if (d.is("redux"))
    decodeReduce(d);
  else if (d.is("elect"))
    decodeElect(d);
  else if (d.is("activemask")) {
    d.type();
    d.out.destination = d.destination(0, Type::B32);
    d.out.execute = activeMask;
  } else
    return false;
  return true;
}
