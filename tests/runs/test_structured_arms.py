"""Arms that need structured output on an engine that ignores it, always or sometimes: refused before any query."""

from itertools import count

import pytest

from docmind_core.agents.arms import ARMS, asks_for_forms, find_arm
from docmind_core.errors import UsageError
from docmind_core.runs.benchmark import execute_benchmark_run
from docmind_core.runs.frozen_suite import freeze_benchmark_run
from docmind_core.runs.progress import SilentObserver
from tests.runs.running import run, select


def never(body):
    return False


def sometimes(every, turns=None):
    asked = turns or count()
    return lambda body: next(asked) % every != 0


def not_choices(body):
    return "structured_outputs" not in body


class Announced(SilentObserver):
    def __init__(self):
        self.said = []

    def announce(self, text):
        self.said.append(text)


@pytest.mark.parametrize("keeps_forms", [never, sometimes(2), sometimes(4)])
def test_an_engine_that_ignores_structured_output_is_refused_before_a_query_with_the_arms(
    home, make_suite, engine, keeps_forms
):
    engine.keeps_forms = keeps_forms
    with pytest.raises(UsageError) as refused:
        run(home, make_suite(arms=["single_pass", "tuned", "naive_supervisor"]))
    said = str(refused.value)
    assert engine.requests == []
    assert "\n" not in said
    assert "does not follow JSON schemas" in said
    assert "'Hello! How can I help?'" in said
    assert "tuned, naive_supervisor need for every decision" in said
    assert "--arms single_pass" in said


def test_arms_that_ask_for_no_form_are_run_on_it(home, make_suite, engine):
    engine.keeps_forms = never
    run(home, make_suite(arms=["single_pass", "tuned"], level="fast", limit=2))
    assert select(home, "select distinct status from query_runs") == [("answered",)]


def test_an_engine_whose_gateway_drops_choices_is_asked_for_them_as_json_and_says_so_once(home, make_suite, engine):
    engine.keeps_forms = not_choices
    observer = Announced()
    key = freeze_benchmark_run(make_suite(arms=["naive_supervisor"], limit=2), home)
    execute_benchmark_run(home, key, dagster_run_id=None, observer=observer)
    assert not any("structured_outputs" in body for body in engine.requests)
    assert len([line for line in observer.said if "ignores structured_outputs" in line]) == 1
    assert select(home, "select count(*) from llm_calls where output_valid = false") == [(0,)]
    assert select(home, "select count(*) > 5 from llm_calls where task like 'choose%'") == [(True,)]


NAMES = [
    *(arm for arm in ARMS if arm != "extractive"),
    "tuned-specialization",
    "tuned-no_validation",
    "naive+fixed_edges",
    "naive+fixed_edges+specialization",
]


@pytest.mark.parametrize("level", ["fast", "balanced", "thorough"])
def test_which_arms_ask_for_forms_is_as_they_do(home, make_suite, engine, level):
    """A composite question, so that what may be planned is."""
    run(home, make_suite(arms=NAMES, level=level, limit=1))
    asked = dict(
        select(
            home, "select arm, bool_or(output_valid is not null) from llm_calls join runs using (run_id) group by arm"
        )
    )
    needed = {name: asks_for_forms(find_arm(name), level) for name in NAMES}
    assert {name for name in NAMES if asked[name]} <= {name for name in NAMES if needed[name]}
    if level != "balanced":  # there a question that is not composite needs no plan
        assert asked == needed
