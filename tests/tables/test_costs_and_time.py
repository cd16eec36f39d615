"""Money, energy and time of runs, and what differs between two of them, in SQL."""

import json
from datetime import UTC, datetime

import pytest

from docmind_core.errors import StoreError
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows, query_segments
from tests.builders import (
    BENCHMARK_RUN,
    RUN_ID,
    make_call_row,
    make_counter_rows,
    make_query_run_row,
    make_run_row,
    make_score_row,
    write_rows,
)

TUNED = f"{BENCHMARK_RUN}.tuned"
PER_TOKEN = {"prompt": 1.0, "completion": 4.0, "currency": "EUR"}
NIGHT = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)
MORNING = datetime(2026, 11, 23, 0, 1, tzinfo=UTC)
S = 1_000_000_000


def asked(settings, sql):
    publish(settings)
    names, rows = query_rows(settings, sql)
    return [dict(zip(names, row, strict=True)) for row in rows]


def call(call_id, tokens=(1_000_000, 500_000), cached=0, **changes):
    counts = {"cached_tokens": cached, "prefill_computed_tokens": None if cached is None else tokens[0] - cached}
    unsaid = {"cached_missing_because": "flag_off"} if cached is None else {}
    return make_call_row(call_id, tokens=tokens, **{**counts, **unsaid, **changes})


LOST = {
    **dict.fromkeys(
        ("prompt_tokens", "completion_tokens", "billed_tokens", "cached_tokens", "prefill_computed_tokens")
    ),
    **dict.fromkeys(("tokens_missing_because", "cached_missing_because"), "unreconciled"),
}
SUMS = {"prompt_tokens": 1_000_000, "completion_tokens": 500_000, "billed_tokens": 1_500_000, "cached_tokens": 200_000}


def write(settings, calls=(), *, run=None, query=None, run_id=RUN_ID, **tables):
    rows = {
        "runs": [make_run_row(run_id, **(run or {}))],
        "query_runs": [make_query_run_row(**(query or {}))],
        "llm_calls": list(calls),
        "measurements": [make_score_row("passed", 1.0)],
        **tables,
    }
    write_rows(settings, rows, run_id)


@pytest.mark.parametrize(
    ("price", "cached", "cost", "because"),
    [
        (PER_TOKEN, None, 3.0, None),  # 1 M at 1.0 and half a million at 4.0
        ({**PER_TOKEN, "cached": 0.5}, 200_000, 2.9, None),  # of them 0.2 M at half the price
        ({**PER_TOKEN, "cached": 0.5}, None, None, "flag_off"),
        ({"gpu_hour": 2.0, "gpus": 4, "currency": "EUR"}, None, 4.0, None),  # half an hour of four GPUs
        (None, 0, None, "no_price"),
    ],
)
def test_the_cost_of_a_run_is_that_of_its_measured_calls_at_the_price_of_its_suite(
    settings, price, cached, cost, because
):
    run = {"price": price and json.dumps(price), "duration_s": 1800.0}
    write(settings, [call("c1", cached=cached), call("c2", phase="warmup"), call("c3", phase="interrupted")], run=run)
    (row,) = asked(settings, "from run_costs")
    assert row["cost"] == (cost if cost is None else pytest.approx(cost))
    assert (row["cost_per_query"], row["cost_per_correct"]) == (row["cost"], row["cost"])
    assert (row["cost_missing_because"], row["currency"]) == (because, price and "EUR")


def test_a_call_of_unknown_tokens_and_a_resumed_arm_have_no_cost(settings):
    per_hour = json.dumps({"gpu_hour": 2.0, "gpus": 1, "currency": "USD"})
    write(settings, [call("c1"), call("c2", **LOST)], run={"price": json.dumps(PER_TOKEN)})
    write(settings, run={"price": per_hour, "duration_missing_because": "resumed"}, run_id=TUNED)
    found = {row["arm"]: (row["cost"], row["cost_missing_because"]) for row in asked(settings, "from run_costs")}
    assert found == {"naive_supervisor": (None, "unreconciled"), "tuned": (None, "resumed")}


