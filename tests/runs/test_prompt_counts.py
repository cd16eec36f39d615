"""What prompts hold beyond their number of tokens: hand-offs, repetitions, and how good the count was."""

from collections import deque
from contextlib import contextmanager

import pytest

from docmind_core.agents.context import AGENTS, SUPERVISOR, Message
from docmind_core.agents.transcript import hand_back_from, handoff_lines, render_history, transfer_to
from docmind_core.runs import benchmark
from docmind_core.runs.prompt_counts import PromptCounts, billed_bounds, duplicated_tokens
from docmind_core.serving.chat import ChatRequest, chat_messages
from tests.runs.running import run, select


class LocalWords:
    """A word is a token, the template costs none: as the fake engine counts."""

    def prompt(self, system, user, examples=()):
        return len(self.prompt_ids(system, user, examples))

    def text(self, text):
        return len(text.split())

    def prompt_at_most(self, system, user, examples=()):
        return sum(len(message["content"]) for message in chat_messages(system, user, examples))

    def prompt_ids(self, system, user, examples=()):
        texts = [message["content"] for message in chat_messages(system, user, examples)]
        return [hash(word) for word in " ".join(texts).split()]


@pytest.fixture
def local_counts(monkeypatch):
    """The model's files are here: its tokenizer needs no request."""

    @contextmanager
    def opened(_connection):
        yield LocalWords()

    monkeypatch.setattr(benchmark, "open_token_counts", opened)


def test_tokens_in_runs_of_sixteen_that_another_agent_was_sent_are_duplicated():
    # 40 tokens to a; b gets tokens 16..31 of them, shifted by 3; the last 8 of a's are no whole block
    first = list(range(40))
    second = [100, 101, 102, *range(16, 32), *range(32, 40)]
    assert duplicated_tokens([("a", first), ("b", second)]) == (16, 40 + 27)
    assert duplicated_tokens([("a", first), ("a", first)]) == (0, 80)
    assert duplicated_tokens([("a", first), ("b", first)]) == (32, 80)
    assert duplicated_tokens([("a", [1] * 20), ("b", [1] * 20)]) == (20, 40)
    assert duplicated_tokens([]) == (0, 0)


def test_hand_off_messages_are_found_as_they_are_in_a_prompt():
    said = [transfer_to("query_router and query_planner"), hand_back_from(AGENTS[0]), transfer_to(AGENTS[4])]
    prompt = render_history([Message(speaker="user", text="Transferring to nobody."), *said])

    assert handoff_lines(f"{prompt}\n\nTask: go on.") == [f"{each.speaker}: {each.text}" for each in said]
    assert handoff_lines("user: Transferring back to supervisor.") == []


def counted(counts, *, user, agent=AGENTS[3], task="answer_4", calls=()):
    found = PromptCounts(counts=counts)
    found.add(agent, task, "h", ChatRequest(system="", user=user, max_tokens=9), counted=None)
    found.measure()
    return found.columns(list(calls))


def routing_call(billed=100, because=None):
    row = {"role": "supervisor", "task": "choose_1", "billed_tokens": billed, "tokens_missing_because": because}
    return [row, {**row, "role": "agent", "task": "answer_4"}, {**row, "task": "rewrite"}]


def test_hand_off_tokens_are_routing_calls_and_the_messages_that_others_read():
    """S10, edge B to K: two messages of 4 and 5 words, read by one agent; the routing call's own are billed in it."""
    read = "supervisor: Transferring to query_router.\n\nquery_router: Transferring back to supervisor.\n\nTask: x"

    assert counted(LocalWords(), user=read, calls=routing_call())["handoff_tokens"] == 100 + 4 + 5
    alone = counted(LocalWords(), user=read, agent=SUPERVISOR, task="choose_1", calls=routing_call())
    assert alone["handoff_tokens"] == 100
    assert counted(None, user="nothing of it")["handoff_tokens"] == 0


@pytest.mark.parametrize(
    ("counts", "calls", "because"),
    [(None, [], "not_supported"), (LocalWords(), routing_call(None, "unreconciled"), "unreconciled")],
)
def test_hand_off_tokens_that_no_one_could_count_are_missing_with_the_reason(counts, calls, because):
    row = counted(counts, user="supervisor: Transferring to query_router.", calls=calls)
    assert (row.get("handoff_tokens"), row["handoff_missing_because"]) == (None, because)


class OfTheEngine:
    """Counts by asking the engine."""

    text = prompt = staticmethod(lambda *_: 1)


@pytest.mark.parametrize(
    ("counts", "user", "cut_off", "takes_long"),
    [
        (LocalWords(), "a question", set(), True),
        (None, "a question", {"h"}, False),
        (OfTheEngine(), "a question", set(), False),
        (OfTheEngine(), "a question", {"h"}, True),
        (OfTheEngine(), render_history([transfer_to(AGENTS[0])]), set(), True),
    ],
)
def test_only_counting_that_reads_prompts_or_asks_the_engine_leaves_the_event_loop(counts, user, cut_off, takes_long):
    prompts = PromptCounts(counts=counts)
    prompts.add(AGENTS[3], "answer", "h", ChatRequest(system="s", user=user, max_tokens=8), counted=None)
    assert prompts.takes_long(cut_off) == takes_long


