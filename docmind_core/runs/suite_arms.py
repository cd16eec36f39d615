"""The arms of a suite: graphs of ours, and systems of the user."""

from docmind_core.agents.arms import Arm, find_arm
from docmind_core.errors import UsageError
from docmind_core.suites.suite import Suite


def suite_arm(suite: Suite, name: str) -> Arm:
    """Return the arm of a suite called `name`.

    Raises:
        UsageError: There is none, or a system of the suite has the name of an arm of ours.
    """
    spec = suite.system(name)
    if spec is None:
        arm = find_arm(name)
        if arm.spends_as and arm.spends_as not in suite.arms:
            raise UsageError(
                f"arm {name!r} spends what {arm.spends_as} spends on the same query, so {arm.spends_as} must be an arm "
                f"too: --arms {arm.spends_as},{name}"
            )
        return arm
    first = name.removesuffix(".again")
    if is_ours(first):
        raise UsageError(f"systems.{first}: an arm of ours has this name; choose another.")
    if spec.missing_file is not None:
        raise UsageError(f"systems.{first}: there is no file {spec.missing_file}. Paths begin in the suite's folder.")
    if spec.compared_with not in suite.systems:
        find_arm(spec.compared_with)
    return Arm(
        name=name,
        shows=f"System of this suite ({spec.kind}).",
        build=lambda: None,
        opening=lambda question, _context: question,
        of_user=True,
        compared_with=spec.compared_with,
    )


def is_ours(name: str) -> bool:
    """Whether an arm of ours has this name."""
    try:
        find_arm(name)
    except UsageError:
        return False
    return True
