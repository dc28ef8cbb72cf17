"""The bridge's view of the chain: registered meters, and what became of what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import structlog
from eth_utils.crypto import keccak

from energy_grid.abi import type_string
from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contract, abi_of
from energy_grid.day_words import LaneWidth
from energy_grid.deployments import Deployment
from energy_grid.outbox import Outbox, Row, State
from energy_grid.pages import MeterPage
from energy_grid.rpc import ExecutionRevertedError, Rpc, RpcResponseError, public_url
from energy_grid.units import UnixSeconds, Watt, Wh
from meter_bridge.errors import RegistryError
from meter_bridge.registry import (
    Accusation,
    LatestReading,
    PageStanding,
    PageStatus,
    PagingStanding,
    RegisteredMeter,
)
from meter_bridge.snapshots import Registers

_log = structlog.get_logger(__name__)

CONTRACT: Final = "SmartMeter"
STATUSES: Final = ("unknown", "active", "quarantined", "deactivated")
"""In the order of the contract's enum `MeterStatus`."""
STANDING_EVENTS: Final = ("BridgeJoined", "BridgeLeft", "SignatureDemanded", "PageDisputed")
"""What changes a meter's dealings with bridges without our doing."""
REPLACED_BLOCKS: Final = 4
_BRIDGE_ACTIVE: Final = 1
"""In the contract's enum `BridgeStatus`."""


def smart_meter_of(deployment: Deployment, rpc: Rpc) -> Contract:
    """Handle of the deployed SmartMeter alone: a bridge needs no other contract.

    Raises:
        DeploymentFileError: it is not deployed.
        ArtifactError: the contracts are not compiled.
    """
    address = deployment.address_of(CONTRACT)
    record = deployment.contracts[CONTRACT]
    return Contract(CONTRACT, address, abi_of(record.contract, Artifacts.load()), rpc)


class ChainRegistry:
    """Looks meters up in the SmartMeter contract, many in one request."""

    def __init__(self, contract: Contract, rpc: Rpc) -> None:
        self._contract = contract
        self._rpc = rpc

    def meters(self, meter_ids: Sequence[int]) -> dict[int, RegisteredMeter | RegistryError]:
        """The meters with their newest readings, or why one cannot be served.

        Raises:
            RetryableError: the node is away.
        """
        calls = []
        for meter_id in meter_ids:
            calls.append(self._contract.request("meterInfo", meter_id))
            calls.append(self._contract.request("latestReading", meter_id))
        answers = self._rpc.batch(calls, return_errors=True)
        found: dict[int, RegisteredMeter | RegistryError] = {}
        for meter_id, info, latest in zip(meter_ids, answers[::2], answers[1::2], strict=True):
            if isinstance(info, RpcResponseError) or isinstance(latest, RpcResponseError):
                found[meter_id] = self._unknown(meter_id, info)
            else:
                found[meter_id] = self._registered(meter_id, info, latest)
        return found

    def _unknown(self, meter_id: int, error: Any) -> RegistryError:
        reason = error
        if isinstance(error, ExecutionRevertedError):
            reason = self._contract.decode_error(error.data)
        return RegistryError(
            f"meter {meter_id} cannot be looked up",
            expected=f"a meter registered at {self._contract.address}",
            found=reason,
            remedy="Register it (`python -m meter_bridge keys register`) or correct its id",
        )

    def _registered(self, meter_id: int, info_data: str, latest_data: str) -> RegisteredMeter:
        info = self._contract.decode_answer("meterInfo", info_data)
        latest = self._contract.decode_answer("latestReading", latest_data)
        status = STATUSES[info.status] if info.status < len(STATUSES) else str(info.status)
        return RegisteredMeter(
            meter_id=meter_id,
            device_key=str(info.deviceKey),
            is_active=status == "active",
            status=status,
            rated_import_w=Watt(info.ratedImportW),
            rated_export_w=Watt(info.ratedExportW),
            register_width_wh=Wh(info.registerWidthWh),
            lane_width=LaneWidth.WIDE if info.wideLanes else LaneWidth.NARROW,
            first_slot=int(info.firstSlot),
            latest=LatestReading(
                sequence=int(latest.sequence),
                registers=Registers(
                    UnixSeconds(latest.timestamp), Wh(latest.importWh), Wh(latest.exportWh)
                ),
            ),
        )


