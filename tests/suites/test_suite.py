import json
import traceback

import pytest

from docmind_core.errors import SuiteError, UsageError
from docmind_core.suites.suite import bundled_suite_names, load_suite, parse_suite

MINIMAL = "name: toy\nquery_set: python-reference\n"


def test_a_suite_needs_a_name_and_a_query_set_alone():
    suite = parse_suite(MINIMAL, source="toy.yaml")
    assert (suite.arms, suite.routing, suite.level) == (("single_pass", "naive_supervisor"), "fixed", "balanced")


@pytest.mark.parametrize("name", bundled_suite_names())
def test_each_bundled_suite_is_valid_and_called_by_its_file_s_name(name):
    assert load_suite(name).name == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + "arm: [tuned]\n", r"toy\.yaml:\d+: arm: unknown key\. Did you mean arms\?$"),
        (MINIMAL + "wizardry: 1\n", r"toy\.yaml:\d+: wizardry: unknown key\. Known: .*arms"),
        (MINIMAL + "concurrency: many\n", r"toy\.yaml:\d+: concurrency: "),
        (MINIMAL + "limit: 0\n", r"toy\.yaml:\d+: limit: "),
        (MINIMAL + "routing: chaotic\n", r"toy\.yaml:\d+: routing: "),
        (MINIMAL + "language: klingon\n", r"toy\.yaml:\d+: language: no stemmer .*: arabic, .*, none, .*yiddish$"),
        (MINIMAL + "language: no\n", r"toy\.yaml:3: no is ambiguous in YAML .* 'no' in quotes"),
        (MINIMAL + "arms: [tuned, tuned]\n", "an arm appears twice"),
        (MINIMAL + "strategies: [keyword_search, keyword_search]\n", "a strategy appears twice"),
        (MINIMAL + "strategies: []\n", "at least 1 item"),
        ("name: toy\nquery_set:\n  - a\n  - a\n", r"toy\.yaml:2: query_set: a query set appears twice"),
        ("name: toy\nquery_set: []\n", r"toy\.yaml:2: query_set: needs a query set"),
        ("name: toy\nquery_set:\n  - a\n  - 5\n", r"toy\.yaml:\d: query_set\.1: Input should be a valid string"),
        ("name: toy\nquery_set: 5\n", r"toy\.yaml:2: query_set: Input should be a valid string"),
        (MINIMAL + "schedule: nightly\n", "cron expression of five fields"),
        (MINIMAL + "engine: http://user:pass@host:8000\n", "api_key_env"),
        ("name: ../evil\nquery_set: x\n", r"toy\.yaml:\d+: name: "),
        ("- a\n- b\n", "a suite must be a mapping"),
        ("name: [\n", r"toy\.yaml:2: not valid YAML"),
        ("name: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
        ("a: &a [x, x]\nb: [*a, *a]\n", "aliases are not allowed"),
        ("[" * 5000, "not valid YAML"),
        ("", "a suite must be a mapping"),
    ],
)
def test_a_bad_suite_is_refused_with_the_place_and_the_problem(text, message):
    with pytest.raises(SuiteError, match=message):
        parse_suite(text, source="toy.yaml")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("min_n: true", "min_n: should be a number, not true"),
        ("seed: false", "seed: should be a number, not false"),
        ("agent_deadline_s: '9'", "agent_deadline_s: should be a number, not the text '9'"),
        ("limits: {agent_latency_p95_s: true}", "limits.agent_latency_p95_s: should be a number, not true"),
        ("alerts: {run_failed: {min_n: true}}", "alerts.run_failed.min_n: should be a number, not true"),
        ("limit: '8'", "limit: should be a number, not the text '8'; write it without quotes"),
        ("limit: sk-secret", "limit: should be a number, not text"),
        ("plumbing: 'no'", "plumbing: should be true or false, not the text 'no'"),
        ("plumbing: 1", "plumbing: should be true or false, not the number 1"),
        ("context_budget: '4096'", "context_budget: "),
    ],
)
def test_a_value_of_another_kind_is_refused_and_never_guessed(line, told):
    """`limit: true` would be 1: one query would be benchmarked, without a word."""
    with pytest.raises(SuiteError) as caught:
        parse_suite(MINIMAL + line + "\n", source="toy.yaml")
    assert str(caught.value).startswith(f"toy.yaml:3: {told}")
    assert "sk-secret" not in str(caught.value)


