"""Signed observations between reporters and collectors, as JSON.

    {"observations": [{"oracle": "0x...", "feed_id": 16777217, "zone": 1, "unit": 1, "decimals": 0,
      "round": 1900000, "interval_start": 1710000000, "interval_seconds": 900, "reporter_set": 1,
      "value": "48210", "signature": "0x... (64 bytes, compact)"}]}

Values are text, since not every reader of JSON keeps 128 bits. Zone, unit and decimals follow from
the feed, but are told as they were signed, so that a reporter that means another unit is refused
with that reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from eth_utils.address import is_checksum_address

from energy_grid.errors import InvalidValueError
from energy_grid.feeds import Feed, Observation, SignedObservation
from energy_grid.rpc import to_bytes, to_hex
from energy_grid.signed_orders import COMPACT_BYTES
from energy_grid.units import UnixSeconds

MAX_OBSERVATIONS: Final = 200
"""Observations of one message."""
_FIELDS: Final = frozenset(
    {
        "oracle", "feed_id", "zone", "unit", "decimals", "round", "interval_start",
        "interval_seconds", "reporter_set", "value", "signature",
    }
)  # fmt: skip
_LONGEST_VALUE: Final = 40


@dataclass(frozen=True, slots=True)
class Delivery:
    """A signed observation on its way.

    Attributes:
        oracle: address of the contract it is meant for.
        signed: the observation with its signature.
    """

    oracle: str
    signed: SignedObservation

    @property
    def observation(self) -> Observation:
        """What was signed."""
        return self.signed.observation

    def as_json(self) -> dict[str, Any]:
        """As an object of the message."""
        observation = self.observation
        return {
            "oracle": self.oracle,
            "feed_id": observation.feed.id,
            "zone": observation.feed.zone,
            "unit": int(observation.feed.unit),
            "decimals": observation.feed.decimals,
            "round": observation.round,
            "interval_start": observation.interval_start,
            "interval_seconds": observation.interval_seconds,
            "reporter_set": observation.reporter_set,
            "value": str(observation.value),
            "signature": to_hex(self.signed.signature),
        }

    @classmethod
    def of_json(cls, item: Any) -> Delivery:
        """An object of a message.

        Raises:
            InvalidValueError: it is not as described above.
        """
        if not isinstance(item, dict) or item.keys() != _FIELDS:
            raise InvalidValueError(
                "observation", expected=f"fields {', '.join(sorted(_FIELDS))}", found=_short(item)
            )
        oracle, signature, value = item["oracle"], item["signature"], item["value"]
        if not isinstance(oracle, str) or not is_checksum_address(oracle):
            raise InvalidValueError("oracle", expected="a checksum address", found=_short(oracle))
        feed = Feed.of_id(_unsigned(item, "feed_id", 32))
        told = (item["zone"], item["unit"], item["decimals"])
        if told != (feed.zone, int(feed.unit), feed.decimals):
            raise InvalidValueError(
                f"zone, unit and decimals of feed {feed.id}",
                expected=(feed.zone, int(feed.unit), feed.decimals),
                found=_short(told),
            )
        observation = Observation(
            feed,
            _unsigned(item, "round", 40),
            UnixSeconds(_unsigned(item, "interval_start", 40)),
            _unsigned(item, "interval_seconds", 32),
            _unsigned(item, "reporter_set", 32),
            _value(value),
        )
        return cls(oracle, SignedObservation(observation, _signature(signature)))


def to_document(observations: Iterable[Delivery]) -> dict[str, Any]:
    """A message."""
    return {"observations": [one.as_json() for one in observations]}


def parse_observations(document: Any) -> list[Delivery | InvalidValueError]:
    """Observations of a message, each on its own; an error in the place of a bad one.

    Raises:
        InvalidValueError: it is no message at all.
    """
    if not isinstance(document, dict) or not isinstance(document.get("observations"), list):
        raise InvalidValueError("message", expected='{"observations": [...]}')
    items = document["observations"]
    if not 0 < len(items) <= MAX_OBSERVATIONS:
        raise InvalidValueError(
            "observations of a message", expected=f"1 to {MAX_OBSERVATIONS}", found=len(items)
        )
    found: list[Delivery | InvalidValueError] = []
    for item in items:
        try:
            found.append(Delivery.of_json(item))
        except InvalidValueError as error:
            found.append(error)
    return found


def _unsigned(item: dict[str, Any], name: str, bits: int) -> int:
    value = item[name]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << bits:
        raise InvalidValueError(name, expected=f"uint{bits}", found=_short(value))
    return value


def _value(text: Any) -> int:
    plain = text.removeprefix("-") if isinstance(text, str) else ""
    if not (plain.isascii() and plain.isdigit() and len(plain) <= _LONGEST_VALUE):
        raise InvalidValueError("value", expected="an integer as text", found=_short(text))
    value = int(text)
    if not -(1 << 127) <= value < 1 << 127:
        raise InvalidValueError("value", expected="int128", found=value)
    return value


def _signature(text: Any) -> bytes:
    if not isinstance(text, str) or len(text) != 2 + 2 * COMPACT_BYTES or not text.startswith("0x"):
        raise InvalidValueError("signature", expected="64 bytes in hexadecimal")
    try:
        return to_bytes(text)
    except ValueError:
        raise InvalidValueError("signature", expected="64 bytes in hexadecimal") from None


def _short(value: Any) -> str:
    return repr(value)[:80]
