"""The tables of what is read of the engine and of the machine while an arm runs."""

from docmind_core.tables.definitions import RUN_COLUMN, Table

ENGINE_COUNTERS = Table(
    name="engine_counters",
    comment="One row is a counter before or after an arm's share of a block: the engine's, and our own (docmind:...)",
    key=("run_id", "engine_session", "block", "counter", "moment"),
    columns={
        **RUN_COLUMN,
        "engine_session": ("varchar", "Engine process: counters restart with it"),
        "block": ("integer", "Block of the benchmark run, from 1; 0 for warm-up"),
        "counter": (
            "varchar",
            "vllm's name without the prefix vllm: and without _total, prompt_tokens_by_source:SOURCE by its label; "
            "docmind:requests_sent is counted in our connection pool, docmind:engines_seen is how many engines "
            "answered at the URL during the reading",
        ),
        "value": ("double", "Value, summed over its labels"),
        "moment": ("varchar", "before or after"),
        "taken_at": ("timestamptz", "UTC time of the scrape"),
        "engine_url": (
            "varchar",
            "Where it was read: of an engine with several replicas, each has its own URL and its own engine_session",
        ),
    },
)

DEVICE_SAMPLES = Table(
    name="device_samples",
    comment="One row is a sample of a device while an arm ran: a GPU, the host, or the engine's KV cache",
    key=("run_id", "source", "device_index", "sampled_at_ns"),
    columns={
        **RUN_COLUMN,
        "source": ("varchar", "nvml (a GPU), host (the machine and this process) or engine (its own gauge)"),
        "device_index": ("integer", "Number of the GPU; 0 for host and engine"),
        "sampled_at_ns": ("bigint", "Nanoseconds on the process's monotonic clock, that of spans"),
        "sampled_at": ("timestamptz", "UTC"),
        "uuid": ("varchar", "Id of the GPU"),
        "name": ("varchar", "Name of the GPU, or of the host's processor architecture"),
        "driver": ("varchar", "Version of the GPU's driver"),
        "mem_total_gib": ("double", "Memory of the GPU, GiB"),
        "mem_used_gib": ("double", "Memory of the GPU in use by every process, GiB. vLLM takes its share at the start"),
        "mem_reserved_gib": ("double", "Memory reserved by the driver, not in mem_used_gib, GiB"),
        "vram_process_gib": (
            "double",
            "Memory that compute processes hold, GiB; NULL where the driver hides it",
        ),
        "gpu_util_ratio": ("double", "Share of time in which the GPU ran a kernel, over its last window"),
        "power_w": ("double", "Power draw of the GPU, watts; an average of 1 s since Ampere"),
        "energy_j": ("double", "Energy of the GPU since its driver was loaded, joules"),
        "temperature_c": ("double", "Temperature of the GPU, degrees Celsius"),
        "clocks_event_reasons": ("bigint", "NVML's bit mask of what holds the clocks down"),
        "host_memory_used_gib": ("double", "Memory of the machine that is not available, GiB"),
        "host_cpu_pct": ("double", "Processor time of the machine since the last sample, percent of all cores"),
        "platform_rss_gib": ("double", "Resident memory of this platform's own process, GiB"),
        "loop_lag_s": (
            "double",
            "By how much this platform's event loop was late at most since the sample before, seconds. Deadlines of "
            "calls and queries are extended by such lag; their times contain it. NULL where it was not measured",
        ),
        "in_flight_limit": ("integer", "Calls in flight at most: concurrency of the suite, or what auto made of it"),
        "kv_cache_usage_ratio": ("double", "Share of the engine's KV cache in use (vllm:kv_cache_usage_perc)"),
        "status": ("varchar", "ok, or unavailable:<reason>; on a host row the reason why no VRAM was measured"),
        "not_supported": ("json", "Columns this device can't fill, with NVML's word for it"),
    },
)
