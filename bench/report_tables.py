"""The README's tables as Markdown, each from the records it is given."""
from report_records import case, driver, fastest, machine, median, ratio, title

DISTURBED = 0.05  # of the cores, used by others meanwhile: as posenet-bench says it


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
    if busy:
        lines[-1] += f" The machine was busy during {busy} of {len(raws)} of these: not to be relied on."
    if again:
        lines += ["", repetitions(again)]
    return "\n".join(lines) + "\n"


def repetitions(again):
    """How far the ratios of the same command lie apart, in one sentence."""
    apart = [100 * (max(ratios) / min(ratios) - 1) for _, ratios in again]
    each = [f"{name}: {', '.join(f'{r:.3f}' for r in ratios)} ({percent:.1f} %)"
            for (name, ratios), percent in zip(again, apart)]
    return f"The same command again: ratios at most {max(apart):.1f} % apart. " + "; ".join(each) + "."


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


def verdict(value, must, aim):
    return "aim reached" if value <= aim else "reached" if value <= must else "missed"


def targets(networks, frames, autotuned):
    """Where a network was measured against rivals of two tables, the dearer ratio counts."""
    def of(raws, model, width, height, batch):
        return next((r for r in raws if r["precision"] == "fp16" and r["slots"] == 1 and
                     (r["model"], r["width"], r["height"], r["batch"]) == (model, width, height, batch)), None)
    lines = ["| network, fp16 | ours ms | fastest rival ms | ratio | must | aim | |", "|---" * 7 + "|"]
    for model, width, height, batch, must, aim in TARGETS:
        both = [of(raws, model, width, height, batch) for raws in (networks, autotuned)]
        raw = max((r for r in both if r and ratio(r)), key=lambda r: ratio(r)[1], default=None)
        if raw:
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
