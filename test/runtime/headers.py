#!/usr/bin/env python3
"""Each public header compiles alone, without LLVM on the path: headers.py INCLUDE-FOLDER[:FURTHER-FOLDER] COMPILER...

`abi.h`, `session.h` and `runtime.h` are C11 as well; generated code and other languages rely on it. `--self-test` checks that headers that need
another include, LLVM or an extension are found.
"""
import pathlib
import subprocess
import sys
import tempfile

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
C11 = ("lnx/abi.h", "lnx/session.h", "lnx/runtime.h")


def compile_alone(compiler, folders, header, language, standard):
    """What the compiler says to a file that holds nothing but this include."""
    result = subprocess.run([compiler, f"-std={standard}", *WARNINGS, *(f"-I{folder}" for folder in folders), "-x", language, "-"],
                            input=f'#include "{header}"\n', text=True, capture_output=True)
    return [] if result.returncode == 0 else [f"{header} with {compiler} -std={standard}:\n{result.stderr}"]


def check(folders, compilers, c11):
    """Problems and the number of headers of the first folder, with the others on the path."""
    problems, headers = [], sorted(str(p.relative_to(folders[0])) for p in folders[0].rglob("*.h"))
    for header in headers:
        for compiler in compilers:
            problems += compile_alone(compiler, folders, header, "c++", "c++20")
            if header in c11:
                problems += compile_alone(compiler, folders, header, "c", "c11")
    return problems, len(headers)


def self_test(compilers):
    planted = {
        "needs_include.h": "inline std::string name();\n",
        "sees_llvm.h": '#include "mlir/IR/Value.h"\n',
        "extension.h": "struct lnx_pair { struct { int a; struct { int b; }; }; };\n",
        "not_c.h": "#include <cstdint>\n",
    }
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for header, text in planted.items():
            (folder / header).write_text(text)
        problems, _ = check([folder], compilers, ("not_c.h",))
    missed = [h for h in planted for c in compilers if not any(p.startswith(f"{h} with {c} ") for p in problems)]
    return [f"{header} was not found" for header in missed], len(planted)


arguments = sys.argv[1:]
if arguments[0] == "--self-test":
    failures, count = self_test(arguments[1:])
else:
    failures, count = check([pathlib.Path(f) for f in arguments[0].split(":")], arguments[1:], C11)
print("\n".join(failures) if failures else f"{count} headers")
sys.exit(1 if failures or not count else 0)