def test_each_call_has_the_count_of_its_prompt_and_the_error_of_it(home, make_suite, local_counts):
    """S22."""
    run(home, make_suite(arms=["tuned-passage_choice-no_validation"], limit=3))

    rows = select(
        home,
        "select count(*) > 3, bool_and(prompt_tokens_est = prompt_tokens), min(est_error_ratio), max(est_error_ratio) "
        "from llm_calls",
    )
    assert rows == [(True, True, 0.0, 0.0)]


def test_where_counting_takes_a_request_only_what_was_counted_anyway_is_written(home, make_suite, engine):
    """S22: NULL for prompts that surely fit; not a request more."""
    run(home, make_suite(arms=["naive_supervisor"], limit=1))
    estimates = "select count(prompt_tokens_est), count(est_error_ratio) from llm_calls"
    assert select(home, estimates) == [(0, 0)]

    engine.window = 330
    run(home, make_suite(arms=["naive_supervisor"], limit=1))
    found = "select count(prompt_tokens_est) > 0, max(abs(est_error_ratio)) from llm_calls"
    assert select(home, found) == [(True, 0.0)]


def test_a_supervisor_pays_for_hand_offs_and_fixed_edges_do_not(home, make_suite, local_counts):
    """S10: the metric of edge B to K, per query; 0 where there are none."""
    run(
        home,
        make_suite(
            arms=["naive_supervisor", "naive+no_handoff_messages", "tuned-passage_choice-no_validation"], limit=2
        ),
    )

    tokens = select(
        home,
        "select arm, min(handoff_tokens) > 0, bool_and(handoff_tokens <= billed_tokens), avg(handoff_tokens) "
        "from query_runs join runs using (run_id) group by arm order by avg(handoff_tokens)",
    )
    assert [row[:3] for row in tokens] == [
        ("tuned-passage_choice-no_validation", False, True),
        ("naive+no_handoff_messages", True, True),
        ("naive_supervisor", True, True),
    ]
    assert tokens[0][3] == 0.0
    routing = select(
        home,
        "select sum(billed_tokens) / 2 from llm_calls join runs using (run_id) "
        "where arm = 'naive+no_handoff_messages' and task like 'choose%'",
    )
    assert [(tokens[1][3],)] == routing
    duplicated = select(
        home,
        "select arm, avg(duplicated_token_ratio) between 0 and 1 from query_runs join runs using (run_id) group by arm",
    )
    assert dict(duplicated) == dict.fromkeys(
        ("naive_supervisor", "naive+no_handoff_messages", "tuned-passage_choice-no_validation"), True
    )


def test_a_query_whose_prompts_no_one_can_count_has_no_such_numbers_and_says_why(home, make_suite, engine):
    engine.offers_tokenize = False
    run(home, make_suite(arms=["naive_supervisor"], limit=1))

    rows = select(
        home,
        "select handoff_tokens, handoff_missing_because, duplicated_token_ratio, duplicated_missing_because "
        "from query_runs",
    )
    assert rows == [(None, "not_supported", None, "not_supported")]


def attempt(**changes):
    return {"status": "cut_off", "max_tokens": 64, **changes}


@pytest.mark.parametrize(
    ("call", "bounds"),
    [
        (attempt(status="finished", prompt_tokens=100, billed_tokens=130), (130, 130)),
        (attempt(status="failed", prompt_tokens=0, billed_tokens=0, prompt_tokens_est=100), (0, 0)),
        (attempt(prompt_tokens=100, billed_tokens=107), (107, 164)),
        (attempt(prompt_tokens_est=100), (0, 164)),
        (attempt(prompt_tokens=0, billed_tokens=0, prompt_tokens_est=100), (0, 164)),
        (attempt(), (0, 512)),
        (attempt(status="finished", prompt_tokens_est=100), (100, 164)),
        (attempt(status="finished"), (0, 512)),
    ],
)
def test_what_an_attempt_can_have_been_billed_lies_between_what_was_booked_and_its_prompt_and_limit(call, bounds):
    found = billed_bounds(call, window=512)
    assert (found["billed_tokens_low"], found["billed_tokens_high"]) == bounds


def test_an_attempt_whose_prompt_and_window_are_unknown_has_no_upper_bound():
    assert billed_bounds(attempt(), window=None) == {"billed_tokens_low": 0, "billed_tokens_high": None}


def test_the_prompt_of_a_call_that_was_cut_off_is_counted_by_the_engine_and_no_other(
    home, make_suite, engine, monkeypatch
):
    """A bound of the whole window would hide nearly any booking error next to it."""
    monkeypatch.setattr("docmind_core.serving.chat_client.RetryPolicy.wait_s", lambda *_: 0.0)
    engine.faults = deque([None, "drop"])
    run(home, make_suite(arms=["single_pass"], limit=3))

    counted = select(
        home,
        "select lost.prompt_tokens_est - again.prompt_tokens, lost.billed_tokens_low, "
        "lost.billed_tokens_high - again.prompt_tokens - lost.max_tokens from llm_calls as lost "
        "join llm_calls as again using (call_id) where lost.status = 'cut_off' and again.attempt = 2",
    )
    assert counted == [(0, 0, 0)]
    uncut = "select count(*), count(prompt_tokens_est) from llm_calls where call_id not in (%s)"
    retried = "select call_id from llm_calls where attempt = 2"
    assert select(home, uncut % retried) == [(2, 0)]
