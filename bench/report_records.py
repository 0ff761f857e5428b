"""The raw results under bench/results/: which there are, what tells them apart, and the ratios they hold."""
import json
import re
import statistics


def load(folder):
    """Every raw result, oldest first. Cases get their group."""
    found = []
    for path in sorted(folder.rglob("*.json")):
        raw = json.loads(path.read_text())
        if not isinstance(raw, dict) or raw.get("kind") not in ("case", "sweep", "roofline"):
            continue
        if raw["kind"] == "case":
            raw["group"] = group_of(raw)
        found.append(raw)
    return sorted(found, key=lambda r: r["when"])


def group_of(raw):
    """The word for the table that a case stands in."""
    timed = [r for r in raw["runtimes"] if median(r)]
    if {r["name"] for r in timed if not r["ours"]} == {"pytorch-compile", "pytorch-compile-autotune"}:
        return "cuda-autotune"
    if any(r["device"] == "cuda" for r in timed):
        return "cuda-" + raw["measure"]
    return "cpu" if raw["measure"] == "network" else "cpu-frame"


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


def threads(raw):
    """The host's threads, where they compute."""
    rows = raw["points"][0]["runtimes"] if "points" in raw else raw["runtimes"]
    return "" if any(r["device"] == "cuda" for r in rows) else f", {raw['threads']} threads"


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


def fastest(raw, ours):
    """The least median of ours or of rivals that do the same task: (ms, name), or None."""
    rows = [(median(r), r["name"]) for r in raw["runtimes"] if r["ours"] == ours and not r["single"] and median(r)]
    return min(rows, default=None)
