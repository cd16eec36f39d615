"""A user's metric from its file to check, report, limit, SQL and resumption."""

import json
import shutil

from dagster_project.cli.main import run
from docmind_core.tables.reading import query_rows
from tests.conftest import PROJECT
from tests.documents import write_query_set
from tests.fakes.engine_server import FakeEngine

FAILING = """

@scorer(unit="1", range="0 to 1", better="none", definition="Always fails.")
def broken(query, run):
    raise ValueError("not today")
"""


def test_the_example_runs_and_a_scorer_that_fails_costs_its_own_values_alone(settings, tmp_path, capsys):
    folder = shutil.copytree(PROJECT / "examples" / "own_metric", tmp_path / "example")
    write_query_set(folder / "set")
    with (folder / "my_scorers.py").open("a", encoding="utf-8") as file:
        file.write(FAILING)
    suite = folder / "suite.yaml"
    text = suite.read_text("utf-8").replace("python-reference", "set").replace("[single_pass, tuned]", "[single_pass]")
    suite.write_text(text.replace('cites_a_source"]', 'cites_a_source", "my_scorers.py:broken"]'), "utf-8")

    assert run(["check", str(suite)]) == 0
    assert "note: metric answer_words: words, 0 and above, from " in capsys.readouterr().out
    with FakeEngine() as server:
        assert run(["bench", str(suite), "--engine", server.url]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Your scorers returned no value: broken on 1 query run (scorer_failed: ValueError: not today (line " in said

    quality = "select metric, value, missing_because from quality_summary where query_type = 'all' and metric in "
    found = {row[0]: row[1:] for row in query_rows(settings, f"{quality} ('answer_words', 'broken', 'passed')")[1]}
    assert found["answer_words"][0] > 0
    assert found["broken"] == (None, "scorer_failed")
    assert found["passed"][0] is not None
    limits = query_rows(settings, "select limit_name, set_to, value from limit_results where dimension like 'your%'")[1]
    assert {name: set_to for name, set_to, _ in limits} == {"answer_words": 20.0, "cites_a_source_min": 0.5}
    ((manifest,),) = query_rows(settings, "select manifest from runs")[1]
    assert set(json.loads(manifest)["plugins"]) == {
        f"{folder / 'my_scorers.py'}:{name}" for name in ("answer_words", "cites_a_source", "broken")
    }
    report = next(settings.reports.glob("*/index.html")).read_text("utf-8")
    assert "answer_words (words)" in report
    assert "at most 20.00 words" in report
    assert "Number of words in the answer, split at white space" in report
    assert "scorer_failed: ValueError: not today" in report
    page = (settings.home / "docs" / "metrics.md").read_text("utf-8")
    assert page.index("## Your own metrics") < page.index("### `answer_words`") < page.index("### `exact_match`")
    assert f"Scored by `{folder / 'my_scorers.py'}:answer_words`, version 1." in page
