"""Evaluates all rules of a suite on one benchmark run, even if parts of it are missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from docmind_core.alerts.booking import Booked, Recipients, book
from docmind_core.alerts.database import open_alerts_database
from docmind_core.alerts.ending import unevaluated_alerts
from docmind_core.alerts.evaluation import Evaluation, evaluate_limit
from docmind_core.alerts.lifecycle import BAD, FIRING, NO_DATA, OK, REPEAT, RESOLVED
from docmind_core.alerts.listing import RESUMED, evaluations_of, open_alerts, run_evaluations
from docmind_core.alerts.messages import Message, Transition, compose
from docmind_core.alerts.paired import paired_evaluations
from docmind_core.alerts.rules import (
    FILE_DAMAGED,
    LEDGER_UNBALANCED,
    REPORT_FAILED,
    RUN_FAILED,
    SCHEDULE_RULES,
    AlertRule,
    limit_rule,
)
from docmind_core.errors import DocMindError
from docmind_core.measurements.comparability import BALANCED, UNBALANCED, SessionLedger, read_ledgers
from docmind_core.measurements.limit_results import read_limit_results
from docmind_core.runs.arm_row import DECIDED, FINISHED
from docmind_core.runs.frozen_suite import read_source_suite
from docmind_core.runs.keys import started_at
from docmind_core.runs.run_names import arm_of
from docmind_core.settings import Settings
from docmind_core.statistics.estimates import Estimate
from docmind_core.suites.suite import Suite
from docmind_core.tables.damage import damaged_files
from docmind_core.tables.segments import read_segment, run_ids_of


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertOutcome:
    """Summary of what an evaluation changed."""

    benchmark_run: str
    evaluations: int
    """New ones; 0 when this benchmark run had been evaluated before."""
    firing: tuple[str, ...]
    """Rules that began to fire, one entry per series."""
    repeated: tuple[str, ...]
    resolved: tuple[str, ...]
    seq: int | None
    """Number of the message that waits for delivery; None when nothing is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """Something that was due by a schedule but is missing."""

    rule: AlertRule
    due_at: datetime
    because: str
    """What was expected and when, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One launch of the benchmark job on a benchmark run; a resumed one has several."""

    benchmark_run: str
    dagster_run_id: str

    @property
    def key(self) -> str:
        """Return the key under which its evaluation is stored."""
        return f"{self.benchmark_run}:{self.dagster_run_id[:8]}"


def evaluate_alerts(
    settings: Settings, benchmark_run: str, suite: Suite, *, now: datetime | None = None
) -> AlertOutcome:
    """Evaluate the rules of a suite on a benchmark run that has measurements.

    Doing it twice changes nothing. Nothing is sent here: what is due waits for `deliver_notice`.

    Raises:
        StoreError: If segments can't be read, the limits were not measured, or the database of alerts can't be
            written.
    """
    failed = _run_failed(settings, benchmark_run, suite)
    unbalanced = _ledger_unbalanced(settings, benchmark_run, suite)
    evaluations = [failed, unbalanced]
    if suite.schedule is not None:
        began = f"{started_at(benchmark_run):%Y-%m-%d %H:%M} UTC"
        well = f"{benchmark_run} started at {began} and was evaluated"
        evaluations += [_happened(rule, suite, [], well) for rule in SCHEDULE_RULES]
    evaluations += _file_damaged(settings, suite)
    for found in read_limit_results(settings.tables, benchmark_run, suite):
        if found.set_to is None:
            continue
        rule = limit_rule(found.limit.name, found.set_to, suite)
        inhibited_by = _inhibited_by(rule, failed, unbalanced)
        evaluations.append(evaluate_limit(rule, found, suite.name, inhibited_by))
    evaluations += paired_evaluations(
        settings, benchmark_run, suite, lambda rule: _inhibited_by(rule, failed, unbalanced)
    )
    evaluations += unevaluated_alerts(settings, suite, _configured(settings, benchmark_run, suite), evaluations)
    key = benchmark_run
    if failed.outcome == OK and (earlier := _before_its_failure(settings, benchmark_run)):
        key = f"{benchmark_run}{RESUMED}"
        evaluations = _resumed(settings, benchmark_run, suite, evaluations, earlier)
    return _book(settings, key, suite, evaluations, now, filed_under=benchmark_run)


