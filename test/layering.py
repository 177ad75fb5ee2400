#!/usr/bin/env python3
"""The layering rule: which folder may include what. docs/architecture.md shows the table.

Each quoted or angled include of every source file is held against the folder's row, and passes are searched
for names of primitive ops. `--self-test` checks that planted violations are found.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMPILER_ABI = "lnx/abi.h"
COMPILER_PUBLIC = ("compiler/Compiler.h", "compiler/KernelTable.h", "compiler/Verify.h")
LLVM = re.compile(r"^(mlir|llvm|lld)/")
OURS = ("dialect", "compiler", "runtime", "frontend")
PUBLIC = re.compile(r"^lnx/")
VIEW = "ReshapeOp"  # computes nothing: the same memory in another shape, part of a program's frame


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
    elif path.startswith("compiler/certify/"):
        if (ours or include.startswith(("mlir/", "lnx/"))) and not include.startswith("compiler/certify/"):
            return "what checks certificates shares no code with what writes them"
    elif folder == "compiler":
        if include.startswith("compiler/certify/") and not path.startswith("compiler/tools/"):
            return "what writes certificates shares no code with what checks them"
        if ours in ("frontend", "runtime"):
            return "the compiler sees dialect, and of the runtime only lnx/abi.h"
        if PUBLIC.match(include) and include not in (COMPILER_ABI, "lnx/abi.def", "lnx/matmul.def"):
            return "the compiler sees of the runtime only lnx/abi.h"
    elif folder == "frontend":
        if ours == "compiler" and include not in COMPILER_PUBLIC:
            return "of the compiler the frontend sees only Compiler.h, KernelTable.h and Verify.h"
        if ours == "runtime":
            return "the frontend sees public runtime headers only"
    elif path.startswith("examples/passes/"):
        if PUBLIC.match(include) or (ours and ours != "dialect"):
            return "passes of others see the dialect and MLIR"
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


def primitives():
    """C++ names of all primitives: the records of dialect/ops/*.td."""
    text = "".join(p.read_text(encoding="utf-8") for p in sorted((ROOT / "dialect/ops").glob("*.td")))
    return [name for name in re.findall(r"^def Lnx_(\w+Op) : ", text, re.M) if name != VIEW]


def names_primitive(text, names):
    """The first place where a pass asks whether an op is a certain primitive; building one is allowed."""
    asks = r"\b(?:isa|isa_and_nonnull|cast|dyn_cast|dyn_cast_or_null|getOps|getDefiningOp|getParentOfType|Case)<(?:[^<>]*[ ,:](?<!LLVM::))?({0})\b"
    match = re.search(asks.format("|".join(names)), text)
    return match and match.group(0)


def check_law():
    """Passes never name a primitive; they ask interfaces."""
    bad, names = [], primitives()
    for stage in ("stability", "autodiff", "fusion", "lower"):
        for path in sorted((ROOT / "compiler" / stage).rglob("*.cpp")):
            found = names_primitive(path.read_text(encoding="utf-8"), names)
            if found:
                bad.append(f"{path.relative_to(ROOT)}: '{found}': passes never name a primitive op")
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
               ("compiler/X.cpp", "lnx/runtime.h"), ("compiler/certify/X.cpp", "dialect/Series.h"),
               ("compiler/stability/X.cpp", "compiler/certify/Bounds.h"), ("frontend/X.cpp", "compiler/Passes.h"),
               ("frontend/X.cpp", "compiler/stability/Growth.h"),
               ("frontend/X.cpp", "runtime/train/MappedFile.h"),
               ("examples/x.cpp", "mlir/IR/Value.h"), ("examples/passes/X.cpp", "compiler/Compiler.h"), ("runtime/X.cpp", "frontend/Ast.h")]
    missed = [p for p in planted if violation(*p) is None]
    if len(primitives()) < 20 or not names_primitive("if (isa<AddOp, MatmulOp>(op))", primitives()):
        missed.append("a pass that names lnx.matmul")
    allowed = [("compiler/X.cpp", "lnx/abi.h"), ("frontend/X.cpp", "compiler/Compiler.h"),
               ("frontend/X.cpp", "compiler/Verify.h"), ("runtime/X.cpp", "lnx/abi.h")]
    wrong = [p for p in allowed if violation(*p) is not None]
    return [f"not caught: {p}" for p in missed] + [f"wrongly refused: {p}" for p in wrong]


if __name__ == "__main__":
    problems = self_test() if "--self-test" in sys.argv else check_tree() + check_law() + check_tests()
    print("\n".join(problems) if problems else "layering holds")
    sys.exit(1 if problems else 0)
