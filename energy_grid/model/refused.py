"""How the model says no."""

from __future__ import annotations


class Refused(Exception):
    """The rules forbid this call; nothing has changed.

    Attributes:
        error_name: Name of the custom error with which the contract reverts for the same reason.
        facts: The values that decided, by the names the contract's error gives them where it has
            them. Lock-step tests compare those; others are for people and logs.
    """

    def __init__(self, error_name: str, **facts: object) -> None:
        self.error_name = error_name
        self.facts = facts
        told = ", ".join(f"{name}={value!r}" for name, value in facts.items())
        super().__init__(f"{error_name}({told})")
