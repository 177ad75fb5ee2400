#!/usr/bin/env python3
"""Every driver and cuBLASLt function that the runtime looks up exists in the look-alikes.

exports.py LIBRARY RUNTIME_FOLDER; `--self-test LIBRARY` checks that a missing one is found.
"""
import pathlib
import re
import subprocess
import sys

NAME = re.compile(r'"((?:cu|cublasLt)[A-Z]\w*)"')


def exported(library):
    table = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1] for line in table.splitlines() if line}


def missing(text, names):
    return sorted(set(NAME.findall(text)) - names)


if __name__ == "__main__":
    if sys.argv[1] == "--self-test":
        found = missing('find("cuInit"); find("cuInventedByNobody");', exported(sys.argv[2]))
        sys.exit(found != ["cuInventedByNobody"])
    sources = [p.read_text(encoding="utf-8") for p in sorted(pathlib.Path(sys.argv[2]).glob("**/*.cpp"))]
    absent = missing("\n".join(sources), exported(sys.argv[1]))
    print("\n".join(f"the runtime looks up '{name}', which the emulator lacks" for name in absent) or "all there")
    sys.exit(bool(absent))
