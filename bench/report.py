#!/usr/bin/env python3
"""Writes the README's speed tables from the raw results, and nothing else does.

    posenet-bench … --json bench/results/NAME.json
    python3 bench/report.py            rewrites README.md between its bench markers
    python3 bench/report.py --check    exit 1 if that would change anything

A table stands between "<!-- bench: cpu -->" and "<!-- /bench -->"; the word selects the files whose
measure and device it names: cpu, cuda-network, cuda-frame.
"""
import argparse
import json
import pathlib
import re
import statistics
import sys

SOURCE = pathlib.Path(__file__).resolve().parent.parent
RESULTS = SOURCE / "bench" / "results"
README = SOURCE / "README.md"
MARKER = re.compile(r"(<!-- bench: ([\w-]+) -->\n).*?(<!-- /bench -->)", re.DOTALL)


def load():
    """Every raw result with the group that it belongs to, oldest first."""
    found = []
    for path in sorted(RESULTS.glob("*.json")):
        raw = json.loads(path.read_text())
        if "runtimes" not in raw:
            continue
        cuda = any(r["name"] == "posenet-cuda" for r in raw["runtimes"])
        raw["group"] = f"cuda-{raw['measure']}" if cuda else "cpu"
        raw["file"] = path.name
        found.append(raw)
    return sorted(found, key=lambda r: (r["model"], r["width"] * r["height"], r["batch"],
                                        r["threads"], r["when"]))


def median(row):
    return statistics.median(row["samples_ms"]) if "samples_ms" in row else None


def ratio(raw):
    """Ours over the fastest rival, round by round: (ratio, rival's name), or None."""
    ours = [r for r in raw["runtimes"] if r["ours"] and median(r)]
    rivals = [r for r in raw["runtimes"] if not r["ours"] and median(r)]
    if not ours or not rivals:
        return None
    a, b = min(ours, key=median), min(rivals, key=median)
    return statistics.median(x / y for x, y in zip(a["medians_ms"], b["medians_ms"])), b["name"]


def table(raws):
    names = []
    for raw in raws:
        names += [r["name"] for r in raw["runtimes"] if r["name"] not in names]
    lines = ["| model, input, batch, threads, precision | " + " | ".join(names) + " | ratio |",
             "|---" * (len(names) + 2) + "|"]
    for raw in raws:
        rows = {r["name"]: r for r in raw["runtimes"]}
        cells = []
        for name in names:
            row = rows.get(name)
            ms = median(row) if row else None
            cells.append(f"{ms:.2f} ms" if ms else row["state"] if row else "")
        r = ratio(raw)
        model = raw["model"].removesuffix(".onnx")
        lines.append(f"| {model}, {raw['width']}x{raw['height']}, {raw['batch']}, "
                     f"{raw['threads']}, {raw['precision']} | " + " | ".join(cells) +
                     (f" | **{r[0]:.2f}** |" if r else " | |"))
    where = sorted({f"{raw['processor']}, commit {raw['commit']}" for raw in raws})
    lines += ["", "Median of each runtime in one interleaved run; ratio: ours over the fastest rival, "
              "round by round. " + "; ".join(where) + "."]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    raws = load()

    def fill(match):
        chosen = [r for r in raws if r["group"] == match.group(2)]
        return match.group(1) + (table(chosen) if chosen else "No run yet.\n") + match.group(3)

    old = README.read_text()
    new = MARKER.sub(fill, old)
    if args.check:
        return int(new != old)
    README.write_text(new)
    return 0


sys.exit(main())
