// Random: the definition of Philox, one counter at a time.
// Relies on XXH3 for the hash of a name; RandomSequence (Normal.cpp) runs many counters at once.
#include "Random.h"

#include <xxhash.h>

using namespace lnx;

PhiloxCounter lnx::philox(PhiloxCounter counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    uint64_t first = uint64_t{0xD2511F53} * counter[0];
    uint64_t second = uint64_t{0xCD9E8D57} * counter[2];
    counter = {
        static_cast<uint32_t>(second >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(second),
        static_cast<uint32_t>(first >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(first)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

RandomSequence::RandomSequence(uint64_t seed, std::string_view name)
    : seed(seed), nameHash(XXH3_64bits(name.data(), name.size())) {}
