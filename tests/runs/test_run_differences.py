"""What two runs differ in: exactly what was changed, by its name."""

import json
from dataclasses import replace

import pytest

from dagster_project.cli.main import run
from docmind_core.agents import prompt_files
from docmind_core.query_sets.queries import QuerySet
from docmind_core.runs import manifest
from docmind_core.runs.run_differences import manifest_differences, origin_differences
from docmind_core.serving.connection import EngineConnection
from docmind_core.suites.suite import Suite
from tests.builders import write_rows

KEYS = ("20261121T020000Z-toy-7f3a", "20261122T020000Z-toy-7f3a")
PROMPT = min(prompt_files.prompt_hashes())
QUERY_SET = QuerySet(name="toy", documents=(), queries=(), query_set_hash="q", corpus_hash="c")


def facts(arm="tuned", *, suite=None, engine=None, index_hash="i", query_set=QUERY_SET, key=KEYS[0], plugins=None):
    inputs = manifest.RunInputs(
        benchmark_run=key,
        suite=Suite.model_validate({"name": "toy", "query_set": "toy", **(suite or {})}),
        query_set=query_set,
        index_hash=index_hash,
        connection=EngineConnection(base_url="http://127.0.0.1:1", model="tiny", managed=True, **(engine or {})),
        dagster_run_id=key,
        plugins=plugins or {},
    )
    return {**manifest.run_facts(inputs, arm, engine_session=key), "status": "finished"}


def fields(before, after):
    return {one.field for one in manifest_differences(before, after)}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"suite": {"limit": 4}}, {"suite.limit"}),
        ({"suite": {"routing": "free", "seed": 3}}, {"suite.routing", "suite.seed"}),
        ({"suite": {"limits": {"pass_ratio_min": 0.5}}}, {"suite.limits.pass_ratio_min"}),
        ({"suite": {"min_n": 8}}, {"suite.min_n"}),
        ({"engine": {"engine_version": "0.33.0"}}, {"engine_version"}),
        ({"engine": {"weights_hash": "w"}}, {"weights_hash"}),
        ({"engine": {"plumbing": True}}, {"engine.plumbing"}),
        ({"index_hash": "j"}, {"index_hash"}),
        ({"query_set": replace(QUERY_SET, query_set_hash="r")}, {"query_set_hash"}),
        ({"arm": "single_pass"}, {"arm"}),
        ({"key": KEYS[1]}, set()),
    ],
)
def test_exactly_what_was_changed_is_named(changes, named):
    assert fields(facts(), facts(**changes)) == named


def test_a_changed_prompt_is_named_by_its_file(monkeypatch):
    before = facts()
    changed = {**prompt_files.prompt_hashes(), PROMPT: "0000"}
    monkeypatch.setattr(manifest, "prompt_hashes", lambda: changed)
    monkeypatch.setattr(manifest, "prompt_hash", lambda: "other")
    after = facts()
    assert fields(before, after) == {f"prompts.{PROMPT}"}
    assert [one.field for one in origin_differences(before, after)] == [f"prompt {PROMPT}"]


def test_a_changed_package_commit_and_code_are_named(monkeypatch):
    before = facts()
    packages = {**manifest.package_versions(), "vllm": "9"}
    monkeypatch.setattr(manifest, "package_versions", lambda: packages)
    monkeypatch.setattr(manifest, "git_state", lambda: ("abc", False))
    monkeypatch.setattr(manifest, "code_hash", lambda: "f" * 64)
    assert fields(before, facts()) - {"git_dirty"} == {"git_sha", "code", "packages.vllm"}


def test_changed_code_of_the_user_is_named_by_its_reference(monkeypatch):
    monkeypatch.setattr(manifest, "system_hashes", lambda suite: {"mine": "a", "other": "a"})
    suite = {"systems": {name: {"url": "http://127.0.0.1:1"} for name in ("mine", "other")}, "arms": []}
    before = facts("mine", suite=suite, plugins={"/home/a/my_scorers.py:words": "1"})
    monkeypatch.setattr(manifest, "system_hashes", lambda suite: {"mine": "b", "other": "b"})
    after = facts("mine", suite=suite, plugins={"/home/a/my_scorers.py:words": "2"})

    assert [one.text for one in origin_differences(before, after)] == [
        "plugin my_scorers.py:words 1 → 2",
        "system mine a → b",
    ]


@pytest.fixture
def two_runs(home, monkeypatch):
    monkeypatch.setenv("DOCMIND_HOME", str(home.home))
    for key, suite in zip(KEYS, ({}, {"limit": 4}), strict=True):
        write_rows(home, {"runs": [facts(suite=suite, key=key)]}, f"{key}.tuned")
    return home


def test_the_command_shows_one_run_or_what_two_differ_in(two_runs, capsys):
    assert run(["manifest", f"{KEYS[0]}.tuned"]) == 0
    assert "suite.limit" in capsys.readouterr().out
    assert run(["manifest", KEYS[0], "--diff", "latest", "--json"]) == 0
    ids = {"before_run_id": f"{KEYS[0]}.tuned", "after_run_id": f"{KEYS[1]}.tuned"}
    assert json.loads(capsys.readouterr().out) == [{**ids, "field": "suite.limit", "before": None, "after": 4}]
    assert run(["manifest", "latest", "--diff", KEYS[1]]) == 0
    assert capsys.readouterr().out.endswith(": no differences\n")
    assert run(["manifest", "latest", "--diff", "baseline"]) == 2
    assert run(["manifest", "none"]) == 2
