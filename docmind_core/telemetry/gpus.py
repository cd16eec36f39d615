"""The GPUs of this machine, read through NVIDIA's management library (NVML)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pynvml

GIB = 2**30
NO_GPU = "no_gpu"
NOT_SUPPORTED = "not_supported"

Reading = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU; `handle` is NVML's own."""

    index: int
    handle: Any
    identity: Mapping[str, object]
    """`uuid`, `name` and `driver`; None where NVML does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpus:
    """All GPUs, or the reason none can be read."""

    devices: tuple[Gpu, ...] = ()
    because: str | None = None
    """`no_gpu` or `not_supported`."""


def open_gpus() -> Gpus:
    """Load NVML and find the GPUs; without driver, library or GPU there are none, which is not an error."""
    try:
        pynvml.nvmlInit()
        devices = tuple(_open(index) for index in range(pynvml.nvmlDeviceGetCount()))
    except (pynvml.NVMLError_LibraryNotFound, pynvml.NVMLError_DriverNotLoaded, pynvml.NVMLError_NotFound):
        return Gpus(because=NO_GPU)
    except pynvml.NVMLError:
        return Gpus(because=NOT_SUPPORTED)
    return Gpus(devices=devices, because=None if devices else NO_GPU)


def read_gpu(gpu: Gpu) -> tuple[Reading, dict[str, str]]:
    """Read one GPU now.

    Returns:
        Columns of `device_samples`, and NVML's word for each group of columns that this GPU can't fill.
    """
    values: Reading = {}
    unsupported: dict[str, str] = {}
    for name, read in _READERS.items():
        try:
            values.update(read(gpu.handle))
        except pynvml.NVMLError as error:
            unsupported[name] = type(error).__name__.removeprefix("NVMLError_")
    return values, unsupported


def _open(index: int) -> Gpu:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    return Gpu(
        index=index,
        handle=handle,
        identity={
            "uuid": _text(lambda: pynvml.nvmlDeviceGetUUID(handle)),
            "name": _text(lambda: pynvml.nvmlDeviceGetName(handle)),
            "driver": _text(pynvml.nvmlSystemGetDriverVersion),
        },
    )


def _text(read: Callable[[], Any]) -> str | None:
    try:
        found = read()
    except pynvml.NVMLError:
        return None
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)


def _memory(handle: Any) -> Reading:
    # The first version of this call counts the driver's reserve as used.
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
    return {
        "mem_total_gib": memory.total / GIB,
        "mem_used_gib": memory.used / GIB,
        "mem_reserved_gib": memory.reserved / GIB,
    }


def _processes(handle: Any) -> Reading:
    held = [process.usedGpuMemory for process in pynvml.nvmlDeviceGetComputeRunningProcesses_v3(handle)]
    # Inside a container the driver lists processes without their memory, or none at all.
    return {"vram_process_gib": sum(held) / GIB if held and None not in held else None}


_READERS: Mapping[str, Callable[[Any], Reading]] = {
    "memory": _memory,
    "processes": _processes,
    "utilisation": lambda handle: {"gpu_util_ratio": pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100},
    "power": lambda handle: {"power_w": pynvml.nvmlDeviceGetPowerUsage(handle) / 1000},
    "energy": lambda handle: {"energy_j": pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000},
    "temperature": lambda handle: {
        "temperature_c": float(pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU))
    },
    "clocks": lambda handle: {"clocks_event_reasons": int(pynvml.nvmlDeviceGetCurrentClocksEventReasons(handle))},
}
