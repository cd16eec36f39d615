"""Each rule catches a planted violation and lets a clean text pass."""

import pytest

from tests.architecture import source_rules as rules

LONG_FUNCTION = "def f():\n" + "    x = 1\n" * 40
FAT_ASSET = "@dg.asset(group_name='metrics')\ndef rows():\n    '''One row.'''\n" + "    x = 1\n" * 11
CORE = "docmind_core/runs/example.py"


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        pytest.param(rules.long_file, CORE, "x = 1\n" * 301, id="long file"),
        pytest.param(rules.long_functions, CORE, LONG_FUNCTION, id="long function"),
        pytest.param(rules.long_functions, CORE, LONG_FUNCTION.replace("def", "async def"), id="long async function"),
        pytest.param(rules.vague_name, "docmind_core/runs/utils.py", "", id="utils"),
        pytest.param(rules.vague_name, "docmind_core/common/names.py", "", id="folder common"),
        pytest.param(rules.vague_name, "docmind_core/runs/string_helpers.py", "", id="string_helpers"),
        pytest.param(
            rules.code_in_init, "docmind_core/runs/__init__.py", '"""Doc."""\nfrom a import b\n', id="re-export"
        ),
        pytest.param(rules.code_in_init, "docmind_core/runs/__init__.py", "", id="empty __init__"),
        pytest.param(rules.environment_reads, CORE, "import os\nos.environ['A']\n", id="os.environ"),
        pytest.param(rules.environment_reads, CORE, "import os\nos.getenv('A')\n", id="os.getenv"),
        pytest.param(rules.environment_reads, CORE, "from os import environ\n", id="from os import environ"),
        pytest.param(rules.homeless_imports, CORE, "import duckdb\n", id="duckdb in runs"),
        pytest.param(rules.homeless_imports, CORE, "def f():\n    import langgraph.graph\n", id="lazy langgraph"),
        pytest.param(rules.homeless_imports, CORE, "from urllib import request\n", id="urllib.request"),
        pytest.param(
            rules.homeless_imports, "docmind_core/agents/x.py", "import dagster as dg\n", id="dagster in core"
        ),
        pytest.param(rules.homeless_imports, "dagster_project/cli/x.py", "import httpx\n", id="httpx in the CLI"),
        pytest.param(rules.fat_assets, "dagster_project/assets/x.py", FAT_ASSET, id="fat asset"),
    ],
)
def test_a_planted_violation_is_caught(rule, path, text):
    assert len(list(rule(path, text))) == 1


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        pytest.param(rules.long_file, CORE, "x = 1\n" * 300, id="file of 300 lines"),
        pytest.param(rules.long_functions, CORE, "def f():\n" + "    x = 1\n" * 39, id="function of 40 lines"),
        pytest.param(rules.vague_name, "docmind_core/runs/stream_timing.py", "", id="telling name"),
        pytest.param(rules.code_in_init, "docmind_core/runs/__init__.py", '"""Doc."""\n', id="docstring only"),
        pytest.param(rules.environment_reads, "docmind_core/settings.py", "import os\nos.environ\n", id="settings"),
        pytest.param(rules.environment_reads, CORE, "import os\nos.replace(a, b)\n", id="other names of os"),
        pytest.param(rules.homeless_imports, "docmind_core/tables/x.py", "import duckdb\n", id="duckdb at home"),
        pytest.param(rules.homeless_imports, CORE, "from urllib.parse import urlsplit\n", id="urllib.parse"),
        pytest.param(rules.fat_assets, "dagster_project/assets/x.py", "def f():\n" + "    x = 1\n" * 11, id="no asset"),
    ],
)
def test_a_clean_text_passes(rule, path, text):
    assert list(rule(path, text)) == []
