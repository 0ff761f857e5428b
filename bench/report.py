#!/usr/bin/env python3
"""Writes the README's speed tables and the plots from the raw results, and nothing else does.

    bench/standard.sh                  leaves raw results under bench/results/
    python3 bench/report.py            rewrites README.md between its bench markers, draws bench/results/plots/
    python3 bench/report.py --check    exit 1 if README.md would change

A table stands between "<!-- bench: cpu -->" and "<!-- /bench -->"; the word names a group of results: cpu,
cpu-frame, cuda-network, cuda-frame; with "-details" behind it every figure of the group's records.
cuda-targets is what was promised, cuda-slots what frames in flight give, cuda-roofline (cpu-roofline) how far the
steps are from what the machine can do. Of one case the newest result is shown; older ones make the plot of
progress. Plots need matplotlib; without it there are only tables, and stderr says so.
"""
import argparse
import json
import pathlib
import re
import statistics
import sys

SOURCE = pathlib.Path(__file__).resolve().parent.parent
MARKER = re.compile(r"(<!-- bench: ([\w-]+) -->\n).*?(<!-- /bench -->)", re.DOTALL)
DISTURBED = 0.05  # of the cores, used by others meanwhile: as posenet-bench says it


def load(folder):
    """Every raw result, oldest first. Cases get their group."""
    found = []
    for path in sorted(folder.rglob("*.json")):
        raw = json.loads(path.read_text())
        if not isinstance(raw, dict) or raw.get("kind") not in ("case", "sweep", "roofline"):
            continue
        if raw["kind"] == "case":
            cuda = any(r["device"] == "cuda" and median(r) for r in raw["runtimes"])
            raw["group"] = ("cuda-" + raw["measure"] if cuda else
                            "cpu" if raw["measure"] == "network" else "cpu-frame")
        found.append(raw)
    return sorted(found, key=lambda r: r["when"])


def median(row):
    return statistics.median(row["samples_ms"]) if row.get("samples_ms") else None


def case(raw):
    """What tells one case from another, in the order that tables have."""
    return (raw["model"], raw["width"] * raw["height"], raw["width"], raw["height"], raw["batch"],
            raw["threads"], raw["slots"], raw["precision"], raw["measure"])


def title(raw):
    model = raw["model"].removesuffix(".onnx").removeprefix("posenet_")
    batch = f", batch {raw['batch']}" if raw["batch"] > 1 else ""
    return f"{model} {raw['width']}x{raw['height']}{batch}, {raw['precision']}"


def machine(raw):
    """What the figures are of: a ratio is comparable only within this."""
    gpu = raw.get("gpu") if raw.get("group", "").startswith("cuda") else None
    return f"{gpu}, " * bool(gpu) + f"{raw['processor']}, {raw['cores']} cores"


def driver(raw):
    found = re.search(r"\d+\.\d+(\.\d+)?", raw["driver"])
    return f", driver {found.group()}" if found and raw.get("group", "").startswith("cuda") else ""


def newest(raws):
    kept = {}
    for raw in raws:  # later ones replace earlier ones, unless they are a repetition with fewer runtimes
        old = kept.get(case(raw))
        if not old or old["commit"] != raw["commit"] or len(raw["runtimes"]) >= len(old["runtimes"]):
            kept[case(raw)] = raw
    return [kept[key] for key in sorted(kept)]


def ratio(raw):
    """Ours over the fastest rival that does the same task: (low, median, high, rival), or None."""
    rivals = [r for r in raw["runtimes"] if "ours_over_it" in r and not r["single"]]
    if not rivals:
        return None
    best = min(rivals, key=median)
    return (*best["ours_over_it"], best["name"])


def repeated(raws):
    """Ratios of one case measured more than once by one commit: [(title, [ratio, …])]."""
    found = {}
    for raw in raws:
        if ratio(raw):
            found.setdefault((machine(raw), raw["commit"], *case(raw)), []).append(raw)
    return [(title(same[0]), [ratio(r)[1] for r in same]) for same in found.values() if len(same) > 1]


def cell(row):
    if row is None:
        return ""
    value = median(row)
    return row["state"] if not value else f"{value:.3f}" if value < 2 else f"{value:.2f}"


