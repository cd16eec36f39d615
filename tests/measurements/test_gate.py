"""A gate in all its outcomes: what passes, what blocks, what stays open, and what is refused."""

import json

import pytest

from docmind_core.errors import UsageError
from docmind_core.measurements.gate import (
    GATED,
    decide_gate,
    refuse_ungated,
)
from docmind_core.measurements.run_comparison import compare_runs
from docmind_core.suites.gate_policy import GatePolicy, read_policy
from docmind_core.suites.own_metrics import OwnMetric
from docmind_core.tables.segments import read_segment, write_segment
from tests.measurements.written_nights import FIRST, SECOND, THIRD, write_night

N = 320


def decide(settings, before, now, policy=None, *, run=None, **rows):
    write_night(settings, FIRST, *before, **(run or {}))
    write_night(settings, SECOND, *now, **(run or {}), **rows)
    policy = GatePolicy.model_validate(policy or {})
    result = decide_gate([compare_runs(settings, SECOND, FIRST, allowed=policy.allow)], policy)
    return result, {test.metric: test for test in result.tests}


def flat(tokens=1000, passes=0.7, lost=0):
    """A night whose queries all cost about the same; the last `lost` queries that passed don't."""
    passed = [float(at < passes * N) for at in range(N)]
    passed[: int(lost)] = [0.0] * int(lost)
    return [tokens + at % 7 for at in range(N)], passed


def test_equal_nights_pass(settings):
    result, tests = decide(settings, flat(), flat(lost=2))
    assert (result.state, {test.state for test in tests.values()}) == ("pass", {"pass"})
    assert tests["passed"].bound == pytest.approx(-0.0205, abs=0.003)
    assert tests["billed_tokens"].estimate.value == 0.0


@pytest.mark.parametrize(("now", "metric"), [(flat(tokens=1100), "billed_tokens"), (flat(lost=40), "passed")])
def test_one_metric_that_is_worse_blocks_whatever_the_others_say(settings, now, metric):
    result, tests = decide(settings, flat(), now)
    assert result.state == "block"
    assert {name for name, test in tests.items() if test.state == "block"} == {metric}


@pytest.mark.parametrize(
    ("floor", "state", "verdict"),
    [
        ({"floor_low": -0.2, "floor_high": 0.2}, "inconclusive", "inconclusive"),
        ({"floor_low": -0.01, "floor_high": 0.01}, "block", "worse"),
        ({"floor_low": None, "floor_high": None}, "block", "worse"),
    ],
)
def test_a_difference_that_an_aa_shows_by_chance_neither_blocks_nor_is_called_worse(settings, floor, state, verdict):
    write_night(settings, THIRD, *flat())
    row = {"metric": "passed", "has_clock": False, "difference": 0.0, **floor}
    write_segment(settings.tables, "noise_floor", f"{THIRD}.again", [{"run_id": f"{THIRD}.again", **row}])

    result, tests = decide(settings, flat(), flat(lost=40), {"metrics": ["passed"]})
    (compared,) = result.comparisons
    shown = next(
        row for row in compared.rows if (row["metric"], row["agent"], row["slice"]) == ("passed", "all", "all")
    )
    assert (tests["passed"].state, shown["verdict"]) == (state, verdict)
    assert ("noise floor" in tests["passed"].because) == (state == "inconclusive")


def test_scores_of_two_formulas_neither_pass_nor_block(settings):
    write_night(settings, FIRST, *flat())
    write_night(settings, SECOND, *flat(lost=40))
    rows = read_segment(settings.tables, "measurements", SECOND)
    write_segment(settings.tables, "measurements", SECOND, [{**row, "scorer_version": "9"} for row in rows])
    result = decide_gate([compare_runs(settings, SECOND, FIRST)], GatePolicy.model_validate({"metrics": ["passed"]}))
    assert result.state == "inconclusive"
    assert "a different version of the formula" in result.tests[0].because


