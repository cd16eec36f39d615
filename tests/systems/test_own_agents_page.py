"""A stranger's ten minutes: the files of the page, and its commands in their order, on a stand-in engine."""

import importlib.util
import re
import shlex

import pytest

from dagster_project.cli.main import run
from tests.conftest import PROJECT
from tests.fakes.openai_engine import OpenaiEngine
from tests.runs.running import select
from tests.systems.conftest import reply

PAGE = (PROJECT / "docs" / "own-agents.md").read_text("utf-8")
FILES = dict(re.findall(r"^`([\w.-]+)`:\n\n```\w+\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL))
COMMANDS = re.findall(r"^    (docmind .+)$", PAGE, flags=re.MULTILINE)


def test_each_command_of_the_page_runs_in_its_order(home, unprobed, tmp_path, monkeypatch, capsys):
    if not all(importlib.util.find_spec(name) for name in ("langchain", "langchain_openai")):
        pytest.skip("langchain and langchain-openai are not installed; make install installs them")
    monkeypatch.setenv("DOCMIND_HOME", str(home.home))
    monkeypatch.chdir(tmp_path)
    assert sorted(FILES) == ["my-suite.yaml", "my_graph.py", "my_scorers.py", "questions.csv"]
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    with OpenaiEngine(reply=reply) as engine, (tmp_path / "my-suite.yaml").open("a", encoding="utf-8") as suite:
        suite.write(f"engine: {engine.url}\n")
        suite.flush()
        for command in COMMANDS:
            words = shlex.split(command)
            assert run(words[1:]) == 0, (command, capsys.readouterr().err)

    assert len(COMMANDS) >= 8
    assert select(home, "select agent, count(*) from llm_calls group by 1 order by 1") == [
        ("planner", 3),
        ("writer", 3),
    ]
    assert select(home, "select state from ledger_balance") == [("balanced",)]
    assert select(home, "select value from measurements where metric = 'answer_words'")[0][0] > 0
    assert "my_agents" in capsys.readouterr().out


def test_every_key_of_a_system_is_on_the_page():
    from docmind_core.suites.systems import SystemSpec

    missing = [key for key in SystemSpec.model_fields if f"`{key}" not in PAGE and key != "folder"]
    assert missing == []
