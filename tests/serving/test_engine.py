import json
from pathlib import Path

import pytest

from docmind_core.errors import (
    EngineStartError,
    EngineUnreachable,
    RequestRejected,
    SettingsError,
    UsageError,
)
from docmind_core.serving import engine as engine_module
from docmind_core.serving import profiles
from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.engine import EngineRequest, engine_status, open_engine, start_engine_detached, stop_engine
from docmind_core.serving.engine_state import read_state
from docmind_core.serving.remote import engine_url
from tests.serving.engines import fake_profile, survivors
from tests.serving.loopback import serve

KEY = "sk-very-secret"


def models(*names):
    return 200, json.dumps({"data": [{"id": name, "max_model_len": 4096} for name in names]})


def connect(home, engine, **options):
    with open_engine(EngineRequest(engine=engine, **options), home, lambda line: None) as connection:
        return connection


@pytest.fixture
def fake(monkeypatch):
    """The profile `fake`, known to `open_engine`."""
    monkeypatch.setitem(profiles._BUILDERS, "fake", fake_profile)


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_a_remote_engine_is_reached_by_its_url_with_and_without_v1(home, suffix):
    with serve({"/v1/models": models("m"), "/version": (200, '{"version": "0.32.0"}')}) as server:
        connection = connect(home, server.url + suffix)

    assert connection == EngineConnection(
        base_url=server.url, model="m", managed=False, max_model_len=4096, engine_version="0.32.0"
    )


def test_an_engine_behind_a_path_keeps_it():
    assert engine_url("https://host.example/llm/v1") == "https://host.example/llm"
    assert engine_url("https://host.example:8443/llm//") == "https://host.example:8443/llm"


def test_a_server_without_a_version_has_none(home):
    with serve({"/v1/models": models("m")}) as server:
        assert connect(home, server.url).engine_version is None


def test_the_key_comes_from_the_environment_and_is_not_shown(home, monkeypatch):
    monkeypatch.setenv("MY_KEY", f"{KEY}\n")
    with serve({"/v1/models": models("m")}, key=KEY) as server:
        connection = connect(home, server.url, api_key_env="MY_KEY")

    assert connection.headers == {"Authorization": f"Bearer {KEY}"}
    assert KEY not in repr(connection)


def test_a_refused_key_is_named_by_its_variable_only(home, monkeypatch):
    monkeypatch.setenv("MY_KEY", KEY)
    with (
        serve({"/v1/models": models("m")}, key="another") as server,
        pytest.raises(RequestRejected, match="variable MY_KEY") as caught,
    ):
        connect(home, server.url, api_key_env="MY_KEY")

    assert KEY not in str(caught.value)


def test_a_missing_key_is_asked_for_by_the_name_of_the_setting(home):
    with (
        serve({"/v1/models": models("m")}, key=KEY) as server,
        pytest.raises(RequestRejected, match=r"HTTP 401.*api_key_env"),
    ):
        connect(home, server.url)


def test_an_unset_variable_is_named(home, monkeypatch):
    monkeypatch.delenv("MY_KEY", raising=False)

    with pytest.raises(SettingsError, match="MY_KEY"):
        connect(home, "http://127.0.0.1:9", api_key_env="MY_KEY")


@pytest.mark.parametrize("key", ["sk-with-ümlaut", "sk-two\nlines", " "])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(home, monkeypatch, key):
    monkeypatch.setenv("MY_KEY", key)

    with pytest.raises(SettingsError, match="MY_KEY") as caught:
        connect(home, "http://127.0.0.1:9", api_key_env="MY_KEY")

    assert key.strip() == "" or key not in str(caught.value)


def test_nothing_at_the_url_is_one_line_that_says_what_to_do(home):
    with serve({}) as server:
        url = server.url

    with pytest.raises(EngineUnreachable, match=f"nothing answers at {url} .*Start the engine") as caught:
        connect(home, url)

    assert "\n" not in str(caught.value)


def test_https_to_a_server_of_plain_http_says_what_to_try(home):
    with serve({}) as server, pytest.raises(EngineUnreachable, match=rf"try {server.url}$"):
        connect(home, server.url.replace("http://", "https://"))


@pytest.mark.parametrize("answer", [(200, "<html>hello</html>"), (200, '{"data": "x"}'), (404, ""), (503, "")])
def test_a_server_of_another_kind_is_unreachable_as_an_engine(home, answer):
    with serve({"/v1/models": answer}) as server, pytest.raises(EngineUnreachable, match=server.url):
        connect(home, server.url)


def test_a_model_that_is_not_served_lists_those_that_are(home):
    with serve({"/v1/models": models("a", "b")}) as server, pytest.raises(UsageError, match=r"'c'\. It serves: a, b\."):
        connect(home, server.url, model="c")