def test_an_arm_without_a_call_has_its_queries_and_its_share_of_the_gpu(settings):
    price = json.dumps({"gpu_hour": 3.6, "gpus": 1, "currency": "EUR"})
    write(settings, run={"price": price, "duration_s": 10.0})
    (row,) = asked(settings, "from run_costs")

    assert (row["query_runs"], row["cost_missing_because"]) == (1, None)
    assert (row["cost"], row["cost_per_query"]) == (pytest.approx(0.01), pytest.approx(0.01))


def test_the_cost_of_a_query_has_its_reason_too(settings):
    write(settings, run={"price": json.dumps({**PER_TOKEN, "cached": 0.5})}, query=SUMS)
    write(settings, run={"price": json.dumps({"gpu_hour": 2.0, "gpus": 1})}, query=SUMS, run_id=TUNED)
    rows = {row["arm"]: row for row in asked(settings, "from query_costs")}
    assert rows["naive_supervisor"]["cost"] == pytest.approx(2.9)
    assert (rows["tuned"]["cost"], rows["tuned"]["cost_missing_because"]) == (None, "per_gpu_hour")


def test_tokens_of_a_day_are_those_of_every_phase_and_unknown_as_soon_as_one_call_is(settings):
    first = [call("c1", sent_at=NIGHT), call("c2", sent_at=NIGHT, phase="interrupted")]
    write(settings, [*first, call("c3", sent_at=MORNING), call("c4", sent_at=MORNING, **LOST)],
          run={"price": json.dumps(PER_TOKEN)})  # fmt: skip
    night, morning = asked(settings, "select * replace (day::varchar as day) from tokens_by_day order by day")
    assert (night["day"], night["calls"], night["billed_tokens"], night["unmeasured_tokens"]) == (
        "2026-11-22", 2, 3_000_000, 1_500_000,
    )  # fmt: skip
    assert (night["cost"], night["currency"], night["suite"], night["model"]) == (6.0, "EUR", "smoke", "tiny")
    assert (morning["billed_tokens"], morning["known_billed_tokens"], morning["cost"]) == (None, 1_500_000, None)
    assert (morning["missing_because"], morning["cost_missing_because"]) == ("unreconciled", "unreconciled")


def span(op, begin_s, end_s, span_id, **changes):
    times = {"t0": int(begin_s * S), "t1": int(end_s * S)}
    row = {"query_id": "q1", "replicate": 0, "span_id": span_id, "op": op, "status": "ok", **times}
    return {**row, **changes}


def test_the_parts_of_a_query_s_time_add_up_and_the_rest_is_named(settings):
    spans = [
        span("invoke_workflow", 0, 10, "root"),
        span("invoke_agent", 0, 9, "a"),
        span("retrieval", 1, 2, "r"),
        span("queue", 2, 3, "w"),
        span("chat", 3, 7, "c1"),  # its first token after one second
        span("chat", 5, 8, "c2"),  # after two: at 7, so that from 5 to 7 the first one decodes
        span("chat", 8, 9, "c3"),  # without a first token
    ]
    calls = [call("c1", span_id="c1", ttft_s=1.0), call("c2", span_id="c2", ttft_s=2.0), call("c3", span_id="c3")]
    write(settings, calls, spans=spans)
    found = {row["part"]: row["seconds_per_query"] for row in asked(settings, "from where_time_goes")}
    assert found == {
        "first_token": 1, "decode": 4, "model_call": 1, "retrieval": 1, "queue": 1, "tool": 0, "backoff": 0,
        "not_attributed": 2, "engine_queue": None, "prefill": None,
    }  # fmt: skip
    assert asked(settings, "select sum(share_ratio) as s, max(n_queries) as n from where_time_goes") == [
        {"s": 1, "n": 1}
    ]


def test_a_resumed_query_says_nothing_of_where_time_goes(settings):
    write(settings, query={"times_missing_because": "resumed"})
    rows = asked(settings, "select distinct seconds_per_query, share_ratio, missing_because from where_time_goes")
    assert rows == [{"seconds_per_query": None, "share_ratio": None, "missing_because": "resumed"}]


