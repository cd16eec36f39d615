"""Counting a model's tokens from the files in its folder."""

import json
from datetime import UTC, datetime

import httpx
import pytest
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel

from docmind_core.errors import EngineError
from docmind_core.serving.chat_template import ChatTemplate, has_chat_template
from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.token_counts import FolderTokenCounts, RemoteTokenCounts, open_token_counts
from tests.fakes.engine_server import FakeEngine

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WITH_BOS = (
    "{{ bos_token }}{% for message in messages %}{% if message.role not in ['system', 'user'] %}"
    "{{ raise_exception('Unknown role') }}{% endif %}{{ message.content | trim }}{{ eos_token }}{% endfor %}"
)
DATED = "Today: {{ strftime_now('%Y') }} {{ messages | tojson }}"
NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{{ messages[0]['content'] }}"
)
MESSAGES = [{"role": "system", "content": "Be <brief>."}, {"role": "user", "content": " What? "}]
TOKENS = {"bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": False}, "pad_token": None}


def write_model(folder, *, template=None, **config):
    """A model's folder with a tokenizer that splits at white space and punctuation."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    if template is not None:
        (folder / "chat_template.jinja").write_text(template, "utf-8")
    return folder


def connection_to(folder, **changes):
    values = {"base_url": "http://127.0.0.1:9", "model": "m", "managed": True, "model_folder": folder}
    return EngineConnection(**{**values, **changes})


@pytest.mark.parametrize(
    ("files", "rendered"),
    [
        (
            {"template": CHATML},
            "<|im_start|>system\nBe <brief>.<|im_end|>\n<|im_start|>user\n What? <|im_end|>\n<|im_start|>assistant\n",
        ),
        ({"chat_template": WITH_BOS, **TOKENS}, "<s>Be <brief>.</s>What?</s>"),
        ({"chat_template": [{"name": "tool_use", "template": "x"}, {"name": "default", "template": CHATML}]}, None),
        ({"chat_template": "other", "template": WITH_BOS, **TOKENS}, "<s>Be <brief>.</s>What?</s>"),
        (
            {"chat_template": DATED},
            f"Today: {datetime.now(UTC).astimezone().year} "
            '[{"role": "system", "content": "Be <brief>."}, {"role": "user", "content": " What? "}]',
        ),
    ],
    ids=["own file", "special tokens", "several by name", "own file first", "date and json"],
)
def test_templates_of_every_shape_are_rendered_as_the_engine_renders_them(tmp_path, files, rendered):
    """S22: what is counted is what the engine counts."""
    folder = write_model(tmp_path, **files)
    expected = rendered or ChatTemplate(write_model(tmp_path / "plain", template=CHATML)).render(MESSAGES)

    assert has_chat_template(folder)
    assert ChatTemplate(folder).render(MESSAGES) == expected
    tokens = len(pre_tokenizers.Whitespace().pre_tokenize_str(expected))
    with open_token_counts(connection_to(folder)) as counts:
        assert counts.prompt("Be <brief>.", " What? ") == tokens
        assert counts.text("one two, three") == 4


def test_a_template_that_takes_no_system_message_is_named_before_anything_is_sent(tmp_path):
    folder = write_model(tmp_path / "tiny", chat_template=NO_SYSTEM)
    with (
        pytest.raises(EngineError, match=r"chat template of tiny rejects a system message .*System role not supported"),
        open_token_counts(connection_to(folder)),
    ):
        pass


@pytest.mark.parametrize("broken", ["{% for %}", "{{ messages | nothing }}"])
def test_a_template_that_can_not_be_read_is_an_error_of_the_engine(tmp_path, broken):
    with pytest.raises(EngineError, match="can't be read"):
        FolderTokenCounts(write_model(tmp_path, template=broken))


def test_a_template_can_not_reach_out_of_its_sandbox(tmp_path):
    """A model's folder is somebody else's."""
    template = ChatTemplate(write_model(tmp_path, template="{{ messages.__class__.__mro__ }}"))
    with pytest.raises(EngineError):
        template.render(MESSAGES)


def test_without_a_template_in_the_folder_the_engine_is_asked(tmp_path):
    folder = write_model(tmp_path, chat_template=None)
    with FakeEngine() as engine, open_token_counts(connection_to(folder, base_url=engine.url)) as counts:
        assert isinstance(counts, RemoteTokenCounts)
        assert counts.prompt("one two", "three") == 3


def test_a_server_is_asked_once_for_the_same_text():
    asked = []

    def answer(request):
        asked.append(json.loads(request.content))
        return httpx.Response(200, json={"count": 7})

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        counts = RemoteTokenCounts(connection_to(None), client)
        found = [counts.text("a"), counts.text("a"), counts.prompt("a", "b"), counts.prompt("a", "b")]

    assert found == [7] * 4
    assert len(asked) == 2
