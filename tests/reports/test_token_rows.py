"""Tokens in the report of a benchmark run: what was saved, what is missing, and why."""

import pytest

from docmind_core.reports.benchmark import write_benchmark_report
from tests.reports.planted_run import BENCHMARK_RUN, make_comparison, plant, planted_tables, run_id_of, settings_of


@pytest.fixture
def settings(tmp_path):
    return settings_of(tmp_path)


def write(settings, tables):
    plant(settings, tables)
    report = write_benchmark_report(settings, BENCHMARK_RUN)
    return report.html.read_text("utf-8"), report.markdown.read_text("utf-8")


def test_billed_and_computed_savings_are_side_by_side_with_their_intervals(settings):
    tables = planted_tables(("naive_supervisor", "tuned"))
    for row in tables["comparisons"]:
        if row["metric"] == "billed_tokens":
            row |= {"ratio_of_totals_low": 0.25, "ratio_of_totals_high": 0.4}
    computed = {"delta": -0.8, "delta_low": -0.9, "delta_high": -0.7, "ratio_of_totals": 0.5, "mde": 0.1}
    tables["comparisons"].append(make_comparison("tuned", "naive_supervisor", "computed_tokens", **computed))
    _, markdown = write(settings, tables)
    rows = dict(line.removeprefix("| ").split(" | ", 1) for line in markdown.splitlines() if line.startswith("| "))
    assert rows["billed tokens"] == "4,300 | 1,290 |"
    assert rows["computed tokens"] == "4,200 | 1,190 |"
    saved = "is the baseline | "
    assert rows["tokens saved vs. naive_supervisor"] == f"{saved}70 % (67 to 73; 4 queries; MDE unknown) |"
    assert rows["over the total of all queries"] == f"{saved}70 % (60 to 75) |"
    assert rows["in computed tokens"] == f"{saved}55 % (50 to 59; 4 queries; MDE 11 %) |"
    assert rows["quality vs. naive_supervisor"] == (
        f"{saved}inconclusive (passed 0.00 (−0.40 to 0.40); 4 queries; MDE 0.21) |"
    )


def test_a_bar_without_an_agent_is_marked_and_cached_tokens_have_their_own_reason(settings):
    """A smaller total must not pass for the bill."""
    tables = planted_tables(("naive_supervisor", "tuned"))
    lost = {
        **dict.fromkeys(("prompt_tokens", "completion_tokens", "billed_tokens", "cached_tokens")),
        "prefill_computed_tokens": None, "tokens_missing_because": "unreconciled", "status": "cut_off",
        "cached_missing_because": "unreconciled",
    }  # fmt: skip
    place = next(
        number for number, row in enumerate(tables["llm_calls"])
        if row["agent"] == "result_synthesizer" and str(row["run_id"]).endswith("tuned")
    )  # fmt: skip
    tables["llm_calls"][place] |= lost
    unsaid = {"cached_tokens": None, "prefill_computed_tokens": None}
    cut = unsaid | {"billed_tokens": None, "tokens_missing_because": "unreconciled"}
    off = unsaid | {"cached_missing_because": "flag_off"}
    for row in tables["query_runs"]:
        row.update(off if str(row["run_id"]).endswith("naive_supervisor") else cut)
    html, markdown = write(settings, tables)
    assert "at least 860 (incomplete)" in html
    for text in (html, markdown):
        assert "tuned is incomplete: tokens unknown for result_synthesizer (usage of a cut-off call unknown)." in text
    reasons = "not measured: the engine's flag is off | not measured: usage of a cut-off call unknown |"
    assert f"| cached prompt tokens | {reasons}" in markdown


def test_tokens_per_correct_are_shown_with_their_interval_or_why_there_is_none(settings):
    tables = planted_tables(("naive_supervisor", "tuned"))
    row = {"metric": "tokens_per_correct", "slice": "all", "value": 8600.0}
    tables["run_estimates"] = [
        row | {"run_id": run_id_of("naive_supervisor"), "interval_missing_because": "n_too_small"},
        row | {"run_id": run_id_of("tuned"), "low": 2000.0, "high": 3000.0},
    ]
    _, markdown = write(settings, tables)
    assert "| tokens per correct answer | 8,600 (no interval: too few values) | 2,580 (2,000 to 3,000) |" in markdown


def test_a_saving_in_computed_tokens_says_that_the_prefix_cache_was_not_ours(settings):
    tables = planted_tables(("naive_supervisor", "tuned"))
    unknown = {"n": 0, "n_left_out": 4, "because": "not_exclusive_cache", "verdict": "inconclusive"}
    tables["comparisons"].append(make_comparison("tuned", "naive_supervisor", "computed_tokens", **unknown))
    _, markdown = write(settings, tables)
    shared = "not measured: prefix cache shared or its state unknown"
    assert f"| in computed tokens | is the baseline | {shared} |" in markdown
