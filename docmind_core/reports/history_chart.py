"""Small multiples of the last runs: a row of panels per arm, a panel per metric."""

import math
from collections.abc import Sequence

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docmind_core.reports.charts import STYLE, figure_png, figure_svg, label_text
from docmind_core.reports.history import HISTORY_METRICS, ArmHistory

_TITLES = {
    "pass_ratio": "pass ratio",
    "good_ratio": "good ratio",
    "billed_tokens": "tokens per query",
    "wall_p50_s": "median wall time, s",
}
_LINE, _LIMIT, _BASELINE, _CHANGE, _ALERT = "#0072B2", "#D55E00", "#009E73", "#949494", "#C4232D"
DESCRIPTION = (
    "Small multiples of the last runs of each arm: pass ratio, good ratio, tokens per query and median wall time; "
    "dashed line: limit; triangle: an alert fired; ring: pinned baseline; dotted vertical line: conditions changed"
)
HISTORY_KEY = (
    "Dashed line: limit of the suite. Triangle at the top: an alert of the arm fired. Ring and horizontal line: pinned "
    "baseline. Dotted vertical line: conditions changed, so the runs on either side are not comparable. Tick at the "
    "bottom: new commit, prompts or engine version"
)


def history_svg(histories: Sequence[ArmHistory]) -> Markup:
    """Draw the histories for a page; the table `metric_history` holds the figures."""
    with mpl.rc_context({**STYLE, "svg.hashsalt": "history"}):
        return figure_svg(_figure(histories), DESCRIPTION)


def history_png(histories: Sequence[ArmHistory]) -> bytes:
    """Draw the same as a PNG on white: where no SVG can be shown."""
    with mpl.rc_context(STYLE):
        return figure_png(_figure(histories))


def _figure(histories: Sequence[ArmHistory]) -> Figure:
    figure = Figure(figsize=(7.4, min(0.5 + 1.15 * len(histories), 40.0)), layout="constrained")
    panels = figure.subplots(len(histories), len(HISTORY_METRICS), squeeze=False)
    for row, history in enumerate(histories):
        for column, metric in enumerate(HISTORY_METRICS):
            axes = panels[row][column]
            _draw(axes, history, metric)
            if row == 0:
                axes.set_title(_TITLES[metric], fontsize=8.5)
        panels[row][0].set_ylabel(label_text(history.arm), fontsize=8.0)
    return figure


def _draw(axes: Axes, history: ArmHistory, metric: str) -> None:
    values = [math.nan if value is None else value for value in history.values[metric]]
    axes.plot(range(len(values)), values, color=_LINE, marker="o", markersize=2.5, linewidth=1.0)
    for place in history.new_series:
        axes.axvline(place - 0.5, color=_CHANGE, linestyle=":", linewidth=1.2)
    for place in history.new_origin:
        axes.plot(
            [place],
            [0.0],
            color="#000000",
            marker="|",
            markersize=8,
            clip_on=False,
            transform=axes.get_xaxis_transform(),
        )
    for place in history.fired:
        axes.plot(
            [place], [1.0], color=_ALERT, marker="v", markersize=5, clip_on=False, transform=axes.get_xaxis_transform()
        )
    if metric in history.limits:
        axes.axhline(history.limits[metric], color=_LIMIT, linestyle="--", linewidth=1.0)
    if history.baseline is not None and not math.isnan(values[history.baseline]):
        axes.axhline(values[history.baseline], color=_BASELINE, linewidth=0.6)
        axes.plot(
            [history.baseline], [values[history.baseline]], color=_BASELINE, marker="o", markersize=7, fillstyle="none"
        )
    if all(map(math.isnan, values)):
        axes.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axes.transAxes, fontsize=7.5)
        axes.set_yticks([])
    axes.set_xlim(-0.6, len(values) - 0.4)
    axes.set_xticks([])
    axes.tick_params(axis="y", labelsize=7.0)
    axes.margins(y=0.2)
    axes.spines[["top", "right"]].set_visible(False)
