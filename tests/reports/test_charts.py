import re

from docmind_core.reports.charts import interval_dots, stacked_bars, stacked_bars_png
from docmind_core.statistics.estimates import Estimate

SHARES = {"single_pass": {"single_pass": 430.0}, "tuned": {"query_router": 100.0, "result_synthesizer": 900.0}}


def test_bars_carry_real_text_and_a_description():
    """S71."""
    svg = stacked_bars(SHARES, unit="billed tokens per query", description='tokens of "two" arms')
    assert svg.startswith('<svg role="img" aria-label="tokens of &quot;two&quot; arms" viewBox=')
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert {"single_pass", "tuned", "query_router", "430", "1,000", "billed tokens per query"} <= set(texts)


def test_black_follows_the_colour_of_the_page():
    svg = stacked_bars(SHARES, unit="tokens", description="d")
    assert "#000000" not in svg
    assert "currentColor" in svg


def test_two_charts_of_one_page_share_no_ids():
    estimates = {"exact_match": {"tuned": Estimate(value=0.5, low=0.2, high=0.8, n=8)}}
    charts = stacked_bars(SHARES, unit="t", description="d"), interval_dots(estimates, unit="s", description="d")
    ids = [set(re.findall(r'id="([^"]+)"', chart)) for chart in charts]
    assert not ids[0] & ids[1]


def test_the_same_figures_draw_the_same_bytes():
    assert stacked_bars(SHARES, unit="t", description="d") == stacked_bars(SHARES, unit="t", description="d")


def test_hostile_names_stay_text():
    svg = stacked_bars({"<script>$x^2$\x1b": {"a & b": 1.0}}, unit="t", description="<b>")
    assert "<script>" not in svg
    assert "&lt;script&gt;$x^2$\\x1b" in svg
    assert "\x1b" not in svg


def test_a_missing_value_draws_no_marker():
    known = Estimate(value=0.5, n=1)
    missing = Estimate(value=None, n=0)
    drawn = [
        interval_dots({"exact_match": {"tuned": estimate}}, unit="s", description="d") for estimate in (known, missing)
    ]
    assert drawn[0].count("<use") == drawn[1].count("<use") + 1


def test_the_bars_as_a_png_are_small_enough_for_the_metadata_of_an_asset():
    shares = {f"arm_{place}": dict.fromkeys(("supervisor", "query_router", "single_pass"), 100.0) for place in range(6)}
    png = stacked_bars_png(shares, unit="billed tokens per query")
    assert png.startswith(b"\x89PNG")
    assert len(png) < 30_000
