"""Whatever a user's scorer does, each query run has a value or a reason, and all other metrics stay."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from docmind_core.measurements import scorer_process
from docmind_core.measurements.own_scorers import OwnScorer, open_own_scorer
from docmind_core.measurements.records import QueryRun, Score
from docmind_core.measurements.scorers import SCORERS
from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.metrics.reasons import REASONS
from docmind_core.suites.own_metrics import OwnMetric
from docmind_core.tables.publish import publish
from docmind_core.tables.segments import read_segment
from tests.builders import BENCHMARK_RUN, RUN_ID, make_query, make_query_run_row, write_rows
from tests.measurements.test_scoring import QUERY_SET

RUN = QueryRun(query_id="q1", answer="Paris")
OWN = OwnMetric(
    scorer="my_scorers.py:answer_words", sha256="0" * 64, name="answer_words", version="1", unit="words",
    range="0 and above", better="lower", definition="Words of the answer.", missing="never",
)  # fmt: skip


def raises(query, run):
    raise ValueError("no\nwords")


def leaves(query, run):
    raise SystemExit(3)


def recurses(query, run):
    return recurses(query, run)


@pytest.mark.parametrize(
    ("scored", "because", "detail"),
    [
        (raises, "scorer_failed", "ValueError: no words"),
        (leaves, "scorer_failed", "SystemExit: 3"),
        (recurses, "scorer_failed", "RecursionError"),
        (lambda query: 1, "scorer_failed", "TypeError"),
        (lambda query, run: float("nan"), "implausible", "returned nan; the range is 0 and above"),
        (lambda query, run: float("inf"), "implausible", "returned inf"),
        (lambda query, run: -1, "implausible", "returned -1; the range is 0 and above"),
        (lambda query, run: "3", "implausible", "returned a str, not a number"),
        (lambda query, run: True, "implausible", "returned True, not a number"),
        (lambda query, run: np.bool_(True), "implausible", "returned a bool, not a number"),
        (lambda query, run: None, "implausible", "returned None, not a number"),
        (lambda query, run: Decimal(3), "implausible", "returned a Decimal, not a number"),
        (lambda query, run: 10**400, "implausible", "returned a number too large"),
        (lambda query, run: Score(metric="answer_words"), "implausible", "unknown reason None"),
        (lambda query, run: Score.missing("answer_words", because="so"), "implausible", "unknown reason 'so'"),
        (lambda query, run: Score(metric="answer_words", value=-1), "implausible", "returned -1"),
    ],
)
def test_an_error_and_nonsense_are_not_values_with_the_reason(scored, because, detail):
    score = OwnScorer(own=OWN, version="1", score=scored)(make_query(), RUN)
    assert (score.metric, score.value, score.missing_because) == ("answer_words", None, because)
    assert because in REASONS
    assert score.detail.startswith(detail)
    assert "\n" not in score.detail
    assert len(score.detail) <= 300


@pytest.mark.parametrize(
    ("returned", "value"),
    [(3, 3.0), (0, 0.0), (np.float32(1.5), 1.5), (np.int64(7), 7.0), (Score(metric="x", value=2), 2.0)],
)
def test_a_number_in_the_range_is_the_value(returned, value):
    assert OwnScorer(own=OWN, version="1", score=lambda query, run: returned)(make_query(), RUN) == Score(
        metric="answer_words", value=value
    )


@pytest.mark.parametrize(
    ("written", "inside", "outside"),
    [("0 or 1", 1.0, 0.5), ("0 to 1", 0.5, 1.1), ("above 0", 0.1, 0.0), ("up to 100", -7.0, 101.0)],
)
def test_each_form_of_a_range_is_held_against_the_value(written, inside, outside):
    own = OWN.model_copy(update={"range": written})
    found = [
        OwnScorer(own=own, version="1", score=lambda query, run, value=value: value)(make_query(), RUN)
        for value in (inside, outside)
    ]
    assert [score.missing_because for score in found] == [None, "implausible"]


def test_a_reason_of_the_list_is_kept():
    scored = OwnScorer(own=OWN, version="1", score=lambda query, run: Score.missing("x", because="no_gold"))
    assert scored(make_query(), RUN) == Score(metric="answer_words", missing_because="no_gold")


SOURCE = """
from docmind_core.measurements.records import scorer
@scorer(unit="words", range="0 and above", better="lower", definition="Words of the answer.", version="2")
def answer_words(query, run):
    return len(run.answer.split())