def book_failure(
    settings: Settings, benchmark_run: str, suite: Suite, because: str, *, now: datetime | None = None
) -> AlertOutcome:
    """Raise `run_failed` for a benchmark run that failed before its own evaluation.

    Args:
        settings: The home.
        benchmark_run: Its key.
        suite: What it was to run.
        because: How it failed, in one line.
        now: Time of the evaluation.
    """
    failed = Evaluation(rule=RUN_FAILED, labels={"suite": suite.name}, run_id=None, outcome=BAD, reason=because)
    return _book(settings, benchmark_run, suite, [failed], now)


def book_launch(
    settings: Settings, launch: Launch, suite: Suite, because: str | None, *, now: datetime | None = None
) -> AlertOutcome:
    """Record how a launch ended after the evaluation of its benchmark run: `report_failed` or OK.

    Args:
        settings: The home.
        launch: Which one; each is booked once.
        suite: What it ran.
        because: How it failed, in one line; None when it did not.
        now: Time of the evaluation.
    """
    well = f"the report was written (Dagster run {launch.dagster_run_id})"
    ended = _happened(REPORT_FAILED, suite, [because] if because else [], well)
    return _book(settings, launch.key, suite, [ended], now, filed_under=launch.benchmark_run)


def book_absence(
    settings: Settings, suite: Suite, absence: Absence, *, filed_under: str | None = None, now: datetime | None = None
) -> AlertOutcome:
    """Raise a rule for something that was due by a schedule but is missing; once per due time.

    Args:
        settings: The home.
        suite: What was to run.
        absence: What is not there.
        filed_under: The suite's newest benchmark run, which the message is filed under; None if it has none.
        now: Time of the evaluation.
    """
    due = f"{suite.name}@{absence.due_at.astimezone(UTC):%Y-%m-%dT%H:%M}Z"
    missing = Evaluation(
        rule=absence.rule, labels={"suite": suite.name}, run_id=None, outcome=BAD, reason=absence.because
    )
    return _book(settings, due, suite, [missing], now, filed_under=filed_under or suite.name)


def _book(
    settings: Settings,
    benchmark_run: str,
    suite: Suite,
    evaluations: Sequence[Evaluation],
    now: datetime | None,
    *,
    filed_under: str | None = None,
) -> AlertOutcome:
    recipients = Recipients(channels=suite.channels, benchmark_run=filed_under or benchmark_run)

    def message(changes: Sequence[Transition]) -> Message:
        return compose(recipients.benchmark_run, changes, settings.reports / recipients.benchmark_run / "index.html")

    with open_alerts_database(settings) as connection:
        booked = book(
            connection,
            benchmark_run,
            evaluations,
            recipients=recipients,
            at=now or datetime.now(UTC),
            compose=message,
        )
    return AlertOutcome(
        benchmark_run=benchmark_run,
        evaluations=booked.evaluations,
        firing=_rules(booked, FIRING),
        repeated=_rules(booked, REPEAT),
        resolved=_rules(booked, RESOLVED),
        seq=booked.seq,
    )


def _configured(settings: Settings, benchmark_run: str, suite: Suite) -> Suite:
    """Return the suite as its file has it; where that is not known, as the benchmark run executed it."""
    try:
        return read_source_suite(settings, benchmark_run)
    except (DocMindError, OSError, UnicodeDecodeError):
        return suite


def _before_its_failure(settings: Settings, benchmark_run: str) -> dict[str, bool]:
    """Return the series evaluated on a run when it failed, and whether each had a value; none if it did not fail."""
    rows = [row for row in evaluations_of(settings, benchmark_run) if row["benchmark_run"] == benchmark_run]
    failed = any(row["rule_id"] == RUN_FAILED.rule_id and row["outcome"] == BAD for row in rows)
    return {row["fingerprint"]: row["outcome"] != NO_DATA for row in rows} if failed else {}


