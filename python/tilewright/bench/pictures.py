# SPDX-License-Identifier: Apache-2.0
"""Pictures of records: a roofline with every kernel on it, bars of ratios, bars of whole programs."""

from __future__ import annotations

from pathlib import Path

_BLUE, _RED, _GREY = "#2f6fb5", "#c2452d", "#8a8f98"


def _pyplot():
    try:
        import matplotlib
    except ImportError:
        raise ImportError(
            "[bench] pictures need matplotlib, expected it to be installed: pip install tilewright[plots]"
        ) from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def roofline(records: list[dict], path) -> Path:
    """Every kernel by arithmetic intensity and speed, under this machine's measured roof."""
    pyplot = _pyplot()
    place = records[0]["environment"]
    peak, bandwidth = place["peak_flops"] / 1e9, place["copy_bandwidth"] / 1e9
    figure, axes = pyplot.subplots(figsize=(10, 6.5), layout="constrained")
    x = sorted([2.0**e for e in range(-6, 12)] + [peak / bandwidth])
    axes.plot(x, [min(peak, bandwidth * v) for v in x], color="black", lw=1.5, zorder=1)
    axes.annotate(f"peak {peak:.0f} GFLOP/s", (x[-1], peak), ha="right", va="bottom", fontsize=9)
    axes.text(
        1.3 * x[3], 0.75 * bandwidth * x[3], f"copy bandwidth {bandwidth:.1f} GB/s", va="top", fontsize=9
    )
    colours = pyplot.get_cmap("tab10")
    for i, record in enumerate(records):
        rows = [r for r in record["rows"] if r["flop"] > 0 and r["bytes"] > 0]
        axes.scatter(
            [r["flop"] / r["bytes"] for r in rows],
            [r["flop"] / r["rivals"]["tilewright"]["minimum"] / 1e9 for r in rows],
            s=22,
            alpha=0.75,
            color=colours(i % 10),
            marker="o" if i < 10 else "^",
            label=record["family"],
            zorder=2,
        )
    axes.set(xscale="log", yscale="log", xlabel="FLOP per byte moved", ylabel="GFLOP/s")
    axes.set_title(f"{place['cpu']}, {place['isa']}, {_threads(place)}", fontsize=11)
    axes.grid(True, which="major", color="#e5e7ea")
    axes.legend(loc="lower right", fontsize=9, ncols=2, frameon=True)
    axes.text(
        0.01,
        0.99,
        "above the slope: the data were in the caches",
        transform=axes.transAxes,
        va="top",
        fontsize=8,
    )
    return _saved(figure, path)


def ratios(record: dict, path) -> Path:
    """One bar a shape: how many times as fast as the best rival. Blue wins, red loses."""
    pyplot = _pyplot()
    rows = [r for r in record["rows"] if r["ratio"] is not None]
    labels = [f"{r['group']}  {r['name']}" if r["group"] != r["name"] else r["name"] for r in rows]
    values = [r["ratio"] for r in rows]
    figure, axes = pyplot.subplots(figsize=(9, max(2.5, 0.21 * len(rows) + 1.2)), layout="constrained")
    axes.barh(
        range(len(rows)), values, color=[_BLUE if v >= 1 else _RED for v in values], height=0.72, zorder=2
    )
    axes.axvline(1.0, color="black", lw=1.2, zorder=3)
    axes.set_xscale("log")
    low, high = min(*values, 0.5), max(*values, 2.0)
    axes.set_xlim(low * 0.85, high * 1.35)
    ticks = [t for t in (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20) if low * 0.85 <= t <= high * 1.35]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    for i, (row, value) in enumerate(zip(rows, values, strict=True)):
        axes.text(
            value * 1.03, i, f"{value:.2f} {row['best_rival']}", va="center", fontsize=6.5, color="#333"
        )
    axes.set_yticks(range(len(rows)), labels, fontsize=7)
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.grid(True, axis="x", color="#e5e7ea", zorder=0)
    place = record["environment"]
    axes.set_title(
        f"{record['family']}: speed against the best rival ({place['isa']}, {_threads(place)})", fontsize=10
    )
    return _saved(figure, path)


def programs(record: dict, path) -> Path:
    """Milliseconds a training step, one panel a program, one bar a library."""
    pyplot = _pyplot()
    rows = record["rows"]
    columns = min(3, len(rows))
    lines = -(-len(rows) // columns)
    figure, panels = pyplot.subplots(
        lines, columns, figsize=(4.2 * columns, 2.6 * lines), layout="constrained", squeeze=False
    )
    for axes in panels.flat[len(rows) :]:
        axes.set_visible(False)
    for row, axes in zip(rows, panels.flat, strict=False):
        ranked = sorted(row["rivals"].items(), key=lambda item: item[1]["minimum"])
        names = [name for name, _ in ranked]
        values = [1e3 * timing["minimum"] for _, timing in ranked]
        axes.barh(names, values, color=[_BLUE if n == "tilewright" else _GREY for n in names], height=0.7)
        for i, value in enumerate(values):
            words = f" {value:,.0f}" if value >= 100 else f" {value:.3g}"
            axes.text(value, i, words, va="center", fontsize=8)
        axes.invert_yaxis()
        axes.set_xlim(0, max(values) * 1.18)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        ratio = f": {row['ratio']:.2f}x" if row["ratio"] else ""
        axes.set_title(f"{row['name']}{ratio}", fontsize=10)
        axes.set_xlabel("ms a step", fontsize=8)
    place = record["environment"]
    figure.suptitle(f"Training steps, {place['cpu']}, {_threads(place)}", fontsize=11)
    return _saved(figure, path)


def sweep(records: list[dict], path) -> Path:
    """Random shapes: the share of them below each ratio, one line a family."""
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for record in records:
        values = sorted(r["ratio"] for r in record["rows"] if r["ratio"] is not None)
        shares = [100 * (i + 1) / len(values) for i in range(len(values))]
        axes.plot(values, shares, label=f"{record['family'].removesuffix('_sweep')} ({len(values)})")
    axes.axvline(1.0, color="black", lw=1.2)
    axes.axhline(5, color=_GREY, lw=0.8, ls="--")
    axes.set(
        xscale="log",
        xlabel="ratio to the best rival",
        ylabel="per cent of random shapes below",
        ylim=(0, 100),
    )
    axes.grid(True, color="#e5e7ea")
    axes.legend(fontsize=8)
    return _saved(figure, path)


def _threads(place: dict) -> str:
    count = place["threads"].get("tilewright", 1)
    return "1 thread" if count == 1 else f"{count} threads"


def _saved(figure, path) -> Path:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    _pyplot().close(figure)
    return path
