/* stub_cuda: the emulated driver and cuBLASLt with one function that fails, for tests of what is
 * said then. STUB_CUDA says which, as FUNCTION=NUMBER: "cuInit=34", "cuLaunchKernel=719". A number
 * stands for what a function reports instead where it reports something:
 * "cuDriverGetVersion=12020", "cuDeviceGetCount=0", "cublasLtGetVersion=110500", "capability=80".
 * Everything else is the emulator's, which this library links. */
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The emulator's function. */
static void *real(const char *name) {
  static void *emulator;
  if (!emulator)
    emulator = dlopen(STUB_EMULATOR, RTLD_NOW | RTLD_LOCAL);
  return emulator ? dlsym(emulator, name) : NULL;
}

/* Whether STUB_CUDA names the function; what it says of it. */
static int chosen(const char *name, int *number) {
  const char *wanted = getenv("STUB_CUDA");
  size_t length = strlen(name);
  if (!wanted || strncmp(wanted, name, length) != 0 || wanted[length] != '=')
    return 0;
  *number = atoi(wanted + length + 1);
  return 1;
}

#define FAILING(name, parameters, arguments)                                                       \
  int name parameters {                                                                            \
    int number;                                                                                    \
    return chosen(#name, &number) ? number : ((int(*) parameters)real(#name))arguments;            \
  }
#define REPORTING(name, parameters, arguments, place)                                              \
  int name parameters {                                                                            \
    int number, result = ((int(*) parameters)real(#name))arguments;                                \
    if (chosen(#name, &number))                                                                    \
      *place = number;                                                                             \
    return result;                                                                                 \
  }

FAILING(cuInit, (unsigned flags), (flags))
REPORTING(cuDriverGetVersion, (int *version), (version), version)
REPORTING(cuDeviceGetCount, (int *count), (count), count)
FAILING(cuDevicePrimaryCtxRetain, (void **context, int device), (context, device))
FAILING(cuMemAlloc_v2, (unsigned long long *address, size_t bytes), (address, bytes))
FAILING(cublasLtCreate, (void **handle), (handle))

/* A kernel that fails is heard of when its stream is waited for. */
static int launched;
int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                   unsigned bz, unsigned shared, void *stream, void **parameters, void **extra) {
  int number;
  launched = 1;
  if (chosen("cuLaunchKernel", &number))
    return number;
  return ((int (*)(void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                   void *, void **, void **))real("cuLaunchKernel"))(
      function, gx, gy, gz, bx, by, bz, shared, stream, parameters, extra);
}
int cuStreamSynchronize(void *stream) {
  int number;
  if (launched && chosen("cuStreamSynchronize", &number))
    return number;
  return ((int (*)(void *))real("cuStreamSynchronize"))(stream);
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
  int number;
  if (chosen("capability", &number) && (attribute == 75 || attribute == 76)) {
    *value = attribute == 75 ? number / 10 : number % 10;
    return 0;
  }
  return ((int (*)(int *, int, int))real("cuDeviceGetAttribute"))(value, attribute, device);
}

/* Also writes what the driver's compiler would say, option 5 with a buffer of option 6 bytes. */
int cuModuleLoadDataEx(void **module, const void *image, unsigned count, int *options,
                       void **values) {
  int number;
  if (!chosen("cuModuleLoadDataEx", &number))
    return ((int (*)(void **, const void *, unsigned, int *, void **))real("cuModuleLoadDataEx"))(
        module, image, count, options, values);
  for (unsigned k = 0; k < count; ++k)
    if (options[k] == 5)
      strcpy(values[k], "ptxas fatal: planted by the test");
  return number;
}

/* Real drivers have words for errors that the emulator never has. */
int cuGetErrorName(int error, const char **name) {
  static const struct {
    int error;
    const char *name;
  } names[] = {{46, "CUDA_ERROR_DEVICE_UNAVAILABLE"},
               {100, "CUDA_ERROR_NO_DEVICE"},
               {802, "CUDA_ERROR_SYSTEM_NOT_READY"},
               {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"},
               {999, "CUDA_ERROR_UNKNOWN"}};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
    if (names[i].error == error) {
      *name = names[i].name;
      return 0;
    }
  return ((int (*)(int, const char **))real("cuGetErrorName"))(error, name);
}

size_t cublasLtGetVersion(void) {
  int number;
  return chosen("cublasLtGetVersion", &number) ? (size_t)number
                                               : ((size_t (*)(void))real("cublasLtGetVersion"))();
}
