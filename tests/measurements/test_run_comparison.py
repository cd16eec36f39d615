"""Two nights compared: what is refused, what is said, and that an independent calculation says the same."""

import json
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize, stats

from docmind_core.errors import UsageError
from docmind_core.measurements.comparing import GATING, compare
from docmind_core.measurements.gate import decide_gate
from docmind_core.measurements.paired import PairedRuns
from docmind_core.measurements.run_comparison import comparable_fields, compare_runs, refuse_other_conditions
from docmind_core.suites.gate_policy import GatePolicy
from docmind_core.tables.columns import Column
from docmind_core.tables.publish import publish
from docmind_core.tables.reading import query_rows
from docmind_core.tables.segments import read_segment
from tests.builders import make_run_row
from tests.measurements.formulas import recomputed, tango
from tests.measurements.written_nights import FIRST, SECOND, conditions, drawn, manifest, write_night


@pytest.fixture(scope="module")
def two_nights(tmp_path_factory):
    """A home with two nights of 300 queries, the second 10 % dearer and 5 points worse, compared."""
    from docmind_core.settings import Settings

    settings = Settings(home=tmp_path_factory.mktemp("nights"))
    before, now = drawn(3), drawn(4, mean=1100.0)
    now[1][:15] = [0.0] * 15
    before[1][:15] = [1.0] * 15
    write_night(settings, FIRST, *before, git_sha="aaa", manifest=json.dumps({"packages": {"vllm": "1"}}))
    write_night(settings, SECOND, *now, git_sha="bbb", manifest=json.dumps({"packages": {"vllm": "2"}}))
    return settings, before, now, compare_runs(settings, SECOND, FIRST)


def row_of(found, metric, agent="all", name="all"):
    (row,) = (row for row in found.rows if (row["metric"], row["agent"], row["slice"]) == (metric, agent, name))
    return row


