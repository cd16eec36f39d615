"""What servers other than vLLM are asked, and how their replies are read."""

import pytest
from pydantic import BaseModel

from docmind_core.serving.chat import ChatRequest
from docmind_core.serving.dialects import PLAIN_OPENAI, VLLM, Vllm
from docmind_core.serving.engine import EngineRequest, prepare_engine
from docmind_core.settings import Settings
from tests.serving.loopback import serve


class Plan(BaseModel):
    parts: int


def asked(**form):
    return ChatRequest(system="s", user="u", max_tokens=7, seed=3, **form)


def test_a_plain_server_is_asked_nothing_that_vllm_added_to_the_api():
    assert PLAIN_OPENAI.body(asked(), "m") == {
        "model": "m",
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
        "max_tokens": 7,
        "temperature": 0.0,
        "seed": 3,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert VLLM.body(asked(), "m")["stream_options"]["continuous_usage_stats"] is True
    form = {"type": "json_schema", "json_schema": {"name": "Plan", "schema": Plan.model_json_schema()}}
    assert PLAIN_OPENAI.body(asked(output=Plan), "m")["response_format"] == form


@pytest.mark.parametrize("dialect", [PLAIN_OPENAI, Vllm(choices="json_schema")])
def test_a_choice_is_asked_for_as_an_object_where_structured_outputs_is_not_known(dialect):
    request = asked(choices=("yes", "no"))
    body = dialect.body(request, "m")
    assert "structured_outputs" not in body
    assert body["response_format"]["json_schema"]["schema"]["properties"] == {
        "choice": {"type": "string", "enum": ["yes", "no"]}
    }
    assert VLLM.body(request, "m")["structured_outputs"] == {"choice": ["yes", "no"]}


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('{"choice": "no"}', "no"),
        (' {"choice":\n"no"} ', "no"),
        ("no", "no"),
        ('{"choice": 3}', '{"choice": 3}'),
        ('["no"]', '["no"]'),
        ("[" * 100_000, "[" * 100_000),
        ('<think>{"choice": "yes"}?</think>{"choice": "no"}', '<think>{"choice": "yes"}?</think>no'),
    ],
)
def test_the_word_is_taken_out_of_its_object_and_anything_else_stays_as_it_came(text, read):
    assert PLAIN_OPENAI.reply_text(asked(choices=("yes", "no")), text) == read
    assert PLAIN_OPENAI.reply_text(asked(), text) == text
    assert VLLM.reply_text(asked(choices=("yes", "no")), text) == text


VERSION = {"/version": (200, '{"version": "0.32.0"}')}
COUNTERS = {"/metrics": (200, '# TYPE vllm:prompt_tokens_total counter\nvllm:prompt_tokens_total{a="b"} 3.0\n')}
OTHER_COUNTERS = {"/metrics": (200, "# TYPE tgi_request_count counter\ntgi_request_count 3\n")}


def models(owner):
    owned = f', "owned_by": "{owner}"' if owner else ""
    return {"/v1/models": (200, f'{{"object": "list", "data": [{{"id": "m"{owned}}}]}}')}


@pytest.mark.parametrize(
    ("routes", "dialect"),
    [
        (models("vllm"), "vllm"),
        ({**models(None), **VERSION}, "vllm"),
        ({**models("gateway"), **COUNTERS}, "vllm"),
        (models(None), "plain_openai"),
        ({**models("library"), **VERSION}, "plain_openai"),
        ({**models("llamacpp"), "/tokenize": (200, '{"tokens": []}')}, "plain_openai"),
        ({**models("sglang"), "/metrics": (200, "sglang:prompt_tokens_total 3\n")}, "plain_openai"),
        ({**models("tgi"), **OTHER_COUNTERS}, "plain_openai"),
        ({**models(None), "/metrics": (200, "<html>vllm: not here</html>")}, "plain_openai"),
    ],
)
def test_what_a_server_speaks_is_found_out_by_asking_it(tmp_path, routes, dialect):
    with serve(routes) as server:
        request = EngineRequest(engine=server.url)
        connection = prepare_engine(request, Settings(home=tmp_path), lambda _: None)
    assert connection.dialect.name == dialect
