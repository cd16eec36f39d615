-- One row per arm and engine profile that had a query in the window.
select distinct
    runs.arm,
    case when json_valid(runs.manifest) then json_extract_string(runs.manifest, '$.engine.profile') end as profile
from runs
join query_runs using (run_id)
where query_runs.ended_at > $until::timestamp - to_milliseconds(($hours::double * 3600000)::bigint)
    and query_runs.ended_at <= $until::timestamp and query_runs.phase is distinct from 'warmup'
order by all
