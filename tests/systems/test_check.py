"""`docmind systems check` and `docmind arms SUITE`."""

import json

import pytest

from dagster_project.cli.main import run
from tests.documents import write_query_set
from tests.fakes.openai_engine import OpenaiEngine
from tests.systems.conftest import HERE, reply

SUITE = """\
name: mine
query_set: ./set
engine: {engine}
systems:
  two_agents:
    callable: asking_systems.py:two_agents
    folder: {here}
    sources: documents[].id
    agents: {{writer: {{system_prompt_starts: You write}}}}
  nameless:
    callable: asking_systems.py:two_agents
    folder: {here}
    compared_with: two_agents
  another_api:
    callable: asking_systems.py:another_api
    folder: {here}
  around:
    callable: asking_systems.py:around_the_proxy
    folder: {here}
    env: {{ENGINE_URL: "{engine}/v1"}}
"""


@pytest.fixture
def suite(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCMIND_HOME", str(tmp_path / "home"))
    write_query_set(tmp_path / "set")
    with OpenaiEngine(reply=reply) as engine:
        path = tmp_path / "suite.yaml"
        path.write_text(SUITE.format(engine=engine.url, here=HERE), "utf-8")
        yield path


def test_a_check_shows_agents_and_unknowns_and_refuses_what_goes_around_the_proxy(suite, capsys):
    assert run(["systems", "check", str(suite), "--json"]) == 1

    named, nameless, another_api, around = json.loads(capsys.readouterr().out)
    assert [(agent["name"], agent["calls"]) for agent in named["agents"]] == [("planner", 1), ("writer", 1)]
    assert named["agents"][1]["first_words"] == "You write answers."
    assert named["agents"][1]["tokens"] > 0
    assert named["answer"].startswith("blue")
    assert (named["refusal"], named["unattributed"]) == (None, 0)
    assert nameless["agents"][1]["name"] == named["agents"][1]["fingerprint"]
    assert any("passages read" in what for what in nameless["unknown"])
    assert not any("passages read" in what for what in named["unknown"])
    assert (
        "It requested POST /v1/messages, which the proxy does not support: use OpenAI's API" in (another_api["refusal"])
    )
    assert "HTTP Error 404: Not Found" in another_api["refusal"]
    assert 'env: {NAME: "{base_url}"}' in around["refusal"]


def test_a_system_that_goes_around_the_proxy_is_not_measured(suite, capsys):
    from docmind_core.errors import UsageError
    from docmind_core.settings import load_settings
    from docmind_core.suites.suite import load_suite
    from tests.runs.running import run as run_benchmark

    found = load_suite(str(suite))
    alone = found.model_copy(update={"arms": ("around",), "systems": {"around": found.systems["around"]}})
    with pytest.raises(
        UsageError, match="system around: it was asked a question, but no model call came through the recording proxy"
    ):
        run_benchmark(load_settings(), alone)


def test_the_arms_of_a_suite_say_what_is_unknown_of_its_systems(suite, capsys):
    assert run(["arms", str(suite)]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert "passages read" in lines["nameless"]
    assert "two_agents" in lines["nameless"].split(None, 1)[1]
    assert "passages read" not in lines["two_agents"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("  nameless:", "  tuned:", "systems.tuned: a built-in arm has this name; choose another"),
        ("compared_with: two_agents", "compared_with: unknown_arm", "unknown arm 'unknown_arm'"),
        ("callable: asking_systems.py", "callable: nothing.py", "systems.two_agents: file not found: "),
        ("systems:", "arms: [single_pass]\nlimits: {}\nsystem:", "system: unknown key. Did you mean systems?"),
    ],
)
def test_a_bad_entry_is_refused_in_one_line(suite, capsys, old, new, problem):
    suite.write_text(suite.read_text("utf-8").replace(old, new), "utf-8")
    assert run(["check", str(suite)]) == 1
    said = capsys.readouterr().err
    assert problem in said
    assert "Traceback" not in said


def test_a_suite_without_systems_says_how_to_add_one(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCMIND_HOME", str(tmp_path))
    assert run(["systems", "check", "smoke"]) == 2
    assert "suite smoke has no systems. Add yours: systems: {my_agents: " in capsys.readouterr().err
