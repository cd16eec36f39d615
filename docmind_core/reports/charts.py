"""Charts as SVG that sits inside a page: real text, the page's colours in dark mode, described for screen readers."""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from html import escape
from io import BytesIO, StringIO
from itertools import cycle
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docmind_core.reports.text_safety import one_line, shortened
from docmind_core.statistics.estimates import Estimate

# Okabe & Ito's palette, distinct in every common form of colour blindness, a grey, and two dark colours of Tol's.
_AGENT_COLOURS = {
    "supervisor": "#D55E00",
    "query_router": "#56B4E9",
    "query_planner": "#CC79A7",
    "retrieval_expert": "#009E73",
    "result_synthesizer": "#0072B2",
    "response_validator": "#E69F00",
    "single_pass": "#949494",
}
_PART_COLOURS = {
    "decode": "#0072B2",
    "engine queue": "#882255",
    "prefill": "#332288",
    "first token": "#56B4E9",
    "model call": "#CC79A7",
    "tool": "#E69F00",
    "search": "#009E73",
    "wait for a slot": "#D55E00",
    "backoff": "#F0E442",
    "not attributed": "#949494",
}
"""Of the parts of a query's time; no agent is called like one."""
_COLOURS = _AGENT_COLOURS | _PART_COLOURS
_OTHER_COLOURS = ("#F0E442", "#949494")
_ARM_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#949494")
_MARKERS = ("o", "s", "D", "^", "v", "P", "X")
_HATCHES = ("", "//", "\\\\", "--", "xx", "||", "")
_LABEL_CHARACTERS = 40
_LEGEND_COLUMNS = 4
PNG_DPI = 72
STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 9.0,
    "hatch.linewidth": 0.5,
    "axes.edgecolor": "#000000",
}


def stacked_bars(
    shares: Mapping[str, Mapping[str, float]],
    *,
    unit: str,
    description: str,
    incomplete: Collection[str] = (),
    text: Callable[[float], str] = "{:,.0f}".format,
) -> Markup:
    """Draw one horizontal bar per outer key, stacked from the inner keys, its total at its end.

    Args:
        shares: Arm to agent to value; an arm without agents is drawn as an empty line.
        unit: Label of the axis.
        description: What a screen reader says.
        incomplete: Arms whose bar lacks a part: their total is a lower bound, and says so.
        text: How a value is written.
    """
    with mpl.rc_context({**STYLE, "svg.hashsalt": f"stacked_bars {unit}"}):
        return figure_svg(_stacked_figure(shares, unit, incomplete, text), description)


def stacked_bars_png(
    shares: Mapping[str, Mapping[str, float]], *, unit: str, incomplete: Collection[str] = ()
) -> bytes:
    """Draw the same bars as a PNG on white, a few kB small: where no SVG can be shown."""
    with mpl.rc_context(STYLE):
        return figure_png(_stacked_figure(shares, unit, incomplete, "{:,.0f}".format))


