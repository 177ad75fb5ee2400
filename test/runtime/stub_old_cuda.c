/* stub_old_cuda: a driver of CUDA 10.2, which knows no graphs; or a library that is no driver at
 * all where STUB_CUDA is "bare". */
#include <stdlib.h>

int cuInit(unsigned flags) {
  (void)flags;
  return 0;
}
int cuDriverGetVersion(int *version) {
  *version = 10020;
  return getenv("STUB_CUDA") ? 1 : 0;
}
