"""Arms that were asked for more calls in flight than they kept, and a platform that was late itself."""

from docmind_core.reports.benchmark_records import BenchmarkRecords
from docmind_core.reports.number_text import percent_text
from docmind_core.reports.run_records import ArmRun

ACHIEVED_MIN = 0.8
"""Share of `concurrency` below which the times of an arm are those of another load."""
QUERIES_A_PLACE_MIN = 4
"""With fewer, how the first ones begin and the last ones end decides the mean."""
LAG_NOTED_S = 0.5
"""Less is in every time that is measured on a machine with other work."""


def load_sentence(records: BenchmarkRecords) -> str | None:
    """Say which arms kept too few calls in flight, and how late the platform was; None where all is well."""
    low = [f"{arm.arm} kept {_kept(arm)}" for arm in records.arms if _is_low(records, arm)]
    lags = [arm.loop_lag_max_s for arm in records.arms if (arm.loop_lag_max_s or 0.0) >= LAG_NOTED_S]
    sentences = []
    if low:
        sentences.append(f"Less load than asked for: {'; '.join(low)}. Their times are those of the lower load.")
    if lags:
        sentences.append(
            f"The platform itself was up to {max(lag for lag in lags if lag):.1f} s late: give it more processor time, "
            "or lower the concurrency. No deadline of a call ran meanwhile; times include it."
        )
    return " ".join(sentences) or None


def _is_low(records: BenchmarkRecords, arm: ArmRun) -> bool:
    if arm.achieved_concurrency is None or arm.concurrency is None:
        return False
    enough = len(records.queries_of_arms[arm.run_id]) >= QUERIES_A_PLACE_MIN * arm.concurrency
    return enough and arm.achieved_concurrency < ACHIEVED_MIN * arm.concurrency


def _kept(arm: ArmRun) -> str:
    achieved, asked = arm.achieved_concurrency or 0.0, arm.concurrency or 1
    return f"{achieved:.1f} of {asked} calls in flight ({percent_text(100 * achieved / asked)})"