def test_a_loss_that_may_be_too_large_is_open_and_says_how_many_queries_decide(settings):
    before, now = flat(), flat()
    now[1][:12] = [0.0] * 12
    now[1][-6:] = [1.0] * 6  # 12 lost and 6 gained of 320: the bound is about -4.1 points
    result, tests = decide(settings, before, now, {"metrics": {"passed": {"margin": 0.03}}})
    assert (result.state, tests["passed"].state) == ("inconclusive", "inconclusive")
    # deviation sqrt(18/320 - (6/320)^2) = 0.2364; to block (2.802 * 0.2364 / (6/320))^2 = 1248 queries would do,
    # to pass (2.486 * 0.2364 / (0.03 - 6/320))^2 = 2730
    assert tests["passed"].n_needed == pytest.approx(1248, rel=0.01)


def test_a_statistically_visible_loss_within_the_margin_passes(settings):
    result, tests = decide(settings, flat(), flat(tokens=1020), {"metrics": ["billed_tokens"]})
    assert (result.state, tests["billed_tokens"].estimate.low > 0) == ("pass", True)


def test_a_metric_where_less_is_better_is_turned(settings):
    worse = decide(settings, flat(), flat(tokens=900), {"metrics": ["calls", "billed_tokens"]})[1]
    assert {test.state for test in worse.values()} == {"pass"}


def test_few_queries_never_pass(settings):
    tokens, passed = flat()
    small = tokens[:40], passed[:40]
    result, tests = decide(settings, small, small)
    assert (result.state, tests["passed"].because) == ("inconclusive", "n = 40 is below 300")
    assert tests["passed"].n_needed == 300
    # The suite's or the policy's min_n is for quality; a token claim needs 100 whatever they say.
    tests = decide(settings, small, small, {"min_n": 30})[1]
    assert tests["billed_tokens"].state == "inconclusive"


def test_a_run_that_lacks_a_query_does_not_pass(settings):
    before, now = flat(), flat()
    result, tests = decide(settings, before, (now[0][:-1], now[1][:-1]))
    assert result.state == "inconclusive"
    assert tests["billed_tokens"].because == "the candidate lacks 1 of 320 queries, including q319"


@pytest.mark.parametrize(
    ("changes", "metric", "problem"),
    [
        ({"run": {"plumbing": True}}, "passed", "a smoke-test model"),
        ({"calls": False}, "billed_tokens", "has no ledger"),
        ({"rows": {"fallback": [at < 60 for at in range(N)]}}, "good_ratio", "of 320 answers are fallbacks"),
    ],
)
def test_numbers_that_cannot_be_trusted_do_not_pass(settings, changes, metric, problem):
    result, tests = decide(settings, flat(), flat(tokens=999), **changes)
    assert result.state != "pass"
    assert tests[metric].state != "pass"
    assert any(problem in test.because for test in tests.values())


def test_a_baseline_that_passes_nothing_shows_no_quality(settings):
    result, tests = decide(settings, flat(passes=0.0), flat(passes=0.0))
    assert (result.state, tests["passed"].because) == (
        "inconclusive",
        "the baseline passes 0 %, so it has no quality to lose",
    )


def test_a_night_without_gold_is_refused_where_quality_is_asked_for(settings):
    none = flat()[0], [None] * N
    with pytest.raises(UsageError, match="passed has no value in both"):
        decide(settings, none, none)
    assert decide(settings, none, none, {"metrics": ["billed_tokens"]})[0].state == "pass"


def with_own(settings, own, values):
    """Score both nights with a user's metric, too."""
    manifest = json.dumps({"suite": {"metrics": [own.model_dump(mode="json")]}})
    for run_id, scores in zip((FIRST, SECOND), values, strict=True):
        write_night(settings, run_id, *flat(), manifest=manifest)
        rows = read_segment(settings.tables, "measurements", run_id)
        added = [{**row, "metric": own.name, "value": value} for row, value in zip(rows, scores, strict=True)]
        write_segment(settings.tables, "measurements", run_id, [*rows, *added])
    return compare_runs(settings, SECOND, FIRST, store=False)


