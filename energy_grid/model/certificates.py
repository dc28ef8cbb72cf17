"""Granular certificates: who may call which Wh solar. Specification, section 7.

Pools are kept per region and slot. A net seller gives what it was minted for, a net buyer wants
what it bought; the smaller of both sums changes hands, shared by the cursor rule.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from energy_grid.model.cursor import cursor_share
from energy_grid.model.refused import Refused


@dataclass
class Entry:
    """What one account gave to a pool or wants from it, and has yet to claim."""

    given_wh: int
    wanted_wh: int
    cover_wh: int


@dataclass
class Pool:
    """The certificates of one region and slot.

    Attributes:
        entered_wh: Gross energy bought plus gross energy sold of everybody who entered.
        late: Closed because time was up, so whoever settles later is left out.
    """

    given_wh: int = 0
    wanted_wh: int = 0
    entered_wh: int = 0
    given_claimed_wh: int = 0
    wanted_claimed_wh: int = 0
    entries: dict[str, Entry] = field(default_factory=dict)

    @property
    def transferred_wh(self) -> int:
        """What passes from those who give to those who want."""
        return min(self.given_wh, self.wanted_wh)

    def take(self, account: str) -> tuple[int, int, int]:
        """Claim an entry: what a giver gets back, what a buyer's share is, and its cover."""
        entry = self.entries.pop(account)
        transferred = self.transferred_wh
        returned = cursor_share(
            self.given_wh - transferred, self.given_wh, self.given_claimed_wh, entry.given_wh
        )
        shared = cursor_share(transferred, self.wanted_wh, self.wanted_claimed_wh, entry.wanted_wh)
        self.given_claimed_wh += entry.given_wh
        self.wanted_claimed_wh += entry.wanted_wh
        return returned, shared, entry.cover_wh


@dataclass
class Certificates:
    """EnergyToken balances and the pools they come from."""

    balances: dict[str, int] = field(default_factory=dict)
    minted_wh: int = 0
    retired_wh: int = 0
    pools: dict[tuple[int, int], Pool] = field(default_factory=dict)
    minted_slots: set[tuple[str, int]] = field(default_factory=set)

    def pool(self, region: int, slot: int) -> Pool:
        """The pool of a region and slot, empty at first."""
        return self.pools.setdefault((region, slot), Pool())

    @property
    def pooled_wh(self) -> int:
        """Tokens that lie in pools, claimed by nobody yet."""
        total = 0
        for pool in self.pools.values():
            transferred = pool.transferred_wh
            returned = pool.given_wh - transferred
            total += pool.given_wh
            if pool.given_wh:
                total -= pool.given_claimed_wh * returned // pool.given_wh
            if pool.wanted_wh:
                total -= pool.wanted_claimed_wh * transferred // pool.wanted_wh
        return total

    @property
    def total_supply_wh(self) -> int:
        """All tokens there are."""
        return sum(self.balances.values()) + self.pooled_wh

    def enter(
        self,
        *,
        account: str,
        region: int,
        slot: int,
        bought_wh: int,
        sold_wh: int,
        minted_wh: int,
        cover_wh: int,
        closed: bool,
    ) -> None:
        """Mint for a settled slot and enter its position into the pool, unless that has closed."""
        if minted_wh:
            if (account, slot) in self.minted_slots:
                raise Refused("AlreadyMinted", account=account, slot=slot)
            self.minted_slots.add((account, slot))
            self.minted_wh += minted_wh
        if closed:
            self._give(account, minted_wh)
            return
        net_sold_wh = max(0, sold_wh - bought_wh)
        given_wh = min(net_sold_wh, minted_wh)
        wanted_wh = max(0, bought_wh - sold_wh)
        self._give(account, minted_wh - given_wh)
        if not bought_wh and not sold_wh:
            return
        pool = self.pool(region, slot)
        pool.entered_wh += bought_wh + sold_wh
        pool.given_wh += given_wh
        pool.wanted_wh += wanted_wh
        if given_wh or wanted_wh:
            pool.entries[account] = Entry(given_wh, wanted_wh, cover_wh if wanted_wh else 0)

    def claim(self, region: int, slot: int, account: str) -> int:
        """Hand an account its share of a closed pool. Returns what is retired for it."""
        pool = self.pool(region, slot)
        if account not in pool.entries:
            return 0  # nothing entered, or claimed before
        returned, shared, cover = pool.take(account)
        retired = min(shared, cover)
        self.retired_wh += retired
        self._give(account, returned + shared - retired)
        return retired

    def _give(self, account: str, energy_wh: int) -> None:
        self.balances[account] = self.balances.get(account, 0) + energy_wh
