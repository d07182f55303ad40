"""Document paths in items: what is there, what is shown of it, how it is changed. Only `put` and `remove` change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flowd.services.dynamodb.errors import invalid
from flowd.services.dynamodb.syntax import Path
from flowd.services.dynamodb.values import Item, Value


def bad_path() -> Exception:
    return invalid("The document path provided in the update expression is invalid for update")


def find(item: Item, path: Path) -> Value | None:
    """The value at a path; None if there is none."""
    value: Value | None = {"M": item}
    for part in path.parts:
        value = _member(value, part)
        if value is None:
            return None
    return value


def _member(value: Value | None, part: str | int) -> Value | None:
    if value is None:
        return None
    if isinstance(part, int):
        listed: list[Value] = value.get("L", [])
        return listed[part] if part < len(listed) else None
    found: Value | None = value.get("M", {}).get(part)
    return found


def _container(item: Item, path: Path) -> Any:
    """The dict or list that the last part of a path is in; it has to be there and of the right kind."""
    parent = find(item, Path(path.parts[:-1]))
    kind = "L" if isinstance(path.parts[-1], int) else "M"
    if parent is None or kind not in parent:
        raise bad_path()
    return parent[kind]


def put(item: Item, path: Path, value: Value) -> None:
    """Set it; a place behind the end of a list is its end."""
    container, last = _container(item, path), path.parts[-1]
    if isinstance(last, int) and last >= len(container):
        container.append(value)
    else:
        container[last] = value


def remove(item: Item, paths: Iterable[Path], before: Item) -> None:
    """Take away what was there `before` the update; places in lists are those of then.

    What was not there is no error, but its parent has to be.
    """
    doomed = [(_container(item, path), path.parts[-1], find(before, path)) for path in paths]
    for container, last, _ in sorted((one for one in doomed if one[2] is not None), key=_place, reverse=True):
        del container[last]


def _place(found: tuple[Any, str | int, Value | None]) -> int:
    return found[1] if isinstance(found[1], int) else -1


def project(item: Item, paths: Iterable[Path]) -> Item:
    """What of an item stands at paths, in its own structure; members of lists keep their order, not their places."""
    tree: dict[str | int, Any] = {}
    for path in paths:
        branch = tree
        for part in path.parts:
            branch = branch.setdefault(part, {})
    return _members(item, tree)


def _members(members: Item, tree: dict[str | int, Any]) -> Item:
    found: Item = {}
    for part, branch in tree.items():
        if isinstance(part, str) and part in members:
            value = _kept(members[part], branch)
            if value is not None:
                found[part] = value
    return found


def _kept(value: Value, branch: dict[str | int, Any]) -> Value | None:
    """What remains of a value below a branch; None if nothing does."""
    if not branch:
        return value
    if "M" in value:
        members = _members(value["M"], branch)
        return {"M": members} if members else None
    if "L" in value:
        listed = value["L"]
        places = sorted(part for part in branch if isinstance(part, int) and part < len(listed))
        kept = [inner for place in places if (inner := _kept(listed[place], branch[place])) is not None]
        return {"L": kept} if kept else None
    return None