QUEUED, PREFILLED = "request_queue_time_seconds_sum", "request_prefill_time_seconds_sum"
GROWTH = {"prompt_tokens": 10, "generation_tokens": 3, "request_success": 1, QUEUED: 0.5, PREFILLED: 1.25}
WAITED = {"span_id": "c", "ttft_s": 2.0, "tokens": (10, 3)}
CUT_OFF = {"status": "cut_off", "ttft_s": None, "times_missing_because": "failed_run"}
UNSTREAMED = {"ttft_s": None, "times_missing_because": "not_streamed"}


def counted(block=1, **growth):
    return [row | {"block": block} for row in make_counter_rows({**GROWTH, **growth})]


def reading(counters, **kept):
    return [row for row in counters if all(row[column] in values for column, values in kept.items())]


def parts_of_waits(settings, cases):
    """Return by case the seconds, or the reasons, of what the first two seconds of the call `c` are split into.

    Args:
        cases: Name to the calls, and the counters, and what else is known of the run; each is a run of its own.
    """
    for name, (calls, counters, *run) in cases.items():
        rows = [call(f"c{place}", **changes) for place, changes in enumerate(calls)]
        spans = [span("invoke_workflow", 0, 10, "root"), span("chat", 1, 5, "c")]
        tables = {"spans": spans, "engine_counters": counters}
        write(settings, rows, run=dict(*run), run_id=f"{BENCHMARK_RUN}.{name}", **tables)
    run_ids = [f"{BENCHMARK_RUN}.{name}" for name in cases]
    names, values = query_segments(settings.tables, run_ids, "from where_time_goes")
    rows = [dict(zip(names, row, strict=True)) for row in values]
    found = {(row["arm"], row["part"]): row["missing_because"] or row["seconds_per_query"] for row in rows}
    for name in cases:
        assert sum(row["seconds_per_query"] or 0 for row in rows if row["arm"] == name) == pytest.approx(10)
    return {name: [found[name, part] for part in ("engine_queue", "prefill", "first_token")] for name in cases}


def test_the_engine_s_own_counters_split_the_wait_for_first_tokens_without_warm_up(settings):
    warm = {**WAITED, "phase": "warmup", "span_id": None, "ttft_s": 9.0}
    calls = (WAITED, warm, {**WAITED, "span_id": "d"}, {**WAITED, "span_id": "e", "engine_session": "s2"})
    of_s1 = [*counted(0, **{QUEUED: 7}), *counted(1), *counted(2, **{QUEUED: 1.5, PREFILLED: 1.75})]
    of_s2 = make_counter_rows({**GROWTH, QUEUED: 1, PREFILLED: 0}, session="s2")
    found = parts_of_waits(
        settings,
        {
            "one": ([WAITED], counted()),
            "blocks_and_replicas": (calls, of_s1 + of_s2),
            "prefill_alone": ([WAITED], reading(counted(), counter={*GROWTH} - {QUEUED})),
            "without_calls": ([], []),
        },
    )
    assert found == {
        "one": [0.5, 1.25, 0.25],
        "blocks_and_replicas": [1.0, 1.0, 0.0],  # of 6 s until the first tokens of three calls 3 in each
        "prefill_alone": ["not_supported", 1.25, 0.75],
        "without_calls": [0, 0, 0],
    }


