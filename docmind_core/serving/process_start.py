"""When a process began, in a form that setting the clock does not move."""

from pathlib import Path

PROC = Path("/proc")
_START_TICKS = 19
"""Place of field 22, `starttime`, among those after the name, which may itself contain blanks and brackets."""


def start_mark(pid: int) -> str | None:
    """Return the boot and the clock ticks from it to the start of a process, as `boot_id:ticks`.

    psutil's `create_time` adds these ticks to the wall-clock time of the boot, which moves with every step of the
    clock: a process then seems to have another start, so to be another process.

    Returns:
        None when there is no such process, or no /proc.
    """
    try:
        stat = (PROC / str(pid) / "stat").read_text("utf-8", "replace")
        boot_id = (PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return None
    return f"{boot_id}:{int(stat.rpartition(')')[2].split()[_START_TICKS])}"


def began_no_earlier(pid: int, mark: str) -> bool:
    """Whether a process runs that began in the boot of `mark`, at its moment or later."""
    found = start_mark(pid)
    if found is None:
        return False
    boot_id, _, ticks = found.partition(":")
    marked_boot_id, _, marked_ticks = mark.partition(":")
    return boot_id == marked_boot_id and int(ticks) >= int(marked_ticks)