def test_the_tokens_of_two_nights_equal_the_t_interval_of_the_mean_log_ratio(two_nights):
    _, before, now, found = two_nights
    logs = np.log(np.array(now[0]) / np.array(before[0]))
    low, high = stats.t.interval(0.95, len(logs) - 1, logs.mean(), stats.sem(logs))
    row = row_of(found, "billed_tokens")
    assert (row["delta"], row["delta_low"], row["delta_high"]) == pytest.approx((logs.mean(), low, high), abs=1e-9)
    assert row["p"] == pytest.approx(stats.ttest_1samp(logs, 0.0).pvalue, abs=1e-9)
    assert row["ratio_of_totals"] == pytest.approx(sum(now[0]) / sum(before[0]), abs=1e-9)
    assert row["mde"] == pytest.approx((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * stats.sem(logs), abs=1e-9)
    assert row["verdict"] == "worse"


def test_the_passes_of_two_nights_equal_tangos_interval(two_nights):
    _, before, now, found = two_nights
    pairs = list(zip(now[1], before[1], strict=True))
    n, gained, lost = len(pairs), sum(a > b for a, b in pairs), sum(a < b for a, b in pairs)
    z, delta = stats.norm.ppf(0.975), (gained - lost) / n
    low = optimize.brentq(lambda at: tango(n, gained, lost, at) - z, -0.9, delta, xtol=1e-13)
    high = optimize.brentq(lambda at: tango(n, gained, lost, at) + z, delta, 0.9, xtol=1e-13)
    row = row_of(found, "passed")
    assert (row["delta"], row["delta_low"], row["delta_high"]) == pytest.approx((delta, low, high), abs=1e-9)
    assert row["mde"] == pytest.approx(2.801585 * math.sqrt((gained + lost) / n / n), rel=1e-6)


def test_every_row_of_clustered_nights_equals_the_formulas_written_down_by_themselves(settings):
    count = 120
    documents = [int(place**0.7) for place in range(count)]  # of one to five queries
    kinds = ["factoid" if place % 3 else "list" for place in range(count)]
    rows = {"query_type": kinds, "tags": ['["new"]' if place % 4 else None for place in range(count)]}
    sides = [drawn(seed, count) for seed in (5, 6)]
    for run_id, (tokens, passed) in zip((FIRST, SECOND), sides, strict=True):
        write_night(settings, run_id, tokens, passed, clusters=documents, rows=rows)
    (before, now), checked = sides, set()
    places = {
        "all": range(count),
        "factoid": [place for place in range(count) if place % 3],
        "list": range(0, count, 3),
        "tag:new": [place for place in range(count) if place % 4],
    }
    for row in compare_runs(settings, SECOND, FIRST).rows:
        if row["metric"] not in {"billed_tokens", "passed"} or row["agent"] != "all":
            continue
        at = list(places[row["slice"]])
        is_tokens = row["metric"] == "billed_tokens"
        pairs = [(now[not is_tokens][place], before[not is_tokens][place]) for place in at]
        differences = [math.log(ours / theirs) if is_tokens else ours - theirs for ours, theirs in pairs]
        expected = recomputed(differences, [documents[place] for place in at], is_pass_fail=not is_tokens)
        found = (row["delta"], row["delta_low"], row["delta_high"], row["p"])
        assert found == pytest.approx(expected, abs=1e-9), (row["metric"], row["slice"])
        checked.add((row["metric"], row["slice"]))
    assert checked == {(metric, name) for metric in ("billed_tokens", "passed") for name in places}


def test_the_tokens_of_each_agent_and_the_calls_are_compared(two_nights):
    _, before, now, found = two_nights
    thirds = np.log(np.array([count // 3 for count in now[0]]) / np.array([count // 3 for count in before[0]]))
    assert row_of(found, "billed_tokens", "query_router")["delta"] == pytest.approx(thirds.mean(), abs=1e-9)
    assert row_of(found, "billed_tokens", "result_synthesizer")["n"] == 300
    calls = row_of(found, "calls")
    assert (calls["baseline_value"], calls["delta"], calls["verdict"]) == (2.0, 0.0, "inconclusive")


def test_an_agent_that_only_one_of_the_runs_has_is_in_the_bill_and_left_out_of_the_ratios(settings):
    tokens, passed = drawn(5, 40)
    write_night(settings, FIRST, tokens, passed)
    write_night(settings, SECOND, tokens, passed, calls=False)
    row = row_of(compare_runs(settings, SECOND, FIRST), "billed_tokens", "query_router")
    assert (row["n"], row["n_left_out"], row["ratio_of_totals"]) == (0, 40, 0.0)


def test_broken_queries_come_first_with_both_answers(two_nights):
    _, before, now, found = two_nights
    changed = {f"q{at:03}" for at in range(300) if before[1][at] != now[1][at]}
    assert {flip.query_id for flip in found.flips} == changed
    assert [flip.change for flip in found.flips] == sorted(flip.change for flip in found.flips)
    assert (found.flips[0].baseline.answers, found.flips[0].candidate.answers) == (("right",), ("wrong",))


def test_what_a_change_may_come_from_is_listed_and_is_not_a_condition(two_nights):
    *_, found = two_nights
    assert [one.text for one in found.origins] == ["git_sha aaa → bbb", "package vllm 1 → 2"]
    assert found.conditions == ()


def test_times_of_two_nights_are_not_judged(settings):
    tokens, passed = drawn(5, 40)
    for run_id, wall in ((FIRST, 1.0), (SECOND, 9.0)):
        write_night(settings, run_id, tokens, passed, rows={"wall_s": [wall] * 40})
    row = row_of(compare_runs(settings, SECOND, FIRST), "wall_s")
    assert (row["verdict"], row["baseline_value"], row.get("delta_low")) == ("not_judged", 1.0, None)


def test_the_rows_are_stored_and_the_comparisons_of_the_arms_stay_as_they_are(two_nights):
    settings, before, now, found = two_nights
    publish(settings)
    _, rows = query_rows(settings, "select metric, delta from comparisons where slice = 'all' and agent = 'all'")
    assert dict(rows)["passed"] == row_of(found, "passed")["delta"]
    _, tokens = query_rows(settings, "select run_id, reduction_pct from token_efficiency where agent = 'all'")
    assert sorted(tokens) == [(FIRST, None), (SECOND, None)]
    asked = "select agent, metric, n, difference, standard_error, log_ratio from compare($baseline, $candidate)"
    _, rows = query_rows(settings, f"{asked} where slice = 'all'", {"baseline": FIRST, "candidate": SECOND})
    analysts = {(agent, metric): values for agent, metric, *values in rows}
    for (agent, metric), (n, difference, _, logs) in analysts.items():
        row = row_of(found, metric, agent)
        shown = logs if metric == "billed_tokens" else difference
        assert (n, shown) == (row["n"], pytest.approx(row["delta"], abs=1e-12))
    gaps = np.array(now[0]) - np.array(before[0])
    assert analysts["all", "billed_tokens"][2] == pytest.approx(stats.sem(gaps), rel=1e-9)
    compare_runs(settings, SECOND, FIRST)
    publish(settings)
    assert query_rows(settings, "select count(*) from comparisons")[1] == [(len(found.rows),)]


CHANGES = sorted(conditions())


@pytest.mark.parametrize("field", CHANGES)
def test_every_condition_is_refused_by_its_name_and_allowed_by_it(field):
    recorded = {**conditions(), field: "another"}
    baseline = make_run_row(FIRST, conditions=json.dumps(conditions()), comparable=True)
    candidate = make_run_row(SECOND, conditions=json.dumps(recorded), comparable=True)
    assert field in comparable_fields(candidate)
    with pytest.raises(UsageError) as refused:
        refuse_other_conditions(candidate, baseline)
    others = [name for name in CHANGES if f"--allow {name} " in f"{refused.value} "]
    assert others == [field]
    refuse_other_conditions(candidate, baseline, [field])
    with pytest.raises(UsageError, match=f"--allow {field}"):
        refuse_other_conditions(candidate, baseline, [name for name in CHANGES if name != field])


@pytest.mark.parametrize("field", ["git_sha", "prompt_hash", "engine_version"])
def test_what_a_hunt_is_about_is_never_refused(field):
    recorded = json.dumps(conditions())
    sides = [make_run_row(run_id, conditions=recorded, **{field: run_id}) for run_id in (SECOND, FIRST)]
    refuse_other_conditions(*({**row, "comparable": True} for row in sides))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"status": "incomplete"}, "is incomplete"),
        ({"comparable": False}, "--allow comparable"),
    ],
)
def test_a_run_that_is_not_whole_is_refused(settings, changes, problem):
    tokens, passed = drawn(5, 20)
    write_night(settings, FIRST, tokens, passed)
    write_night(settings, SECOND, tokens, passed, **changes)
    with pytest.raises(UsageError, match=problem):
        compare_runs(settings, SECOND, FIRST)
    with pytest.raises(UsageError, match=problem):
        compare_runs(settings, FIRST, SECOND)


