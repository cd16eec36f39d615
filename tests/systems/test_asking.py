"""What each kind of system makes of a question, without an engine."""

import asyncio
import sys
from dataclasses import replace

import aiohttp.web
import pytest

from docmind_core import settings
from docmind_core.errors import NoAnswer, SystemExited, SystemFailed, UsageError
from docmind_core.serving.recording_proxy import Address
from docmind_core.suites.systems import SystemSpec
from docmind_core.systems import in_process
from docmind_core.systems.asking import Question
from docmind_core.systems.command import CommandSystem
from docmind_core.systems.in_process import InProcessSystem
from docmind_core.systems.results import filled_in, read_result
from docmind_core.systems.url import UrlSystem

ADDRESS = Address(base_url="http://b/q/v1", api_key="t" * 32, run_url="http://b/run/v1", search_url="http://b/search")
HISTORY = [{"role": "user", "content": "Hello"}]


def question(text="Why?", query_id="q1"):
    return Question(query_id=query_id, text=text, history=HISTORY, address=ADDRESS, model="m")


@pytest.fixture
def make(tmp_path):
    def make(code, **spec):
        (tmp_path / "mine.py").write_text(code, "utf-8")
        kind = {} if spec.keys() & {"graph", "command"} else {"callable": "mine.py:answer"}
        found = SystemSpec.model_validate({**kind, "folder": str(tmp_path), **spec})
        if found.command:
            return CommandSystem(found, log=tmp_path / "log", key_name="SECRET")
        return InProcessSystem(
            found, replace(ADDRESS, base_url=ADDRESS.run_url), "m", log=tmp_path / "log", key_name="SECRET"
        )

    return make


async def test_each_question_sees_its_own_environment_and_none_of_the_platform_s(make, monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET", "the key of the engine")
    monkeypatch.setattr(settings, "_outside", {})
    monkeypatch.setenv("HF_HUB_OFFLINE", settings.TELEMETRY_OFF["HF_HUB_OFFLINE"])
    monkeypatch.setenv("DOCMIND_CHANNEL_CHAT", "https://chat.example.org/token")
    code = (
        "import os, sys\nfrom os import environ\nATIMPORT = os.getenv('OPENAI_BASE_URL')\n"
        "async def answer(question, history):\n    print('chatter')\n"
        "    own = environ['OPENAI_BASE_URL'], os.environ.get('MODEL'), os.getenv('OPENAI_API_KEY')[:2]\n"
        "    seen = [name for name in ('SECRET', 'DOCMIND_CHANNEL_CHAT') if name in os.environ]\n"
        "    seen += [name for name in sys.modules if name in ('docmind_core.settings', 'pydantic', 'aiohttp')]\n"
        "    seen += [name for name in ('HF_HUB_OFFLINE', 'LANGSMITH_TRACING') if name in os.environ]\n"
        "    return {'output': repr((ATIMPORT, *own, seen, len(history)))}\n"
    )
    async with make(code, env={"MODEL": "{model}"}) as system:
        answer = await system.ask(question())

    assert answer.text == repr(("http://b/run/v1", "http://b/q/v1", "m", "tt", [], 1))
    assert answer.sources is None


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import nothing_of_the_kind", "ModuleNotFoundError: No module named 'nothing_of_the_kind' (mine.py, line 1)"),
        ("import sys\nsys.exit(4)", "SystemExit: 4 (mine.py, line 2)"),
        ("import os\nos._exit(4)", "exited with code 4 before it answered"),
        ("x = 1", "AttributeError: module 'mine' has no attribute 'answer'"),
    ],
    ids=["raises", "exits", "is gone", "lacks the name"],
)
async def test_a_system_that_cannot_be_loaded_is_refused_with_the_line(make, code, problem):
    with pytest.raises(UsageError) as refused:
        async with make(code):
            pass
    assert problem in str(refused.value)


async def test_an_exception_is_one_question_s_and_names_its_line(make):
    code = "def answer(question):\n    if question == 'bad':\n        raise ValueError(question)\n    return question\n"
    async with make(code) as system:
        with pytest.raises(SystemFailed, match=r"ValueError: bad \(mine.py, line 3\)"):
            await system.ask(question("bad"))
        assert (await system.ask(question("good"))).text == "good"


