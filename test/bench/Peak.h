// Peak: floating-point multiply-add peak of this machine, measured.
// Programs that print a share of the peak measure it in the same run.
#ifndef LNX_TEST_BENCH_PEAK_H
#define LNX_TEST_BENCH_PEAK_H

namespace lnx::bench {

// FLOP/s of `threads` threads together, by the widest multiply-add the machine has.
double peakFlops(int threads);

} // namespace lnx::bench

#endif