class ChainPages:
    """What the chain knows of a bridge's pages and meters."""

    def __init__(self, contract: Contract, rpc: Rpc, bridge: str) -> None:
        self._contract = contract
        self._rpc = rpc
        self.bridge = bridge
        self._looked_until: int | None = None

    def touched(self) -> set[int]:
        """Meters whose dealings with bridges have changed since this was asked last.

        News of trouble, nothing more: what counts is how things stand, asked for all now and then.
        """
        head = self._rpc.block_number()
        since, self._looked_until = self._looked_until, head
        if since is None:
            return set()
        # A few blocks again, should they have been replaced.
        first = max(0, min(since, head) - REPLACED_BLOCKS)
        return {
            int(event.arguments["meterId"])
            for name in STANDING_EVENTS
            for event in self._contract.events(name, from_block=first, to_block=head)
        }

    def is_active(self) -> bool:
        """Whether the bridge may commit and reveal.

        Raises:
            RetryableError: the node is away.
        """
        return bool(self._contract.call("bridgeInfo", self.bridge).status == _BRIDGE_ACTIVE)

    def now(self) -> int:
        """Time of the newest block."""
        return self._rpc.timestamp()

    def meters(self, meter_ids: Sequence[int]) -> dict[int, PagingStanding]:
        """Dealings of meters with bridges."""
        calls = []
        for meter_id in meter_ids:
            calls.append(self._contract.request("pageMeter", meter_id))
            calls.append(self._contract.request("pageAccusation", meter_id))
        answers = self._rpc.batch(calls, return_errors=True)
        found: dict[int, PagingStanding] = {}
        for meter_id, meter, accusation in zip(meter_ids, answers[::2], answers[1::2], strict=True):
            if isinstance(meter, RpcResponseError) or isinstance(accusation, RpcResponseError):
                continue  # an unknown meter is told by the registry
            found[meter_id] = self._standing(meter, accusation)
        return found

    def _standing(self, meter_data: str, accusation_data: str) -> PagingStanding:
        meter = self._contract.decode_answer("pageMeter", meter_data)
        accused = self._contract.decode_answer("pageAccusation", accusation_data)
        return PagingStanding(
            bridge="" if int(meter.bridge, 16) == 0 else str(meter.bridge),
            since=int(meter.sinceBoundary),
            demanded_from=int(meter.demandedFrom),
            demanded_until=int(meter.demandedUntil),
            accusation=Accusation(int(accused.boundary), int(accused.answerUntil))
            if str(accused.bridge) == self.bridge
            else None,
        )

    def pages(self, pages: Sequence[MeterPage]) -> dict[tuple[int, int], PageStanding]:
        """Standing of pages by boundary and index."""
        answers = self._rpc.batch(
            [
                self._contract.request("pageRecord", page.bridge, page.boundary, page.index)
                for page in pages
            ],
            return_errors=True,
        )
        found: dict[tuple[int, int], PageStanding] = {}
        for page, answer in zip(pages, answers, strict=True):
            if isinstance(answer, RpcResponseError):
                continue  # asked again soon
            record = self._contract.decode_answer("pageRecord", answer)
            found[page.boundary, page.index] = PageStanding(
                PageStatus(record.status), int(record.revealFrom), int(record.revealUntil)
            )
        return found


class OutcomeWatch:
    """Tells what the contract did not take from transactions that are final."""

    def __init__(self, contract: Contract, rpc: Rpc, outbox: Outbox) -> None:
        self._contract = contract
        self._rpc = rpc
        self._outbox = outbox
        self._open: set[str] = set()
        record = Artifacts.load().get(CONTRACT)
        self._error_names = {
            keccak(text=f"{entry['name']}({','.join(map(type_string, entry['inputs']))})")[:4]: str(
                entry["name"]
            )
            for entry in record.abi
            if entry.get("type") == "error"
        }

    def before_cycle(self) -> None:
        """Note what is under way; call before each cycle of the sender."""
        self._open |= self._open_keys()

    def after_cycle(self) -> None:
        """Log the refusals of what came to its end in the cycle."""
        closed = self._open - self._open_keys()
        rows = [row for key in sorted(closed) if (row := self._outbox.get(key)) is not None]
        mined = [row for row in rows if row.state is State.FINAL]
        receipts: list[Any] = []
        if mined:
            receipts = self._rpc.batch(
                [("eth_getTransactionReceipt", [row.transaction_hash]) for row in mined]
            )
        for row, receipt in zip(mined, receipts, strict=True):
            self._review_receipt(row, receipt)
        for row in rows:
            if row.state is State.FAILED:
                _log.error("submission refused", business_key=row.business_key, reason=row.failure)
        self._open -= closed

    def _open_keys(self) -> set[str]:
        states = [state for state in State if state.is_open]
        return {row.business_key for row in self._outbox.rows(*states)}

    def _review_receipt(self, row: Row, receipt: Any) -> None:
        for event in [] if receipt is None else self._contract.decode_logs(receipt):
            if event.name == "ReadingSkipped":
                selector = event.arguments["errorSelector"]
                _log.error(
                    "reading refused on chain",
                    business_key=row.business_key,
                    meter_id=event.arguments["meterId"],
                    sequence=event.arguments["sequence"],
                    reason=self._error_names.get(selector, "0x" + selector.hex()),
                )
            elif event.name == "PageEntrySkipped":
                _log.warning(
                    "entry of a page not taken",
                    business_key=row.business_key,
                    meter_id=event.arguments["meterId"],
                    boundary=event.arguments["boundary"],
                    reason=event.arguments["reason"],
                )
            elif event.name == "MeterQuarantined":
                _log.critical(
                    "meter quarantined",
                    business_key=row.business_key,
                    meter_id=event.arguments["meterId"],
                    timestamp=event.arguments["timestamp"],
                )


def require_deployed(deployment: Deployment, contract: Contract, rpc: Rpc) -> None:
    """Refuse a deployment file that does not fit the chain.

    Raises:
        RegistryError: the chain is another one, or has no contract at the address.
    """
    genesis_hash = rpc.genesis_hash()
    if genesis_hash != deployment.genesis_hash:
        raise RegistryError(
            f"the deployment file is of another chain with id {deployment.chain_id}",
            expected=f"genesis block {genesis_hash} (the node's)",
            found=deployment.genesis_hash,
            remedy="A local chain that restarts is a new chain: deploy again",
        )
    if not rpc.code(contract.address):
        raise RegistryError(
            f"no contract at {contract.address} on the chain of {public_url(rpc.url)}",
            expected="the SmartMeter of the deployment file",
            remedy="Deploy again, or use the deployment file of this chain",
        )
