"""What the manifest says of the machine."""

import dataclasses
import json

import pytest

from docmind_core.query_sets.queries import QuerySet
from docmind_core.runs import manifest
from docmind_core.serving.connection import EngineConnection
from docmind_core.suites.suite import Suite
from docmind_core.telemetry.gpus import Gpu, Gpus

QUERY_SET = QuerySet(name="toy", documents=(), queries=(), query_set_hash="q", corpus_hash="c")
SUITE = {"name": "toy", "query_set": "toy", "context_budget": 2048}
ENGINE = {"base_url": "http://127.0.0.1:1", "model": "tiny", "managed": True}
CHANGED_SUITE = (
    *({"name": "other"}, {"level": "fast"}, {"routing": "free"}, {"strategies": ["semantic_search"]}, {"top_k": 3}),
    *({"limit": 4}, {"seed": 1}, {"replicates": 2}, {"concurrency": 9}, {"answer_max_tokens": 9}, {"deadline_s": 9}),
    *({"agent_deadline_s": 9}, {"strategy": "hybrid_search"}, {"blocks": 6}, {"warmup": 2}),
)
CHANGED_ENGINE = (
    *({"model": "large"}, {"model_revision": "2"}, {"weights_hash": "w"}, {"engine_args_hash": "a"}, {"dtype": "half"}),
    *({"plumbing": True}, {"batch_invariant": True}, {"max_model_len": 9}),
)


def facts(arm="naive_supervisor", *, suite=None, engine=None, index_hash="i", query_set=QUERY_SET):
    inputs = manifest.RunInputs(
        benchmark_run="20261122T020000Z-toy-7f3a",
        suite=Suite.model_validate({**SUITE, **(suite or {})}),
        query_set=query_set,
        index_hash=index_hash,
        connection=EngineConnection(**{**ENGINE, **(engine or {})}),
        dagster_run_id=None,
    )
    return manifest.run_facts(inputs, arm, engine_session="s1")


@pytest.fixture
def machine(monkeypatch):
    """Take these GPUs for those of this machine, and forget them afterwards."""

    def has(*names):
        gpus = tuple(Gpu(index=i, handle=None, identity={"name": name}) for i, name in enumerate(names))
        monkeypatch.setattr(manifest, "open_gpus", lambda: Gpus(devices=gpus))
        manifest.hardware.cache_clear()
        return manifest.hardware()

    yield has
    manifest.hardware.cache_clear()


def test_gpus_are_part_of_the_machine_and_of_its_fingerprint(machine):
    assert "gpus" not in machine()
    without = manifest.hardware_fingerprint()
    assert machine("GPU A", None)["gpus"] == "GPU A, unnamed"
    assert manifest.hardware_fingerprint() != without


def test_both_http_clients_are_among_the_versions():
    assert {"aiohttp", "httpx"} <= {name for name, version in manifest.package_versions().items() if version}


@pytest.mark.parametrize("change", CHANGED_SUITE, ids=str)
def test_another_value_of_a_suite_key_that_a_number_depends_on_starts_a_new_series(change):
    assert facts(suite=change)["series_key"] != facts()["series_key"]


@pytest.mark.parametrize("change", CHANGED_ENGINE, ids=str)
def test_another_engine_starts_a_new_series(change):
    assert facts(engine=change)["series_key"] != facts()["series_key"]


def test_another_arm_query_set_index_or_machine_starts_a_new_series(machine):
    machine()
    series = {facts()["series_key"], facts("tuned")["series_key"], facts(index_hash="j")["series_key"]}
    for name in ("query_set_hash", "corpus_hash"):
        other = dataclasses.replace(QUERY_SET, **{name: "other"})
        series.add(facts(query_set=other)["series_key"])
    machine("GPU A")
    series.add(facts()["series_key"])
    assert len(series) == 6


@pytest.mark.parametrize(
    "change", [{"limits": {"agent_latency_p95_s": 3.0}}, {"min_n": 9}, {"schedule": "0 2 * * *"}, {"channels": ["ops"]}]
)
def test_what_judges_a_number_starts_no_series(change):
    assert facts(suite=change)["series_key"] == facts()["series_key"]


def test_what_a_hunt_for_a_regression_is_about_starts_no_series(monkeypatch):
    before = facts(engine={"engine_version": "0.31"})
    monkeypatch.setattr(manifest, "git_state", lambda: ("another commit", True))
    monkeypatch.setattr(manifest, "prompt_hash", lambda: "other prompts")
    after = facts(engine={"engine_version": "0.32"})
    assert (before["conditions"], before["series_key"]) == (after["conditions"], after["series_key"])
    assert before["git_sha"] != after["git_sha"]


def test_the_context_budget_is_a_condition_of_the_arms_that_have_it():
    budget = {"context_budget": 4096}
    assert facts(suite=budget)["series_key"] == facts()["series_key"]
    assert facts("tuned+context_budget", suite=budget)["series_key"] != facts("tuned+context_budget")["series_key"]
    assert json.loads(facts("tuned+context_budget", suite=budget)["conditions"])["context_budget"] == 4096