def figure_png(figure: Figure) -> bytes:
    """Return a figure as a PNG on white."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=PNG_DPI, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def _stacked_figure(
    shares: Mapping[str, Mapping[str, float]], unit: str, incomplete: Collection[str], text: Callable[[float], str]
) -> Figure:
    parts = in_palette_order({part for of_arm in shares.values() for part in of_arm})
    figure, axes = _figure(rows=len(shares), legend_rows=max(2, math.ceil(len(parts) / _LEGEND_COLUMNS)))
    colours = _part_colours(parts)
    starts = [0.0] * len(shares)
    for part in parts:
        widths = [of_arm.get(part, 0.0) for of_arm in shares.values()]
        axes.barh(
            range(len(shares)), widths, left=starts, height=0.62, label=label_text(part),
            color=colours[part], hatch=_hatch(part), edgecolor="#ffffff", linewidth=0.6,
        )  # fmt: skip
        starts = [start + width for start, width in zip(starts, widths, strict=True)]
    for row, (arm, total) in enumerate(zip(shares, starts, strict=True)):
        label = f"at least {text(total)} (incomplete)" if arm in incomplete else text(total)
        axes.annotate(label, (total, row), xytext=(4, 0), textcoords="offset points", va="center")
    axes.set_xlim(0, (max(starts) or 1.0) * (1.4 if incomplete else 1.12))
    axes.xaxis.set_major_formatter(lambda value, _: text(value))
    _finish(figure, axes, names=list(shares), unit=unit, legend_columns=_LEGEND_COLUMNS)
    return figure


def interval_dots(estimates: Mapping[str, Mapping[str, Estimate]], *, unit: str, description: str) -> Markup:
    """Draw values in [0, 1] with their intervals: one line per outer key, one marker per inner key.

    Args:
        estimates: Metric to arm to estimate.
        unit: Label of the axis.
        description: What a screen reader says.
    """
    arms = list(dict.fromkeys(arm for of_metric in estimates.values() for arm in of_metric))
    rows_per_metric = max(1.0, len(arms) / 3)
    with mpl.rc_context({**STYLE, "svg.hashsalt": "interval_dots"}):
        figure, axes = _figure(rows=len(estimates) * rows_per_metric, legend_rows=(len(arms) + 2) // 3)
        looks = zip(cycle(_ARM_COLOURS), cycle(_MARKERS), strict=False)
        for place, (arm, (colour, marker)) in enumerate(zip(arms, looks, strict=False)):
            offset = (place - (len(arms) - 1) / 2) * 0.7 / max(len(arms), 1)
            _draw_estimates(axes, [of_metric.get(arm) for of_metric in estimates.values()], offset, colour, marker)
            axes.plot([], [], color=colour, marker=marker, linewidth=1.4, label=label_text(arm))
        axes.set_xlim(-0.02, 1.02)
        axes.grid(visible=True, axis="x", color="#888888", alpha=0.3, linewidth=0.6)
        _finish(figure, axes, names=list(estimates), unit=unit, legend_columns=3)
        return figure_svg(figure, description)


def trade_off_chart(
    points: Mapping[str, tuple[Estimate, Estimate]], *, front: Sequence[str], floor: str | None, description: str
) -> Markup:
    """Draw quality against tokens: a marker per arm with its intervals both ways, and the front as a line.

    Args:
        points: Arm to tokens per query and quality; both have a value.
        front: Arms that no other one beats in both, the cheapest first.
        floor: The arm without a model, drawn as a line across: it costs nothing.
        description: What a screen reader says.
    """
    with mpl.rc_context({**STYLE, "svg.hashsalt": "trade_off_chart"}):
        figure = Figure(figsize=(7.4, 4.2), layout="constrained")
        axes = figure.add_subplot()
        looks = zip(cycle(_ARM_COLOURS), cycle(_MARKERS), strict=False)
        for (arm, (tokens, quality)), (colour, marker) in zip(points.items(), looks, strict=False):
            if arm == floor:
                label = f"{label_text(arm)} (floor, no tokens)"
                axes.axhline(quality.value or 0.0, color=colour, linewidth=1.2, linestyle=":", label=label)
            else:
                _draw_cross(axes, tokens, quality, colour=colour, marker=marker, label=label_text(arm))
        at = [(tokens.value or 0.0, quality.value or 0.0) for tokens, quality in (points[arm] for arm in front)]
        line: dict[str, Any] = {
            "color": "#000000",
            "linewidth": 0.8,
            "linestyle": "--",
            "label": "Pareto front",
            "zorder": 0,
        }
        axes.plot([tokens for tokens, _ in at], [quality for _, quality in at], **line)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.grid(visible=True, color="#888888", alpha=0.3, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlabel("billed tokens per query (fewer are better)")
        axes.set_ylabel("share of queries that passed")
        figure.legend(loc="outside upper left", ncols=3, frameon=False)
        return figure_svg(figure, description)


def _draw_cross(axes: Axes, tokens: Estimate, quality: Estimate, *, colour: str, marker: str, label: str) -> None:
    x, y = tokens.value or 0.0, quality.value or 0.0
    if tokens.low is not None and tokens.high is not None:
        axes.plot([tokens.low, tokens.high], [y, y], color=colour, linewidth=1.4)
    if quality.low is not None and quality.high is not None:
        axes.plot([x, x], [quality.low, quality.high], color=colour, linewidth=1.4)
    axes.plot([x], [y], color=colour, marker=marker, markersize=6, linestyle="", label=label)


def _draw_estimates(axes: Axes, estimates: Sequence[Estimate | None], offset: float, colour: str, marker: str) -> None:
    for row, estimate in enumerate(estimates):
        if estimate is None or estimate.value is None:
            continue
        if estimate.low is not None and estimate.high is not None:
            axes.plot([estimate.low, estimate.high], [row + offset] * 2, color=colour, linewidth=1.4)
        axes.plot([estimate.value], [row + offset], color=colour, marker=marker, markersize=6)


def _figure(*, rows: float, legend_rows: int) -> tuple[Figure, Axes]:
    height = 0.7 + 0.22 * legend_rows + 0.42 * max(rows, 1)
    figure = Figure(figsize=(7.4, min(height, 40.0)), layout="constrained")
    return figure, figure.add_subplot()


def _finish(figure: Figure, axes: Axes, *, names: Sequence[str], unit: str, legend_columns: int) -> None:
    axes.set_yticks(range(len(names)), labels=[label_text(name) for name in names])
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(unit)
    axes.spines[["top", "right", "left"]].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper left", ncols=legend_columns, frameon=False)


def in_palette_order(parts: Iterable[str]) -> list[str]:
    """Return agents in the order of their bars, unknown ones last."""
    parts = set(parts)
    known = [part for part in _COLOURS if part in parts]
    return [*known, *sorted(parts.difference(known))]


def _part_colours(parts: Sequence[str]) -> dict[str, str]:
    others = cycle(_OTHER_COLOURS)
    return {part: _COLOURS.get(part) or next(others) for part in parts}


def _hatch(part: str) -> str:
    # Tied to the agent, so that it looks the same in every report, whatever arms are in it.
    return _HATCHES[list(_COLOURS).index(part) % len(_HATCHES)] if part in _COLOURS else "+"


def label_text(name: str) -> str:
    """Return a name on one line, cut where it is long."""
    return shortened(one_line(name), characters=_LABEL_CHARACTERS)


def figure_svg(figure: Figure, description: str) -> Markup:
    """Return a figure as an element of a page; `description` is what a screen reader says."""
    buffer = StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    body = text[text.index(">", text.index("<svg")) + 1 :]
    width, height = (72 * inches for inches in figure.get_size_inches())
    # Ids of groups would repeat in a page with several charts; only definitions are referred to.
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r"<(metadata|style)\b.*?</\1>", "", body, flags=re.DOTALL)
    body = re.sub(r" font-family: [^;\"]*;", "", body)
    body = body.replace("#000000", "currentColor")
    label = escape(one_line(description), quote=True)
    opening = f'<svg role="img" aria-label="{label}" viewBox="0 0 {width:.1f} {height:.1f}">'
    return Markup(opening + body)  # noqa: S704 - matplotlib escapes its texts