def table(raws, again):
    """`again`: what `repeated` found among them and older ones."""
    names = []
    for raw in raws:
        names += [r["name"] for r in raw["runtimes"] if r["name"] not in names]
    threads = len({raw["threads"] for raw in raws}) > 1  # a column of its own only if it tells something
    lines = ["| ms a call | " + "threads | " * threads + " | ".join(names) + " | ours / fastest rival |",
             "|---" * (len(names) + 2 + threads) + "|"]
    for raw in raws:
        rows = {r["name"]: r for r in raw["runtimes"]}
        cells = " | ".join(cell(rows.get(name)) for name in names)
        r = ratio(raw)
        last = f"**{r[1]:.2f}** ({r[0]:.2f} to {r[2]:.2f})" if r else ""
        lines.append(f"| {title(raw)} | " + f"{raw['threads']} | " * threads + f"{cells} | {last} |")
    versions = sorted({r["version"] for raw in raws for r in raw["runtimes"] if median(r)})
    where = sorted({f"{machine(raw)}{driver(raw)}, "
                    f"commit {raw['commit']}, {raw['when'][:10]}" for raw in raws})
    busy = sum(any(r.get("others_cpu", 0) > DISTURBED * raw["cores"] for r in raw["runtimes"]) for raw in raws)
    lines += ["", "Medians of one interleaved run for each line. The ratio is taken round by round; its "
              "median and 95 % interval. " + "; ".join(where + versions) + "."]
    for name, ratios in again:
        lines[-1] += (f" {name}, measured {len(ratios)} times: ratios " +
                      ", ".join(f"{r:.3f}" for r in ratios) +
                      f", {100 * (max(ratios) / min(ratios) - 1):.1f} % apart.")
    if busy:
        lines[-1] += f" The machine was busy during {busy} of {len(raws)} of these: not to be relied on."
    return "\n".join(lines) + "\n"


DETAILS = [("p50 ms", lambda r, n: f"{quantile(r, 0.5):.3f}"), ("p90", lambda r, n: f"{quantile(r, 0.9):.3f}"),
           ("p99", lambda r, n: f"{quantile(r, 0.99):.3f}"), ("images/s", lambda r, n: f"{1e3 * n / median(r):.0f}"),
           ("spread", lambda r, n: f"{100 * (max(r['medians_ms']) / min(r['medians_ms']) - 1):.1f} %"),
           ("CPU ms", lambda r, n: f"{r['cpu_ms']:.2f}"), ("host MiB", lambda r, n: f"{r['peak_mib']:.0f}"),
           ("GPU MiB", lambda r, n: f"{r['device_peak_mib']:.0f}" if "device_peak_mib" in r else ""),
           ("kB up", lambda r, n: f"{r['bytes_up'] / 1e3:.0f}" if "bytes_up" in r else ""),
           ("kB down", lambda r, n: f"{r['bytes_down'] / 1e3:.1f}" if "bytes_down" in r else ""),
           ("first result s", lambda r, n: f"{r['first_ms'] / 1e3:.1f}"), ("error", lambda r, n: f"{max(r['error']):.0e}")]


def quantile(row, q):
    values = sorted(row["samples_ms"])
    return values[int(q * (len(values) - 1) + 0.5)]


def details(raws):
    """Every figure of every runtime, a block of lines a case."""
    lines = ["| | " + " | ".join(name for name, _ in DETAILS) + " |", "|---" * (len(DETAILS) + 1) + "|"]
    for raw in raws:
        lines.append(f"| **{title(raw)}** |" + " |" * len(DETAILS))
        for row in raw["runtimes"]:
            cells = [make(row, raw["batch"]) for _, make in DETAILS] if median(row) else [row["state"]]
            lines.append(f"| {row['name']} | " + " | ".join(cells) + " |" * (len(DETAILS) - len(cells) + 1))
    lines += ["", "CPU ms: user and system time of a call. GPU MiB: with the CUDA context. First result: loading the libraries, "
              "opening the model and one call, with what each runtime keeps on disk from before. Error: of the worst head, as "
              "the norm of the difference over the norm."]
    return "\n".join(lines) + "\n"


# Ratio to the fastest rival that must be reached, and the aim: (model, width, height, batch, must, aim).
TARGETS = [("resnet50_s16.onnx", 257, 257, 1, 0.52, 0.40), ("mobilenet_v1_0.75_s16.onnx", 257, 257, 1, 0.38, 0.20),
           ("resnet50_s16.onnx", 1281, 721, 1, 0.58, 0.45), ("mobilenet_v1_1.00_s16.onnx", 1281, 721, 1, 0.50, 0.35),
           ("resnet50_s16.onnx", 257, 257, 64, 0.66, 0.50), ("mobilenet_v1_0.75_s16.onnx", 257, 257, 64, 0.65, 0.50)]
