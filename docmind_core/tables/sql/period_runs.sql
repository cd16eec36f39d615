-- One row per arm and engine profile that had a query in the window.
select distinct
    runs.arm,
    json_extract_string(runs.manifest, '$.engine.profile') as profile
from runs
join query_runs using (run_id)
where query_runs.ended_at > $until::timestamptz - to_milliseconds(($hours::double * 3600000)::bigint)
    and query_runs.ended_at <= $until::timestamptz and query_runs.phase is distinct from 'warmup'
order by all
