// Fault: one sentence, then the place, then what to do.
// Relies on the units for the words; adds where it happened.
#include "emulator/Fault.h"

using namespace emulator;

std::string Fault::text() const {
  std::string s = "kernel '" + place.kernel + "'";
  if (place.line)
    s += ", PTX line " + std::to_string(place.line);
  s += ", CTA (" + std::to_string(place.cta[0]) + "," + std::to_string(place.cta[1]) + "," +
       std::to_string(place.cta[2]) + ")";
  if (place.warp >= 0)
    s += ", warp " + std::to_string(place.warp);
  if (place.lane >= 0)
    s += ", lane " + std::to_string(place.lane);
  s += ": " + what;
  if (!place.statement.empty())
    s += "\n  in: " + place.statement;
  if (!remedy.empty())
    s += "\n  help: " + remedy;
  return s;
}
