// beside: opens another LLVM for everybody to see, then compiles and trains with ours.
#include <lnx/lnx.h>

#include <cstdio>
#include <dlfcn.h>
#include <vector>

int main(int, char **argv) {
  void *other = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
  auto *version =
      other ? reinterpret_cast<void *(*)()>(dlsym(other, "LLVMContextCreate")) : nullptr;
  if (!version) {
    std::fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  version(); // it works, and its state stays beside ours
  const char *digits = argv[1];
  for (const char *at = argv[1]; *at; ++at)
    if (at[0] == '-' && at[1] == '1')
      digits = at + 1;
  std::printf("other LLVM: %s\n", digits);
  const auto model = lnx::Model::parse(
      "model m = gpt2(vocab = 16, context = 8, width = 16, heads = 2, depth = 1)\n");
  if (!model)
    return 2;
  auto session = lnx::Session::create(*model, {.batch = 1, .time = 8});
  if (!session)
    return 3;
  const std::vector<int32_t> tokens = {1, 2, 3, 4, 5, 6, 7, 8};
  const auto loss = session->step({tokens, tokens, 1, 8}, {});
  std::printf("loss %.2f\n", loss ? *loss : -1);
  return loss ? 0 : 4;
}
