#!/usr/bin/env python3
"""An installed copy is all that another project needs: installed.py BUILD-FOLDER SOURCE-FOLDER C++-COMPILER C-COMPILER

Installs into a new folder, builds examples/embedded with find_package(lnx) alone, runs it and the programs of docs/embedding.md; looks at what the library
exports; trains beside another LLVM in one process; trains from C with runtime.h; builds examples/passes and runs them in
lnx-opt; runs the example of every public header.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

import header_examples

build, source, cxx, cc = sys.argv[1:5]
source = pathlib.Path(source)


def run(*command, **options):
    result = subprocess.run([str(part) for part in command], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, **options)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {result.returncode}:\n{result.stdout}")
    return result.stdout


def expect(text, *patterns):
    for pattern in patterns:
        if not re.search(pattern, text):
            sys.exit(f"'{pattern}' is not in:\n{text}")


def embedded(prefix, folder):
    run("cmake", "-S", source / "examples/embedded", "-B", folder / "build", "-G", "Ninja",
        f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_CXX_COMPILER={cxx}", "-DCMAKE_BUILD_TYPE=Release")
    run("cmake", "--build", folder / "build")
    output = run(folder / "build/embedded", cwd=folder)
    expect(output, r"def rms\(x\)", r"model mine\(depth = 4\)", r"growth: PROVED, linear in depth",
           r"step 40 loss [0-3]\.\d", r"1\.rms\.g: 64 of F32, the first is [01]\.\d", r"after 0: \d+ \d+ \d+\n")
    if not (folder / "mine.safetensors").exists():
        sys.exit("nothing was saved")


def documented(prefix, folder):
    """The programs of the page are complete."""
    for number, text in enumerate(re.findall(r"^```cpp\n(.*?)^```", (source / "docs/embedding.md").read_text(), re.M | re.S)):
        (folder / f"page{number}.cpp").write_text(text)
        run(cxx, "-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Werror", folder / f"page{number}.cpp",
            f"-I{prefix}/include", f"-L{prefix}/lib", "-llnx", f"-Wl,-rpath,{prefix}/lib", "-o", folder / "page")
        expect(run(folder / "page"), r"step 50: [0-2]\.\d+ nats", r"after 8: 9\n")


def exports(library):
    """Nothing of LLVM, MLIR, lld or another library is visible."""
    names = run("nm", "-DC", "--defined-only", library).splitlines()
    ours = re.compile(r"\b[A-Z] (lnx::|lnx_|(typeinfo|typeinfo name|vtable) for lnx::|lnx_.*@)")
    foreign = [name for name in names if not ours.search(name)]
    if foreign or len(names) < 50:
        sys.exit(f"{len(names)} names are exported, among them:\n" + "\n".join(foreign[:20]))


def beside(prefix, folder):
    """Another LLVM, loaded first and for everybody to see, changes nothing."""
    others = [p for p in pathlib.Path("/usr/lib/x86_64-linux-gnu").glob("libLLVM-1*.so*")]
    if not others:
        print("no other LLVM is installed: not tested beside one")
        return
    program = folder / "beside"
    run(cxx, "-std=c++20", source / "test/install/beside.cpp", f"-I{prefix}/include", f"-L{prefix}/lib", "-llnx",
        f"-Wl,-rpath,{prefix}/lib", "-ldl", "-o", program)
    expect(run(program, sorted(others)[0]), r"other LLVM: 1\d", r"loss 2\.\d")


def from_c(prefix, folder):
    model = folder / "model.so"
    (folder / "m.lnx").write_text("model m = gpt2(vocab = 64, context = 128, width = 32, heads = 2, depth = 2)\n")
    run(prefix / "bin/lnxc", folder / "m.lnx", "-o", model)
    program = folder / "train"
    run(cc, "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", source / "examples/embedded/train.c",
        f"-I{prefix}/include", f"-L{prefix}/lib", "-llnx", f"-Wl,-rpath,{prefix}/lib", "-o", program)
    expect(run(program, model, cwd=folder), r"step 1 loss 4\.1", r"step 20 loss [0-3]\.", r"after 0: \d+ \d+ \d+\n", r"saved")
    expect(subprocess.run([str(program), str(folder / "none.so")], text=True, capture_output=True).stderr, r"none\.so")


def passes(prefix, folder):
    """Passes built against the installed dialect run in the installed lnx-opt, on its ops."""
    run("cmake", "-S", source / "examples/passes", "-B", folder / "passes", "-G", "Ninja",
        f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_CXX_COMPILER={cxx}")
    run("cmake", "--build", folder / "passes")
    plugin = f"--load-pass-plugin={folder / 'passes/example_passes.so'}"
    spec, fused, relu = folder / "spec.mlir", folder / "fused.mlir", folder / "relu.mlir"
    for level, path in (("spec", spec), ("fused", fused)):
        path.write_text(run(prefix / "bin/lnxc", folder / "m.lnx", f"--emit={level}"))
    opt = prefix / "bin/lnx-opt"
    run(opt, spec, plugin, "--pass-pipeline=builtin.module(gelu-to-relu)", "-o", relu)
    expect(spec.read_text(), r"lnx\.gelu")
    expect(relu.read_text(), r"lnx\.relu")
    if "lnx.gelu" in relu.read_text():
        sys.exit("the installed passes left a gelu")
    expect(run(opt, fused, plugin, "--pass-pipeline=builtin.module(func.func(count-groups))", "-o", folder / "out.mlir"),
           r"remark: groups: \d+ .*gemm")


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    prefix = folder / "prefix"
    run("cmake", "--install", build, "--prefix", prefix)
    for path in ("bin/lnx", "bin/lnxc", "bin/lnx-opt", "bin/lnx-certify", "include/lnx/lnx.h", "share/lnx/prelude/norms.lnx",
                 "lib/cmake/lnx/lnxConfig.cmake"):
        if not (prefix / path).exists():
            sys.exit(f"{path} was not installed")
    exports(prefix / "lib/liblnx.so")
    embedded(prefix, folder)
    documented(prefix, folder)
    beside(prefix, folder)
    from_c(prefix, folder)
    passes(prefix, folder)
    header_examples.examples(prefix, folder, cxx, cc, run, source.parent / "shared/data/gpt2")
    print("installed, built and run")
