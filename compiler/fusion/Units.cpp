// Units: the operations of one block as units that run one after another, and which depend on
// which. Relied on by FormGroups: merging units must leave an order in which all can run.
#include "compiler/fusion/Units.h"
#include <queue>

using namespace mlir;
using namespace mlir::lnx;

unsigned Units::add(Operation *op, std::optional<RowSpace> space, ValueRange values) {
  unsigned id = units.size();
  units.push_back({{op}, {}, std::move(space), {}, {}, id, sumsOverRows(op)});
  parent.push_back(id);
  needs.emplace_back(values);
  unitOf[op] = id;
  for (Value value : values)
    if (Operation *definition = value.getDefiningOp())
      if (std::optional<unsigned> producer = find(definition))
        order(*producer, id);
  return id;
}

void Units::order(unsigned before, unsigned after) {
  before = resolve(before);
  after = resolve(after);
  if (before == after)
    return;
  units[before].after.push_back(after);
  units[after].before.push_back(before);
}

std::optional<unsigned> Units::find(Operation *op) const {
  auto entry = unitOf.find(op);
  if (entry == unitOf.end())
    return std::nullopt;
  return resolve(entry->second);
}

unsigned Units::resolve(unsigned id) const {
  while (parent[id] != id)
    id = parent[id];
  return id;
}

// Only units added so far are followed: later ones cannot lie between two earlier ones.
bool Units::reachesThroughOthers(unsigned from, unsigned to) const {
  SmallVector<unsigned> pending;
  llvm::DenseSet<unsigned> seen;
  auto follow = [&](unsigned id, bool isStart) {
    for (unsigned next : units[id].after) {
      next = resolve(next);
      if (next == to && !isStart)
        return true;
      if (next != to && next != id && seen.insert(next).second)
        pending.push_back(next);
    }
    return false;
  };
  if (follow(from, /*isStart=*/true))
    return true;
  while (!pending.empty())
    if (follow(pending.pop_back_val(), /*isStart=*/false))
      return true;
  return false;
}

bool Units::needsSumOf(const Unit &user, unsigned producer) const {
  if (!units[producer].hasSums)
    return false;
  for (Operation *op : user.ops)
    for (Value value : needsOf(op))
      if (Operation *definition = value.getDefiningOp())
        if (find(definition) == producer && sumsOverRows(definition))
          return true;
  return false;
}

bool Units::tryMerge(unsigned a, unsigned b) {
  a = resolve(a);
  b = resolve(b);
  if (a == b || !units[a].space || !units[b].space)
    return false;
  std::optional<RowSpace> space = join(*units[a].space, *units[b].space);
  if (!space || needsSumOf(units[a], b) || needsSumOf(units[b], a) || reachesThroughOthers(a, b) ||
      reachesThroughOthers(b, a))
    return false;
  Unit &kept = units[a], &gone = units[b];
  parent[b] = a;
  kept.space = std::move(space);
  kept.position = std::max(kept.position, gone.position);
  kept.hasSums |= gone.hasSums;
  bool isSorted = unitOf.lookup(kept.ops.back()) < unitOf.lookup(gone.ops.front());
  kept.ops.append(gone.ops);
  // Program order is an order of dependence inside the group.
  if (!isSorted)
    llvm::sort(kept.ops,
               [&](Operation *x, Operation *y) { return unitOf.lookup(x) < unitOf.lookup(y); });
  kept.before.append(gone.before);
  kept.after.append(gone.after);
  gone = {};
  return true;
}

SmallVector<Operation *> Units::members(unsigned id) const {
  const Unit &unit = (*this)[id];
  SmallVector<Operation *> all(unit.copies);
  all.append(unit.ops.begin(), unit.ops.end());
  llvm::sort(all, [&](Operation *x, Operation *y) { return unitOf.lookup(x) < unitOf.lookup(y); });
  return all;
}

SmallVector<unsigned> Units::sorted() {
  std::vector<unsigned> waiting(units.size());
  auto isInner = [&](unsigned id, unsigned other) { return resolve(other) == id; };
  using Entry = std::pair<unsigned, unsigned>; // position, unit
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
  for (unsigned id = 0; id < units.size(); ++id) {
    if (parent[id] != id)
      continue;
    waiting[id] =
        llvm::count_if(units[id].before, [&](unsigned other) { return !isInner(id, other); });
    if (waiting[id] == 0)
      ready.emplace(units[id].position, id);
  }
  SmallVector<unsigned> order;
  while (!ready.empty()) {
    unsigned id = ready.top().second;
    ready.pop();
    order.push_back(id);
    for (unsigned next : units[id].after)
      if (!isInner(id, next) && --waiting[resolve(next)] == 0)
        ready.emplace(units[resolve(next)].position, resolve(next));
  }
  return order;
}