# Milliseconds that a frame may take more than its network.
FRAME_TARGETS = [("resnet50_s16.onnx", 1281, 721, 0.12, 0.08), ("mobilenet_v1_0.75_s16.onnx", 257, 257, 0.12, 0.08)]


def fastest(raw, ours):
    """The least median of ours or of rivals that do the same task: (ms, name), or None."""
    rows = [(median(r), r["name"]) for r in raw["runtimes"] if r["ours"] == ours and not r["single"] and median(r)]
    return min(rows, default=None)


def verdict(value, must, aim):
    return "aim reached" if value <= aim else "reached" if value <= must else "missed"


def targets(networks, frames):
    def of(raws, model, width, height, batch):
        return next((r for r in raws if r["precision"] == "fp16" and r["slots"] == 1 and
                     (r["model"], r["width"], r["height"], r["batch"]) == (model, width, height, batch)), None)
    lines = ["| network, fp16 | ours ms | fastest rival ms | ratio | must | aim | |", "|---" * 7 + "|"]
    for model, width, height, batch, must, aim in TARGETS:
        raw = of(networks, model, width, height, batch)
        if raw and ratio(raw):
            (ours, _), (theirs, name), middle = fastest(raw, True), fastest(raw, False), ratio(raw)[1]
            lines.append(f"| {title(raw)} | {ours:.3f} | {theirs:.3f} ({name}) | **{middle:.3f}** | {must:.2f} | "
                         f"{aim:.2f} | {verdict(middle, must, aim)} |")
    lines += ["", "| 720p frame to poses, over the network alone | network ms | frame ms | more | must | aim | |",
              "|---" * 7 + "|"]
    for model, width, height, must, aim in FRAME_TARGETS:
        both = [of(raws, model, width, height, 1) for raws in (networks, frames)]
        if all(both) and all(fastest(raw, True) for raw in both):
            network, frame = (fastest(raw, True)[0] for raw in both)
            lines.append(f"| {title(both[1])} | {network:.3f} | {frame:.3f} | **{frame - network:.3f}** | {must:.2f} | "
                         f"{aim:.2f} | {verdict(frame - network, must, aim)} |")
    return "\n".join(lines) + "\n"


def in_flight(raws):
    """Images a second with several frames in flight, of the newest sweep of each case."""
    newest_sweeps = {case(raw)[:5]: raw for raw in raws if raw["kind"] == "sweep" and raw["over"] == "slots" and
                     any(r["device"] == "cuda" and median(r) for p in raw["points"] for r in p["runtimes"])}
    lines = ["| frame to poses | latency ms | " +
             "frames in flight: images/s (times 1/latency) |", "|---|---|---|"]
    for raw in newest_sweeps.values():
        ms = {p["slots"]: median(r) for p in raw["points"] for r in p["runtimes"] if median(r)}
        if 1 in ms:
            cells = ", ".join(f"{n}: {1e3 / t:.0f} ({ms[1] / t:.2f})" for n, t in sorted(ms.items()))
            lines.append(f"| {title(raw)} | {ms[1]:.3f} | {cells} |")
    return "\n".join(lines) + "\n" if len(lines) > 2 else ""


def rooflines(raws, device):
    """All steps together against the ceilings that were measured in the same run."""
    lines = ["| all steps of a frame | measured us | ceilings allow us | of best | copy GB/s | matrix TFLOP/s |",
             "|---" * 6 + "|"]
    found = {case(raw): raw for raw in raws if raw["kind"] == "roofline" and raw["runtime"].endswith(device)}
    for raw in found.values():
        us, floor = (sum(step.get(key, 0) for step in raw["steps"]) for key in ("us", "floor_us"))
        if us and floor:
            lines.append(f"| {title(raw)} | {us:.0f} | {floor:.0f} | {100 * floor / us:.0f} % | "
                         f"{raw['copy_gbs']:.0f} | {raw['matrix_gflops'] / 1e3:.2f} |")
    return "\n".join(lines) + "\n" if len(lines) > 2 else ""


