#!/usr/bin/env python3
"""Generated kernels with rows in f32 beside hand-written CUDA C++ for the same function, by nvcc -O3, for sm_90a.

    python3 test/bench/nvcc.py build/dev/bin/lnxc [--show NAME]

Prints registers and machine instructions of both; exit 1 when ours has more than a tenth more instructions, 77
without nvcc and ptxas (of the PATH or /usr/local/cuda/bin). --show counts instructions by name, ours and theirs.
"""
import argparse
import collections
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent / "cuda"
# Function, its kernel in generated code.
KERNELS = [("peri_forward", "rows"), ("peri_backward", "rows"), ("cross_entropy", "softmax")]
MOST = 1.10
NOP, BRANCH = 0x918, 0x947


def find(tool):
    return shutil.which(tool) or shutil.which(tool, path="/usr/local/cuda/bin")


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command[0]}: {done.stderr or done.stdout}")
    return done.stdout + done.stderr


def sections(cubin):
    """Name and content of each section of a 64-bit ELF file."""
    start, = struct.unpack_from("<Q", cubin, 0x28)
    size, count, names = struct.unpack_from("<HHH", cubin, 0x3A)
    heads = [struct.unpack_from("<IIQQQQ", cubin, start + i * size) for i in range(count)]
    strings = heads[names][4]
    for name, _, _, _, offset, length in heads:
        end = cubin.index(b"\0", strings + name)
        yield cubin[strings + name:end].decode(), cubin[offset:offset + length]


def opcodes(cubin, kernel):
    """Low twelve bits of each instruction, 16 bytes, without the filling behind the end."""
    code = dict(sections(cubin))[".text." + kernel]
    all_of_it = [struct.unpack_from("<H", code, at)[0] & 0xFFF for at in range(0, len(code), 16)]
    while all_of_it[-1] == NOP:
        all_of_it.pop()
    if all_of_it[-1] == BRANCH:
        all_of_it.pop()
    return all_of_it


def registers(report, kernel):
    return int(re.search(rf"Function properties for {kernel}\n.*\n.*Used (\d+) registers", report)[1])


def ours(lnxc, ptxas, name, kernel, folder):
    ptx = folder / f"{name}.ptx"
    ptx.write_text(run(lnxc, HERE / "Inputs" / f"{name}.mlir", "--target=cuda", "--precision=f32", "--emit=ptx"))
    report = run(ptxas, "-arch=sm_90a", "-v", ptx, "-o", folder / "ours.cubin")
    return registers(report, kernel), opcodes((folder / "ours.cubin").read_bytes(), kernel)


def theirs(nvcc, name, folder):
    report = run(nvcc, "-O3", "-cubin", "-gencode", "arch=compute_90a,code=sm_90a", "-Xptxas", "-v", HERE / f"{name}.cu",
                 "-o", folder / "theirs.cubin")
    return registers(report, name), opcodes((folder / "theirs.cubin").read_bytes(), name)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("lnxc")
    arguments.add_argument("--show")
    options = arguments.parse_args()
    nvcc, ptxas = find("nvcc"), find("ptxas")
    if not nvcc or not ptxas:
        print("skipped: no nvcc and ptxas in PATH or /usr/local/cuda/bin")
        return 77
    worst = 0
    print(f"{'function':<16}{'registers':>22}{'instructions':>22}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for function, kernel in KERNELS:
            mine, yours = ours(options.lnxc, ptxas, function, kernel, folder), theirs(nvcc, function, folder)
            ratio = len(mine[1]) / len(yours[1])
            worst = max(worst, ratio)
            print(f"{function:<16}{f'ours {mine[0]}, nvcc {yours[0]}':>22}"
                  f"{f'ours {len(mine[1])}, nvcc {len(yours[1])}':>22}{ratio:>8.2f}")
            if options.show == function:
                counts = [collections.Counter(side[1]) for side in (mine, yours)]
                for code in sorted(counts[0] | counts[1], key=lambda c: counts[1][c] - counts[0][c]):
                    print(f"    opcode {code:#05x}: ours {counts[0][code]}, nvcc {counts[1][code]}")
    print(f"at most {MOST:.2f}: {'holds' if worst <= MOST else 'does not hold'}")
    return worst > MOST


if __name__ == "__main__":
    sys.exit(main())
