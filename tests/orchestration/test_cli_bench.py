"""What `docmind bench` refuses before anything is begun, and what it says of a run that came to nothing."""

from collections import deque

import pytest

from dagster_project.cli import progress_display
from dagster_project.cli.bench import refuse_missed_limits
from dagster_project.cli.main import run
from docmind_core.errors import RunError
from docmind_core.retrieval import encoder_files
from docmind_core.runs.frozen_suite import journal_path
from docmind_core.runs.journal import Journal, QueryKey
from docmind_core.serving import bundled_model, engine, profiles
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows
from tests.builders import BENCHMARK_RUN, write_rows
from tests.documents import write_query_set
from tests.fakes.engine_server import FakeEngine
from tests.serving.engines import fake_profile

KEY = "sk-planted-7c1e5f0b9a"
ONE_QUERY = ("--limit", "1", "--arms", "single_pass", "--strategy", "keyword_search")


def refused(capsys, *arguments, settings):
    """The one line of a command that fails and leaves no run behind."""
    assert run(["bench", *arguments]) != 0
    assert not settings.benchmarks.exists(), "nothing was begun"
    assert not settings.metrics_database.exists()
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.fixture
def suite_file(tmp_path):
    write_query_set(tmp_path / "set")
    path = tmp_path / "toy.yaml"
    path.write_text("name: toy\nquery_set: set\narms: [single_pass]\n")
    return str(path)


@pytest.mark.parametrize("options", [(), ("--resume",)])
def test_data_that_is_given_for_a_suite_is_named_for_what_it_is(settings, tmp_path, capsys, options):
    (tmp_path / "questions.csv").write_text("question,answer\nWhere?,Paris\n")
    folder = write_query_set(tmp_path / "set")

    for path, what in (
        (tmp_path / "questions.csv", "is a CSV table with the columns question, answer, not a query set or a suite. "),
        (folder, f"is a folder, not a suite. Write a suite, a YAML file with the line `query_set: {folder}`"),
    ):
        assert f"{path} {what}" in refused(capsys, str(path), *options, settings=settings)


def test_a_bundled_suite_runs_on_an_engine_that_wants_a_key_and_gets_more_replicates(settings, monkeypatch, capsys):
    monkeypatch.setenv("TOY_KEY", KEY)
    with FakeEngine(api_key=KEY) as server:
        assert run(["bench", "smoke", "--engine", server.url, "--api-key-env", "TOY_KEY", *ONE_QUERY]) == 0
        assert run(["bench", "--replicates", "+2", "latest"]) == 0

    assert query_rows(settings, "select phase, status, count(*) from query_runs group by all order by 1")[1] == [
        ("measured", "answered", 3),
        ("warmup", "answered", 1),
    ]
    assert query_rows(settings, "select max(k), any_value(n_total) from replicate_summary")[1] == [(3, 1)]
    shown = capsys.readouterr()
    assert KEY not in shown.out + shown.err


def test_an_engine_that_wants_a_key_is_one_line_that_names_the_option(settings, capsys):
    with FakeEngine(api_key=KEY) as server:
        assert "--api-key-env NAME" in refused(capsys, "smoke", "--engine", server.url, *ONE_QUERY, settings=settings)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("+0", "latest"), "'+0' is not a number of replicates to add; write it like +5"),
        (("-2", "latest"), "'-2' is not a number of replicates"),
        (("5", "latest"), "'5' is not a number of replicates"),
        (("+5", "latest", "--limit", "2"), "remove all other options"),
        (("+5", "latest"), "no benchmark run has finished yet"),
        (("+5", "smoke"), "smoke is a suite; give one of its finished runs"),
        (("+5", "20261122T020000Z-smoke-7f3a"), "there is no benchmark run '20261122T020000Z-smoke-7f3a'"),
        (("+5", "20261122T020000Z-smoke-7f3a.tuned"), "--replicates +5 20261122T020000Z-smoke-7f3a"),
    ],
)
def test_replicates_that_can_not_be_added_are_refused_in_the_last_line(settings, capsys, given, said):
    assert run(["bench", "--replicates", *given]) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert not settings.benchmarks.exists(), "nothing was begun"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--api-key-env", "NO_SUCH_KEY"), "variable NO_SUCH_KEY is not set"),
        (("--api-key-env", KEY), "--api-key-env: not the name of an environment variable"),
        (("--engine", f"HTTP://{KEY}@host"), "--engine: a key in the engine's URL"),
        (("--engine", f"http://host/?key={KEY}"), "--engine: a key in the engine's URL"),
    ],
)
def test_a_key_in_the_wrong_place_is_one_line_without_it(settings, monkeypatch, capsys, given, said):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)

    line = refused(capsys, "smoke", "--engine", "http://127.0.0.1:9", *ONE_QUERY, *given, settings=settings)

    assert said in line
    assert KEY not in line


