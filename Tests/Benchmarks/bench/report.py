"""Tables and a plot of the figures."""

import os
import platform
import statistics
import subprocess
from pathlib import Path

from bench.contenders import LABELS

COLOURS = {"functions": "#d9480f", "c": "#495057", "go": "#1c7ed6", "php": "#7048e8", "node": "#2b8a3e", "fastapi": "#0b7285"}


def machine():
    """Describes the machine and its software."""
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    return {
        "processors": f"{os.cpu_count()} × {model}", "kernel": platform.release(),
        "nginx": _said("nginx", "-v").removeprefix("nginx version: "),
        "postgresql": _said("psql", "--version").removeprefix("psql "),
    }


def swift_version():
    return next(line for line in _said("swift", "--version").splitlines() if "Swift version" in line).strip()


def _said(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip()


def middle(rows, *names):
    """Returns the median of a figure over the rounds."""
    return statistics.median(_pick(row, names) for row in rows)


def ratio(mine, theirs, *names):
    """Returns the median of the quotients round by round, mine by theirs."""
    return statistics.median(_pick(one, names) / _pick(other, names) for one, other in zip(mine, theirs))


def _pick(row, names):
    for name in names:
        row = row[name]
    return row


def _processor(row):
    return sum(row["cpu"].values())


def table(outcome):
    """Returns a table in Markdown."""
    lines = []
    for name, result in outcome["endpoints"].items():
        figures = result["figures"]
        lines += ["", f"**{name}**, {result['workers']} workers each", "",
                  "| | requests/s | of ours | p50, p99 ms | processor µs a request: gateway + function + database | MB a process |",
                  "| --- | ---: | ---: | ---: | ---: | ---: |"]
        for contender, rows in figures.items():
            rates = [row["per_second"] for row in rows]
            parts = [middle(rows, "cpu", part) for part in ("gateway", "function", "database")]
            lines.append(
                f"| {LABELS[contender]} | {statistics.median(rates):,.0f} ({min(rates):,.0f}–{max(rates):,.0f}) "
                f"| {ratio(rows, figures['functions'], 'per_second'):.2f} "
                f"| {middle(rows, 'p50'):.1f}, {middle(rows, 'p99'):.1f} "
                f"| {statistics.median(map(_processor, rows)):.0f} = " + " + ".join(f"{part:.0f}" for part in parts)
                + f" | {middle(rows, 'memory_mb'):.1f} |")
    if outcome["cold_start_ms"]:
        lines += ["", "Cold start, from exec to the first answer with a database query: " + ", ".join(
            f"{LABELS[name]} {milliseconds:.1f} ms" for name, milliseconds in outcome["cold_start_ms"].items()) + "."]
    machine = outcome["machine"]
    lines += ["", f"{outcome['rounds']} rounds of {outcome['seconds']} s, {outcome['connections']} connections; "
              f"medians and ranges. {machine['processors']}, Linux {machine['kernel']}, {machine['nginx']}, "
              f"PostgreSQL {machine['postgresql']}. " + "; ".join(
                  f"{LABELS[name]}: {version}" for name, version in outcome["versions"].items()) + "."]
    return "\n".join(lines)


def plot(outcome, path):
    """Plots the throughput of each, by endpoint, with the range of its rounds."""
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot

    pyplot.rcParams.update({"font.size": 9, "svg.hashsalt": "performance", "axes.spines.top": False, "axes.spines.right": False})
    endpoints = outcome["endpoints"]
    figure, axes = pyplot.subplots(1, len(endpoints), figsize=(2.3 * len(endpoints), 2.8), layout="constrained")
    for place, (name, result) in zip([axes] if len(endpoints) == 1 else axes, endpoints.items()):
        for number, (contender, rows) in enumerate(result["figures"].items()):
            rates = [row["per_second"] / 1000 for row in rows]
            rate = statistics.median(rates)
            place.bar(number, rate, color=COLOURS[contender], label=LABELS[contender],
                      yerr=[[rate - min(rates)], [max(rates) - rate]], error_kw={"elinewidth": 0.8, "ecolor": "#868e96"})
            place.text(number, rate, f"{rate:.1f}", ha="center", va="bottom", fontsize=7)
        place.set_title(name)
        place.set_xticks([])
    first = figure.axes[0]
    first.set_ylabel("thousand requests per second")
    handles, labels = first.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(path, metadata={"Date": None})
