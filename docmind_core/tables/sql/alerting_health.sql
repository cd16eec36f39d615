-- One row per suite and channel: the heartbeat of the alerting. The same view is in alerts.sqlite, always current; here
-- it is as old as the last publish, but for the clock. An absence (suite@due time) is not an evaluation.
with moment as (
    select now() as at
),
evaluated as (
    select json_extract_string(labels, '$.suite') as name, max(evaluated_at) as last_at
    from alert_evaluations
    where benchmark_run not like '%@%'
    group by 1
),
suites as (
    select
        coalesce(evaluated.name, watched.suite) as name, evaluated.last_at, watched.due_every_s,
        coalesce(
            epoch(moment.at - coalesce(evaluated.last_at, watched.started_at)) > 2 * watched.due_every_s, false
        ) as stale
    from evaluated
    full join watched_schedules as watched on watched.suite = evaluated.name
    cross join moment
),
ended as (
    select benchmark_run, seq, channel, max(status) as status
    from alert_deliveries
    where status in ('delivered', 'gave_up')
    group by all
),
messages as (
    select due.channel, due.written_at, ended.status
    from due_notifications as due
    left join ended using (benchmark_run, seq, channel)
    where due.benchmark_run <> 'test'
),
delivered as (
    select channel, max(attempted_at) as last_at from alert_deliveries where status = 'delivered' group by all
),
channels as (
    select
        names.channel as name, max(delivered.last_at) as last_at,
        count(*) filter (where messages.channel is not null and messages.status is null) as waiting,
        count(*) filter (
            where messages.status = 'gave_up' and messages.written_at > coalesce(delivered.last_at, '-infinity')
        ) as given_up,
        coalesce(bool_or(moment.at - messages.written_at > interval 1 hour) filter (where messages.status is null), false)
            as waits_long
    from (select channel from due_notifications union select channel from alert_deliveries) as names
    left join messages on messages.channel = names.channel
    left join delivered on delivered.channel = names.channel
    cross join moment
    group by names.channel
)
select
    'suite'                 as subject,
    name,
    last_at                 as last_evaluated_at,
    null::timestamptz         as last_delivered_at,
    due_every_s,
    null::bigint            as waiting,
    null::bigint            as given_up,
    stale,
    case when stale then 'not evaluated for two due times' end as because
from suites
union all
select
    'channel', name, null, last_at, null, waiting, given_up, given_up > 0 or waits_long,
    case
        when given_up > 0 then format('gave up on {} since the last delivery', given_up)
        when waits_long then format('{} wait, one for more than an hour', waiting)
    end
from channels
order by subject desc, name
