// Control: bra, brx.idx, ret, exit, trap, nanosleep.
// A branch splits the active lanes; the warp goes on with those at the lowest pc.
#include "emulator/unit/Select.h"

using namespace emulator;

namespace {

void branch(Warp &w, const Instruction &i) { w.branch(static_cast<uint32_t>(i.immediate), w.mask); }
void branchUniform(Warp &w, const Instruction &i) {
  if (w.mask != w.active)
    return w.fault(firstLane(w.active & ~w.mask), "lanes disagree at a branch that says .uni",
                   "drop .uni, or make the predicate uniform");
  branch(w, i);
}

void branchIndexed(Warp &w, const Instruction &i) {
  const uint32_t *index = row<uint32_t>(w, i.source[0]);
  if (uint32_t bad = w.narrowPoison[i.source[0]] & w.mask)
    return w.fault(firstLane(bad), "the index of the branch was never initialised", "define it");
  if (uint32_t rest = w.active & ~w.mask)
    w.park(w.pc + 1, rest);
  uint32_t left = w.mask;
  while (left) {
    unsigned first = static_cast<unsigned>(firstLane(left));
    if (index[first] >= i.count)
      return w.fault(static_cast<int>(first),
                     "index " + std::to_string(index[first]) + " is outside the table of " +
                         std::to_string(i.count) + " targets",
                     "test the index before the branch");
    uint32_t same = 0;
    for (unsigned l = 0; l < LaneCount; ++l)
      same |= uint32_t(index[l] == index[first]) << l;
    w.park(w.kernel->slots[i.list + index[first]], same & left);
    left &= ~same;
  }
  w.active = 0;
  w.next = ~0u; // the warp goes on with the lowest of those parked
}

void end(Warp &w, const Instruction &) {
  w.exit();
  w.madeProgress();
  bool waiting = !w.openCopies.empty();
  for (const std::vector<AsyncCopy> &group : w.copyGroups)
    waiting |= !group.empty();
  if (w.state == Warp::State::Ended && waiting)
    w.fault(-1, "the warp ends with asynchronous copies that nothing has waited for",
            "wait with cp.async.wait_all before the end");
}

void trap(Warp &w, const Instruction &) {
  w.fault(firstLane(w.mask), "the kernel executed trap", "look at the test that leads here");
}

void nothing(Warp &, const Instruction &) {}

void decodeBranch(Decoder &d) {
  bool uniform = d.take("uni");
  if (!d.expectOperands(1, 1))
    return;
  d.out.immediate = d.label(d.operand(0).name);
  d.out.execute = uniform ? branchUniform : branch;
}

void decodeIndexed(Decoder &d) {
  d.take("idx");
  d.take("uni");
  if (!d.expectOperands(2, 2))
    return;
  const std::vector<std::string> *table = d.branchTable(d.operand(1).name);
  if (!table)
    return d.fail("'" + d.operand(1).name + "' is no table of branch targets");
  std::vector<Slot> targets;
  for (const std::string &name : *table)
    targets.push_back(d.label(name));
  d.list(targets);
  d.out.source[0] = d.source(0, Type::U32);
  d.out.execute = branchIndexed;
}

} // namespace

bool emulator::decodeControl(Decoder &d) {
  if (d.is("bra"))
    decodeBranch(d);
  else if (d.is("brx"))
    decodeIndexed(d);
  else if (d.is("ret") || d.is("exit")) {
    d.take("uni");
    d.out.execute = end;
  } else if (d.is("trap"))
    d.out.execute = trap;
  else if (d.is("nanosleep")) {
    d.type();
    d.out.execute = nothing;
  } else
    return false;
  return true;
}
