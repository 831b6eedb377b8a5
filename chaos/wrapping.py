"""Puts something around a function of the real service, in a process that is to be harmed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chaos.tokens import die_at


def wrap(owner: object, name: str, around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Replace `owner.name` by what `around` makes of it."""
    setattr(owner, name, around(getattr(owner, name)))


def deadly(*, before: str = "", after: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A point at which the process may die before the function, and one after it."""

    def around(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if before:
                die_at(before)
            result = function(*args, **kwargs)
            if after:
                die_at(after)
            return result

        return wrapped

    return around
