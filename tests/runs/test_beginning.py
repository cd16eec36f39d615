"""What is there from the moment a run begins, and what its manifest says of the model."""

import json

import pytest

from docmind_core.agents.passages import CITATION_RULES_VERSION
from docmind_core.agents.refusals import REFUSAL_RULES_VERSION
from docmind_core.errors import EngineStartError
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from docmind_core.serving import engine as engine_module
from docmind_core.tables import publish
from docmind_core.tables.reading import query_rows
from docmind_core.tables.schema import TABLES
from docmind_core.tables.views import VIEWS


@pytest.fixture
def _with_comments(_quick, monkeypatch):
    """Publish as the product does, which describes each table, view and column, and copies nothing."""
    monkeypatch.setattr(publish, "describe", _quick)
    monkeypatch.setattr("docmind_core.runs.frozen_suite.publish_first", publish.publish_first)


@pytest.mark.usefixtures("_with_comments")
def test_a_database_with_all_tables_views_and_comments_is_there_before_the_first_arm(home, make_suite):
    freeze_benchmark_run(make_suite(), home)

    mine = "not internal and schema_name = 'main' and comment is not null"
    question = f"select {{0}}_name, comment from duckdb_{{0}}s() where {mine}"
    assert {name for name, _ in query_rows(home, question.format("table"))[1]} == set(TABLES)
    assert {name for name, _ in query_rows(home, question.format("view"))[1]} == {view.name for view in VIEWS}
    assert query_rows(home, "select * from runs")[1] == []


def test_no_run_is_frozen_whose_engine_can_t_be_started_here(home, make_suite, monkeypatch):
    monkeypatch.setattr(engine_module, "installed_engine", lambda: None)

    with pytest.raises(EngineStartError, match="vLLM is not installed here"):
        freeze_benchmark_run(make_suite(engine="cpu-smollm2"), home)

    assert not home.benchmarks.exists()


def test_what_was_published_before_stays_when_a_run_begins(home, make_suite):
    freeze_benchmark_run(make_suite(), home)
    published = home.metrics_database.stat().st_ino
    freeze_benchmark_run(make_suite(name="later"), home)

    assert home.metrics_database.stat().st_ino == published


@pytest.mark.parametrize(
    ("model", "said_by_the_suite", "plumbing"),
    [("SmolLM2-135M-Instruct", False, True), ("other", False, False), ("other", True, True)],
)
def test_a_run_says_whether_its_model_only_checks_the_plumbing(
    home, make_suite, engine, model, said_by_the_suite, plumbing
):
    engine.model = model
    key = freeze_benchmark_run(make_suite(arms=["single_pass"], limit=1, plumbing=said_by_the_suite), home)
    execute_benchmark_run(home, key, dagster_run_id=None, observer=SilentObserver())

    [(column, manifest)] = query_rows(home, "select plumbing, manifest from runs")[1]
    assert (column, json.loads(manifest)["engine"]["plumbing"]) == (plumbing, plumbing)


def test_the_manifest_names_the_rules_by_which_answers_are_read(home, make_suite, engine):
    """Abstentions and citations of two versions of the rules are not the same measure."""
    key = freeze_benchmark_run(make_suite(arms=["single_pass"], limit=1), home)
    execute_benchmark_run(home, key, dagster_run_id=None, observer=SilentObserver())

    [(manifest,)] = query_rows(home, "select manifest from runs")[1]
    assert json.loads(manifest)["answer_rules"] == {
        "citations": CITATION_RULES_VERSION,
        "refusals": REFUSAL_RULES_VERSION,
    }
