"""Systems of every kind, well and ill behaved, in one benchmark run: what each leaves in the ledger and the rows."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from docmind_core.settings import Settings
from docmind_core.suites.suite import Suite
from tests.documents import write_query_set
from tests.fakes.openai_engine import OpenaiEngine
from tests.runs.running import run, select
from tests.systems import asking_systems
from tests.systems.conftest import HERE, TOPICS, reply

QUESTIONS = len(TOPICS)
ASKED = QUESTIONS + 1  # and one to warm up
COMMAND = [sys.executable, str(HERE / "asking_systems.py")]


class Service(BaseHTTPRequestHandler):
    """A user's service: JSON in, JSON out, the model at the base URL that it is given."""

    when_waiting = staticmethod(lambda: None)
    """Called when a question about apples is not answered."""

    def do_POST(self):
        import json

        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = asking_systems.chat(asked["question"], base_url=asked["base_url"], api_key=asked["api_key"])
        if self.path == "/hangs" and "apples" in asked["question"]:
            self.when_waiting()
            return self.rfile.read(1)  # until the client gives up
        body = json.dumps({"answer": said}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def service():
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def suite_of(folder, engine: OpenaiEngine, **changes) -> Suite:
    documents = [{"doc_id": f"d_{topic}", "title": topic, "text": f"All about {topic}: blue."} for topic in TOPICS]
    queries = [
        {"query_id": topic, "query": f"What is the colour of {topic}?", "answers": ["blue"],
         "gold_doc_ids": [f"d_{topic}"]}
        for topic in TOPICS
    ]  # fmt: skip
    query_set = str(write_query_set(folder / "set", documents=documents, queries=queries))
    return Suite.model_validate({"name": "all", "query_set": query_set, "engine": engine.url, "arms": [], **changes})


def systems(service: str, engine: OpenaiEngine) -> dict[str, dict]:
    here = {"folder": str(HERE)}
    return {
        "two_agents": {"callable": "asking_systems.py:two_agents", "sources": "documents[].id", **here},
        "built_once": {"callable": "asking_systems.py:built_once", **here},
        "exits": {"callable": "asking_systems.py:exits", **here},
        "no_answer": {"callable": "asking_systems.py:no_answer", **here},
        "late": {"callable": "asking_systems.py:late", **here},
        "later": {"callable": "asking_systems.py:around_it_later", "env": {"ENGINE_URL": f"{engine.url}/v1"}, **here},
        "searching": {
            "callable": "asking_systems.py:searching",
            "search_tool": True,
            "env": {"SEARCH_URL": "{search_url}"},
            **here,
        },
        "command": {"command": COMMAND, "sources": "sources", **here},
        "url": {"url": f"{service}/ask"},
    }


@pytest.fixture(scope="module")
def home(service, unprobed, tmp_path_factory) -> Settings:
    folder = tmp_path_factory.mktemp("systems")
    settings = Settings(home=folder / "home")
    with OpenaiEngine(reply=reply) as engine:
        run(settings, suite_of(folder, engine, systems=systems(service, engine), concurrency=1))
    return settings


def of(home: Settings, arm: str, what: str, table: str = "query_runs", where: str = "phase = 'measured'"):
    rows = f"(from {table} where run_id in (select run_id from runs where arm = '{arm}'))"
    return select(home, f"select {what} from {rows} where {where}")


@pytest.mark.parametrize("arm", ["two_agents", "no_answer", "late", "searching", "command", "url"])
def test_every_token_of_a_system_is_one_that_the_engine_counted(home, arm):
    assert of(home, arm, "state, because", "ledger_balance", "true") == [("balanced", None)]
    assert of(home, arm, "count(*) filter (where query_id is null)", "llm_calls", "true") == [(0,)]


def test_the_calls_for_a_question_go_to_one_replica_and_the_ledger_of_each_balances(unprobed, tmp_path):
    settings = Settings(home=tmp_path / "home")
    with OpenaiEngine(reply=reply) as one, OpenaiEngine(reply=reply) as two:
        system = {"callable": "asking_systems.py:two_agents", "folder": str(HERE)}
        suite = suite_of(tmp_path, one, systems={"two_agents": system}, concurrency=1)
        run(settings, suite.model_copy(update={"engine": f"{one.url},{two.url}"}))

    assert select(settings, "select state, because from ledger_balance") == [("balanced", None)] * 2
    assert [len(engine.requests) for engine in (one, two)] == [4, 4]  # a question and the warm-up, two calls each
    per_query = "select count(distinct engine_session) from llm_calls group by query_id, replicate"
    assert set(select(settings, per_query)) == {(1,)}


def test_calls_that_end_with_the_process_are_named(home):
    ((state, because),) = of(home, "exits", "state, because", "ledger_balance", "true")
    cut_off = of(home, "exits", "count(*)", "llm_calls", "status = 'cut_off'")[0][0]
    assert (state, because) == ("balanced", None) or because.startswith(f"{cut_off} calls whose usage is unknown")


def test_calls_are_booked_by_the_agents_of_the_system(home):
    found = of(
        home, "two_agents", "agent, count(*), count(distinct query_id)", "llm_calls", "true group by 1 order by 1"
    )
    assert [row[1:] for row in found] == [(ASKED, QUESTIONS)] * 2
    assert found[0][0].startswith("fp:")
    assert found[1][0] == "planner"
    assert of(home, "two_agents", "distinct agent_sequence") == [(["planner", found[0][0]],)]


def test_calls_of_a_client_that_was_built_once_are_counted_as_unattributed(home):
    ((state, because),) = of(home, "built_once", "state, because", "ledger_balance", "true")
    assert state == "unreconciled"
    assert because.startswith(f"{ASKED} calls of the system can't be assigned to a query")
    assert of(home, "built_once", "distinct agent, query_id", "llm_calls", "true") == [("unattributed", None)]


def test_a_system_that_goes_around_the_proxy_later_is_unreconciled(home):
    ((state, because),) = of(home, "later", "state, because", "ledger_balance", "true")
    assert state == "unreconciled"
    assert f"{ASKED - 1} queries were answered without a call through the proxy" in because


@pytest.mark.parametrize(
    ("arm", "kind", "said"),
    [
        ("exits", "SystemExited", "exited with code 7"),
        ("no_answer", "NoAnswer", "no text at answer, output, messages[-1].content; it contains thought"),
    ],
)
def test_a_failure_is_a_row_with_its_kind_and_the_next_question_is_asked(home, arm, kind, said):
    rows = of(home, arm, "status, error_type, error_message")
    assert len(rows) == QUESTIONS
    assert {(status, error) for status, error, _ in rows} == {("failed", kind)}
    assert all(said in message for _, _, message in rows)


def test_a_call_after_the_answer_is_late_and_part_of_what_the_query_cost(home):
    late = of(home, "late", "count(*), sum(billed_tokens)", "llm_calls", "role = 'late' and phase = 'measured'")
    assert late[0][0] > 0
    assert of(home, "late", "sum(billed_tokens), sum(attempts)") == of(
        home, "late", "sum(billed_tokens), count(*)", "llm_calls", "phase = 'measured'"
    )


def test_a_request_without_a_model_is_passed_on_as_it_is(home):
    assert of(home, "no_answer", "distinct model, status", "llm_calls", "true") == [(None, "finished")]


def test_what_a_system_does_not_say_of_its_reading_is_not_scored(home):
    assert of(home, "url", "distinct passages, citations") == [(None, None)]
    assert of(home, "searching", "count(*), min(search_query)", "retrieved", "ranking = 'search'")[0][0] > 0
    assert of(home, "command", "distinct passages") == [(["d_apples#0"],)]
    found = of(home, "two_agents", "distinct doc_id", "retrieved", "ranking = 'candidates' order by 1")
    assert found == [("d_apples",), ("elsewhere",)]


def test_what_the_client_set_is_recorded(home):
    assert of(home, "late", "distinct parameters", "llm_calls", "true") == [('{"max_tokens": 32}',)]


def test_the_system_is_a_fact_of_the_run_and_what_it_prints_is_in_its_log(home):
    kinds = dict(select(home, "select arm, system from runs"))
    assert (kinds["command"], kinds["url"], kinds["late"]) == ("command", "url", "callable")
    (log,) = (home.logs / "systems").glob("2*.two_agents.log")
    assert log.read_text("utf-8").splitlines() == ["a line on standard output"] * ASKED


def test_a_url_that_hangs_fails_its_question_at_the_deadline_and_the_next_one_is_asked(
    service, tmp_path, deadlines, monkeypatch
):
    monkeypatch.setattr(Service, "when_waiting", staticmethod(deadlines.pass_now))
    home = Settings(home=tmp_path / "home")
    with OpenaiEngine(reply=reply) as engine:
        hangs = {"url": {"url": f"{service}/hangs"}}
        run(home, suite_of(tmp_path, engine, systems=hangs, deadline_s=5, concurrency=1, warmup=0))

    found = {row[0]: row[1:] for row in of(home, "url", "query_id, status, error_type, error_message, calls")}
    assert found == {
        "apples": ("failed", "CallTimeout", "no answer within the deadline of 5 s (deadline_s of the suite).", 1),
        "bridges": ("answered", None, None, 1),
    }
    assert of(home, "url", "state, because", "ledger_balance", "true") == [("balanced", None)]
