"""Python's protocols for Java's collections: iteration, len, [], in, with."""

from collections.abc import Iterator
from typing import Any


class _Iterable:
    __slots__ = ()

    def __iter__(self: Any) -> Iterator[Any]:
        return iter(self.iterator())


class _Iterator:
    __slots__ = ()

    def __iter__(self: Any) -> Iterator[Any]:
        return self

    def __next__(self: Any) -> Any:
        if not self.hasNext():
            raise StopIteration
        return self.next()


class _Collection:
    __slots__ = ()

    def __iter__(self: Any) -> Iterator[Any]:
        return iter(self.toArray())

    def __len__(self: Any) -> int:
        return int(self.size())

    def __contains__(self: Any, item: object) -> bool:
        return bool(self.contains(item))


class _List:
    __slots__ = ()

    def __getitem__(self: Any, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self.get(position) for position in range(*index.indices(len(self)))]
        return self.get(self._position(index))

    def __setitem__(self: Any, index: int, item: object) -> None:
        self.set(self._position(index), item)

    def __delitem__(self: Any, index: int) -> None:
        self.remove(self._position(index))

    def append(self: Any, item: object) -> None:
        """Add an item at the end, as a Python list does."""
        self.add(item)

    def _position(self: Any, index: int) -> int:
        size = len(self)
        position = index + size if index < 0 else index
        if not 0 <= position < size:
            raise IndexError("list index out of range")
        return position


class _Map:
    __slots__ = ()

    def __iter__(self: Any) -> Iterator[Any]:
        return iter(self.keySet())

    def __len__(self: Any) -> int:
        return int(self.size())

    def __contains__(self: Any, key: object) -> bool:
        return bool(self.containsKey(key))

    def __getitem__(self: Any, key: object) -> Any:
        if not self.containsKey(key):
            raise KeyError(key)
        return self.get(key)

    def __setitem__(self: Any, key: object, item: object) -> None:
        self.put(key, item)

    def __delitem__(self: Any, key: object) -> None:
        if not self.containsKey(key):
            raise KeyError(key)
        self.remove(key)

    def get(self: Any, key: object, default: object = None) -> Any:
        """The value of a key, or the default where there is none, as of a dict."""
        value = self.getOrDefault(key, None)
        return default if value is None and not self.containsKey(key) else value

    def keys(self: Any) -> list[Any]:
        """The keys, as of a dict."""
        return list(self)

    def items(self: Any) -> list[tuple[Any, Any]]:
        """Pairs of key and value, as of a dict."""
        return [(entry.getKey(), entry.getValue()) for entry in self.entrySet()]

    # The names that scripts for Jython, a Python 2, know.

    def iteritems(self: Any) -> Iterator[tuple[Any, Any]]:
        """Pairs of key and value, one by one."""
        return iter(self.items())

    def iterkeys(self: Any) -> Iterator[Any]:
        """The keys, one by one."""
        return iter(self)

    def itervalues(self: Any) -> Iterator[Any]:
        """The values, one by one."""
        return iter(self.values())

    def has_key(self: Any, key: object) -> bool:
        """Whether the key is there."""
        return bool(self.containsKey(key))


class _AutoCloseable:
    __slots__ = ()

    def __enter__(self: Any) -> Any:
        return self

    def __exit__(self: Any, *error: object) -> None:
        self.close()


# By simple name of an interface; where a class has several, the first one's protocol wins.
_PROTOCOLS = {
    "List": _List,
    "Collection": _Collection,
    "Map": _Map,
    "Iterable": _Iterable,
    "Iterator": _Iterator,
    "AutoCloseable": _AutoCloseable,
}


def mixins(traits: list[str]) -> tuple[type, ...]:
    """The protocols of a Java class of these traits: simple names of its interfaces."""
    return tuple(protocol for trait, protocol in _PROTOCOLS.items() if trait in traits)
