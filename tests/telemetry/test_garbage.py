import gc
import weakref

from docmind_core.telemetry.loop_lag import YOUNG_OBJECTS, short_collections


class Node:
    def __init__(self):
        self.itself = self


def test_collections_leave_out_what_was_alive_before():
    before = [[] for _ in range(1000)]
    with short_collections():
        visited = {id(each) for each in gc.get_objects()}
        assert not visited & {id(each) for each in before}
    assert {id(each) for each in before} <= {id(each) for each in gc.get_objects()}


def test_garbage_that_arises_meanwhile_is_collected():
    with short_collections():
        gone = weakref.ref(Node())
        gc.collect()
        assert gone() is None


def test_the_collector_is_as_before_afterwards():
    before = gc.get_threshold()
    with short_collections():
        assert gc.get_threshold()[0] == YOUNG_OBJECTS
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)
