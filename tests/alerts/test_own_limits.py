"""A limit on a user's metric: measured, judged, watched, printed, and alerted, without the user's code."""

import json

import pytest

from docmind_core.alerts.evaluating import evaluate_alerts
from docmind_core.alerts.listing import open_alerts
from docmind_core.measurements.grades import write_limits
from docmind_core.measurements.limit_results import read_limit_results
from docmind_core.reports.benchmark import write_benchmark_report
from docmind_core.suites.suite import Suite
from docmind_core.tables.publish import publish
from tests.builders import BENCHMARK_RUN, make_query_run_row, make_run_row, make_score_row, write_rows
from tests.measurements.test_own_scorers import OWN

RUN_ID = f"{BENCHMARK_RUN}.tuned"
NAMES = [f"q{number}" for number in range(60)]


def judged(home, *, set_to, **declared):
    own = OWN.model_copy(update={"scorer": "gone.py:answer_words", **declared})
    name = "answer_words_min" if own.better == "higher" else "answer_words"
    alerts = {name: {"for_evals": 1}}
    suite = Suite(name="smoke", query_set="x", arms=("tuned",), metrics=(own,), limits={name: set_to}, alerts=alerts)
    manifest = json.dumps({"suite": suite.model_dump(mode="json")})
    share = own.range == "0 or 1"
    values = [float(place % 10 == 0) if share else 20.0 + place % 7 for place in range(len(NAMES))]
    rows = {
        "runs": [make_run_row(RUN_ID, manifest=manifest, plumbing=False)],
        "query_runs": [make_query_run_row(query, RUN_ID) for query in NAMES],
        "measurements": [
            make_score_row("answer_words", value, query, RUN_ID) for query, value in zip(NAMES, values, strict=True)
        ],
    }
    write_rows(home, rows, RUN_ID)
    write_limits(home.tables, BENCHMARK_RUN, suite)
    results = {one.limit.name: one for one in read_limit_results(home.tables, BENCHMARK_RUN, suite)}
    return suite, results[name]


@pytest.mark.parametrize(
    ("set_to", "declared", "state", "rule"),
    [
        (30, {}, "met", None),
        (10, {}, "missed", "answer_words_high"),
        (23, {}, "undecided", None),
        (0.5, {"better": "higher", "range": "0 or 1", "unit": "1"}, "missed", "answer_words_low"),
    ],
)
def test_a_limit_on_a_metric_of_the_user_is_judged_and_alerted(home, set_to, declared, state, rule):
    suite, result = judged(home, set_to=set_to, **declared)
    assert (result.state, result.measured.n, result.limit.dimension) == (state, 60, "your own metrics")

    outcome = evaluate_alerts(home, BENCHMARK_RUN, suite)
    fired = {row["rule_id"] for row in open_alerts(home)} & {"answer_words_high", "answer_words_low"}
    assert fired == ({rule} if rule else set())
    assert (rule in outcome.firing) == (rule is not None)


def test_a_limit_on_a_metric_of_the_user_is_printed_without_his_code(home):
    _, result = judged(home, set_to=10)
    publish(home)
    html = write_benchmark_report(home, BENCHMARK_RUN).html.read_text("utf-8")
    assert result.limit.metric in html
    assert "your own metrics" in html
    assert "at most 10.00 words" in html
