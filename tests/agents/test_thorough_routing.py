"""The router at THOROUGH: the model's choice, and the rules when it does not come (S39, S43)."""

from dataclasses import replace

import pytest

from docmind_core.agents.arms import answer_question, find_arm
from docmind_core.agents.context import ROUTER
from docmind_core.agents.decisions import RouteRecord
from docmind_core.agents.route_choice import is_worth_keeping, remembered_route
from docmind_core.errors import CallTimeout, ContextOverflow, EngineUnreachable, OutputInvalid, RequestRejected
from docmind_core.retrieval.search import HYBRID, KEYWORD, SEMANTIC, STRATEGIES
from tests.fakes.scripted_tools import ScriptedTools, make_context

QUESTION = "what colour is the frobnicator of the house"
RULED = SEMANTIC


def replying(route):
    """The router says `route`; a choice is answered by its first option, anything else by an answer."""

    def reply(agent, task, request):
        if task == "route":
            return route
        return request.choices[0] if request.choices else "blue [1]"

    return reply


async def run(tools, *, arm="tuned", **context):
    arm = find_arm(arm)
    values = {"level": "thorough", "strategies": STRATEGIES, **context}
    answer = await answer_question(arm, arm.build(), QUESTION, make_context(tools, **values))
    (record,) = tools.routes
    assert tools.searches[0][0] == record.strategy, "what is recorded is what is searched with"
    return answer, record


def decided(record):
    return record.strategy, record.decided_by, record.agrees, record.confidence, record.fell_back_because


@pytest.mark.parametrize(("choice", "agrees"), [(HYBRID, False), (RULED, True)])
async def test_the_model_s_choice_is_taken_and_compared_with_the_rules(choice, agrees):
    tools = ScriptedTools(reply=replying(choice))
    _, record = await run(tools)

    assert decided(record) == (choice, "model", agrees, None, None)
    assert record.rule_strategy == RULED
    (request,) = [request for agent, _, request in tools.calls if agent == ROUTER]
    assert (request.choices, request.max_tokens) == (STRATEGIES, 16)


async def test_the_route_call_has_the_guide_s_second_and_no_other_call_has_a_deadline():
    """S39."""
    tools = ScriptedTools(reply=replying(HYBRID))
    await run(tools)
    assert {task: deadline for task, deadline in tools.deadlines if deadline} == {"route": 1.0}


@pytest.mark.parametrize(
    ("error", "because"),
    [
        (CallTimeout("planted"), "deadline"),
        (OutputInvalid("planted"), "call_failed"),
        (RequestRejected("planted"), "call_failed"),
        (ContextOverflow("planted"), "call_failed"),
    ],
)
async def test_a_call_that_fails_leaves_the_rules_and_fails_nothing(error, because):
    tools = ScriptedTools(reply=replying(""), failing={ROUTER: error})
    answer, record = await run(tools)

    assert decided(record) == (RULED, "rules", None, 0.9, because)
    assert (answer.text, answer.fallback_because) == ("blue", None)


async def test_a_choice_that_is_not_open_leaves_the_rules():
    _, record = await run(ScriptedTools(reply=replying("web_search")))
    assert decided(record) == (RULED, "rules", None, 0.9, "invalid_output")


async def test_rules_that_choose_what_is_not_open_leave_the_suite_s_own():
    _, record = await run(ScriptedTools(reply=replying("web_search")), strategies=(KEYWORD, HYBRID))
    assert decided(record) == (KEYWORD, "suite", None, None, "invalid_output")


async def test_an_engine_that_is_gone_stays_an_engine_that_is_gone():
    with pytest.raises(EngineUnreachable):
        await run(ScriptedTools(reply=replying(""), failing={ROUTER: EngineUnreachable("gone")}))


async def test_with_one_open_strategy_nothing_is_asked():
    tools = ScriptedTools(reply=replying(HYBRID))
    _, record = await run(tools, strategies=(RULED,))

    assert ROUTER not in tools.callers
    assert decided(record) == (RULED, "rules", None, 0.9, "one_strategy")


@pytest.mark.parametrize(
    ("level", "strategies", "expected"),
    [
        ("balanced", STRATEGIES, (SEMANTIC, "rules", None, 0.8, None)),
        ("balanced", (KEYWORD,), (KEYWORD, "suite", None, None, "not_open")),
        ("fast", STRATEGIES, (HYBRID, "rules", None, 0.7, None)),
    ],
)
async def test_below_thorough_the_rules_decide_without_a_call(level, strategies, expected):
    tools = ScriptedTools(reply=replying(KEYWORD))
    _, record = await run(tools, level=level, strategies=strategies)

    assert decided(record) == expected
    assert ROUTER not in tools.callers


@pytest.mark.parametrize("arm", ["naive_supervisor", "tuned-specialization"])
@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ('{"strategy": "hybrid_search"}', (HYBRID, "model", False, None, None)),
        ("no json", (KEYWORD, "suite", None, None, "invalid_output")),
    ],
)
async def test_arms_whose_router_always_asks_record_their_choice_too(arm, reply, expected):
    def say(agent, task, request):
        if agent == ROUTER:
            return reply
        if request.choices:
            return request.choices[0]
        return "{}" if request.output else "blue [1]"

    _, record = await run(ScriptedTools(reply=say), arm=arm, level="balanced")
    assert decided(record) == expected


@pytest.mark.parametrize(
    ("confidence", "decided_by", "because", "kept"),
    [
        (0.9, "rules", "one_strategy", True),
        (None, "model", None, True),
        (None, "suite", "not_open", True),
        (0.85, "rules", None, False),
        (0.9, "rules", "deadline", False),
        (0.9, "rules", "invalid_output", False),
        (0.9, "rules", "late", False),
    ],
)
async def test_only_what_is_sure_and_would_be_the_same_again_is_kept(confidence, decided_by, because, kept):
    """S39, S40."""
    record = RouteRecord(
        strategy=KEYWORD,
        rule_strategy=KEYWORD,
        confidence=confidence,
        decided_by=decided_by,
        reasoning="",
        top_k=20,
        rerank=True,
        fell_back_because=because,
    )
    context = make_context(ScriptedTools(), level="thorough")
    assert is_worth_keeping(record, context) is kept

    tools = Keeping()
    found = await remembered_route(QUESTION, replace(context, tools=tools), lambda: _decided(record))
    assert found == (record, "said")
    assert tools.kept == [kept]


async def _decided(record):
    return record, "said"


class Keeping(ScriptedTools):
    """Asks, as the caches do, whether what was found is worth keeping."""

    def __init__(self):
        super().__init__()
        self.kept = []

    async def remembered(self, cache, query, work, *, worth_keeping, **parameters):
        value = await work()
        self.kept.append(worth_keeping(value))
        return value