def test_a_run_without_gold_is_refused_and_its_tokens_compared_where_that_is_asked_for(settings):
    tokens, passed = drawn(5, 20)
    write_night(settings, FIRST, tokens, passed)
    write_night(settings, SECOND, tokens, [None] * 20)
    with pytest.raises(UsageError, match="--allow gold"):
        compare_runs(settings, SECOND, FIRST)
    found = compare_runs(settings, SECOND, FIRST, allowed=["gold"])
    assert (row_of(found, "passed")["n"], row_of(found, "billed_tokens")["n"]) == (0, 20)


def test_one_query_in_common_is_nothing_to_compare(settings):
    write_night(settings, FIRST, [100, 200], [1.0, 0.0])
    write_night(settings, SECOND, [100], [1.0])
    with pytest.raises(UsageError, match="one query in common"):
        compare_runs(settings, SECOND, FIRST)


def test_queries_of_two_sets_with_one_id_and_two_texts_are_not_paired(settings):
    tokens, passed = drawn(5, 20)
    other = json.dumps({**conditions(), "query_set_hash": "r"}, sort_keys=True)
    write_night(settings, FIRST, tokens, passed)
    rewritten = ["Something else?"] * 3 + [f"What is q{at:03}?" for at in range(3, 20)]
    rows = {"query": rewritten}
    write_night(settings, SECOND, tokens, passed, rows=rows, conditions=other, query_set_hash="r")
    found = compare_runs(settings, SECOND, FIRST, allowed=["query_set_hash"])
    assert row_of(found, "billed_tokens")["n"] == 17
    assert found.notes[0].startswith("3 queries were left out: same id")


