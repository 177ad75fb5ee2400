#!/usr/bin/env python3
"""Holds the JSON of `lnx verify`, its witnesses and certificates against their schemas.   verdict_schema.py SCHEMA LNX EXAMPLES

witness.schema.json and certificate.schema.json lie beside SCHEMA.

Knows the part of JSON Schema that docs/verdict.schema.json uses, and refuses any other keyword.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
KNOWN = {"$schema", "$defs", "$ref", "title", "description", "type", "additionalProperties", "required", "properties",
         "items", "enum", "minimum"}


def has_type(value, name):
    if name in ("number", "integer"):
        return not isinstance(value, bool) and isinstance(value, int if name == "integer" else (int, float))
    return isinstance(value, TYPES[name])


def problems(value, schema, root, at="$"):
    """What is wrong with `value`, one line each."""
    found = [f"{at}: schema has unknown keyword '{key}'" for key in schema if key not in KNOWN]
    if "$ref" in schema:
        target = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        found += problems(value, target, root, at)
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(has_type(value, name) for name in types):
        return found + [f"{at}: {json.dumps(value)} is not {' or '.join(types)}"]
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at}: {json.dumps(value)} is none of {schema['enum']}")
    if "minimum" in schema and value < schema["minimum"]:
        found.append(f"{at}: {value} is below {schema['minimum']}")
    if isinstance(value, dict):
        fields = schema.get("properties", {})
        found += [f"{at}: '{name}' is missing" for name in schema.get("required", []) if name not in value]
        for name, item in value.items():
            if name in fields:
                found += problems(item, fields[name], root, f"{at}.{name}")
            elif schema.get("additionalProperties") is False:
                found.append(f"{at}: '{name}' is unknown to the schema")
    if isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            found += problems(item, schema["items"], root, f"{at}[{i}]")
    return found


def mutations(report):
    """Reports that the schema must refuse."""
    for change in ({"version": 2}, {"exit": 1}, {"depth": -1}, {"depth": True}, {"surprise": 0}, {"verdicts": {}}):
        yield report | change
    yield {name: value for name, value in report.items() if name != "model"}
    first = report["verdicts"][0]
    for change in ({"verdict": "proved"}, {"basis": "hope"}, {"number": "1"}, {"culprits": [{"text": ""}]}):
        yield report | {"verdicts": [first | change]}


# What no example promises: an optimizer and an objective, each with verdicts of its own basis.
TIERS = """model tiers(depth = 2) {
  assume norm.gain <= 1
  assume norm.bias.max <= 0
  assume x0.rms <= 1
  assume adamw(lr = 1e-3, steps = 1000)
  assume l2(decay = 0.1)
  return gpt2(block = own, depth = depth, width = 16, heads = 2, vocab = 20, context = 8)
}
def own(x, l, depth, heads) {
  x <- x + mlp(layernorm(x), bias = 0)
  return x
}
"""


def main(schema_path, lnx, examples):
    schema = json.loads(pathlib.Path(schema_path).read_text(encoding="utf-8"))
    bad, count = [], 0
    folder = tempfile.TemporaryDirectory()
    tiers = pathlib.Path(folder.name, "tiers.lnx")
    tiers.write_text(TIERS, encoding="utf-8")
    bases = set()
    for path in [*sorted(pathlib.Path(examples).resolve().glob("*.lnx")), tiers]:
        result = subprocess.run([pathlib.Path(lnx).resolve(), "verify", str(path), "--json", "--certificate"],
                                capture_output=True, text=True, timeout=60, cwd=folder.name)
        if result.returncode not in (0, 3, 4):
            bad.append(f"{path.name}: exit code {result.returncode}: {result.stderr}")
            continue
        report = json.loads(result.stdout)
        bad += [f"{path.name}: {line}" for line in problems(report, schema, schema)]
        bases |= {verdict["basis"] for verdict in report["verdicts"] if verdict["verdict"] != "UNKNOWN"}
        if report["exit"] != result.returncode:
            bad.append(f"{path.name}: exit code {result.returncode}, but the report says {report['exit']}")
        bad += [f"{path.name}: a wrong report passes: {wrong}" for wrong in mutations(report)
                if not problems(wrong, schema, schema)]
        count += 1
    bad += [f"no verdict has the basis '{basis}'" for basis in schema["$defs"]["basis"]["enum"] if basis not in bases]
    shape = json.loads(pathlib.Path(schema_path).with_name("witness.schema.json").read_text(encoding="utf-8"))
    witnesses = sorted(pathlib.Path(folder.name).glob("*.witness.json"))
    for path in witnesses:
        bad += [f"{path.name}: {line}" for line in problems(json.loads(path.read_text(encoding="utf-8")), shape, shape)]
    if not witnesses:
        bad.append("no witness was written")
    shape = json.loads(pathlib.Path(schema_path).with_name("certificate.schema.json").read_text(encoding="utf-8"))
    certificates = sorted(pathlib.Path(folder.name).glob("*.certificate.json"))
    for path in certificates:
        bad += [f"{path.name}: {line}" for line in problems(json.loads(path.read_text(encoding="utf-8")), shape, shape)]
    if len(certificates) != count:
        bad.append(f"{len(certificates)} certificates of {count} models")
    print("\n".join(bad) if bad else f"{count} reports, {len(witnesses)} witnesses, {len(certificates)} certificates")
    return 1 if bad or not count else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