OWN = OwnMetric(
    scorer="my.py:words", sha256="0", name="answer_words", version="1", unit="words", range="0 and above",
    better="lower", definition="Words of the answer.", missing="never",
)  # fmt: skip
SHORT, LONG = [20.0 + at % 3 for at in range(N)], [32.0 + at % 3 for at in range(N)]
POLITE = OWN.model_copy(update={"name": "polite", "unit": "1", "range": "0 or 1", "better": "higher"})


@pytest.mark.parametrize(
    ("own", "values", "margin", "state", "loss"),
    [
        (OWN, (SHORT, LONG), 15, "pass", 12.0),
        (OWN, (SHORT, LONG), 10, "block", 12.0),
        (OWN, (LONG, SHORT), 1, "pass", -12.0),
        (POLITE, (flat()[1], flat(lost=40)[1]), 0.05, "block", -0.125),
        (POLITE, (flat()[1], flat(lost=2)[1]), 0.05, "pass", -0.00625),
    ],
)
def test_a_metric_of_the_users_is_gated_by_name_in_its_own_unit_and_direction(
    settings, own, values, margin, state, loss
):
    policy = GatePolicy.model_validate({"metrics": {own.name: {"margin": margin}}})
    (test,) = decide_gate([with_own(settings, own, values)], policy).tests
    assert (test.state, test.unit) == (state, "words" if own is OWN else "points")
    assert test.estimate.value == pytest.approx(loss)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, "Set how much worse it may get"),
        ({"better": "none"}, "it cannot get worse"),
        ({"unit": "s"}, "is a time"),
        ({"name": "other"}, "unknown gate metric 'answer_words'. Known: .*, other"),
    ],
)
def test_a_metric_of_the_users_that_shows_no_loss_is_refused(change, problem):
    own = OWN.model_copy(update=change).metric
    with pytest.raises(UsageError, match=problem):
        refuse_ungated(GatePolicy.model_validate({"metrics": ["answer_words"]}), {own.name: own})


@pytest.mark.parametrize("metric", ["wall_s", "ttft_s", "agent_latency_p95_s", "pased", "reduction_pct"])
def test_a_metric_that_two_nights_are_not_compared_in_is_refused(metric):
    with pytest.raises(UsageError, match=metric):
        refuse_ungated(GatePolicy.model_validate({"metrics": [metric]}), {})
    refuse_ungated(GatePolicy.model_validate({"metrics": list(GATED)}), {})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("metric: {}", ":1: metric: unknown key. Did you mean metrics? Known: allow, arms"),
        ("metrics: {passed: {margn: 1}}", "passed.margn: unknown key. Did you mean margin? Known: margin"),
        ("metrics: {passed: {margin: 5}}", "less than 1"),
        ("metrics: {passed: {margin: yes}}", "yes is ambiguous in YAML"),
        ("metrics: {}", "at least 1"),
        ("metrics: 7", "metrics"),
        ("min_n: 1", "greater than or equal to 2"),
        ("- a", "a policy must be a mapping"),
        ("{", "not valid YAML"),
    ],
)
def test_a_policy_that_is_not_valid_is_named_with_file_and_field(tmp_path, text, problem):
    path = tmp_path / "gate.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=str(path)) as refused:
        read_policy(path)
    assert problem in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_policy_may_list_names_alone_and_an_empty_one_is_the_default(tmp_path):
    path = tmp_path / "gate.yaml"
    path.write_text("")
    assert read_policy(path) == read_policy(None)
    path.write_text("metrics: [passed]\nallow: [model]")
    assert list(read_policy(path).metrics) == ["passed"]
    assert json.loads(read_policy(path).model_dump_json())["metrics"] == {"passed": {"margin": 0.05}}
    with pytest.raises(UsageError, match="cannot be read"):
        read_policy(tmp_path / "none.yaml")
