"""Who holds which role, and which role may call what: the access manager."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from energy_grid.abi import Event
from energy_grid.replay.reducer import Handler, Reducer


class AuthorityReplay(Reducer):
    """`AccessManager`."""

    PASSED_OVER: ClassVar[frozenset[str]] = frozenset(
        {
            "OperationCanceled",
            "OperationExecuted",
            "OperationScheduled",
            "RoleGrantDelayChanged",
            "RoleLabel",
            "TargetAdminDelayUpdated",
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self.members: dict[int, dict[str, tuple[int, int]]] = {}
        self.functions: dict[tuple[str, bytes], int] = {}
        self.admins: dict[int, int] = {}
        self.guardians: dict[int, int] = {}
        self.closed: dict[str, bool] = {}

    def handlers(self) -> Mapping[str, Handler]:
        """See `Reducer`."""
        return {
            "RoleAdminChanged": self._admin,
            "RoleGranted": self._granted,
            "RoleGuardianChanged": self._guardian,
            "RoleRevoked": self._revoked,
            "TargetClosed": self._closed,
            "TargetFunctionRoleUpdated": self._function,
        }

    def holders(self, role: int, now: int) -> set[str]:
        """Accounts whose membership has begun by `now`."""
        return {who for who, (since, _) in self.members.get(role, {}).items() if since <= now}

    def role_of(self, target: str, selector: bytes) -> int:
        """Role that may call a restricted function; the administrator's unless told otherwise."""
        return self.functions.get((target, selector), 0)

    def _granted(self, event: Event, _now: int) -> None:
        members = self.members.setdefault(event.roleId, {})
        since = event.since
        if not event.newMember and event.account in members:
            since = members[event.account][0]  # only the delay changes, and later
        members[event.account] = (since, event.delay)

    def _revoked(self, event: Event, _now: int) -> None:
        self.members.get(event.roleId, {}).pop(event.account, None)

    def _function(self, event: Event, _now: int) -> None:
        self.functions[event.target, bytes(event.selector)] = event.roleId

    def _admin(self, event: Event, _now: int) -> None:
        self.admins[event.roleId] = event.admin

    def _guardian(self, event: Event, _now: int) -> None:
        self.guardians[event.roleId] = event.guardian

    def _closed(self, event: Event, _now: int) -> None:
        self.closed[event.target] = event.closed
