"""The user's scorers: how they are found, what they may say of their metric, and what a frozen suite keeps of it."""

import re

import pytest

from docmind_core import plugins
from docmind_core.errors import SuiteError, UsageError
from docmind_core.metrics.limits import find_limit
from docmind_core.plugins import load_plugin
from docmind_core.suites.plain_yaml import write_plain_yaml
from docmind_core.suites.scorers import load_scorer, plugin_hashes, with_own_metrics
from docmind_core.suites.suite import Suite, load_suite, parse_suite

IMPORT = "from docmind_core.measurements.records import scorer\n"
GOOD = "unit='words', range='0 and above', better='lower', definition='Words.'"


def scorer_file(folder, source=None, *, name="answer_words", declared=GOOD):
    path = folder / "my_scorers.py"
    path.write_text(source or f"{IMPORT}@scorer({declared})\ndef {name}(query, run):\n    return 1\n", "utf-8")
    return f"{path}:{name}"


def make_suite(*metrics, **changes):
    return Suite(name="toy", query_set="python-reference", metrics=metrics, **changes)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import nothing_of_that_name", r"can't be loaded: ModuleNotFoundError: No module named .* \(line 1\)"),
        ("x = 1\ndef answer_words(:\n", r"can't be loaded: SyntaxError: .*\(line 2\)"),
        ("\n\n1 / 0", r"can't be loaded: ZeroDivisionError: division by zero \(line 3\)"),
        ("raise SystemExit('two\\nlines')", r"can't be loaded: SystemExit: two lines"),
        ("def answer_word(query, run): ...", r"has no 'answer_words'. Did you mean answer_word\?"),
        ("def answer_words(query, run): ...", r"is not a scorer. Put @scorer\(...\) above the function"),
        ("answer_words = 3", "is not a scorer"),
        (f"{IMPORT}@scorer({GOOD})\nasync def answer_words(q, r): ...", "is an async function"),
    ],
)
def test_a_file_that_is_not_a_scorer_is_one_line_that_says_why(tmp_path, source, said):
    with pytest.raises(UsageError, match=said) as refused:
        load_scorer(scorer_file(tmp_path, source))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "declared", "said"),
    [
        ("exact_match", GOOD, "exact_match is a metric of the catalogue"),
        ("ttft_p95_s", GOOD, "ttft_p95_s is a metric of the catalogue"),
        ("answer_p95_words", GOOD, "reads like a limit"),
        ("words_min", GOOD, "reads like a limit"),
        ("Words", GOOD, "name: String should match"),
        (
            "answer_words",
            GOOD.replace("0 and above", "words"),
            "range: 'words' is not a valid range. Write it like one of",
        ),
        ("answer_words", GOOD.replace("0 and above", "5 to 5"), "range: '5 to 5' contains no number"),
        ("answer_words", GOOD.replace("'lower'", "'less'"), "better: Input should be 'higher', 'lower' or 'none'"),
        ("answer_words", GOOD.replace("Words.", ""), "definition: "),
        ("answer_words", f"{GOOD}, version=2", "version: Input should be a valid string"),
    ],
)
def test_a_metric_that_cannot_be_what_it_says_is_refused(tmp_path, name, declared, said):
    with pytest.raises(UsageError, match=re.escape(said)):
        load_scorer(scorer_file(tmp_path, name=name, declared=declared))


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("gone.py:answer_words", "gone.py can't be read: No such file or directory. Write file.py:name"),
        ("my_scorers.py", "'my_scorers.py' is not an entry point of the group docmind_eval"),
        ("no.such.module:name", "can't be loaded: ModuleNotFoundError"),
        ("json:no_such_name", "json has no 'no_such_name'. It has: "),
    ],
)
def test_a_reference_to_nothing_says_what_a_reference_looks_like(reference, said):
    with pytest.raises(UsageError, match=re.escape(said)):
        load_plugin(reference)


