"""The example that opens each public header, compiled and run: examples(prefix, folder, cxx, cc, run) of installed.py.

An example is the indented part of the header's first comment. What it takes for granted stands here, by header.
"""
import re

TOKENS = "std::vector<int32_t> tokens(8 * 128, 1), targets(8 * 128, 2);"
PROGRAM = 'Result<Program> program = Program::load("model.so"); if (!program) return program.error();'
SESSION = PROGRAM + " Result<Session> opened = Session::create(*program, {.batch = 8, .time = 32}); " \
                    "if (!opened) return opened.error(); Session &session = *opened;"
GIVEN = {
    "result.h": 'const std::string path = "model.so"; const auto run = [](const Program &) {};',
    "runtime.h": TOKENS + " std::vector<int32_t> prompt = {1};",
    "abi.h": "",
    "session.h": "int32_t tokens[4 * 32] = {0}, targets[4 * 32] = {0};",
    "train/batches.h": 'Result<Split> data = openSplit({.path = "bible.txt"}, *byteTokenizer()); const Tokens &tokens = '
                       "data->training; int64_t step = 1, sequence = 0; std::vector<int32_t> ids(128), targets(128);",
    "train/metrics.h": "StepReport report;",
    "train/progress.h": "StepReport report; report.step = report.steps = 1;",
    "train/run.h": 'StepReport report; const std::string json = "{}";',
    "train/trainer.h": 'struct Silent : TrainObserver { void onStep(const StepReport &) override {} } observer; ' + SESSION +
                       ' Result<Split> data = openSplit({.path = "small.bin"}, *byteTokenizer()); TrainOptions options; '
                       "options.steps = 2; options.time = 32;",
    "monitor.h": SESSION + " std::vector<int32_t> tokens(8 * 32, 1), targets(8 * 32, 2);",
    "builtins.h": 'Expr x = name("x"); Num heads = 4;',
}
C = ("abi.h", "session.h")


def example_of(text):
    opening = re.match(r"(?://[^\n]*\n)+|/\*.*?\*/", text, re.S).group(0)
    lines = [re.sub(r"^ ?(?://|\*)", "", line) for line in opening.splitlines()]
    return "\n".join(line for line in lines if line.startswith("   "))


def examples(prefix, folder, cxx, cc, run, vocabulary):
    """`vocabulary` is a folder with GPT-2's, where there is one."""
    include = prefix / "include/lnx"
    if vocabulary.is_dir():
        (folder / "data").mkdir()
        (folder / "data/gpt2").symlink_to(vocabulary.resolve())
    (folder / "bible.txt").write_text("In the beginning there were words.\n" * 200)
    run(prefix / "bin/lnx", "data", folder / "bible.txt", "-o", folder / "small.bin", "--tokenizer", "char")
    program, calls = "#include <lnx/lnx.h>\n", ""
    headers = sorted(str(path.relative_to(include)) for path in include.rglob("*.h"))
    for header in headers:
        program += f"#include <lnx/{header}>\n"
    program += "#include <cstdio>\nusing namespace lnx;\n"
    for number, header in enumerate(headers):
        text = example_of((include / header).read_text())
        if not text:
            raise SystemExit(f"{header} opens without an example")
        if header in C:
            continue
        program += f"static Result<int> example{number}() {{\n{GIVEN.get(header, '')}\n{text}\nreturn 0;\n}}\n"
        if header != "train/tokenizer.h" or vocabulary.is_dir():
            calls += f'if (auto r = example{number}(); !r) return std::printf("{header}: %s\\n", r.error().message.c_str());\n'
    (folder / "examples.cpp").write_text(program + "int main() {\n" + calls + 'std::puts("all");\n}\n')
    program = "#include <lnx/abi.h>\n#include <lnx/session.h>\n#include <dlfcn.h>\n#include <stdio.h>\n"
    for number, header in enumerate(C):
        program += f"static void example{number}(void) {{\n{GIVEN[header]}\n{example_of((include / header).read_text())}\n}}\n"
    (folder / "example.c").write_text(program + "int main(void) {\nexample0();\nexample1();\nreturn 0;\n}\n")
    library = [f"-I{prefix}/include", f"-L{prefix}/lib", "-llnx", f"-Wl,-rpath,{prefix}/lib"]
    run(cxx, "-std=c++20", "-Wno-unused", folder / "examples.cpp", *library, "-o", folder / "examples")
    run(cc, "-std=c11", folder / "example.c", *library, "-o", folder / "example")
    if run(folder / "examples", cwd=folder).splitlines()[-1] != "all":
        raise SystemExit(run(folder / "examples", cwd=folder))
    output = run(folder / "example", cwd=folder)
    if not re.fullmatch(r"m has \d+ parameters\n", output):
        raise SystemExit(output)