def test_without_vllm_a_profile_is_refused_before_anything_is_begun(settings, monkeypatch, capsys, suite_file):
    monkeypatch.setattr(engine, "installed_engine", lambda: None)

    assert "Install it (make install), or use a running engine (--engine URL)" in refused(
        capsys, suite_file, settings=settings
    )


def test_without_embeddings_a_suite_that_needs_them_is_offered_keyword_search(settings, monkeypatch, capsys):
    monkeypatch.setattr(encoder_files, "PACKAGES", ("torch_that_is_not_there",))

    with FakeEngine() as server:
        line = refused(capsys, "smoke", "--engine", server.url, settings=settings)
        assert "make install-remote; or use keyword search: docmind bench smoke --strategy keyword_search" in line
        assert run(["bench", "smoke", "--engine", server.url, *ONE_QUERY]) == 0


def test_a_model_that_cant_be_prepared_is_refused_before_anything_is_begun(settings, monkeypatch, capsys, suite_file):
    def refuse(aside, announce):
        raise engine.EngineStartError("planted")

    folder = settings.models / bundled_model.BUNDLED_MODEL
    folder.mkdir(parents=True)
    profile = fake_profile(prepare_model=bundled_model.prepare_bundled_model)
    monkeypatch.setitem(profiles._BUILDERS, "cpu-smollm2", lambda: profile)
    monkeypatch.setattr(bundled_model, "_fetch", refuse)

    assert run(["bench", suite_file]) == 1

    announced, line = capsys.readouterr().err.splitlines()
    assert "is damaged: docmind-model.json is missing" in announced
    assert line == "docmind: planted"
    assert not settings.benchmarks.exists(), "nothing was begun"


def test_a_run_in_which_no_query_was_answered_fails_with_the_cause_and_still_has_its_report(
    settings, capsys, suite_file
):
    with FakeEngine(faults=deque([400] * 10)) as server:
        assert run(["bench", suite_file, "--engine", server.url]) == 1

    shown = capsys.readouterr()
    assert "No query was answered." in shown.out
    assert "all of 1 failed with RequestRejected: " in shown.err.splitlines()[-1]
    assert (
        "Check the model, the key, and the suite's answer_max_tokens; then start a new run"
        in shown.err.splitlines()[-1]
    )
    assert query_rows(settings, "select phase, status from query_runs order by 1")[1] == [
        ("measured", "failed"),
        ("warmup", "failed"),
    ]
    assert list(settings.reports.glob("*/index.html"))


@pytest.mark.parametrize(("replicate", "is_redone"), [(None, False), (-1, False), (0, True)])
def test_only_a_run_with_interrupted_measured_queries_is_offered_to_rerun_them(
    settings, monkeypatch, capsys, replicate, is_redone
):
    def stopped(*_, **__):
        if replicate is not None:  # before its first call, in a warm-up query, in a measured one
            with Journal(journal_path(settings, BENCHMARK_RUN)) as journal:
                names = {"agent": "single", "task": "answer", "request_hash": "h", "call_id": "c1"}
                key = QueryKey(run_id=f"{BENCHMARK_RUN}.tuned", query_id="q1", replicate=replicate)
                journal.book_attempt(key, {**names, "attempt": 1, "phase": "measured"}, ended=False)
        raise KeyboardInterrupt

    monkeypatch.setattr(progress_display, "launch_benchmark", stopped)
    with pytest.raises(KeyboardInterrupt):
        progress_display.launch_visibly(settings, BENCHMARK_RUN, "docmind bench toy")

    said = capsys.readouterr().err.splitlines()
    assert said[0] == "interrupted; resume with: docmind bench toy"
    assert ["--redo-interrupted" in line for line in said[1:]] == [True] * is_redone


def test_fail_on_missed_names_each_missed_limit_and_passes_without_one(settings):
    limit = {"metric": "pass_ratio", "agent": "all", "value": 0.5, "bound": 0.8}
    write_rows(settings, {"limit_results": [{**limit, "limit_name": "pass_ratio_min", "state": "missed"}]})
    publish(settings)
    with pytest.raises(RunError, match=r"naive_supervisor pass_ratio_min 0\.5 \(limit 0\.8\)"):
        refuse_missed_limits(BENCHMARK_RUN, "missed")
    refuse_missed_limits(BENCHMARK_RUN, None)
    refuse_missed_limits(BENCHMARK_RUN.replace("7f3a", "aaaa"), "missed")
