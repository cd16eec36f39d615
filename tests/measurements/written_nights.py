"""Nights of one suite as segments: the same queries answered again, under the same conditions unless said."""

import json

import numpy as np

from docmind_core.query_sets.queries import QuerySet
from docmind_core.runs.manifest import RunInputs, run_conditions, run_facts
from docmind_core.serving.connection import EngineConnection
from docmind_core.suites.suite import Suite
from tests.builders import (
    make_call_row,
    make_counter_rows,
    make_query_run_row,
    make_run_row,
    make_score_row,
    write_rows,
)

SUITE = Suite(name="smoke", query_set="toy")
FIRST, SECOND, THIRD = (f"2026112{day}T020000Z-smoke-7f3a.tuned" for day in (1, 2, 3))
AGENTS = ("query_router", "result_synthesizer")


def conditions(arm="tuned"):
    """All conditions of a run, as the runs of this project record them."""
    return run_conditions(_inputs(), arm)


def manifest():
    return json.loads(run_facts(_inputs(), "tuned", engine_session=None)["manifest"])


def _inputs():
    return RunInputs(
        benchmark_run=FIRST.split(".")[0],
        suite=SUITE,
        query_set=QuerySet(name="toy", documents=(), queries=(), query_set_hash="q", corpus_hash="c"),
        index_hash="i",
        connection=EngineConnection(base_url="http://127.0.0.1:1", model="tiny", managed=True),
        dagster_run_id=None,
    )


def write_night(settings, run_id, tokens, passed, *, clusters=None, rows=None, calls=True, **run):
    """Write a finished, scored and balanced run; `passed` holds 1, 0 or None by query, `rows` further columns."""
    names = [f"q{place:03}" for place in range(len(tokens))]
    arm = run_id.split(".", 1)[1]
    recorded = {"conditions": json.dumps(conditions(arm), sort_keys=True), "query_set_hash": "q"}
    spent = [int(count) for count in tokens]
    queries = [
        make_query_run_row(
            name,
            **{"query": f"What is {name}?"} | {column: values[place] for column, values in (rows or {}).items()},
            cluster_id=f"d{clusters[place] if clusters else place}",
            billed_tokens=spent[place],
            completion_tokens=1,
            calls=len(AGENTS),
            answer="right" if passed[place] else "wrong",
        )
        for place, name in enumerate(names)
    ]
    booked = [
        make_call_row(f"{name}-{agent}", query_id=name, agent=agent, tokens=(share - 1, 1))
        for name, count in zip(names, spent, strict=True)
        for agent, share in zip(AGENTS, (count // 3, count - count // 3), strict=True)
    ]
    growth = {
        "prompt_tokens": sum(row["prompt_tokens"] for row in booked),
        "generation_tokens": len(booked),
        "request_success": len(booked),
    }
    write_rows(
        settings,
        {
            "runs": [make_run_row(run_id, arm=arm, benchmark_run=run_id.split(".")[0], **{**recorded, **run})],
            "query_runs": queries,
            "llm_calls": booked if calls else [],
            "engine_counters": make_counter_rows(growth) if calls else [],
            "measurements": [make_score_row("passed", value, name) for name, value in zip(names, passed, strict=True)],
        },
        run_id,
    )


def drawn(seed, count=300, mean=1000.0, share=0.7):
    """Tokens and passing of `count` queries, drawn anew for each seed; each query has a level of its own."""
    level = np.random.default_rng(1).lognormal(0.0, 0.4, count)
    dice = np.random.default_rng(seed)
    tokens = np.maximum(6, mean * level * dice.lognormal(0.0, 0.1, count)).astype(int)
    easy = np.random.default_rng(2).random(count) < share
    flip = dice.random(count) < 0.06
    return tokens.tolist(), (easy ^ flip).astype(float).tolist()
