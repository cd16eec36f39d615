"""What the manifest says of the machine."""

import pytest

from docmind_core.runs import manifest
from docmind_core.telemetry.gpus import Gpu, Gpus


@pytest.fixture
def machine(monkeypatch):
    """Take these GPUs for those of this machine, and forget them afterwards."""

    def has(*names):
        gpus = tuple(Gpu(index=i, handle=None, identity={"name": name}) for i, name in enumerate(names))
        monkeypatch.setattr(manifest, "open_gpus", lambda: Gpus(devices=gpus))
        manifest.hardware.cache_clear()
        return manifest.hardware()

    yield has
    manifest.hardware.cache_clear()


def test_gpus_are_part_of_the_machine_and_of_its_fingerprint(machine):
    assert "gpus" not in machine()
    without = manifest.hardware_fingerprint()
    assert machine("GPU A", None)["gpus"] == "GPU A, unnamed"
    assert manifest.hardware_fingerprint() != without


def test_both_http_clients_are_among_the_versions():
    assert {"aiohttp", "httpx"} <= {name for name, version in manifest.package_versions().items() if version}
