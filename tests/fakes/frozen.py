"""Values that raise when somebody changes them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NoReturn


class FrozenList(list[Any]):
    """A list that can be read, copied and added to another one, and not changed."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise AssertionError("a node changed a list of its caller's state")

    append = extend = insert = remove = pop = clear = sort = reverse = _refuse  # type: ignore[assignment]
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse  # type: ignore[assignment]


def frozen(value: Any) -> Any:
    """Return the same value with every mapping and list in it frozen; our records are frozen already."""
    if isinstance(value, Mapping):
        return MappingProxyType({key: frozen(part) for key, part in value.items()})
    if isinstance(value, list):
        return FrozenList(frozen(part) for part in value)
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(frozen(part) for part in value)
    return value
