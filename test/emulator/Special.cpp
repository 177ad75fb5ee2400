// Special: the names of the special registers and their values in a warp.
// Rows are filled when a CTA starts; no unit knows that they are special.
#include "emulator/Special.h"

#include "emulator/Warp.h"

using namespace emulator;

namespace {

struct Name {
  std::string_view name;
  Special special;
};
constexpr Name Names[] = {
    {"%tid.x", Special::TidX},
    {"%tid.y", Special::TidY},
    {"%tid.z", Special::TidZ},
    {"%ntid.x", Special::NtidX},
    {"%ntid.y", Special::NtidY},
    {"%ntid.z", Special::NtidZ},
    {"%ctaid.x", Special::CtaidX},
    {"%ctaid.y", Special::CtaidY},
    {"%ctaid.z", Special::CtaidZ},
    {"%nctaid.x", Special::NctaidX},
    {"%nctaid.y", Special::NctaidY},
    {"%nctaid.z", Special::NctaidZ},
    {"%laneid", Special::LaneId},
    {"%warpid", Special::WarpId},
    {"%nwarpid", Special::NWarpId},
    {"%smid", Special::SmId},
    {"%nsmid", Special::NSmId},
    {"%lanemask_eq", Special::LaneMaskEq},
    {"%lanemask_lt", Special::LaneMaskLt},
    {"%lanemask_le", Special::LaneMaskLe},
    {"%lanemask_gt", Special::LaneMaskGt},
    {"%lanemask_ge", Special::LaneMaskGe},
    {"%clock", Special::Clock},
    {"%dynamic_smem_size", Special::DynamicSharedSize},
    {"%total_smem_size", Special::TotalSharedSize},
};

uint32_t value(Special special, const Warp &w, unsigned lane) {
  const Cta &cta = *w.cta;
  const Grid &grid = *cta.grid;
  uint32_t thread = w.index * LaneCount + lane;
  uint32_t bit = 1u << lane;
  switch (special) {
  case Special::TidX:
    return thread % grid.block[0];
  case Special::TidY:
    return thread / grid.block[0] % grid.block[1];
  case Special::TidZ:
    return thread / grid.block[0] / grid.block[1];
  case Special::NtidX:
  case Special::NtidY:
  case Special::NtidZ:
    return grid.block[size_t(special) - size_t(Special::NtidX)];
  case Special::CtaidX:
  case Special::CtaidY:
  case Special::CtaidZ:
    return cta.index[size_t(special) - size_t(Special::CtaidX)];
  case Special::NctaidX:
  case Special::NctaidY:
  case Special::NctaidZ:
    return grid.grid[size_t(special) - size_t(Special::NctaidX)];
  case Special::LaneId:
    return lane;
  case Special::WarpId:
    return w.index;
  case Special::NWarpId:
    return static_cast<uint32_t>(cta.warps.size());
  case Special::SmId:
  case Special::Clock:
    return 0;
  case Special::NSmId:
    return 1;
  case Special::LaneMaskEq:
    return bit;
  case Special::LaneMaskLt:
    return bit - 1;
  case Special::LaneMaskLe:
    return bit | (bit - 1);
  case Special::LaneMaskGt:
    return ~(bit | (bit - 1));
  case Special::LaneMaskGe:
    return ~(bit - 1);
  case Special::DynamicSharedSize:
    return grid.dynamicShared;
  case Special::TotalSharedSize:
    return cta.shared.size();
  }
  return 0;
}

} // namespace

std::optional<Special> emulator::specialNamed(std::string_view name) {
  for (const Name &n : Names)
    if (n.name == name)
      return n.special;
  return std::nullopt;
}

void emulator::fillSpecials(Warp &w) {
  for (const SpecialRow &row : w.kernel->specials)
    for (unsigned lane = 0; lane < LaneCount; ++lane)
      w.narrow[size_t(row.slot) * LaneCount + lane] = value(row.special, w, lane);
}
