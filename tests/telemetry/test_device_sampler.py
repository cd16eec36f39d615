"""Sampling: the host beside us, and a stand-in GPU in a child process, since the loader looks once."""

import json
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest

from docmind_core.settings import Settings
from docmind_core.tables.segments import read_segment, write_segment
from docmind_core.telemetry import device_sampler
from docmind_core.telemetry.device_sampler import DeviceSampler, Tick, even_rows
from docmind_core.telemetry.gpus import NO_GPU, Gpus
from tests.builders import RUN_ID
from tests.fakes.nvml import NAME, has_compiler, stand_in_environment

START = datetime(2026, 11, 22, 2, tzinfo=UTC)
SAMPLE_ONCE = """
import json
from datetime import UTC, datetime
from docmind_core.telemetry.device_sampler import DeviceSampler, even_rows

with DeviceSampler("key.arm", utc=lambda ns: datetime(2026, 11, 22, tzinfo=UTC), interval_s=60.0) as sampler:
    pass
print(json.dumps(even_rows(sampler.taken()), default=str))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("nvml")


def utc(stamp: int) -> datetime:
    return START + timedelta(microseconds=stamp // 1000)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(device_sampler, "open_gpus", lambda: Gpus(because=NO_GPU))


class Gauge:
    """A gauge that says when it was read often enough."""

    def __init__(self, values, times=1):
        self.values = iter(values)
        self.times = times
        self.read_enough = threading.Event()

    def __call__(self):
        self.times -= 1
        if self.times <= 0:
            self.read_enough.set()
        return next(self.values, None)


def test_without_a_gpu_the_host_is_sampled_and_vram_has_its_reason(no_gpu):
    with DeviceSampler(RUN_ID, utc=utc, interval_s=60) as sampler:
        pass
    rows = even_rows(sampler.taken())
    assert [row["source"] for row in rows] == ["host", "host"]
    assert {row["status"] for row in rows} == {"unavailable:no_gpu"}
    assert all("mem_used_gib" not in row for row in rows)
    assert rows[0]["platform_rss_gib"] > 0.01
    assert rows[0]["host_memory_used_gib"] > rows[0]["platform_rss_gib"]
    assert (rows[0]["host_cpu_pct"], rows[1]["host_cpu_pct"] is None) == (None, False)


def test_samples_are_rows_of_the_table_on_the_clock_of_spans(no_gpu, tmp_path):
    """S6: the use of the KV cache is sampled beside the memory."""
    settings = Settings(home=tmp_path)
    with DeviceSampler(RUN_ID, utc=utc, kv_cache_usage=lambda: 0.25, interval_s=60) as sampler:
        pass
    write_segment(settings.tables, "device_samples", RUN_ID, even_rows(sampler.taken()))
    stored = read_segment(settings.tables, "device_samples", RUN_ID)
    assert [row["sampled_at"] for row in stored] == [utc(row["sampled_at_ns"]).replace(tzinfo=None) for row in stored]
    engine = [row for row in stored if row["source"] == "engine"]
    assert [(row["kv_cache_usage_ratio"], row["status"]) for row in engine] == [(0.25, "ok")]


def test_the_gauge_of_the_engine_is_asked_less_often_and_its_silence_is_not_a_zero(no_gpu):
    gauge = Gauge([0.1, None], times=2)
    with DeviceSampler(RUN_ID, utc=utc, kv_cache_usage=gauge, interval_s=0.001) as sampler:
        assert gauge.read_enough.wait(60)
    rows = even_rows(sampler.taken())
    engine = [row for row in rows if row["source"] == "engine"]
    assert [(row["kv_cache_usage_ratio"], row["status"]) for row in engine[:2]] == [
        (0.1, "ok"),
        (None, "unavailable:not_supported"),
    ]
    hosts = [row for row in rows if row["source"] == "host"]
    assert len(hosts) > 4 * (len(engine) - 1)


def test_a_long_arm_stays_covered_from_end_to_end_in_fewer_samples(no_gpu, monkeypatch):
    monkeypatch.setattr(device_sampler, "TICKS_KEPT", 8)
    gauge = Gauge([0.0] * 40, times=10)
    with DeviceSampler(RUN_ID, utc=utc, kv_cache_usage=gauge, interval_s=0.0001) as sampler:
        assert gauge.read_enough.wait(60)
    ticks = sampler.taken()
    assert sampler.taken() == [], "each is handed over once"
    rows = [row for row in even_rows(ticks) if row["source"] == "host"]
    assert (rows[0], rows[-1]) == (ticks[0].rows[0], ticks[-1].rows[0])
    assert ticks[-1].stride >= 4
    assert len(rows) <= 8 + 2


def test_processes_that_sampled_at_different_intervals_count_alike():
    """The first doubled its interval, the second did not; each second weighs the same in both."""

    def ticks(process, *taken):
        return [
            Tick(number=number, stride=stride, rows=[{"source": source, "at": (process, number)} for source in sources])
            for number, stride, sources in taken
        ]

    host, both = ("host",), ("host", "engine")
    first = ticks("first", (0, 1, both), (1, 1, host), (2, 1, host), (4, 2, host), (6, 2, host), (8, 2, both))
    second = ticks("second", (0, 1, both), (1, 1, host), (2, 1, host), (3, 1, host), (4, 1, both))

    kept = [(row["source"], *row["at"]) for row in even_rows(first + second)]

    assert [number for source, process, number in kept if (source, process) == ("host", "first")] == [0, 2, 4, 6, 8]
    assert [number for source, process, number in kept if (source, process) == ("host", "second")] == [0, 2, 4]
    assert [(process, number) for source, process, number in kept if source == "engine"] == [
        ("first", 0),
        ("first", 8),
        ("second", 0),
    ]


def test_an_error_in_the_block_ends_the_thread_and_continues(no_gpu):
    sampler = DeviceSampler(RUN_ID, utc=utc, interval_s=60)
    with pytest.raises(KeyError), sampler:
        raise KeyError("engine gone")
    assert not sampler._thread.is_alive()
    assert len(sampler.taken()) == 2


@pytest.mark.skipif(not has_compiler(), reason="no gcc to build the stand-in for libnvidia-ml.so.1")
class TestOnAStandInGpu:
    def sample(self, folder, **changes):
        done = subprocess.run(
            [sys.executable, "-c", SAMPLE_ONCE],
            env=stand_in_environment(folder, **changes),
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return json.loads(done.stdout)

    def test_every_field_of_the_gpu_is_read(self, folder):
        """S6: NVML, by process: 19 of the 20 GiB in use are the engine's."""
        gpu, host = self.sample(folder)[:2]
        assert (gpu["source"], gpu["name"], gpu["driver"], gpu["uuid"]) == ("nvml", NAME, "0.0-test", "GPU-fake-0")
        assert (gpu["mem_total_gib"], gpu["mem_used_gib"], gpu["mem_reserved_gib"]) == (24.0, 20.0, 0.5)
        assert (gpu["vram_process_gib"], gpu["gpu_util_ratio"], gpu["power_w"]) == (19.0, 0.75, 250.5)
        assert (gpu["energy_j"], gpu["temperature_c"], gpu["clocks_event_reasons"]) == (123.456, 61.0, 4)
        assert (gpu["status"], gpu["not_supported"], host["status"]) == ("ok", None, "ok")

    def test_a_field_that_the_gpu_lacks_is_null_with_the_reason_and_the_others_continue(self, folder):
        gpu = self.sample(folder, FAKE_NVML_FAIL="nvmlDeviceGetTotalEnergyConsumption:3")[0]
        assert "energy_j" not in gpu
        assert json.loads(gpu["not_supported"]) == {"energy": "NotSupported"}
        assert (gpu["mem_used_gib"], gpu["status"]) == (20.0, "ok")

    def test_a_gpu_without_its_memory_has_no_vram_and_says_so(self, folder):
        gpu = self.sample(folder, FAKE_NVML_FAIL="nvmlDeviceGetMemoryInfo:3")[0]
        assert gpu["status"] == "unavailable:not_supported"
        assert "mem_used_gib" not in gpu

    def test_a_library_without_a_driver_is_not_a_gpu(self, folder):
        rows = self.sample(folder, FAKE_NVML_FAIL="nvmlInit:9")
        assert {(row["source"], row["status"]) for row in rows} == {("host", "unavailable:no_gpu")}
