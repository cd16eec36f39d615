-- One row per device sampled in the window; VRAM in decimal GB.
select
    d.source,
    d.name,
    d.driver,
    count(*)                                                                as samples,
    max(coalesce(d.vram_process_gib, d.mem_used_gib)) * 1.073741824         as peak_vram_gb,
    max(d.mem_total_gib) * 1.073741824                                      as total_vram_gb,
    max(d.kv_cache_usage_ratio)                                             as kv_cache_usage_peak_ratio,
    max(d.host_memory_used_gib)                                             as host_memory_used_peak_gib,
    avg(d.host_cpu_pct)                                                     as host_cpu_avg_pct,
    min(nullif(d.status, 'ok'))                                             as status
from device_samples as d
where d.sampled_at > $until::timestamptz - to_milliseconds(($hours::double * 3600000)::bigint)
    and d.sampled_at <= $until::timestamptz
group by d.source, d.name, d.driver
order by d.source desc, d.name
