"""The plots under bench/results/plots/, for which matplotlib is needed."""
import sys

from report_records import case, machine, median, newest, ratio, threads, title


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
    axes.set_yticks(range(len(raws)), [title(r) + threads(r) for r in raws], fontsize=8)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("time a call, of ours (1 = this engine; longer is slower)")
    axes.invert_yaxis()
    axes.legend(fontsize=8)
    save(figure, folder, name)
    plot.close(figure)


def draw_lines(axes, lines):
    """Our ratio by commit, one line a case."""
    commits = []
    for raw in sorted((raw for line in lines for raw in line), key=lambda r: r["when"]):
        commits += [raw["commit"]] if raw["commit"] not in commits else []
    for i, line in enumerate(lines):
        low, middle, high = ([ratio(raw)[k] for raw in line] for k in range(3))
        errors = [[m - a for m, a in zip(middle, low)], [b - m for m, b in zip(middle, high)]]
        axes.errorbar([commits.index(raw["commit"]) for raw in line], middle, errors, marker="os^v"[i // 10 % 4],
                      capsize=3, label=f"{title(line[0])}{threads(line[0])}, {line[0]['measure']}")
    axes.set_xticks(range(len(commits)), commits, rotation=45)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_ylabel("our time over the fastest rival's")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5))


def draw_progress(plot, raws, folder):
    """Cases that were measured more than once on one machine, those of CPUs above those of GPUs."""
    lines = {}
    for raw in raws:
        if ratio(raw):
            lines.setdefault((machine(raw), *case(raw)), []).append(raw)
    lines = [line for line in lines.values() if len(line) > 1]
    panels = [[line for line in lines if line[0]["group"].startswith("cuda") == gpu] for gpu in (False, True)]
    panels = [panel for panel in panels if panel]
    if not panels:
        return
    figure, axes = plot.subplots(len(panels), figsize=(12, 4.5 * len(panels)), squeeze=False)
    for panel, at in zip(panels, axes[:, 0]):
        draw_lines(at, panel)
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
    axes.set_title(f"{raw['model']}, {raw['precision']}, {raw['measure']}{threads(raw)}", fontsize=9)
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
