#!/usr/bin/env python3
"""The pass table of docs/architecture.md says what compiler/Passes.td says, in the same order, and each
pass has a text test of its name."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
records = re.findall(r'def \w+ : Pass<"([^"]+)".*?let summary = "([^"]+)"', (root / "compiler/Passes.td").read_text(), re.S)
rows = re.findall(r"^\| `(lnx-[\w-]+)` \| (.+?) \|$", (root / "docs/architecture.md").read_text(), re.M)
problems = []
if records != rows:
    only = lambda a, b: [f"{n}: {s}" for n, s in a if (n, s) not in b]
    problems += [f"in Passes.td, not in docs/architecture.md: {x}" for x in only(records, rows)]
    problems += [f"in docs/architecture.md, not in Passes.td: {x}" for x in only(rows, records)]
    problems += [] if problems else ["the order differs"]
for name, _ in records:
    test = root / "test/compiler" / (name.removeprefix("lnx-") + ".mlir")
    if not test.exists():
        problems.append(f"{name} has no test {test.relative_to(root)}")
print("\n".join(problems) if problems else f"{len(records)} passes")
sys.exit(bool(problems))
