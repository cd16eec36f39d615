-- One row per run and k, from 1 to its replicates: pass^k = C(c, k) / C(n, k) and pass@k = 1 - C(n - c, k) / C(n, k), each the
-- mean over the queries whose n replicates are at least k and all known; c of them passed.
with chances as (
    select
        run_id, benchmark_run, arm, k, pass_flip_ratio, n_known,
        case when n_known = replicates and replicates >= k then list_aggregate(list_transform(
            range(k::bigint), lambda i: (passed - i)::double / (replicates - i)), 'product') end as pass_hat_k,
        case when n_known = replicates and replicates >= k then 1 - list_aggregate(list_transform(
            range(k::bigint), lambda i: (replicates - passed - i)::double / (replicates - i)), 'product') end as pass_at_k,
        missing_because
    from replicate_flips as f
    cross join (select unnest(range(1, (select coalesce(max(replicates), 1) + 1 from replicate_flips))) as k)
    where k <= (select max(replicates) from replicate_flips as of_run where of_run.run_id = f.run_id)
)
select
    run_id,
    benchmark_run,
    arm,
    k,
    avg(pass_hat_k)                                                     as pass_hat_k,
    avg(pass_at_k)                                                      as pass_at_k,
    count(pass_hat_k)                                                   as n_queries,
    count(*)                                                            as n_total,
    avg(pass_flip_ratio)                                                     as pass_flip_ratio,
    case when count(pass_hat_k) = 0 then coalesce(mode(missing_because), 'n_too_small') end as missing_because
from chances
group by run_id, benchmark_run, arm, k
