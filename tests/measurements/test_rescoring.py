"""A finished run scored again: newer formulas, other limits, and what was said before."""

import json
import re
from unittest.mock import Mock

import pytest

from dagster_project.cli.main import run
from docmind_core.measurements import rescoring
from docmind_core.measurements.grades import write_limits
from docmind_core.measurements.scoring import score_benchmark_run
from docmind_core.query_sets.bundled import load_query_set
from docmind_core.runs.frozen_suite import read_frozen_suite
from docmind_core.tables.reading import query_rows
from docmind_core.tables.segments import read_segment, write_segment
from tests.builders import make_query_run_row, make_run_row, write_rows

KEY = "20261122T020000Z-small-7f3a"
RUN = f"{KEY}.single_pass"
SUITE = "name: small\nquery_set: python-reference\narms: [single_pass]\n"


@pytest.fixture
def scored(home, monkeypatch):
    """A run of three queries of the bundled set, started with `--limit 3`; one score is that of an older formula."""
    monkeypatch.setenv("DOCMIND_HOME", str(home.home))
    folder = home.benchmarks / KEY
    folder.mkdir(parents=True)
    (folder / "source.yaml").write_text(SUITE)
    (folder / "suite.yaml").write_text(f"{SUITE}limit: 3\n")
    queries = [query for query in load_query_set("python-reference").queries if query.gold_answers][:3]
    rows = [make_query_run_row(one.query_id, answer=one.gold_answers[0], billed_tokens=100) for one in queries]
    write_rows(home, {"runs": [make_run_row(RUN, suite="small")], "query_runs": rows}, RUN)
    score_benchmark_run(home, KEY, load_query_set("python-reference"))
    write_limits(home.tables, KEY, read_frozen_suite(home, KEY))
    old = read_segment(home.tables, "measurements", RUN)
    at = next(place for place, row in enumerate(old) if row["metric"] == "passed")
    old[at] |= {"value": 0.0, "missing_because": None, "scorer_version": "0"}
    write_segment(home.tables, "measurements", RUN, [row for row in old if row["metric"] != "empty_answer"])
    return home, old[at]


