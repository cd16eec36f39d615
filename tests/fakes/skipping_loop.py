"""An event loop whose clock jumps to the next timer instead of waiting for it, and can be set by a test."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Never waits: what it would have waited passes on the loop's clock at once."""

    loop: "SkippingLoop"

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready and timeout:
            self.loop.now += timeout
        return ready


class SkippingLoop(asyncio.SelectorEventLoop):
    """`now` is its clock; code that adds to it is code that has kept the loop busy for so long."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self.now = 0.0
        super().__init__(selector)

    def time(self) -> float:
        return self.now


def run_skipping(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` on such a loop; it gets at the clock by `busy`."""
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        return runner.run(work)


def busy(seconds: float) -> None:
    """Keep the running loop from everything else for so long."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SkippingLoop)
    loop.now += seconds