def test_a_module_and_an_entry_point_load_the_same_object(monkeypatch):
    class Point:
        module, attr, name, value = "json", "dumps", "my_dumps", "json:dumps"

    monkeypatch.setattr(plugins.metadata, "entry_points", lambda **_: [Point])
    assert load_plugin("my_dumps").loaded is load_plugin("json:dumps").loaded
    assert load_plugin("my_dumps").sha256 == load_plugin("json:dumps").sha256

    monkeypatch.setattr(Point, "value", property(lambda point: str(id(point))), raising=False)
    monkeypatch.setattr(plugins.metadata, "entry_points", lambda **_: [Point(), Point()])
    with pytest.raises(UsageError, match="'my_dumps' matches both"):
        load_plugin("my_dumps")


def test_an_edited_file_is_loaded_as_it_is_now_under_another_hash(tmp_path):
    """A cached file of bytecode would be the old one: same size, same second."""
    first = load_plugin(scorer_file(tmp_path, "answer_words = 1"))
    second = load_plugin(scorer_file(tmp_path, "answer_words = 2"))
    assert (first.loaded, second.loaded) == (1, 2)
    assert first.sha256 != second.sha256


def test_what_a_file_prints_goes_to_stderr(tmp_path, capsys):
    load_plugin(scorer_file(tmp_path, "print('hello'); answer_words = 1"))
    assert capsys.readouterr() == ("", "hello\n")


def test_reading_a_suite_runs_no_code_and_finds_the_file_next_to_it(tmp_path):
    scorer_file(tmp_path, "raise RuntimeError")
    path = tmp_path / "toy.yaml"
    path.write_text("name: toy\nquery_set: python-reference\nmetrics: ['my_scorers.py:answer_words']\n", "utf-8")
    suite = load_suite(str(path))
    assert suite.metrics == (f"{tmp_path / 'my_scorers.py'}:answer_words",)
    assert plugin_hashes(suite) == {suite.metrics[0]: "not loadable"}


def test_names_that_can_be_no_path_are_left_as_they_are(tmp_path):
    path = tmp_path / "toy.yaml"
    long = "x" * 300
    path.write_text(f"name: toy\nquery_set: '{long}:{long}'\nmetrics: ['{long}.py:f']\n", "utf-8")
    suite = load_suite(str(path))
    assert (suite.query_set, suite.metrics) == (f"{long}:{long}", (f"{long}.py:f",))
    assert set(plugin_hashes(suite).values()) == {"not loadable"}


def test_a_frozen_suite_knows_its_metrics_without_the_file(tmp_path):
    reference = scorer_file(tmp_path)
    frozen = with_own_metrics(make_suite(reference, limits={"answer_words": 20}))
    text = write_plain_yaml(frozen.model_dump(mode="json"))
    (tmp_path / "my_scorers.py").unlink()

    read = parse_suite(text, source="suite.yaml")
    assert read == frozen
    assert read.own_metrics["answer_words"].bounds == (0.0, float("inf"))
    limit = find_limit("answer_words", read.own_metrics)
    assert (limit.statistic, limit.unit, limit.rule_id) == ("mean", "words", "answer_words_high")


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"answer_word": 20}, "limits.answer_word: there is no limit 'answer_word'. Did you mean answer_words?"),
        ({"answer_words_min": 20}, "limits.answer_words_min: 'answer_words_min': lower is better. Write answer_words"),
        ({"answer_words": -1}, "limits.answer_words: at most -1 is never met: the range is 0 and above"),
    ],
)
def test_a_limit_on_a_metric_of_the_user_is_checked_once_its_scorer_is_loaded(tmp_path, limits, said):
    suite = make_suite(scorer_file(tmp_path), limits=limits)
    with pytest.raises(SuiteError, match=re.escape(said)):
        with_own_metrics(parse_suite(write_plain_yaml(suite.model_dump(mode="json")), source="toy.yaml"))


def test_without_scorers_an_unknown_limit_is_refused_when_the_suite_is_read():
    with pytest.raises(SuiteError, match="there is no limit 'answer_words'"):
        parse_suite("name: toy\nquery_set: python-reference\nlimits: {answer_words: 20}\n", source="toy.yaml")


def test_every_problem_of_the_scorers_is_a_line(tmp_path):
    reference = scorer_file(tmp_path)
    with pytest.raises(SuiteError) as refused:
        with_own_metrics(make_suite(reference, "gone.py:x", reference))
    first, second = str(refused.value).splitlines()
    assert first.startswith("metrics.1: gone.py can't be read")
    assert second == f"metrics.2: {reference} already measures answer_words; keep only one of them"
