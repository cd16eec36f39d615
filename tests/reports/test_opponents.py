"""`tuned` against its opponents: the table, the front and the picture."""

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.reports.benchmark import write_benchmark_report
from docmind_core.reports.charts import trade_off_chart
from docmind_core.reports.opponents import TradeOff, budget_sentence, pareto_front
from docmind_core.reports.run_records import VoteSummary
from docmind_core.statistics.estimates import Estimate
from docmind_core.tables.reading import query_rows
from tests.reports.planted_run import (
    BENCHMARK_RUN,
    make_query_row,
    make_run,
    plant,
    planted_tables,
    run_id_of,
    settings_of,
)

VOTING = "single_pass@budget"


def point(arm, tokens, quality):
    return TradeOff(arm=arm, tokens=Estimate(value=tokens, n=8), quality=Estimate(value=quality, n=8))


def front(*points):
    return [each.arm for each in pareto_front(points)]


@pytest.mark.parametrize(
    ("points", "wanted"),
    [
        ([point("one", 400, 0.5), point("many", 900, 0.7)], ["one", "many"]),
        ([point("one", 400, 0.5), point("many", 900, 0.5)], ["one"]),
        ([point("one", 400, 0.5), point("many", 400, 0.7)], ["many"]),
        ([point("floor", 0, 0.4), point("one", 400, 0.5), point("many", 900, 0.7)], ["one", "many"]),
        ([point("floor", 0, 0.6), point("one", 400, 0.5), point("many", 900, 0.7)], ["many"]),
        ([point("floor", 0, 0.8), point("one", 400, 0.5)], []),
        ([], []),
    ],
)
def test_the_front_holds_the_arms_with_a_model_that_none_beats_in_both_above_the_floor(points, wanted):
    assert front(*points) == wanted


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), max_size=8))
def test_no_arm_of_the_front_is_beaten_and_every_other_one_is(values):
    points = [point(str(place), tokens, quality / 9) for place, (tokens, quality) in enumerate(values)]
    chosen = pareto_front(points)

    def beaten(one):
        return any(
            other.tokens.value <= one.tokens.value
            and other.quality.value >= one.quality.value
            and (other.tokens.value, other.quality.value) != (one.tokens.value, one.quality.value)
            for other in points
        )

    assert not any(beaten(each) for each in chosen)
    kept = {(each.tokens.value, each.quality.value) for each in chosen}
    assert all(beaten(each) or (each.tokens.value, each.quality.value) in kept for each in points)


def test_the_picture_names_every_arm_its_front_and_the_floor():
    points = {
        "tuned": (Estimate(value=450, low=430, high=470, n=8), Estimate(value=0.6, low=0.4, high=0.8, n=8)),
        "extractive": (Estimate(value=0, n=8), Estimate(value=0.3, low=0.1, high=0.5, n=8)),
    }
    svg = trade_off_chart(points, front=["tuned"], floor="extractive", description="passed against tokens")

    texts = set(re.findall(r"<text[^>]*>([^<]*)</text>", svg))
    assert {"tuned", "extractive (floor, no tokens)", "Pareto front", "share of queries that passed"} <= texts
    assert svg.startswith('<svg role="img" aria-label="passed against tokens"')
    assert svg == trade_off_chart(points, front=["tuned"], floor="extractive", description="passed against tokens")


def test_the_picture_draws_an_interval_each_way():
    tokens, quality = Estimate(value=450, low=430, high=470, n=8), Estimate(value=0.6, low=0.4, high=0.8, n=8)

    def lines(tokens, quality):
        return trade_off_chart({"tuned": (tokens, quality)}, front=[], floor=None, description="").count("<path")

    neither = lines(replace(tokens, low=None), replace(quality, high=None))
    assert [lines(tokens, replace(quality, low=None)), lines(replace(tokens, high=None), quality)] == [neither + 1] * 2
    assert lines(tokens, quality) == neither + 2


SAME_ARM = (
    "single_pass@budget is equivalent to single_pass here: its budget allowed a second pass for 0 of 3 query runs (in "
    "2 the first pass alone cost more than tuned), so there was no vote to compare."
)
SOME = (
    "The budget of single_pass@budget allowed a second pass for 2 of 3 query runs; in the others it is equivalent to "
    "single_pass."
)
ALL = "The budget of single_pass@budget allowed a second pass for 3 of 3 query runs."


@pytest.mark.parametrize(("counts", "said"), [([(0, 2)], SAME_ARM), ([(2, 0)], SOME), ([(3, 0)], ALL), ([], None)])
def test_the_report_says_for_how_many_queries_the_budget_bought_a_vote(counts, said):
    rows = [
        VoteSummary(run_id="r", query_runs=3, second_pass_runs=second, over_budget_runs=over) for second, over in counts
    ]

    assert budget_sentence(SimpleNamespace(votes=rows, arm_names={"r": VOTING})) == said


def test_summary_and_report_count_the_votes_that_were_cast_in_measured_queries(tmp_path):
    settings = settings_of(tmp_path)
    tables = planted_tables(("single_pass", "tuned"))
    tables["runs"].append(make_run(VOTING, place=4))
    warm_up = {"replicate": -1, "phase": "warmup"}
    for query_id, passes, budget, changes in [
        ("q0000", 2, 900, {}),
        ("q0001", 1, 400, {}),
        ("q0002", 4, 2000, {}),
        ("q0000", 9, 9000, warm_up),
    ]:
        row = make_query_row("single_pass", query_id, **changes) | {"run_id": run_id_of(VOTING)}
        tables["query_runs"].append(row)
        tables.setdefault("votes", []).extend(votes(row, passes, budget))
    plant(settings, tables)
    report = write_benchmark_report(settings, BENCHMARK_RUN)

    counted = query_rows(
        settings, "select * exclude (run_id, benchmark_run, suite, model, started_at) from vote_summary"
    )[1]
    assert counted == [(VOTING, 3, 2, 1, pytest.approx(7 / 3))]
    assert SOME in " ".join(report.summary.split())
    page = report.html.read_text("utf-8")
    assert SOME in page
    assert "passed against billed tokens per query; on the front: single_pass" in page
    assert SOME in report.markdown.read_text("utf-8").replace("\\", "")


def votes(row, passes, budget):
    key = {name: row[name] for name in ("run_id", "query_id", "replicate")}
    said = {"answer": "blue", "votes": passes, "temperature": 0.0, "billed_tokens": 430, "budget_tokens": budget}
    return [
        key | said | {"pass": place, "task": f"answer_{place}", "chosen": place == 1} for place in range(1, passes + 1)
    ]