def save(figure, folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    for ending in ("svg", "png"):
        undated = {"Date": None} if ending == "svg" else None
        figure.savefig(folder / f"{name}.{ending}", dpi=120, metadata=undated)


def draw_group(plot, raws, folder, name):
    """One bar a runtime and case: its time over ours, so that 1 is this engine."""
    names = []
    for raw in raws:
        names += [r["name"] for r in raw["runtimes"] if median(r) and r["name"] not in names]
    figure, axes = plot.subplots(figsize=(9, 1.5 + 0.3 * len(raws) * len(names)))
    height = 0.8 / len(names)
    for i, runtime in enumerate(names):
        at, values = [], []
        for y, raw in enumerate(raws):
            rows = {r["name"]: median(r) for r in raw["runtimes"]}
            ours = min((m for r in raw["runtimes"] if r["ours"] and (m := median(r))), default=None)
            if ours and rows.get(runtime):
                at.append(y + (i - (len(names) - 1) / 2) * height)
                values.append(rows[runtime] / ours)
        axes.barh(at, values, height * 0.9, label=runtime)
    axes.set_yticks(range(len(raws)), [f"{title(r)}, {r['threads']} threads" for r in raws], fontsize=8)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("time a call, of ours (1 = this engine; longer is slower)")
    axes.invert_yaxis()
    axes.legend(fontsize=8)
    save(figure, folder, name)
    plot.close(figure)


def draw_progress(plot, raws, folder):
    """Our ratio by commit, one line a case that was measured more than once on one machine."""
    lines = {}
    for raw in raws:
        if ratio(raw):
            lines.setdefault((machine(raw), *case(raw)), []).append(raw)
    lines = [line for line in lines.values() if len(line) > 1]
    if not lines:
        return
    commits = []
    for raw in sorted((raw for line in lines for raw in line), key=lambda r: r["when"]):
        commits += [raw["commit"]] if raw["commit"] not in commits else []
    figure, axes = plot.subplots(figsize=(12, 5))
    for line in lines:
        low, middle, high = ([ratio(raw)[i] for raw in line] for i in range(3))
        errors = [[m - a for m, a in zip(middle, low)], [b - m for m, b in zip(middle, high)]]
        axes.errorbar([commits.index(raw["commit"]) for raw in line], middle, errors, marker="o",
                      capsize=3, label=f"{title(line[0])}, {line[0]['threads']} threads, {line[0]['measure']}")
    axes.set_xticks(range(len(commits)), commits, rotation=45)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_ylabel("our time over the fastest rival's")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5))
    save(figure, folder, "progress")
    plot.close(figure)


def draw_sweep(plot, raw, folder, name):
    keys = {"sizes": lambda p: p["width"] * p["height"] / 1e3, "batches": lambda p: p["batch"],
            "slots": lambda p: p["slots"]}
    labels = {"sizes": "thousand pixels of input", "batches": "images a call", "slots": "frames in flight"}
    figure, axes = plot.subplots(figsize=(7, 4.5))
    for runtime in dict.fromkeys(r["name"] for p in raw["points"] for r in p["runtimes"] if median(r)):
        found = [(keys[raw["over"]](p), median(r) / p["batch"]) for p in raw["points"]
                 for r in p["runtimes"] if r["name"] == runtime and median(r)]
        axes.plot(*zip(*found), marker="o", label=runtime)
    axes.set_xlabel(labels[raw["over"]])
    axes.set_ylabel("ms an image")
    axes.set_title(f"{raw['model']}, {raw['precision']}, {raw['measure']}, {raw['threads']} threads",
                   fontsize=9)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8)
    save(figure, folder, name)
    plot.close(figure)


def draw_all(raws, folder):
    """The names of the plots that were made; none without matplotlib."""
    try:
        import matplotlib
        matplotlib.use("Agg")
        matplotlib.rcParams["svg.hashsalt"] = "posenet"  # the same file from the same figures
        from matplotlib import pyplot
    except ImportError:
        print("report.py: no matplotlib, so tables only and no plots", file=sys.stderr)
        return []
    cases = [r for r in raws if r["kind"] == "case"]
    for group in sorted({r["group"] for r in cases}):
        chosen = [r for r in newest(r for r in cases if r["group"] == group) if ratio(r)]
        if chosen:
            draw_group(pyplot, chosen, folder, group)
    draw_progress(pyplot, cases, folder)
    sweeps = {(r["over"], *case(r)): r for r in raws if r["kind"] == "sweep"}
    for raw in sweeps.values():
        name = f"sweep_{raw['over']}_{raw['model'].removesuffix('.onnx')}_t{raw['threads']}_{raw['measure']}"
        draw_sweep(pyplot, raw, folder, name)
    return sorted(p.stem for p in folder.glob("*.png"))


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
            return targets(of("cuda-network"), of("cuda-frame")) if of("cuda-network") else ""
        group = name.removesuffix("-details")
        chosen = of(group)
        if not chosen or name != group:
            return details(chosen) if chosen else ""
        commits = {raw["commit"] for raw in chosen}
        return table(chosen, repeated(r for r in raws if r.get("group") == group and r["commit"] in commits))

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