def test_a_comparison_with_another_night_changes_no_row_of_the_arms(settings):
    from docmind_core.measurements.comparing_arms import compare_arms
    from docmind_core.measurements.times import compare_times
    from docmind_core.suites.suite import Suite

    key = SECOND.split(".")[0]
    tokens, passed = drawn(5, 20)
    naive = f"{key}.naive_supervisor"
    older = FIRST.replace("tuned", "naive_supervisor")
    for run_id, factor in ((naive, 4), (SECOND, 1), (older, 9)):
        write_night(settings, run_id, [factor * count for count in tokens], passed)

    def of_arms():
        compare_arms(settings, key, Suite(name="smoke", query_set="x"))
        compare_times(settings, key)
        rows = read_segment(settings.tables, "comparisons", SECOND)
        return [row for row in rows if row["baseline_run_id"] == naive], len(rows)

    before, count = of_arms()
    added = compare_runs(settings, SECOND, older, allowed=["arm"])
    after, now = of_arms()
    assert after == before
    assert now == count + len(added.rows)
    publish(settings)
    asked = "select baseline_run_id, reduction_pct from token_efficiency where agent = 'all' and run_id = $run"
    _, rows = query_rows(settings, asked, {"run": SECOND})
    assert rows == [(naive, pytest.approx(75.0))]


def test_a_run_against_itself_never_blocks_and_two_hundred_equal_nights_hardly_ever(settings):
    """A/A through the whole decision of `compare` and `gate`: tokens and passes drawn twice from the same truth."""
    write_night(settings, FIRST, *drawn(3))
    itself = compare_runs(settings, FIRST, FIRST)
    assert {row["verdict"] for row in itself.rows} <= {"inconclusive", "non_inferior", "not_judged"}
    assert decide_gate([itself], GatePolicy()).state == "pass"

    def gate(now, before):
        rows = compare(now, before, itself.ledger, itself.rules)
        found = replace(itself, pairs=PairedRuns(candidate=now, baseline=before), rows=tuple(rows))
        return decide_gate([found], GatePolicy()).state, rows

    states, of_itself = Counter(), Counter()
    for seed in range(200):
        now, before = (drawn_again(itself.pairs.candidate, *drawn(1000 + 2 * seed + side)) for side in (0, 1))
        state, rows = gate(now, before)
        worse = [row["metric"] for row in rows if row["verdict"] == "worse" and row["metric"] in GATING]
        states.update([state, *(f"{metric} worse" for metric in worse)])
        of_itself[gate(now, now)[0]] += 1
    assert of_itself == {"pass": 200}
    # Nominal 2.5 % on the bad side in each of two metrics that vary: 200 · 2.5 %, and three standard deviations.
    assert all(states[f"{metric} worse"] <= 11 for metric in GATING)
    assert states["block"] <= 11
    assert states["pass"] >= 120  # 80 % power for quality, and tokens that vary little


def drawn_again(run, tokens, passed):
    """Return a run with other tokens and passes."""
    values, computed = dict(zip(run.queries, passed, strict=True)), Column.of(count - 1 for count in tokens)
    rows = {**run.rows, "billed_tokens": Column.of(tokens), "prefill_computed_tokens": computed}
    scored = Column.of(values[query] for query in run.scores["query_id"])
    return replace(run, rows=rows, scores={**run.scores, "value": scored})


def test_the_manifest_of_a_run_names_each_prompt_and_the_code():
    from docmind_core.agents.prompt_files import prompt_hashes

    assert manifest()["prompts"] == prompt_hashes()
    assert len(manifest()["code"]) == 16
