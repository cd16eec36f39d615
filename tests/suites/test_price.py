"""The price in a suite, and the problems of a suite in one round."""

import pytest

from docmind_core.errors import SuiteError
from docmind_core.runs.input_check import check_input
from docmind_core.suites.suite import parse_suite

MINIMAL = "name: toy\nquery_set: facts\n"


@pytest.mark.parametrize("price", ["{prompt: 1, completion: 2}", "{prompt: 0, completion: 2, cached: 0}",
                                   "{gpu_hour: 2.5, gpus: 4, currency: EUR}"])  # fmt: skip
def test_a_price_is_per_token_or_per_gpu_hour(price):
    assert parse_suite(f"{MINIMAL}price: {price}\n", source="toy.yaml").price is not None


@pytest.mark.parametrize("price", ["{}", "{prompt: 1}", "{cached: 1}", "{gpu_hour: 1}", "{gpus: 1}",
                                   "{prompt: 1, completion: 2, gpu_hour: 1, gpus: 1}",
                                   "{gpu_hour: 1, gpus: 1, cached: 0}"])  # fmt: skip
def test_half_a_price_is_refused_and_so_are_two(price):
    with pytest.raises(SuiteError, match=r"toy\.yaml:3: price: set prompt and completion"):
        parse_suite(f"{MINIMAL}price: {price}\n", source="toy.yaml")


def test_a_mistyped_key_of_the_price_is_named_with_the_one_that_is_meant():
    with pytest.raises(SuiteError, match=r"price\.complettion: unknown key\. Did you mean completion\?"):
        parse_suite(f"{MINIMAL}price: {{prompt: 1, complettion: 2}}\n", source="toy.yaml")


def test_all_problems_of_a_suite_are_named_in_one_round(tmp_path):
    path = tmp_path / "toy.yaml"
    path.write_text("name: toy\nquery_set: ./nothing\nconcurency: 2\nreplicates: 0\narms: [tunned]\n"
                    "engine: cpu-smolm2\nlimits: {pass_ratio_mim: 0.5, e2e_latency_p95_s: fast}\n")  # fmt: skip
    with pytest.raises(SuiteError) as refused:
        check_input(str(path))
    lines = str(refused.value).splitlines()
    assert len(lines) == 7
    for field, said in (
        ("concurency", "Did you mean concurrency?"),
        ("replicates", "greater than or equal to 1"),
        ("limits.pass_ratio_mim", "Did you mean pass_ratio_min"),
        ("limits.e2e_latency_p95_s", "should be a number"),
        ("arms.0", "Did you mean tuned?"),
        ("engine", "Did you mean cpu-smollm2?"),
        ("query_set", "nothing"),
    ):
        assert any(f" {field}: " in line and said in line for line in lines), field
