-- One row per run and metric: the version of what scored it.
select run_id, metric, string_agg(distinct scorer_version, ', ' order by scorer_version) as version
from measurements
group by all
