"""What `docmind doctor --engine` finds at servers of each kind."""

import pytest

from docmind_core.serving.engine import EngineRequest, prepare_engine
from docmind_core.serving.engine_abilities import engine_abilities
from docmind_core.settings import Settings
from tests.fakes.balancer import Balancer
from tests.fakes.engine_server import FakeEngine
from tests.fakes.plain_servers import KINDS, PlainServer


def abilities(server, tmp_path):
    with server:
        connection = prepare_engine(EngineRequest(engine=server.url), Settings(home=tmp_path), lambda _: None)
        return {found.ability: found for found in engine_abilities(connection)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_server_has_what_the_api_has_and_each_lack_names_what_is_unknown(tmp_path, kind):
    found = abilities(PlainServer(kind=kind), tmp_path)
    assert {name: each.offered for name, each in found.items()} == {
        "context window": "yes" if kind == "sglang" else "no",
        "token counts": "partly",
        "cached tokens": "no",
        "JSON schema": "yes",
        "choices": "partly",
        "counters": "no",
        "tokenizer": "no",
        "cache reset": "no",
    }
    assert found["cached tokens"].unknown == "cached_tokens, prefill_computed_tokens (not_supported)"
    assert "ledger_balance (no_metrics)" in found["counters"].unknown


def test_vllm_has_all_but_the_reset_of_a_cache_that_is_not_ours(tmp_path):
    found = abilities(FakeEngine(), tmp_path)
    assert {name for name, each in found.items() if each.offered != "yes"} == {"cache reset"}
    assert {name for name, each in found.items() if each.unknown} == {"cache reset"}
    assert found["counters"].found == "/metrics of one engine, prompt tokens without their source"


def lacking(**changes):
    return FakeEngine(**changes)


@pytest.mark.parametrize(
    ("server", "ability", "offered", "unknown"),
    [
        (lacking(reports_usage=False), "token counts", "no", "no_usage"),
        (PlainServer(), "token counts", "partly", "tpot_s, decode_tps (not_streamed)"),
        (lacking(offers_metrics=False), "counters", "no", "no_metrics"),
        (lacking(offers_tokenize=False), "tokenizer", "no", "not_supported"),
        (lacking(keeps_forms=lambda body: False), "JSON schema", "no", "all but single_pass"),
        (lacking(keeps_forms=lambda body: "structured_outputs" not in body), "choices", "partly", None),
        (PlainServer(keeps_forms=lambda body: False), "JSON schema", "no", "all but single_pass"),
        (Balancer(replicas=(FakeEngine(born=1.0), FakeEngine(born=2.0))), "counters", "no", "not_exclusive"),
    ],
)
def test_what_a_server_lacks_is_found_with_what_stays_unknown(tmp_path, server, ability, offered, unknown):
    found = abilities(server, tmp_path)[ability]
    assert found.offered == offered
    assert found.unknown is None if unknown is None else unknown in found.unknown


class Miscounting(PlainServer):
    def _event(self, text, finish_reason, prompt_tokens, completion_tokens):
        return super()._event(text, finish_reason, -1, completion_tokens)


def test_counts_that_can_not_be_are_not_counts(tmp_path):
    found = abilities(Miscounting(), tmp_path)["token counts"]
    assert (found.offered, "-1" in found.found) == ("no", True)
    assert "implausible" in found.unknown