def test_the_wait_is_not_split_unless_the_engine_counted_exactly_the_arm_s_finished_calls(settings):
    silent = make_counter_rows({"docmind:requests_sent": 0}, session="s2")
    others = counted(prompt_tokens=90, generation_tokens=30, request_success=3)
    two = counted(prompt_tokens=20, generation_tokens=6, request_success=2)
    reasons = {
        "no_counters": ([WAITED], [], "not_supported"),
        "silent_replica": ([WAITED], [*counted(), *silent], "not_supported"),
        "engine_died": ([WAITED], reading(counted(), moment={"before"}), "unreconciled"),
        "unbalanced": ([WAITED], counted(prompt_tokens=11), "unreconciled"),
        "two_requests_of_one_call": ([WAITED], counted(request_success=2), "unreconciled"),
        "aborted": ([WAITED], counted(request_success=0), "unreconciled"),
        "cut_off": ([WAITED, {**WAITED, **LOST, **CUT_OFF}], counted(), "unreconciled"),
        "not_streamed": ([WAITED, {**WAITED, **UNSTREAMED, "span_id": "d"}], two, "not_streamed"),
        "longer_than_the_calls": ([WAITED], counted(**{QUEUED: 0.8}), "implausible"),
        "negative": ([WAITED], counted(**{PREFILLED: -1}), "implausible"),
        "others": ([WAITED], others, "not_exclusive", {"engine_managed": False}),
    }
    found = parts_of_waits(settings, {name: (calls, rows, *run) for name, (calls, rows, _, *run) in reasons.items()})
    assert found == {name: [because, because, 2] for name, (_, _, because, *_) in reasons.items()}


def sample(seconds, energy_j, **changes):
    row = {"source": "nvml", "device_index": 0, "sampled_at_ns": int(seconds * S), "energy_j": energy_j}
    return {**row, "sampled_at": NIGHT, "status": "ok", **changes}


@pytest.mark.parametrize(
    ("samples", "energy", "because"),
    [
        # Two seconds apart at 100 W; the pause of a minute is another arm's.
        (
            [*(sample(n, 100.0 * n) for n in range(0, 12, 2)), *(sample(72 + n, 9e6 + 100 * n) for n in (0, 2))],
            1200,
            None,
        ),
        ([sample(n, 100.0 * n) for n in range(0, 8, 2)], None, "n_too_small"),
        ([sample(n, None) for n in range(0, 20, 2)], None, "not_supported"),
        ([sample(n, -10.0 * n) for n in range(0, 20, 2)], None, "implausible"),
        ([sample(0, None, source="host", status="unavailable:no_gpu")], None, "no_gpu"),
        ([], None, "not_sampled"),
    ],
)
def test_the_energy_of_gpus_is_counted_while_the_arm_was_at_work(settings, samples, energy, because):
    write(settings, device_samples=samples)
    (row,) = asked(settings, "from run_costs")
    assert (row["gpu_energy_j"], row["gpu_joules_per_correct"]) == (energy, energy)
    assert row["energy_missing_because"] == because


def test_flips_and_changes_of_two_runs(settings):
    first = {"conditions": json.dumps({"limit": 20, "arm": "naive_supervisor"}), "price": json.dumps(PER_TOKEN)}
    second = {"conditions": json.dumps({"limit": 40, "arm": "naive_supervisor"})}
    for run_id, run, passed, answers in ((RUN_ID, first, (1, 0, 1), "ABC"), (TUNED, second, (0, 1, 1), "XBC")):
        queries = [make_query_run_row(f"q{n}", answer=answer) for n, answer in enumerate(answers)]
        scores = [make_score_row("passed", float(value), f"q{n}") for n, value in enumerate(passed)]
        write(settings, run=run, run_id=run_id, query_runs=queries, measurements=scores)
    flips = asked(settings, f"from query_flips('{RUN_ID}', '{TUNED}')")
    assert [(row["query_id"], row["change"], row["answers_a"], row["answers_b"]) for row in flips] == [
        ("q0", "broke", ["A"], ["X"]),
        ("q1", "fixed", ["B"], ["B"]),
    ]
    changes = asked(settings, f"from run_changes('{RUN_ID}', '{TUNED}')")
    assert [(row["kind"], row["field"], row["value_a"], row["value_b"]) for row in changes] == [
        ("condition", "limit", "20", "40"),
        ("origin", "price", json.dumps(PER_TOKEN), None),
    ]


@pytest.mark.parametrize("macro", ["query_flips", "run_changes"])
def test_a_mistyped_run_is_an_error_and_not_two_runs_without_a_difference(settings, macro):
    write(settings)
    with pytest.raises(StoreError, match="there is no run nothing"):
        asked(settings, f"from {macro}('{RUN_ID}', 'nothing')")
