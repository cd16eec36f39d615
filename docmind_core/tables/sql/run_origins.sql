-- One row per run and thing that a regression may come from, though it is not a condition of a series: its value in the run.
select run_id, unnest(['git_sha', 'git_dirty', 'prompt_hash', 'engine_version', 'price']) as field,
    unnest([left(git_sha, 12), git_dirty::varchar, left(prompt_hash, 12), engine_version, price::varchar]) as value
from runs
union all by name
select
    run_id,
    kind || ' ' || regexp_extract(entry.key, '[^/]*$') as field,
    if(kind = 'package', entry.value, left(entry.value, 12)) as value
from (
    select run_id, arm, kind, unnest(map_entries(json_extract(manifest, '$.' || kind || 's')::map(varchar, varchar))) as entry
    from runs, unnest(['package', 'plugin', 'system']) as kinds(kind)
    where json_type(manifest, '$.' || kind || 's') = 'OBJECT'
)
where kind <> 'system' or entry.key in (arm, regexp_replace(arm, '\.again$', ''))
