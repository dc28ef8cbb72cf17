"""Shared assertions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.utils.revm import Refused


@contextmanager
def refused(name: str, **arguments: Any) -> Iterator[None]:
    """The contract refuses by that error, with these arguments."""
    with pytest.raises(Refused) as caught:
        yield
    assert caught.value.name == name, caught.value
    for key, value in arguments.items():
        assert caught.value.arguments[key] == value
