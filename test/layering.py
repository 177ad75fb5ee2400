#!/usr/bin/env python3
"""The layering rule: which folder may include what. docs/architecture.md shows the table.

Each quoted or angled include of every source file is held against the folder's row. `--self-test`
checks that planted violations are found.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMPILER_ABI = "lnx/abi.h"
LLVM = re.compile(r"^(mlir|llvm|lld)/")
OURS = ("dialect", "compiler", "runtime", "frontend")
PUBLIC = re.compile(r"^lnx/")


def violation(path, include):
    """Why `path`, relative to the root, may not include `include`; None where it may."""
    folder = path.split("/")[0]
    ours = include.split("/")[0] if include.split("/")[0] in OURS else None
    if folder == "dialect":
        if PUBLIC.match(include) or (ours and ours != "dialect"):
            return "dialect sees MLIR and LLVM only"
    elif folder == "runtime":
        if LLVM.match(include):
            return "no LLVM or MLIR below the runtime"
        if ours and ours != "runtime":
            return "the runtime sees no other folder"
    elif folder == "compiler":
        if ours in ("frontend", "runtime"):
            return "the compiler sees dialect, and of the runtime only lnx/abi.h"
        if PUBLIC.match(include) and include not in (COMPILER_ABI, "lnx/abi.def"):
            return "the compiler sees of the runtime only lnx/abi.h"
    elif folder == "frontend":
        if ours == "compiler" and include != "compiler/Compiler.h":
            return "of the compiler the frontend sees only compiler/Compiler.h"
        if ours == "runtime" and not include.startswith("runtime/train/"):
            return "the frontend sees public runtime headers and runtime/train only"
    elif folder == "examples":
        if not (PUBLIC.match(include) or ours is None) or LLVM.match(include):
            return "examples see public headers only"
    return None


def includes(text):
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', text, re.M)


def check_tree():
    bad = []
    for folder in OURS + ("examples",):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".h", ".cpp", ".def", ".c"):
                name = str(path.relative_to(ROOT))
                for include in includes(path.read_text(encoding="utf-8")):
                    reason = violation(name, include)
                    if reason:
                        bad.append(f"{name}: includes {include}: {reason}")
    return bad


def check_tests():
    """Every lit file runs something: RUN with its colon."""
    bad = []
    for path in sorted((ROOT / "test").rglob("*")):
        if path.suffix in (".mlir", ".lnx", ".test") and "Inputs" not in path.parts:
            if "RUN:" not in path.read_text(encoding="utf-8"):
                bad.append(f"{path.relative_to(ROOT)}: has no 'RUN:' line, so it never runs")
    return bad


def self_test():
    planted = [("dialect/X.cpp", "compiler/Compiler.h"), ("runtime/X.cpp", "llvm/ADT/ArrayRef.h"),
               ("compiler/X.cpp", "lnx/runtime.h"), ("frontend/X.cpp", "compiler/Passes.h"),
               ("examples/x.cpp", "mlir/IR/Value.h"), ("runtime/X.cpp", "frontend/Ast.h")]
    missed = [p for p in planted if violation(*p) is None]
    allowed = [("compiler/X.cpp", "lnx/abi.h"), ("frontend/X.cpp", "compiler/Compiler.h"), ("runtime/X.cpp", "lnx/abi.h")]
    wrong = [p for p in allowed if violation(*p) is not None]
    return [f"not caught: {p}" for p in missed] + [f"wrongly refused: {p}" for p in wrong]


if __name__ == "__main__":
    problems = self_test() if "--self-test" in sys.argv else check_tree() + check_tests()
    print("\n".join(problems) if problems else "layering holds")
    sys.exit(1 if problems else 0)
