"""The examples run as they are, on a stand-in engine: their calls balance, under the names of their own agents."""

import importlib.util
import shutil
import subprocess

import pytest

from docmind_core.suites.suite import Suite, load_suite
from tests.conftest import PROJECT
from tests.fakes.openai_engine import OpenaiEngine
from tests.runs.running import run, select

pytestmark = pytest.mark.usefixtures("unprobed")
EXAMPLES = PROJECT / "examples"
AGENTS = ("planner", "retriever", "supervisor", "synthesizer", "validator")


def reply(body):
    instructions = str(body["messages"][0]["content"])
    return "planner and retriever" if instructions.startswith("You lead") else "a short answer"


def need_langchain():
    if not all(importlib.util.find_spec(name) for name in ("langchain", "langchain_openai")):
        pytest.skip("langchain and langchain-openai are not installed; make install installs them")


def need_node():
    found = shutil.which("node")
    asked = [found or "node", "-e", "require.resolve('openai')"]
    folder = EXAMPLES / "node_command"
    if found is None or subprocess.run(asked, cwd=folder, capture_output=True, check=False).returncode != 0:
        pytest.skip("node, or its package openai, is not installed: npm install --prefix examples/node_command")


def measure(home, name: str, **more_systems) -> None:
    """Run an example's own suite on two queries; `more_systems` change one setting of its system under another name."""
    with OpenaiEngine(reply=reply) as engine:
        suite = load_suite(str(EXAMPLES / name / "suite.yaml"))
        systems = {key: spec.model_dump() for key, spec in suite.systems.items()}
        (first,) = systems.values()
        systems |= {key: {**first, **changes} for key, changes in more_systems.items()}
        changes = {"engine": engine.url, "limit": 2, "arms": ["single_pass"], "systems": systems}
        run(home, Suite.model_validate({**suite.model_dump(), **changes}))
    assert select(home, "select distinct state, because from ledger_balance") == [("balanced", None)]
    assert select(home, "select count(*) from llm_calls where query_id is null") == [(0,)]


def test_the_supervisor_s_calls_are_those_of_its_own_agents_whether_it_is_built_once_or_for_each_question(home):
    need_langchain()
    measure(home, "langgraph_supervisor", built_once={"graph": "./graph.py:graph"})

    found = select(home, "select run_id[18 + 21:], agent, count(*) from llm_calls group by all order by all")
    calls = {(run_id.rsplit(".", 1)[1], agent): count for run_id, agent, count in found}
    assert calls == {
        ("single_pass", "single_pass"): 2,
        **{(arm, agent): 2 for arm in ("supervisor_graph", "built_once") for agent in AGENTS},
    }
    read = select(home, "select distinct json_array_length(passages) from query_runs join runs using (run_id) "
                        "where system is not null")  # fmt: skip
    assert read == [(3,)]


def test_a_plain_function_is_measured_by_the_name_that_its_suite_gives_it(home):
    measure(home, "plain_callable")
    assert select(home, "select distinct agent from llm_calls order by 1") == [("answerer",), ("single_pass",)]


def test_a_node_script_is_measured_by_the_name_that_it_sends(home):
    need_node()
    measure(home, "node_command")
    assert select(home, "select distinct agent from llm_calls order by 1") == [("node_answerer",), ("single_pass",)]


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()))
def test_an_example_says_what_to_type_in_ten_lines(name):
    lines = (EXAMPLES / name / "README.md").read_text("utf-8").splitlines()
    assert len(lines) <= 12
    assert any(line.startswith("    docmind ") for line in lines)