def _resumed(
    settings: Settings, benchmark_run: str, suite: Suite, evaluations: Sequence[Evaluation], earlier: Mapping[str, bool]
) -> list[Evaluation]:
    """Return what a resumed run says for the first time; a series counts one benchmark run once.

    Where the run is the newest that failed, its success ends `run_failed` at once.
    """
    new = [one for one in evaluations if one.rule.rule_id == RUN_FAILED.rule_id or not earlier.get(one.fingerprint)]
    newest = [seen.benchmark_run for seen in run_evaluations(settings, suite.name) if seen.failed][-1]
    if newest != benchmark_run:
        return new
    at_once = replace(RUN_FAILED, patience=replace(RUN_FAILED.patience, keep_evals=1))
    return [replace(one, rule=at_once) if one.rule.rule_id == RUN_FAILED.rule_id else one for one in new]


def _run_failed(settings: Settings, benchmark_run: str, suite: Suite) -> Evaluation:
    problems, well = [], []
    for arm in suite.arms:
        rows = read_segment(settings.tables, "runs", f"{benchmark_run}.{arm}")
        if not rows:
            problems.append(f"{arm} has no rows")
        elif rows[0]["status"] not in {FINISHED, DECIDED, None}:
            problems.append(f"{arm} is {rows[0]['status']}")
        else:
            count = rows[0]["expected_queries"]
            well.append(f"{arm} is {rows[0]['status'] or FINISHED}" + (f", {count} queries" if count else ""))
    return _happened(RUN_FAILED, suite, problems, "; ".join(well))


def _ledger_unbalanced(settings: Settings, benchmark_run: str, suite: Suite) -> Evaluation:
    """Compare what was booked with what the engine counted; a ledger that nothing balances proves nothing."""
    run_ids = run_ids_of(settings.tables, benchmark_run)
    ledgers = read_ledgers(settings.tables, run_ids) if run_ids else []
    states = {one.state for one in ledgers}
    if UNBALANCED in states or states == {BALANCED}:
        bad = [_tokens_text(one) for one in ledgers if one.state == UNBALANCED]
        return _happened(LEDGER_UNBALANCED, suite, bad, "; ".join(map(_tokens_text, ledgers)))
    unknown = [f"{_tokens_text(one)}, {one.state}" for one in ledgers if one.state != BALANCED]
    reason = "; ".join(unknown) or "no calls were recorded"
    return replace(_happened(LEDGER_UNBALANCED, suite, [], reason), outcome=NO_DATA, estimate=None)


def _tokens_text(ledger: SessionLedger) -> str:
    counted = "nothing" if ledger.counted_tokens is None else f"{ledger.counted_tokens:,}"
    text = f"{arm_of(ledger.run_id)}: {ledger.booked_tokens:,} tokens in the ledger, {counted} counted by the engine"
    return f"{text} ({ledger.because})" if ledger.because else text


def _file_damaged(settings: Settings, suite: Suite) -> list[Evaluation]:
    """Say which files were set aside, and once that there are none any more."""
    # Asked first: it may find that the database of alerts is damaged itself.
    is_open = any(row["rule_id"] == FILE_DAMAGED.rule_id for row in open_alerts(settings))
    damaged = [str(path.relative_to(settings.home)) for path in damaged_files(settings)]
    return [_happened(FILE_DAMAGED, suite, damaged, "no files are set aside")] if damaged or is_open else []


def _happened(rule: AlertRule, suite: Suite, problems: Sequence[str], well: str) -> Evaluation:
    """Evaluate a rule without a number; `well` is what shows that nothing is wrong."""
    return Evaluation(
        rule=rule,
        labels={"suite": suite.name},
        run_id=None,
        outcome=BAD if problems else OK,
        reason="; ".join(problems) or well,
        estimate=Estimate(value=float(len(problems)), n=1),
    )


def _inhibited_by(rule: AlertRule, failed: Evaluation, unbalanced: Evaluation) -> str | None:
    if failed.outcome == BAD:
        return RUN_FAILED.rule_id
    if unbalanced.outcome == BAD and rule.counts_tokens:
        return LEDGER_UNBALANCED.rule_id
    return None


def _rules(booked: Booked, notice: str) -> tuple[str, ...]:
    return tuple(change.evaluation.rule.rule_id for change in booked.transitions if change.notice == notice)
