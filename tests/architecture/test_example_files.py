"""The files for other tools that people copy from here, checked against those tools' own schemas, offline."""

import pytest
from click.testing import CliRunner

from tests.architecture.source_rules import PROJECT

WORKFLOW = "docs/examples/github-actions.yaml", "vendor.github-workflows"
COMPOSE = "compose.yaml", "vendor.compose-spec"


def check(path, schema):
    main = pytest.importorskip("check_jsonschema", reason="make install brings what reads a schema").main
    return CliRunner().invoke(main, ["--builtin-schema", schema, str(path)])


@pytest.mark.parametrize(("name", "schema"), [WORKFLOW, COMPOSE])
def test_a_file_for_another_tool_fits_the_schema_of_that_tool(name, schema):
    result = check(PROJECT / name, schema)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("name", "schema", "right", "wrong"),
    [
        (*WORKFLOW, "runs-on:", "runs_on:"),
        (*WORKFLOW, "pull_request:", "pull_requests:"),
        (*WORKFLOW, "if-no-files-found", "if: x\n        if-no-files-found"),
        (*WORKFLOW, "contents: read", "contents: reading"),
        (*COMPOSE, "restart:", "restarts:"),
        (*COMPOSE, "./.docmind:", "{./.docmind: x}#"),
    ],
)
def test_a_mistake_in_such_a_file_is_found(name, schema, right, wrong, tmp_path):
    text = (PROJECT / name).read_text("utf-8")
    broken = tmp_path / "broken.yaml"
    broken.write_text(text.replace(right, wrong), "utf-8")
    assert right in text
    assert check(broken, schema).exit_code == 1
