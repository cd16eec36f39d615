-- One row per run that routes: who decided, how often the model agreed with the rules, and how right the choices were.
-- A query run counts once, by its last decision; warm-up is left out.
-- Calibration: ten bins of equal mass over the confidences, equal confidences in one bin; each bin weighs with its
-- size, so that a bin's share of the error is |sum of (confidence - right)| / n. Below 30 decisions it is missing.
with decided as (
    select d.*
    from route_decisions as d
    join query_runs as q using (run_id, query_id, replicate)
    where coalesce(q.phase, 'measured') <> 'warmup'
    qualify row_number() over (partition by d.run_id, d.query_id, d.replicate order by d.decision desc) = 1
),
scored as (
    select
        d.*, right_or_wrong.value as is_right, right_or_wrong.missing_because, regret.value as regret
    from decided as d
    left join measurements as right_or_wrong
        on (right_or_wrong.run_id, right_or_wrong.query_id, right_or_wrong.replicate) =
            (d.run_id, d.query_id, d.replicate)
        and right_or_wrong.metric = 'router_accuracy_ratio' and right_or_wrong.draw = 0
    left join measurements as regret
        on (regret.run_id, regret.query_id, regret.replicate) = (d.run_id, d.query_id, d.replicate)
        and regret.metric = 'router_regret' and regret.draw = 0
),
ranked as (
    select
        run_id, confidence - is_right as gap,
        count(*) over (partition by run_id) as n,
        rank() over (partition by run_id order by confidence) as place
    from scored
    where confidence is not null and is_right is not null
),
bins as (
    select run_id, n, abs(sum(gap)) as gap
    from ranked
    group by run_id, n, (place - 1) * 10 // n
),
calibration as (
    select run_id, n, sum(gap) / n as error
    from bins
    group by run_id, n
)
select
    runs.run_id,
    runs.benchmark_run,
    runs.arm,
    runs.level,
    count(*) as decisions,
    count(*) filter (where s.decided_by = 'rules') as by_rules,
    count(*) filter (where s.decided_by = 'model') as by_model,
    count(*) filter (where s.decided_by = 'suite') as by_suite,
    count(s.fell_back_because) as fell_back,
    avg(s.agrees::double) as agreement_ratio,
    quantile_cont(s.analysis_s, 0.5) as analysis_p50_s,
    count(s.is_right) as n_scored,
    avg(s.is_right) as router_accuracy_ratio,
    avg(s.regret) as router_regret,
    coalesce(any_value(c.n), 0) as n_calibrated,
    case when any_value(c.n) >= 30 then any_value(c.error) end as router_ece,
    case
        when any_value(c.n) >= 30 then null
        when count(s.is_right) = 0 then coalesce(mode(s.missing_because order by s.missing_because), 'no_gold')
        else 'n_too_small'
    end as ece_missing_because
from scored as s
join runs using (run_id)
left join calibration as c using (run_id)
group by runs.run_id, runs.benchmark_run, runs.arm, runs.level
