from pathlib import Path

from docmind_core.measurements.comparing import GATING
from docmind_core.measurements.lever_claims import CLAIMS, WHOLE
from docmind_core.metrics.catalogue import FAMILIES, METRICS, main, render
from docmind_core.metrics.reasons import REASON_PHRASES, REASONS, reason_text
from docmind_core.metrics.runs import NOT_MEASURED

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_page_is_the_one_that_the_catalogue_generates():
    assert PAGE.read_text("utf-8") == render(), "run: python -m docmind_core.metrics.catalogue > docs/metrics.md"


def test_the_command_prints_the_page(capsys):
    main()
    assert capsys.readouterr().out == render()


def test_names_are_unique_and_every_reason_named_is_in_the_list():
    assert len(METRICS) == sum(len(family) for family in FAMILIES.values())
    for metric in METRICS.values():
        assert metric.definition.endswith(".")
        words = {word.strip("`,;:.") for word in metric.missing.split() if word.startswith("`")}
        assert words <= set(REASONS) | set(METRICS), metric.name


def test_people_read_a_phrase_for_every_reason_also_inside_a_sentence():
    assert set(REASON_PHRASES) == set(REASONS)
    assert not [phrase for phrase in REASON_PHRASES.values() if "_" in phrase]
    assert reason_text("n_too_small: a p95 needs 130 values") == "too few values: a p95 needs 130 values"
    assert reason_text("the interval straddles the limit") == "the interval straddles the limit"
    assert reason_text(None) == ""


def test_whatever_can_be_missing_names_its_reason():
    for metric in METRICS.values():
        assert metric.missing == "never" or "`" in metric.missing or "no row" in metric.missing, metric.name
        assert "NULL" not in metric.missing, metric.name


def test_what_is_not_measured_has_no_entry_next_to_the_measured():
    names = {name for names in NOT_MEASURED for name in names.split(", ")}
    assert not names & set(METRICS)


def test_whatever_a_call_or_a_query_has_one_value_of_says_where_a_limit_finds_it():
    assert not [metric.name for metric in METRICS.values() if metric.level in {"call", "query"} and not metric.rows]


def test_the_gating_metrics_are_those_that_decide_a_claim():
    assert {name for name, metric in METRICS.items() if metric.gating} == set(GATING)


def test_whatever_a_lever_is_claimed_to_move_has_a_heading():
    """S10: the column `metric` of the ablation is a name from the catalogue."""
    claimed = {claim.metric for claim in CLAIMS} | {metric for _, metric, _ in WHOLE}
    assert claimed <= set(METRICS)
