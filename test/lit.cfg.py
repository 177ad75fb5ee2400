# lit.cfg.py: how the text tests run: lnx-opt, lnxc and lnx from the build, FileCheck from LLVM.
import os

import lit.formats
from lit.llvm import llvm_config

config.name = "lnx"
config.suffixes = [".mlir", ".lnx", ".test"]
config.excludes = ["Inputs", "bench", "fuzz"]
config.test_format = lit.formats.ShTest(execute_external=False)
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.lnx_obj_root, "test")

llvm_config.with_environment("PATH", config.llvm_tools_dir, append_path=True)
llvm_config.with_environment("NO_COLOR", "1")
llvm_config.add_tool_substitutions(["lnx-opt", "lnx-certify", "lnxc", "lnx"], [os.path.join(config.lnx_obj_root, "bin")])
llvm_config.add_tool_substitutions(
    ["FileCheck", "not", "count", "split-file", "mlir-opt", "mlir-translate", "llc"], [config.llvm_tools_dir])
config.substitutions.append(("%example_passes", os.path.join(config.lnx_obj_root, "lib", "example_passes.so")))
config.substitutions.append(("%emulated", os.path.join(config.lnx_obj_root, "lib", "emulated")))
config.substitutions.append(("%examples", os.path.join(config.lnx_src_root, "examples")))
config.substitutions.append(("%shared", os.path.join(config.lnx_src_root, "..", "shared")))
if os.path.isdir(os.path.join(config.lnx_src_root, "..", "shared", "data")):
    config.available_features.add("shared-data")