async def test_a_process_that_blocks_is_ended_and_started_again(make, monkeypatch, tmp_path):
    monkeypatch.setattr(in_process, "CANCEL_S", 0.01)
    began = tmp_path / "began"
    code = (
        "import pathlib, time\nasync def answer(question):\n    if question == 'block':\n"
        f"        pathlib.Path({str(began)!r}).touch()\n        time.sleep(600)\n    return 'yes'\n"
    )
    async with make(code) as system:
        asked = asyncio.create_task(system.ask(question("block", "q7")))
        while not began.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0)
        other = asyncio.create_task(system.ask(question("other")))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        with pytest.raises(SystemExited, match=r"did not respond for 0\.01 s after query q7 passed its deadline"):
            await other
        assert (await system.ask(question())).text == "yes"


async def test_the_process_ends_when_the_run_is_gone_even_while_it_blocks(make, tmp_path):
    began = tmp_path / "began"
    code = (
        "import pathlib, time\nasync def answer(question):\n"
        f"    pathlib.Path({str(began)!r}).touch()\n    time.sleep(600)\n"
    )
    async with make(code) as system:
        asked = asyncio.create_task(system.ask(question()))
        while not began.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0)
        system._process.writer.transport.abort()
        with pytest.raises(SystemExited, match="exited with code 0 before it answered"):
            await asked


@pytest.mark.parametrize(
    ("script", "error", "said"),
    [
        ("print('garbage')", SystemFailed, "not a JSON object: 'garbage'"),
        ("pass", SystemFailed, "not a JSON object: nothing"),
        ("raise SystemExit(3)", SystemExited, "exited with code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", SystemExited, "was terminated by SIGKILL"),
        ("print('{\"thought\": 1}')", NoAnswer, "it contains thought"),
        ("print('x' * 9_000_000)", SystemFailed, "more than 8,388,608 bytes"),
    ],
)
async def test_a_command_that_goes_wrong_says_how(make, script, error, said):
    with pytest.raises(error, match=said):
        await make("", command=[sys.executable, "-c", script]).ask(question())


async def test_a_command_that_is_not_installed_is_refused(make):
    with pytest.raises(UsageError, match=r"no-such-program can't be started in .*: No such file"):
        await make("", command=["no-such-program"]).ask(question())


REPLIES = {
    "/broken": (503, b"overloaded"),
    "/moved": (307, b"elsewhere"),
    "/garbage": (200, b"<html>hello</html>"),
    "/silent": (200, b'{"thought": 1}'),
    "/endless": (200, b"x" * 9_000_000),
}


@pytest.fixture
async def service():
    async def answer(request):
        status, body = REPLIES[request.path]
        return aiohttp.web.Response(status=status, body=body)

    runner = aiohttp.web.ServerRunner(aiohttp.web.Server(answer))
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [
        ("/broken", SystemFailed, "answered with HTTP 503: overloaded"),
        ("/moved", SystemFailed, "answered with HTTP 307: elsewhere"),
        ("/garbage", SystemFailed, "did not answer with JSON: '<html>hello</html>'"),
        ("/silent", NoAnswer, "it contains thought"),
        ("/endless", SystemFailed, "sends more than 8,388,608 bytes"),
        (None, SystemFailed, r"can't be reached \(.*\). Start the service first."),
    ],
)
async def test_a_url_that_goes_wrong_says_how(service, path, error, said):
    system = UrlSystem(SystemSpec(url=f"{service}{path}" if path else "http://127.0.0.1:1/"))
    await system.start()
    with pytest.raises(error, match=said):
        await system.ask(question())
    await system.close()


def test_the_input_of_a_graph_is_filled_in_and_the_question_is_left_as_it_is():
    template = {"messages": ["{history}", {"role": "user", "content": "Q: {question}"}], "n": 3, "all": "{history}"}

    assert filled_in(template, "why {history}?", HISTORY) == {
        "messages": [*HISTORY, {"role": "user", "content": "Q: why {history}?"}],
        "n": 3,
        "all": "user: Hello",
    }


@pytest.mark.parametrize(
    ("result", "found"),
    [
        ("plain", "plain"),
        ({"answer": "a", "output": "o"}, "a"),
        ({"messages": [{"content": "first"}, {"content": [{"type": "text", "text": "la"}, {"text": "st"}]}]}, "last"),
        ({"answer": 42}, "42"),
        ({"answer": None}, None),
        (None, None),
        ([1], None),
    ],
)
def test_the_answer_is_found_where_it_usually_is(result, found):
    assert read_result(result, ("answer", "output", "messages[-1].content"), None)["answer"] == found