@pytest.mark.parametrize(
    ("entry", "plumbing"),
    [
        ({"id": "smollm2-135m-instruct"}, True),
        ({"id": "mine", "root": "/models/SmolLM2-135M-Instruct/"}, True),
        ({"id": "mine", "root": "HuggingFaceTB/SmolLM2-135M"}, True),
        ({"id": "mine", "root": "/models/smollm2-135m-runs/llama-70b"}, False),
        ({"id": "smollm2-1.7b", "root": None}, False),
    ],
)
def test_the_bundled_model_is_recognised_whoever_serves_it(home, entry, plumbing):
    with serve({"/v1/models": (200, json.dumps({"data": [entry]}))}) as server:
        assert connect(home, server.url).plumbing is plumbing
        assert connect(home, server.url, plumbing=True).plumbing, "a suite may say so of any model"


def test_of_several_models_one_has_to_be_named(home):
    with serve({"/v1/models": models("a", "b")}) as server:
        with pytest.raises(UsageError, match="serves 2 models; choose one with `model`: a, b"):
            connect(home, server.url)
        assert connect(home, server.url, model="b").model == "b"


@pytest.mark.parametrize("url", ["ftp://host", f"ftp://{KEY}@host", "http://", "http://host:99999", "http://[::1"])
def test_what_is_not_a_url_of_an_engine_is_refused(home, url):
    with pytest.raises(UsageError, match="not the URL of an engine") as caught:
        connect(home, url)

    assert KEY not in str(caught.value)


@pytest.mark.parametrize("url", [f"http://{KEY}@host", f"http://user:{KEY}@host", f"http://host?api_key={KEY}"])
def test_a_key_in_the_url_is_refused_and_not_repeated(home, url):
    with pytest.raises(UsageError, match="api_key_env") as caught:
        connect(home, url)

    assert KEY not in str(caught.value)


def test_an_unknown_profile_lists_the_known_ones(home):
    with pytest.raises(UsageError, match=r"no engine profile 'gpu'\. Known: cpu-smollm2"):
        connect(home, "gpu")


def test_a_profile_does_not_serve_another_model(home, fake):
    with pytest.raises(UsageError, match="serves fake-model, not 'other'"):
        connect(home, "fake", model="other")


def test_a_managed_engine_lives_as_long_as_the_block(home, fake):
    with open_engine(EngineRequest(engine="fake"), home, lambda line: None) as connection:
        state = read_state(home.home)
        inside = engine_status(home)

    assert inside.healthy
    assert not inside.detached
    assert connection == EngineConnection(
        base_url=state.url,
        model="fake-model",
        managed=True,
        profile="fake",
        plumbing=True,
        max_model_len=512,
        engine_version="0.0.fake",
        engine_args_hash=fake_profile().engine_args_hash,
        model_revision="none==0",
        weights_hash="00",
        model_folder=Path("/nowhere"),
        dtype="auto",
        batch_invariant=False,
        prefix_cache_resettable=True,
        log=Path(state.log),
    )
    assert survivors(state) == []
    assert engine_status(home) is None


def test_a_managed_engine_is_stopped_when_the_block_fails(home, fake):
    states = []

    def fail():
        with open_engine(EngineRequest(engine="fake"), home, lambda line: None):
            states.append(read_state(home.home))
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert survivors(states[0]) == []


@pytest.mark.parametrize("request_kind", ["POST", "GET"])
def test_a_managed_engine_that_ends_before_the_first_query_is_explained_by_its_log(home, monkeypatch, request_kind):
    monkeypatch.setitem(profiles._BUILDERS, "fake", lambda: fake_profile(request_kind))

    said = r"before the first query\. Last lines of its log: ValueError: no memory left"
    with pytest.raises(EngineStartError, match=said) as refusal:
        connect(home, "fake")

    assert "https" not in str(refusal.value)
    assert engine_status(home) is None


def test_a_detached_engine_is_used_and_left_running_until_it_is_stopped(home, fake):
    said = []
    started = start_engine_detached("fake", home, said.append)
    state = read_state(home.home)

    with open_engine(EngineRequest(engine="fake"), home, said.append) as connection:
        pass
    after_use = engine_status(home)
    stopped, stopped_again = stop_engine(home, said.append), stop_engine(home, said.append)

    assert connection.base_url == started.url
    assert (connection.managed, connection.detached) == (True, True)
    assert after_use == started
    assert started.detached
    assert (stopped, stopped_again) == (True, False)
    assert survivors(state) == []


def test_a_running_engine_with_other_flags_is_not_used_unseen(home, fake, monkeypatch):
    start_engine_detached("fake", home, lambda line: None)
    monkeypatch.setitem(profiles._BUILDERS, "fake", lambda: fake_profile(environment={}))

    with pytest.raises(UsageError, match=r"different flags .* docmind engine stop"):
        connect(home, "fake")

    assert stop_engine(home, lambda line: None)


def test_the_engine_of_a_running_benchmark_is_not_stopped_from_outside(home, fake):
    with (
        open_engine(EngineRequest(engine="fake"), home, lambda line: None),
        pytest.raises(UsageError, match="belongs to process"),
    ):
        stop_engine(home, lambda line: None)


def test_without_vllm_the_way_to_install_it_is_said(home, monkeypatch):
    monkeypatch.setattr(engine_module, "installed_engine", lambda: None)

    with pytest.raises(EngineStartError, match=r"vLLM is not installed.*make install.*--engine URL"):
        connect(home, "cpu-smollm2")