"""


def declared(folder, source=SOURCE, **changes):
    (folder / "my_scorers.py").write_text(source, "utf-8")
    return OWN.model_copy(update={"scorer": f"{folder / 'my_scorers.py'}:answer_words", **changes})


def test_a_run_is_scored_by_a_scorer_that_fails_on_some_and_nothing_else_is_lost(settings, tmp_path):
    rows = [make_query_run_row("q1", answer="It is Paris"), make_query_run_row("q2", status="failed", answer=None)]
    write_rows(settings, {"query_runs": rows})
    assert score_benchmark_run(settings, BENCHMARK_RUN, QUERY_SET, [declared(tmp_path)]) == 2 * (len(SCORERS) + 1)
    scored = read_segment(settings.tables, "measurements", RUN_ID)
    found = {row["query_id"]: row for row in scored if row["metric"] == "answer_words"}
    assert (found["q1"]["value"], found["q1"]["missing_detail"]) == (3.0, None)
    assert (found["q2"]["value"], found["q2"]["missing_because"]) == (None, "scorer_failed")
    assert found["q2"]["missing_detail"] == "AttributeError: 'NoneType' object has no attribute 'split' (line 5)"
    assert found["q1"]["scorer_version"].startswith("2+")
    publish(settings)


def test_a_scorer_that_is_gone_or_means_something_else_now_costs_its_own_metric_alone(settings, tmp_path):
    write_rows(settings, {"query_runs": [make_query_run_row("q1")]})
    other = SOURCE.replace('"0 and above"', '"0 to 1"').replace("split())", "split()) / 9")
    for source, said in (
        (None, "my_scorers.py can't be read"),
        ("1 / 0", "ZeroDivisionError"),
        (other, "the metric has changed since the run started (range '0 and above' → '0 to 1')"),
    ):
        own = OWN if source is None else declared(tmp_path, source)
        assert said in open_own_scorer(own).broken
    score_benchmark_run(settings, BENCHMARK_RUN, QUERY_SET, [own])
    rows = read_segment(settings.tables, "measurements", RUN_ID)
    (failed,) = [row for row in rows if row["missing_because"] == "scorer_failed"]
    assert (failed["metric"], said in failed["missing_detail"]) == ("answer_words", True)
    assert [row["value"] for row in rows if row["metric"] == "exact_match"] == [1.0]


def test_another_formula_of_the_same_metric_is_distinguished_by_its_version(tmp_path):
    first = open_own_scorer(declared(tmp_path))
    second = open_own_scorer(declared(tmp_path, SOURCE.replace("split()", "split(',')")))
    assert first.broken is second.broken is None
    assert first.version != second.version


ENDS = """
import os, time
from docmind_core.measurements.records import scorer
said = dict(unit="words", range="0 and above", better="lower", definition="Words of the answer.")
@scorer(**said, deadline_s=0.01)
def hangs(query, run):
    while True:
        try:
            time.sleep(3600)
        except BaseException:
            pass
@scorer(**said)
def exits(query, run):
    os._exit(7) if query.query_id == "q1" else None
    return 5
@scorer(**said)
def answer_words(query, run):
    print("to standard error")
    return len(run.answer.split())
"""


def test_a_scorer_that_never_ends_or_ends_its_process_costs_its_own_values_alone(
    settings, tmp_path, capfd, monkeypatch
):
    monkeypatch.setattr(scorer_process, "FAILURES_MAX", 2)
    own = declared(tmp_path, ENDS)
    path = own.scorer.rpartition(":")[0]
    others = [own.model_copy(update={"name": name, "scorer": f"{path}:{name}"}) for name in ("hangs", "exits")]
    ids = [f"q{number}" for number in range(1, 4)]
    write_rows(settings, {"query_runs": [make_query_run_row(query_id) for query_id in ids]})
    asked = replace(QUERY_SET, queries=tuple(make_query(query_id) for query_id in ids))

    score_benchmark_run(settings, BENCHMARK_RUN, asked, [*others, own])

    rows = read_segment(settings.tables, "measurements", RUN_ID)
    found = {(row["metric"], row["query_id"]): row for row in rows}
    late = "the scorer exceeded its deadline_s of 0.01 s"
    assert [found["hangs", query_id]["missing_detail"] for query_id in ids] == [
        *[late] * 2,
        f"no longer called after failing on 2 query runs: {late}",
    ]
    assert [found["exits", query_id]["value"] for query_id in ids] == [None, 5.0, 5.0]
    assert found["exits", "q1"]["missing_detail"] == "the scorer's process exited with code 7"
    assert {found["hangs", "q1"]["missing_because"], found["exits", "q1"]["missing_because"]} == {"scorer_failed"}
    assert [found["answer_words", query_id]["value"] for query_id in ids] == [1.0] * 3
    said = capfd.readouterr()
    assert (said.out, said.err.count("to standard error")) == ("", 3)


def test_a_scorer_s_file_that_ends_the_process_while_it_is_loaded_is_left_out(settings, tmp_path):
    write_rows(settings, {"query_runs": [make_query_run_row("q1")]})
    ends = declared(tmp_path, "import os\nos._exit(3)")
    score_benchmark_run(settings, BENCHMARK_RUN, QUERY_SET, [ends])
    (row,) = [row for row in read_segment(settings.tables, "measurements", RUN_ID) if row["metric"] == ends.name]
    assert row["missing_detail"] == "while loading it, the scorer's process exited with code 3"


@pytest.mark.parametrize("seconds", ["0", "'soon'", "float('nan')", "1e9"])
def test_a_deadline_that_is_not_a_length_of_time_is_refused(tmp_path, seconds):
    own = declared(tmp_path, SOURCE.replace("version=", f"deadline_s={seconds}, version="))
    assert "deadline_s must be a number of seconds above 0 and at most 86,400" in open_own_scorer(own).broken


def test_a_scorer_cannot_change_what_the_next_one_reads(settings, tmp_path):
    rows = [make_query_run_row("q1", answer="Paris", passages='["d1#0"]')]
    write_rows(settings, {"query_runs": rows})
    clearing = SOURCE.replace("return len", "run.passages.clear()\n    return len")
    reading = SOURCE.replace("answer_words", "passages_read").replace("run.answer.split()", "run.passages")
    own = declared(tmp_path, clearing + reading)
    second = own.model_copy(
        update={"name": "passages_read", "scorer": own.scorer.replace("answer_words", "passages_read")}
    )
    evident = replace(QUERY_SET, queries=QUERY_SET.queries[:1])
    score_benchmark_run(settings, BENCHMARK_RUN, evident, [own, second])
    rows = read_segment(settings.tables, "measurements", RUN_ID)
    assert {row["metric"]: row["value"] for row in rows if row["metric"] in (own.name, second.name)} == {
        own.name: 1.0,
        second.name: 1.0,
    }