def test_numbers_switches_lists_and_nothing_are_what_they_are():
    lines = ("limit: 8", "seed: 0", "plumbing: true", "deadline_s: 9", "min_n: null", "arms: [tuned]")
    text = "\n".join([*lines, "limits: {agent_latency_p95_s: 1}", ""])
    suite = parse_suite(MINIMAL + text, source="toy.yaml")
    assert (suite.limit, suite.seed, suite.plumbing, suite.deadline_s, suite.min_n) == (8, 0, True, 9.0, None)
    assert (suite.limits, suite.arms) == ({"agent_latency_p95_s": 1.0}, ("tuned",))
    assert parse_suite(json.dumps(suite.model_dump(mode="json")), source="frozen") == suite


@pytest.mark.parametrize(
    "engine",
    [
        "http://sk-1@host:8000",
        "HTTP://user:sk-1@host",
        "ftp://sk-1@host",
        "sk-1@host",
        "http://host/?key=sk-1",
        "HTTPS://host/v1#sk-1",
        "http:sk-1",
        " http://sk-1@host",
    ],
)
def test_a_key_in_the_engine_is_refused_and_is_in_no_text_of_the_error(engine):
    with pytest.raises(SuiteError) as caught:
        parse_suite(MINIMAL + f"engine: {engine!r}\n", source="toy.yaml")
    told = "".join(traceback.format_exception(caught.value))
    assert "toy.yaml:3: engine: " in told
    assert "sk-1" not in told


@pytest.mark.parametrize(
    "engine", ['["http://a:1", "HTTP://b:2"]', "http://a:1,http://b:2", "'http://a:1 , http://b:2'"]
)
def test_replicas_are_a_list_of_urls_or_urls_with_commas_between_them(engine):
    suite = parse_suite(MINIMAL + f"engine: {engine}\n", source="toy.yaml")
    assert (suite.engine, suite.engine_is_remote) == ("http://a:1,http://b:2", True)


@pytest.mark.parametrize(
    ("engine", "problem"),
    [
        ("[]", "has no engine"),
        ("[http://a:1, http://a:1/]", "an engine's URL appears twice"),
        ("[cpu-smollm2, http://a:1]", "neither a profile name nor an engine URL"),
        ("[http://a:1, 'http://key@b:2']", "api_key_env"),
        ("[http://a:1, 2]", "valid string"),
        ("'http://a:1,'", "neither a profile name nor an engine URL"),
    ],
)
def test_what_is_no_list_of_replicas_is_refused_in_one_line(engine, problem):
    with pytest.raises(SuiteError, match=problem) as refused:
        parse_suite(MINIMAL + f"engine: {engine}\n", source="toy.yaml")
    assert len(str(refused.value).splitlines()) == 1


def test_the_scheme_of_an_engines_url_may_be_written_in_capitals():
    suite = parse_suite(MINIMAL + "engine: HTTPS://Host:8000/llm\n", source="toy.yaml")
    assert (suite.engine, suite.engine_is_remote) == ("https://Host:8000/llm", True)


def test_every_problem_is_named_at_once():
    with pytest.raises(SuiteError) as caught:
        parse_suite("name: toy\nlimit: 0\nconcurrency: 0\n", source="toy.yaml")
    assert len(str(caught.value).splitlines()) == 3


def test_a_suite_that_is_not_there_is_refused_with_the_bundled_names(tmp_path):
    with pytest.raises(UsageError, match="smoke"):
        load_suite(str(tmp_path / "missing.yaml"))


def test_a_suite_file_may_be_windows_text_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "toy.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.replace("\n", "\r\n").encode())
    assert load_suite(str(path)).name == "toy"


@pytest.mark.parametrize("content", [b"name: \xff\xfe\n", b"#" * 70_000])
def test_a_file_that_is_not_a_short_text_is_refused(tmp_path, content):
    path = tmp_path / "toy.yaml"
    path.write_bytes(content)
    with pytest.raises(SuiteError, match=r"toy\.yaml"):
        load_suite(str(path))


def test_a_folder_in_a_suite_file_is_found_next_to_that_file(tmp_path):
    (tmp_path / "my-set").mkdir()
    path = tmp_path / "toy.yaml"
    path.write_text("name: toy\nquery_set: my-set\n", "utf-8")
    assert load_suite(str(path)).query_set == str(tmp_path / "my-set")
    path.write_text("name: toy\nquery_set: [my-set, facts]\n", "utf-8")
    assert load_suite(str(path)).query_set == (str(tmp_path / "my-set"), "facts")
    path.write_text("name: toy\nquery_set: [facts]\n", "utf-8")
    assert load_suite(str(path)).query_set == "facts"
