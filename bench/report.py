#!/usr/bin/env python3
"""Writes the README's speed tables and the plots from the raw results, and nothing else does.

    bench/standard.sh                  leaves raw results under bench/results/
    python3 bench/report.py            rewrites README.md between its bench markers, draws bench/results/plots/
    python3 bench/report.py --check    exit 1 if README.md would change

A table stands between "<!-- bench: cpu -->" and "<!-- /bench -->"; the word names a group of results: cpu,
cpu-frame, cuda-network, cuda-autotune, cuda-frame; with "-details" behind it every figure of the group's records.
cuda-targets is what was promised, cuda-slots what frames in flight give, cuda-roofline (cpu-roofline) how far the
steps are from what the machine can do. Of one case the newest result is shown; older ones make the plot of
progress. Plots need matplotlib; without it there are only tables, and stderr says so.
"""
import argparse
import pathlib
import re
import sys

from report_plots import draw_all
from report_records import case, load, newest, repeated
from report_tables import details, in_flight, rooflines, table, targets

SOURCE = pathlib.Path(__file__).resolve().parent.parent
MARKER = re.compile(r"(<!-- bench: ([\w-]+) -->\n).*?(<!-- /bench -->)", re.DOTALL)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--readme", type=pathlib.Path, default=SOURCE / "README.md")
    parser.add_argument("--results", type=pathlib.Path, default=SOURCE / "bench" / "results")
    args = parser.parse_args()
    raws = load(args.results)
    if not args.check:
        draw_all(raws, args.results / "plots")

    def of(group):
        return newest(r for r in raws if r.get("group") == group)

    def text_of(name):
        """The table of that name; "" where nothing was measured."""
        if name == "cuda-slots":
            return in_flight(raws)
        if name.endswith("-roofline"):
            return rooflines(raws, name.removesuffix("-roofline"))
        if name == "cuda-targets":
            return targets(of("cuda-network"), of("cuda-frame"), of("cuda-autotune")) if of("cuda-network") else ""
        group = name.removesuffix("-details")
        chosen = of(group)
        if not chosen or name != group:
            return details(chosen) if chosen else ""
        shown = {(raw["commit"], case(raw)) for raw in chosen}
        return table(chosen, repeated(r for r in raws if r.get("group") == group and (r["commit"], case(r)) in shown))

    def fill(match):
        text = text_of(match.group(2))
        picture = args.results / "plots" / (match.group(2) + ".svg")
        if text and picture.exists():
            text += f"\n![{match.group(2)}]({picture.relative_to(args.readme.resolve().parent)})\n"
        return match.group(1) + (text or "No run yet.\n") + match.group(3)

    old = args.readme.read_text()
    new = MARKER.sub(fill, old)
    if args.check:
        return int(new != old)
    args.readme.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
