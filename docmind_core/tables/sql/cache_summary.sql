-- One row per run with a result cache, and cache: how often it answered, and how long it took to say so.
-- Warm-up is left out. Exact keys can't be wrong: wrong_hit_ratio stays NULL until a cache matches semantically.
select
    runs.run_id,
    runs.benchmark_run,
    runs.arm,
    runs.cache_state,
    l.cache,
    count(*) as lookups,
    count(*) filter (where l.hit) as cache_hits,
    count(*) filter (where not l.hit) as cache_misses,
    avg(l.hit::integer) as cache_hit_ratio,
    avg(l.wrong_hit::integer) filter (where l.hit) as wrong_hit_ratio,
    quantile_cont(l.duration_s, 0.5) as lookup_p50_s
from cache_lookups as l
join query_runs as q using (run_id, query_id, replicate)
join runs using (run_id)
where coalesce(q.phase, 'measured') <> 'warmup'
group by runs.run_id, runs.benchmark_run, runs.arm, runs.cache_state, l.cache