def test_only_scores_that_differ_change_and_the_earlier_ones_are_kept_with_their_version(scored, capsys):
    home, old = scored
    assert run(["rescore", KEY]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"rescored .*: \d+ scores, 4 of them changed; 1 earlier ones kept", shown)
    asked = "select query_id, metric, value, scorer_version from earlier_measurements"
    assert query_rows(home, asked)[1] == [(old["query_id"], "passed", 0.0, "0")]
    assert query_rows(home, "select value from quality_summary where metric = 'passed' and query_type = 'all'")[1] == [
        (1.0,)
    ]
    assert run(["rescore", "latest", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert query_rows(home, "select count(*) from earlier_measurements")[1] == [(1,)]


def test_only_metrics_with_a_changed_score_are_compared_row_by_row(scored, monkeypatch):
    home, _ = scored
    rescoring.rescore_run(home, KEY)
    old = read_segment(home.tables, "measurements", RUN)
    at = next(place for place, row in enumerate(old) if row["metric"] == "passed")
    old[at] |= {"value": None, "missing_because": "judge_failed"}
    write_segment(home.tables, "measurements", RUN, old)
    compared = Mock(side_effect=rescoring._said)
    monkeypatch.setattr(rescoring, "_said", compared)
    rescored = rescoring.rescore_run(home, KEY)
    assert (rescored.changed, rescored.kept) == ({"passed": 1}, {"measurements": 1, "limit_results": 0})
    assert [call.args[3] for call in compared.call_args_list] == [("metric", ["passed"])] * 2


@pytest.mark.parametrize("step", ["compare_arms", "write_limits", "publish"])
def test_a_rescoring_that_died_at_any_step_loses_and_repeats_no_earlier_score(scored, monkeypatch, step):
    home, old = scored
    with monkeypatch.context() as killed:
        killed.setattr(rescoring, step, Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            rescoring.rescore_run(home, KEY)
    rescoring.rescore_run(home, KEY)
    asked = "select query_id, metric, value, scorer_version from earlier_measurements"
    assert query_rows(home, asked)[1] == [(old["query_id"], "passed", 0.0, "0")]
    assert sorted(path.name for path in (home.benchmarks / KEY).iterdir()) == ["source.yaml", "suite.yaml"]


def test_a_rescoring_that_died_while_it_kept_earlier_rows_keeps_each_once(scored, monkeypatch):
    home, old = scored
    keep = rescoring._keep

    def dies_after(*given):
        keep(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(rescoring, "_keep", dies_after)
        with pytest.raises(KeyboardInterrupt):
            rescoring.rescore_run(home, KEY)
    assert rescoring.rescore_run(home, KEY).kept["measurements"] == 1
    asked = "select query_id, metric, value, scorer_version from earlier_measurements"
    assert query_rows(home, asked)[1] == [(old["query_id"], "passed", 0.0, "0")]


def test_another_limit_judges_the_run_from_now_on_and_the_earlier_suite_is_kept(scored, tmp_path, capsys):
    home, _ = scored
    newer = tmp_path / "small.yaml"
    newer.write_text(f"{SUITE}limits: {{pass_ratio_min: 0.2}}\nmin_n: 3\n")
    assert run(["rescore", KEY, "--suite", str(newer)]) == 0
    shown = capsys.readouterr().out
    assert "now judged by the new limits, min_n" in shown
    assert " rows of limits in earlier_limit_results" in shown
    asked = "select set_to from {} where limit_name = 'pass_ratio_min'"
    assert query_rows(home, asked.format("limit_results"))[1] == [(0.2,)]
    assert query_rows(home, asked.format("earlier_limit_results"))[1] == [(None,)]
    assert run(["rescore", KEY]) == 0
    assert query_rows(home, asked.format("earlier_limit_results"))[1] == [(None,)]
    frozen = read_frozen_suite(home, KEY)
    assert (frozen.limit, dict(frozen.limits)) == (3, {"pass_ratio_min": 0.2})
    assert len(list((home.benchmarks / KEY).glob("suite.*Z.yaml"))) == 1


@pytest.mark.parametrize(
    ("change", "problem"), [("top_k: 3\n", "in top_k"), ("seed: 5\nlimits: {pass_ratio_min: 0.2}\n", "in seed")]
)
def test_a_suite_by_which_the_answers_would_be_others_is_refused(scored, tmp_path, capsys, change, problem):
    newer = tmp_path / "small.yaml"
    newer.write_text(SUITE + change)
    assert run(["rescore", KEY, "--suite", str(newer)]) == 2
    assert problem in capsys.readouterr().err


def test_an_unfinished_run_and_an_unknown_one_are_refused(scored, capsys):
    home, _ = scored
    (home.tables / "runs" / f"{RUN}.parquet").unlink()
    assert run(["rescore", KEY]) == 1
    assert "is not finished. Finish it: docmind bench small --resume" in capsys.readouterr().err
    assert run(["rescore", "20261122T020000Z-none-7f3a"]) == 2


def test_a_metric_of_the_user_may_be_added_to_a_finished_run_and_is_limited_and_reported(scored, tmp_path, capsys):
    home, _ = scored
    (tmp_path / "my_scorers.py").write_text(
        "from docmind_core.measurements.records import scorer\n"
        "@scorer(unit='words', range='0 and above', better='lower', definition='Words of the answer.')\n"
        "def answer_words(query, run):\n    return len(run.answer.split())\n"
    )
    newer = tmp_path / "small.yaml"
    newer.write_text(f"{SUITE}metrics: ['my_scorers.py:answer_words']\nlimits: {{answer_words: 0.5}}\n")
    assert run(["rescore", KEY, "--suite", str(newer)]) == 0
    assert "now judged by the new limits, metrics" in capsys.readouterr().out
    asked = "select count(value) from measurements where metric = 'answer_words'"
    assert query_rows(home, asked)[1] == [(3,)]
    asked = "select set_to, value >= 1 from limit_results where limit_name = 'answer_words'"
    assert query_rows(home, asked)[1] == [(0.5, True)]
    report = next(home.reports.glob("*/index.html")).read_text("utf-8")
    assert "answer_words (words)" in report
    assert "at most 0.50 words" in report

    (tmp_path / "my_scorers.py").write_text("1 / 0")
    assert run(["rescore", KEY, "--suite", str(newer)]) == 1
    assert "ZeroDivisionError: division by zero (line 1)" in capsys.readouterr().err
