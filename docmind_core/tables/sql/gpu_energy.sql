-- One row per run: what its GPUs used while it was at work, by their own energy counters, idle power included. Between two
-- samples further apart than four seconds another arm was at work, or nothing; below ten seconds the counters are too coarse.
with samples as (
    select
        run_id, device_index, sampled_at_ns, energy_j,
        energy_j - lag(energy_j) over of_device as grown_j,
        (sampled_at_ns - lag(sampled_at_ns) over of_device) / 1e9 as after_s
    from device_samples
    where source = 'nvml'
    window of_device as (partition by run_id, device_index order by sampled_at_ns)
),
usual as (
    select run_id, greatest(4, 3 * median(after_s)) as gap_s from samples group by run_id
),
devices as (
    select
        run_id, device_index,
        sum(grown_j) filter (where after_s <= gap_s)    as energy_j,
        sum(after_s) filter (where after_s <= gap_s)    as seconds,
        count(energy_j) = count(*)                      as is_whole,
        coalesce(min(grown_j) < 0, false)               as went_back
    from samples
    join usual using (run_id)
    group by all
),
sums as (
    select
        run_id, count(*) as gpus, sum(energy_j) as energy_j, coalesce(min(seconds), 0) as seconds,
        bool_and(is_whole) as is_whole, bool_or(went_back) as went_back
    from devices
    group by run_id
),
unavailable as (
    select run_id, max(replace(status, 'unavailable:', '')) as reason
    from device_samples
    where status like 'unavailable:%' and source <> 'engine'
    group by run_id
)
select
    runs.run_id,
    sums.gpus,
    sums.seconds                                        as sampled_s,
    case
        when sums.gpus is null then coalesce(unavailable.reason, 'not_sampled')
        when not sums.is_whole then 'not_supported'
        when sums.went_back then 'implausible'
        when sums.seconds < 10 then 'n_too_small'
    end                                                 as missing_because,
    case when missing_because is null then sums.energy_j end as gpu_energy_j
from runs
left join sums using (run_id)
left join unavailable using (run_id)
