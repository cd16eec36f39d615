"""Where shards are answered, as a suite or the environment says; what can't work is refused before anything begins."""

import json
from dataclasses import replace

import pytest
from pydantic import ValidationError

from dagster_project.suite_changes import changed_suite
from docmind_core.errors import SettingsError, UsageError
from docmind_core.runs.frozen_suite import freeze_benchmark_run, read_frozen_suite, read_source_suite
from docmind_core.runs.input_check import check_input
from docmind_core.settings import load_settings
from docmind_core.suites.executor import Executor


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"executor": {"kind": "ray"}, "engine": "cpu-smollm2"}, "kind: ray needs an engine that all nodes can reach"),
        ({"executor": {"address": "head:6379"}}, "address is only valid with kind: ray"),
        ({"executor": {"kind": "spark"}}, "'local' or 'ray'"),
        ({"executor": {"kind": "ray"}, "concurrency": "auto"}, "kind: ray needs a fixed concurrency"),
    ],
)
def test_an_executor_that_can_not_work_is_refused_where_the_suite_is_read(make_suite, changes, said):
    with pytest.raises(ValidationError, match=said):
        make_suite(**changes)


def test_a_suite_that_names_no_executor_has_that_of_the_environment_when_it_is_frozen(
    tmp_path, make_suite, monkeypatch
):
    monkeypatch.setattr("docmind_core.runs.input_check.find_spec", lambda name: name)
    said = {"DOCMIND_HOME": str(tmp_path / "home"), "DOCMIND_EXECUTOR": '{kind: ray, address: "head:6379"}'}
    there, suite = load_settings(said), make_suite(arms=["single_pass"])
    key = freeze_benchmark_run(changed_suite(suite, {"workers": 2}), there, source=suite)

    frozen = read_frozen_suite(there, key)
    assert (frozen.executor, frozen.workers) == (Executor(kind="ray", address="head:6379"), 2)
    assert read_source_suite(there, key).executor == Executor(), "resumed elsewhere, the file has not changed"
    key = freeze_benchmark_run(make_suite(executor={"kind": "local"}), there)
    assert read_frozen_suite(there, key).executor == Executor(), "the suite has said so"


@pytest.mark.parametrize(
    ("text", "changes", "said"),
    [
        ("{kind: ray}", {"engine": "cpu-smollm2"}, "kind: ray needs an engine that all nodes can reach"),
        ("{kind: ray}", {"concurrency": "auto"}, "kind: ray needs a fixed concurrency"),
        ("{kind: ray, adress: a}", {}, "adress: Extra inputs"),
        ("ray", {}, "valid dictionary"),
        ("{kind: ray", {}, "not valid YAML"),
    ],
)
def test_an_executor_of_the_environment_that_can_not_work_is_refused_by_its_name(home, make_suite, text, changes, said):
    with pytest.raises(SettingsError, match=f"environment variable DOCMIND_EXECUTOR: .*{said}"):
        freeze_benchmark_run(make_suite(**changes), replace(home, executor=text))
    assert not home.benchmarks.exists()


def test_a_suite_for_ray_is_refused_with_the_line_that_installs_it_before_anything_is_begun(
    home, make_suite, engine, monkeypatch
):
    monkeypatch.setattr("docmind_core.runs.input_check.find_spec", lambda name: None)

    with pytest.raises(UsageError, match=r"not installed here. Install it: .*'\.\[ray\]'"):
        freeze_benchmark_run(make_suite(executor={"kind": "ray"}), home)
    assert not home.benchmarks.exists()


def test_check_says_of_the_executor_of_the_environment_what_a_run_would_be_refused_for(
    tmp_path, make_suite, monkeypatch
):
    path = tmp_path / "toy.yaml"
    suite = make_suite(arms=["single_pass"]).model_dump(mode="json", exclude={"executor"})
    path.write_text(json.dumps(suite))
    assert check_input(str(path)).notices == ()
    monkeypatch.setenv("DOCMIND_EXECUTOR", "{kind: spark}")
    (notice,) = check_input(str(path)).notices
    assert notice.startswith("the environment variable DOCMIND_EXECUTOR: kind: Input should be 'local' or 'ray'")
