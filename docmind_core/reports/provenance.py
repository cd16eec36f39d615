"""What ran: engine, model, data, code and machine, and what was not measured."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping

from docmind_core.metrics.reasons import reason_text
from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.cells import Table, table_row
from docmind_core.reports.number_text import count_text, duration_text, moment_text
from docmind_core.reports.run_records import TOKENS_PER_CORRECT, ArmRun, parse_object
from docmind_core.reports.text_safety import shortened
from docmind_core.settings import Settings
from docmind_core.tables.reading import query_rows

UNKNOWN = "unknown"
MANIFEST_CHARACTERS = 20_000

Fact = tuple[str, Callable[[ArmRun], str]]


def _known(value: object) -> str:
    return UNKNOWN if value is None or value == "" else str(value)


def _yes_or_no(value: bool | None) -> str:
    return UNKNOWN if value is None else "yes" if value else "no"


def _commit(arm: ArmRun) -> str:
    if not arm.git_sha:
        return "unknown (not a git checkout)"
    dirty = {True: ", with uncommitted changes", False: "", None: ", uncommitted changes unknown"}[arm.git_dirty]
    return arm.git_sha + dirty


def _engine(arm: ArmRun) -> str:
    engine = parse_object(arm.manifest).get("engine")
    said = engine if isinstance(engine, dict) else {}
    profile, replicas = said.get("profile"), said.get("replicas")
    by_whom = {True: "started by this project", False: "run by someone else", None: UNKNOWN}[arm.engine_managed]
    if isinstance(replicas, list):
        return f"{by_whom}, {len(replicas)} replicas"
    return f"{by_whom}, profile {profile}" if profile else by_whom


def _hardware(arm: ArmRun) -> str:
    hardware = parse_object(arm.manifest).get("hardware")
    if not isinstance(hardware, dict):
        return UNKNOWN
    return ", ".join(f"{name} {_known(value)}" for name, value in hardware.items())


def _query_set_notes(arm: ArmRun) -> str:
    notes = parse_object(arm.manifest).get("query_set_notes")
    return "; ".join(map(str, notes)) if isinstance(notes, list) and notes else "none"


def _cache(arm: ArmRun) -> str:
    state = _known(arm.prefix_cache_state)
    return f"{state}: compare arms on tokens and quality, not on time" if state == UNKNOWN else state


def _loop(arm: ArmRun) -> str:
    limit = _known(arm.concurrency) if arm.concurrency else f"auto ({arm.in_flight_min} to {arm.in_flight_max})"
    achieved = (
        f"not measured ({reason_text(arm.concurrency_missing_because) or UNKNOWN})"
        if arm.achieved_concurrency is None
        else f"{arm.achieved_concurrency:.1f}"
    )
    return f"closed loop, concurrency {limit}, calls in flight on average {achieved}; not service latency under load"


def _lag(arm: ArmRun) -> str:
    if arm.loop_lag_max_s is None:
        return "not measured"
    return f"{duration_text(arm.loop_lag_max_s)} (event loop); call deadlines were extended by it; times include it"


_FACTS: tuple[Fact, ...] = (
    ("suite", lambda arm: _known(arm.suite)),
    ("status", lambda arm: f"{_known(arm.status)}{f', {arm.stopped_because}' if arm.stopped_because else ''}"),
    ("comparable with other runs", lambda arm: _yes_or_no(arm.comparable)),
    ("model", lambda arm: _known(arm.model)),
    ("model revision", lambda arm: _known(arm.model_revision)),
    ("weights, sha256", lambda arm: _known(arm.weights_hash)),
    ("smoke-test model", lambda arm: _yes_or_no(arm.plumbing)),
    ("engine", _engine),
    ("engine version", lambda arm: _known(arm.engine_version)),
    ("engine flags, sha256", lambda arm: _known(arm.engine_args_hash)),
    ("batch invariant", lambda arm: _yes_or_no(arm.batch_invariant)),
    ("prefix cache when the arm started", _cache),
    ("context window, tokens", lambda arm: count_text(arm.max_model_len, UNKNOWN)),
    ("load", _loop),
    ("replicates", lambda arm: _known(arm.replicates)),
    ("performance level", lambda arm: _known(arm.level)),
    ("routing of naive_supervisor", lambda arm: _known(arm.routing)),
    ("search of arms without a router", lambda arm: _known(arm.strategy)),
    ("queries", lambda arm: count_text(arm.expected_queries, UNKNOWN)),
    ("queries asked again after an interruption", lambda arm: count_text(arm.redone_queries, UNKNOWN)),
    ("seeds", lambda arm: _known(arm.seeds)),
    ("query set", lambda arm: _known(arm.query_set)),
    ("notes on the query set", _query_set_notes),
    ("query set, sha256", lambda arm: _known(arm.query_set_hash)),
    ("documents, sha256", lambda arm: _known(arm.corpus_hash)),
    ("index, sha256", lambda arm: _known(arm.index_hash)),
    ("prompts, sha256", lambda arm: _known(arm.prompt_hash)),
    ("judge, sha256", lambda arm: arm.judge_hash or "none"),
    ("commit", _commit),
    ("machine", _hardware),
    ("machine, hash", lambda arm: _known(arm.hardware_fingerprint)),
    ("Dagster run", lambda arm: _known(arm.dagster_run_id)),
    ("series", lambda arm: _known(arm.series_key)),
    ("started", lambda arm: moment_text(arm.started_at)),
    ("ended", lambda arm: moment_text(arm.ended_at)),
    ("maximum platform lag", _lag),
    ("took", lambda arm: duration_text(arm.duration_s, "resumed")),
)


def read_gpus(settings: Settings, records: BenchmarkRecords) -> dict[str, str]:
    """Return by run_id what its device samples say about GPUs: name and driver, or that none was measured."""
    _, rows = query_rows(
        settings,
        "select distinct run_id, name, driver from device_samples join runs using (run_id) "
        "where benchmark_run = $benchmark_run and source = 'nvml' order by all",
        {"benchmark_run": records.arms[0].benchmark_run},
    )
    found: dict[str, list[str]] = {}
    for run_id, name, driver in rows:
        found.setdefault(str(run_id), []).append(f"{_known(name)}, driver {_known(driver)}")
    return {run_id: "; ".join(texts) for run_id, texts in found.items()}


def what_ran_table(records: BenchmarkRecords, gpus: Mapping[str, str]) -> Table:
    """One row per fact: once when all arms share it, else named arm by arm."""
    rows = []
    facts: tuple[Fact, ...] = (
        *_FACTS,
        ("GPU", lambda arm: gpus.get(arm.run_id, "no GPU measured")),
    )
    for heading, fact in facts:
        values = {arm.arm: fact(arm) for arm in records.arms}
        shared = set(values.values())
        text = shared.pop() if len(shared) == 1 else "; ".join(f"{arm}: {value}" for arm, value in values.items())
        rows.append(table_row(heading, [text]))
    return Table(
        caption="Shown once if all arms share it, otherwise per arm",
        columns=("", "value"),
        rows=tuple(rows),
        prose=True,
    )


def manifest_texts(records: BenchmarkRecords) -> tuple[tuple[str, str], ...]:
    """Return each manifest, indented for reading, with the arms that share it; an arm without one is left out."""
    arms: dict[str, list[str]] = defaultdict(list)
    for arm in records.arms:
        if content := parse_object(arm.manifest):
            text = json.dumps(content, indent=2, ensure_ascii=False)
            arms[shortened(text, characters=MANIFEST_CHARACTERS)].append(arm.arm)
    return tuple((", ".join(names), text) for text, names in arms.items())


def not_measured_table(settings: Settings, records: BenchmarkRecords) -> Table:
    """One row per thing that has no value somewhere: in which arms, which, how often in each, and why."""
    missing: Counter[tuple[str, str, str]] = Counter()
    for query in records.query_runs:
        arm = records.arm_names[query.run_id]
        if query.billed_tokens is None:
            missing[arm, "tokens of a query", query.tokens_missing_because or "no reason recorded"] += 1
        if query.cached_tokens is None and query.billed_tokens is not None:
            missing[arm, "cached tokens of a query", query.cached_missing_because or "no reason recorded"] += 1
        if query.wall_s is None:
            missing[arm, "times of a query", query.times_missing_because or "no reason recorded"] += 1
    missing.update(_missing_scores(settings, records))
    order = list(records.arm_names.values())
    arms: dict[tuple[str, str, int], list[str]] = defaultdict(list)
    for (arm, what, because), count in sorted(missing.items(), key=lambda item: (item[0][1:], order.index(item[0][0]))):
        arms[what, because, count].append(arm)
    rows = [
        table_row("all" if names == order else ", ".join(names), [what, f"{count:,}", reason_text(because)])
        for (what, because, count), names in arms.items()
    ]
    rows.append(
        table_row("all", ["energy without idle power", "all", "not measured; gpu_energy_j of run_costs includes it"])
    )
    return Table(
        caption="Missing values are excluded from means and counted here",
        columns=("arm", "what", "how often", "because"),
        rows=tuple(rows),
        prose=True,
    )


def _missing_scores(settings: Settings, records: BenchmarkRecords) -> dict[tuple[str, str, str], int]:
    _, rows = query_rows(
        settings,
        "select run_id, metric, concat_ws(': ', missing_because, missing_detail), count(*)::integer from measurements "
        "where run_id in $run_ids and value is null and metric <> $cost group by all",
        {"run_ids": list(records.arm_names), "cost": TOKENS_PER_CORRECT},
    )
    return {
        (records.arm_names[str(run)], f"{metric} of a query", str(because)): int(str(count))
        for run, metric, because, count in rows
    }
