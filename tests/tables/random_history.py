"""Rows of nights with all that can go wrong: warm-up, failures, resumptions, missing usage and samples."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tests.builders import Row, make_call_row, make_counter_rows, make_query_run_row, make_run_row, make_score_row

ARMS = ("naive_supervisor", "single_pass", "tuned")
AGENTS = ("query_router", "retrieval_expert", "result_synthesizer")
BEGIN = datetime(2026, 3, 1, 2, tzinfo=UTC)


def night(number: int, queries: int) -> Iterator[tuple[str, dict[str, list[Row]]]]:
    """Yield the arms of a benchmark run: run id and rows by table."""
    start = BEGIN + timedelta(days=number)
    for place, arm in enumerate(ARMS):
        run_id = f"{start:%Y%m%dT%H%M%SZ}-smoke-{number:04x}.{arm}"
        dice = random.Random(f"{number} {arm}")
        yield run_id, _arm(dice, run_id, start + timedelta(minutes=40 * place), number, queries)


def _arm(dice: random.Random, run_id: str, start: datetime, number: int, queries: int) -> dict[str, list[Row]]:
    packages = {"vllm": f"0.{number // 2}", "torch": "2", **({"extra": "1"} if number % 2 else {})}
    run = make_run_row(
        run_id, started_at=start, run_number=number + 1, series_key=run_id.rpartition(".")[2], git_sha=f"{number:040x}",
        engine_version=f"0.{number}", level="balanced", concurrency=4, process_starts=dice.choice((1, 1, 2)),
        duration_s=dice.choice((None, 90.5)), cache_state="cold", engine_managed=dice.random() < 0.7,
        manifest=json.dumps({"packages": packages, "plugins": {"a/b.py": f"{number:032x}"}}) if number != 1 else None,
    )  # fmt: skip
    tables: dict[str, list[Row]] = {"runs": [run]}
    for place in range(queries):
        for table, rows in _query(dice, f"q{place}", start + timedelta(seconds=90 * place), place).items():
            tables.setdefault(table, []).extend(rows)
    calls = tables["llm_calls"]
    growth = {
        "prompt_tokens": float(sum(int(str(row["prompt_tokens"] or 0)) for row in calls)) + dice.choice((0, 0, 7)),
        "generation_tokens": float(sum(int(str(row["completion_tokens"] or 0)) for row in calls)),
        "request_success": float(len(calls)), "request_prefill_time_seconds_sum": dice.uniform(1, 9),
        "request_prefill_kv_computed_tokens_sum": 900.0,
    }  # fmt: skip
    tables["engine_counters"] = make_counter_rows(
        growth, run_id, moments=dice.choice((("before",), ("before", "after")))
    )
    tables["device_samples"] = list(_samples(dice, start)) if dice.random() < 0.6 else []
    tables["comparisons"] = list(_comparisons(dice, run_id))
    tables["run_estimates"] = [
        {"metric": "tokens_per_correct", "slice": "all", "low": 3.0, "high": 9.0, "value": 5.0, "n": queries}
    ]
    return tables


def _query(dice: random.Random, query_id: str, start: datetime, place: int) -> dict[str, list[Row]]:
    warm, failed, resumed = place == 0, dice.random() < 0.1, dice.random() < 0.1
    key: Row = {"query_id": query_id, "replicate": -1 if warm else dice.randrange(2)}
    phase = "warmup" if warm else "measured"
    why = "resumed" if resumed else "failed_run" if failed else None
    tokens = None if dice.random() < 0.1 else dice.randrange(100, 4000)
    query = make_query_run_row(
        **key, phase=phase, status="failed" if failed else "answered",
        cluster_id=f"c{dice.randrange(4)}", query_type=dice.choice(("factoid", "how", None)),
        tags=dice.choice((None, '["new"]', '["new", "hard"]')), answer=None if failed else dice.choice("ab"),
        fallback=dice.random() < 0.1, no_passages=dice.choice((None, True, False)), block=0 if warm else 1,
        started_at=start, ended_at=start + timedelta(seconds=80), times_missing_because=why,
        wall_s=None if why else dice.uniform(1, 60), coordination_overhead_s=None if why else dice.uniform(0, 1),
        billed_tokens=tokens, tokens_missing_because="no_usage" if tokens is None else None,
    )  # fmt: skip
    values = {"passed": dice.choice((0.0, 1.0, 1.0, None)), "token_f1": dice.random(), "ndcg@10": None}
    calls = [
        _call(dice, "/".join(map(str, (*key.values(), turn))), {**key, "agent": agent, "phase": phase}, turn)
        for turn, agent in enumerate(AGENTS)
    ]
    return {
        "query_runs": [query],
        "measurements": [] if warm else [make_score_row(name, value, **key) for name, value in values.items()],
        "spans": [] if why else list(_spans(dice, key)),
        "llm_calls": calls,
        **_decisions(dice, key),
    }  # fmt: skip


def _spans(dice: random.Random, key: Row) -> Iterator[Row]:
    yield {**key, "span_id": "root", "op": "invoke_workflow", "name": "w", "t0": 0, "t1": 60 * 10**9}
    for turn, agent in enumerate(AGENTS):
        began = turn * 10**10 + dice.randrange(10**9)
        inside = {**key, "t0": began, "t1": began + dice.randrange(1, 9 * 10**9), "status": "ok", "name": agent}
        yield {**inside, "span_id": f"a{turn}", "parent_id": "root", "op": "invoke_agent"}
        yield {**inside, "span_id": f"c{turn}", "parent_id": f"a{turn}", "op": "chat"}


def _decisions(dice: random.Random, key: Row) -> dict[str, list[Row]]:
    hit = dice.random() < 0.5
    answered = {"hit": hit, "age_s": 1.0 if hit else None, "missed_because": None if hit else "new_key"}
    by = dice.choice(({"decided_by": "rules", "confidence": dice.random()}, {"decided_by": "model", "agrees": True}))
    return {
        "cache_lookups": [{**key, **answered, "lookup": 1, "cache": "router", "duration_s": dice.random()}],
        "route_decisions": [{**key, **by, "decision": 1, "analysis_s": dice.random()}],
        "votes": [{**key, "pass": number, "billed_tokens": 90, "budget_tokens": 80} for number in range(1, 3)],
    }


def _call(dice: random.Random, call_id: str, known: Row, turn: int) -> Row:
    usage = None if dice.random() < 0.05 else (dice.randrange(50, 900), dice.randrange(1, 90))
    cached = dice.choice((None, 32)) if usage else None
    times = dice.random() < 0.9
    return make_call_row(
        call_id, span_id=f"c{turn}", tokens=usage or (0, 0), **known, role="judge" if dice.random() < 0.05 else "agent",
        **({} if usage else {"prompt_tokens": None, "completion_tokens": None, "billed_tokens": None,
                             "tokens_missing_because": "no_usage"}),
        cached_tokens=cached, prefill_computed_tokens=usage[0] - cached if usage and cached else None,
        ttft_s=dice.uniform(0.1, 2) if times else None, e2e_latency_s=dice.uniform(2, 9) if times else None,
        times_missing_because=None if times else "not_streamed", est_error_ratio=dice.choice((None, dice.random())),
    )  # fmt: skip


def _samples(dice: random.Random, start: datetime) -> Iterator[Row]:
    for second in range(0, 900, 20):
        yield {
            "source": "gpu", "device_index": 0, "sampled_at": start + timedelta(seconds=second),
            "sampled_at_ns": second * 10**9, "status": "ok", "mem_used_gib": dice.uniform(2, 9),
        }  # fmt: skip


def _comparisons(dice: random.Random, run_id: str) -> Iterator[Row]:
    benchmark_run, _, arm = run_id.rpartition(".")
    for baseline in ARMS[:2]:
        if baseline != arm:
            for metric in ("billed_tokens", "computed_tokens"):
                yield {
                    "candidate_run_id": run_id, "baseline_run_id": f"{benchmark_run}.{baseline}", "metric": metric,
                    "agent": "all", "slice": "all", "n": 8, "delta": dice.uniform(-1, 1), "delta_low": -1.0,
                    "delta_high": 1.0, "ratio_of_totals": dice.random(), "claimable": False,
                }  # fmt: skip
