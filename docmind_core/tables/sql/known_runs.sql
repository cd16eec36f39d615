-- True; an error where a run is not there, so that a mistyped name is not taken for two runs without a difference.
(
    select case when count(*) = 0 then true
        else error(format('there is no run {}. List them: select run_id from runs', string_agg(coalesce(name, 'NULL'), ', '))) end
    from (select unnest(run_ids) as name)
    where name is null or name not in (select run_id from runs)
)
