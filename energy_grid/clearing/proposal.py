"""A proposal: what the chain is asked to accept, and its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from energy_grid.clearing.errors import PackingError
from energy_grid.clearing.market import CoupledMarket, Link

SHARE_ONE: Final = 1 << 32
"""A tie share of 1: all orders at the price are filled."""

_ZONE_BYTES: Final = 9
_FLOW_BYTES: Final = 5
_INTERVAL_BYTES: Final = 8
_PRICE_BYTES: Final = 4


@dataclass(frozen=True)
class Proposal:
    """The outcome of a coupled auction in the numbers that the chain checks.

    Attributes:
        prices: of each zone, in ticks.
        shares: of each zone, 0 to 2 in units of 2^-32: orders at the price are filled by
            `min(share, 1)` (sells) and `2 - max(share, 1)` (buys).
        flows: of each link, positive from its start to its end.
        interval: lowest and highest valid prices of the zones; None if there are no others.
    """

    prices: tuple[int, ...]
    shares: tuple[int, ...]
    flows: tuple[int, ...]
    interval: tuple[tuple[int, ...], tuple[int, ...]] | None = None

    @property
    def low(self) -> tuple[int, ...]:
        """Lowest valid price of each zone."""
        return self.prices if self.interval is None else self.interval[0]

    @property
    def high(self) -> tuple[int, ...]:
        """Highest valid price of each zone."""
        return self.prices if self.interval is None else self.interval[1]

    def net_exports(self, market: CoupledMarket) -> tuple[int, ...]:
        """What leaves each zone minus what comes in."""
        exports = [0] * market.node_count
        for link, flow in zip(market.links, self.flows, strict=True):
            exports[link.start] += flow
            exports[link.end] -= flow
        return tuple(exports[: len(market.zones)])

    def encode(self, links: Sequence[Link]) -> bytes:
        """Bytes as `CoupledVerification` reads them.

        Raises:
            PackingError: a number does not fit its field; a flow below its lower bound never does.
        """
        parts = []
        for price, share in zip(self.prices, self.shares, strict=True):
            parts += [_field(price, _PRICE_BYTES, signed=True), _field(share, _FLOW_BYTES)]
        for link, flow in zip(links, self.flows, strict=True):
            parts.append(_field(flow + link.back, _FLOW_BYTES))
        if self.interval is not None:
            for low, high in zip(*self.interval, strict=True):
                parts += [
                    _field(low, _PRICE_BYTES, signed=True),
                    _field(high, _PRICE_BYTES, signed=True),
                ]
        return b"".join(parts)

    @classmethod
    def decode(cls, data: bytes, zones: int, links: Sequence[Link]) -> Proposal:
        """Read the bytes of a proposal.

        Raises:
            PackingError: the length fits neither form.
        """
        short = zones * _ZONE_BYTES + len(links) * _FLOW_BYTES
        if len(data) not in (short, short + zones * _INTERVAL_BYTES):
            raise PackingError(
                "the proposal has the wrong length",
                expected=f"{short} bytes, or {short + zones * _INTERVAL_BYTES} with an interval",
                found=len(data),
            )
        heads = [data[at : at + _ZONE_BYTES] for at in range(0, zones * _ZONE_BYTES, _ZONE_BYTES)]
        flows_at = zones * _ZONE_BYTES
        flows = tuple(
            int.from_bytes(data[at : at + _FLOW_BYTES]) - link.back
            for at, link in zip(range(flows_at, short, _FLOW_BYTES), links, strict=True)
        )
        ends = [
            int.from_bytes(data[at : at + _PRICE_BYTES], signed=True)
            for at in range(short, len(data), _PRICE_BYTES)
        ]
        return cls(
            prices=tuple(int.from_bytes(head[:_PRICE_BYTES], signed=True) for head in heads),
            shares=tuple(int.from_bytes(head[_PRICE_BYTES:]) for head in heads),
            flows=flows,
            interval=(tuple(ends[::2]), tuple(ends[1::2])) if ends else None,
        )


def _field(value: int, size: int, *, signed: bool = False) -> bytes:
    try:
        return value.to_bytes(size, signed=signed)
    except OverflowError:
        raise PackingError(
            "a number of the proposal does not fit its field",
            expected=f"{size} bytes, {'signed' if signed else 'not negative'}",
            found=value,
        ) from None
