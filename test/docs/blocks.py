#!/usr/bin/env python3
"""Runs every program in README.md and docs/*.md.   blocks.py ROOT BIN [FILE.md]

```lnx     a whole file: lnxc must accept it. A first comment `# name.lnx` names it for later blocks.
```lnx wrong  the same, but only saved: a ```console block shows what lnxc says to it.
```sh      run in a folder of its own that holds the page's .lnx files and some text, book.txt.
           A block that starts with ./build.sh is how one builds; it is not run from here.
```console lines `$ command`, then what it must print, where a line `...` stands for any lines; exit codes
           do not matter there.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

root, bin_dir = pathlib.Path(sys.argv[1]), sys.argv[2]
env = dict(os.environ, PATH=bin_dir + os.pathsep + os.environ["PATH"], NO_COLOR="1")
TEXT = "".join(f"In the beginning there were {n} words, and word {n} was followed by another.\n" for n in range(2000))


def run(command, folder):
    return subprocess.run(["bash", "-ec", command], cwd=folder, env=env, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)


def save(text, folder):
    name = re.match(r"#\s*(\w+\.lnx)\b", text)
    path = folder / (name.group(1) if name else "block.lnx")
    path.write_text(text)
    return path


def check_lnx(text, folder, where):
    path = save(text, folder)
    result = run(f"lnxc {path.name}", folder)
    return [] if result.returncode == 0 else [f"{where}: lnxc refuses this block:\n{result.stdout}"]


def check_sh(text, folder, where):
    if text.startswith("./build.sh"):
        return []
    result = run(text, folder)
    return [] if result.returncode == 0 else [f"{where}: exit code {result.returncode}:\n{result.stdout}"]


def matches(printed, expected):
    """Whether `printed` is `expected`, with any lines where that has a line of three dots."""
    parts = re.split(r"^\.\.\.\n?", expected.rstrip() + "\n", flags=re.M)
    return re.fullmatch(r"(?:.*\n)*?".join(re.escape(part) for part in parts), printed.rstrip() + "\n") is not None


def check_console(text, folder, where):
    problems = []
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, _, expected = part.partition("\n")
        printed = run(command, folder).stdout
        if not matches(printed, expected):
            problems.append(f"{where}: '{command}' printed\n{printed}instead of\n{expected}")
    return problems


def check_page(path):
    problems, count = [], 0
    page = path.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "book.txt").write_text(TEXT)
        for match in re.finditer(r"^```(lnx wrong|lnx|sh|console)\n(.*?)^```$", page, re.M | re.S):
            kind, text = match.groups()
            where = f"{path.relative_to(root)}:{page.count(chr(10), 0, match.start()) + 1}"
            if kind == "lnx wrong":
                save(text, folder)
            else:
                problems += globals()["check_" + kind](text, folder, where)
            count += 1
    return problems, count


pages = [root / p for p in sys.argv[3:]] or [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
failures, total = [], 0
for page in pages:
    found, count = check_page(page)
    failures += found
    total += count
print("\n".join(failures) if failures else f"{total} blocks of {len(pages)} pages")
sys.exit(1 if failures or not total else 0)
