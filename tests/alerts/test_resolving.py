"""How alerts end: what a resolved one shows, and what ends none."""

from docmind_core.alerts.evaluating import Absence, Launch, book_absence, book_failure, book_launch
from docmind_core.alerts.rules import SCHEDULE_RULES
from docmind_core.tables.segments import write_segment
from tests.alerts.builders import (
    OVERHEAD,
    QUERIES,
    START,
    judge_and_evaluate,
    key_of,
    make_suite,
    plant_night,
    waiting_messages,
)
from tests.alerts.test_evaluating import rows


def test_a_resolved_alert_shows_what_its_end_rests_on_whatever_its_kind(home):
    """S59: `resolved` needs evidence as `firing` does."""
    suite = make_suite(schedule="0 2 * * *", alerts={OVERHEAD: {"test": "point", "min_n": QUERIES, "for_evals": 1}})
    damaged = home.tables / "spans" / f"{key_of(9)}.single_pass.parquet.20261130T020000Z.damaged"
    damaged.parent.mkdir(parents=True)
    damaged.touch()
    bad = plant_night(home, 0, 2.4, engine_prompt_tokens=99)
    book_failure(home, bad, suite, "its process died")
    for rule in SCHEDULE_RULES:
        book_absence(home, suite, Absence(rule=rule, due_at=START, because="due"))
    book_launch(home, Launch(benchmark_run=bad, dagster_run_id="a" * 8), suite, "no report")
    fired = judge_and_evaluate(home, plant_night(home, 1, 2.4, engine_prompt_tokens=99), suite).firing
    assert set(fired) == {"coordination_overhead_high", "ledger_unbalanced", "file_damaged"}
    damaged.unlink()
    resolved = []
    for night in (2, 3):
        resolved += judge_and_evaluate(home, plant_night(home, night, 1.7), suite).resolved
        launch = Launch(benchmark_run=key_of(night), dagster_run_id=str(night) * 8)
        resolved += book_launch(home, launch, suite, None).resolved

    text = "\n".join(
        one.message.text for at in (2, 3) for seq in (1, 2) for one in waiting_messages(home, key_of(at), seq)
    )
    began, good = (
        "started at 2026-11-24 02:00 UTC and was evaluated",
        "good in 2 evaluations in a row, most recently in run",
    )
    shown = {
        "coordination_overhead_high": f"1.7, limit at most 2, n {QUERIES}; {good} {key_of(3)}; worst value 2.4; had",
        "run_failed": f"single_pass is finished, {QUERIES} queries; {good} {key_of(2)}; had been open since",
        "ledger_unbalanced": f"single_pass: 13 tokens in the ledger, 13 counted by the engine; {good} {key_of(3)}",
        "benchmark_missing": f"{key_of(2)} {began}; {good} {key_of(2)}",
        "alerting_stale": f"{key_of(2)} {began}; {good} {key_of(2)}",
        "file_damaged": f"no files are set aside; {good} {key_of(3)}",
        "report_failed": f"the report was written (Dagster run 33333333); {good} {key_of(3)}",
    }
    assert set(resolved) == set(shown)
    for rule, evidence in shown.items():
        (line,) = (line for line in text.splitlines() if line.startswith("- RESOLVED [") and f" {rule} (" in line)
        assert evidence in line


def test_a_ledger_that_nothing_balances_neither_raises_nor_ends_an_alert(home):
    judge_and_evaluate(home, plant_night(home, 0, 1.0, engine_prompt_tokens=99), make_suite())
    for night in (1, 2):
        key = plant_night(home, night, 1.0)
        write_segment(home.tables, "engine_counters", f"{key}.single_pass", [])
        assert judge_and_evaluate(home, key, make_suite()).resolved == ()
    row = rows(
        home, "select * from alert_evaluations where benchmark_run = ? and rule_id = 'ledger_unbalanced'", key_of(2)
    )[0]
    assert (row["outcome"], row["value"]) == ("nodata", None)
    assert row["reason"].startswith("single_pass: 13 tokens in the ledger, nothing counted by the engine")
