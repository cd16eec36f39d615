-- What differs between two runs: conditions, which their numbers depend on, and origins, which a change may come from.
with said as (
    select run_id, 'condition' as kind, entry.key as field, entry.value as value
    from (
        select run_id, unnest(map_entries(conditions::map(varchar, varchar))) as entry
        from runs
        where run_id in (a, b)
    )
    union all by name
    select run_id, 'origin' as kind, field, value from store.run_origins where run_id in (a, b)
)
select
    kind,
    field,
    any_value(value) filter (where run_id = a)  as value_a,
    any_value(value) filter (where run_id = b)  as value_b
from said
where store.known_runs([a, b])
group by kind, field
having value_a is distinct from value_b
order by kind, field
