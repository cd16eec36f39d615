-- One row per alert that is pending or firing: the latest event of its latest episode.
with latest as (
    select
        *,
        row_number() over (partition by fingerprint order by first_seen desc, event_no desc) as place,
        count(*) filter (where to_state = 'firing') over (partition by fingerprint, first_seen) as notify_count
    from alert_events
)
select
    fingerprint,
    rule_id,
    severity,
    labels,
    to_state    as state,
    first_seen,
    changed_at,
    benchmark_run,
    run_id,
    value,
    peak,
    notify_count,
    date_diff('second', first_seen, now()) / 3600.0 as age_h
from latest
where place = 1 and to_state in ('pending', 'firing')
order by severity, first_seen, fingerprint
