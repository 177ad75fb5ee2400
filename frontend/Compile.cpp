// Compile: a model from a file, compiled.
#include "frontend/Compile.h"

#include "lnx/model.h"

namespace lnx {

Result<Program> compileToMemory(const std::string &path,
                                const std::vector<std::pair<std::string, std::string>> &settings,
                                const std::string &device, const std::string &precision) {
  const Result<Model> model = Model::load(path, settings);
  return model ? model->compile(device, precision) : Result<Program>(model.error());
}

} // namespace lnx
