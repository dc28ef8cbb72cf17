"""What a live day is made of, fixed before anything starts: every process reads the same file."""

from __future__ import annotations

import json
import socket
import zlib
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Final

from energy_grid.deployments import PROJECT_ROOT, deployment_path
from energy_grid.units import SLOT_SECONDS, SLOTS_PER_DAY, SLOTS_PER_HOUR
from simulation.live.errors import LiveError
from simulation.live.files import write_atomically
from simulation.market_day.anvil import CHAIN_ID
from simulation.market_day.options import DEFAULT_DAY, DEFAULT_SEED
from simulation.physics.calendar import first_slot_of
from simulation.physics.grids import DEFAULT_GRID

DEFAULT_FOLDER: Final = PROJECT_ROOT / "out" / "live"
HOST: Final = "127.0.0.1"
CHAIN_SECONDS_A_BLOCK: Final = 60
"""With a block a second, an hour of the day passes in a minute."""
LEAD_SLOTS: Final = 6
"""The clock is let go this long before the first slot; the first auction closes an hour before."""
SETTING_UP_SECONDS: Final = 3_600
"""The chain begins this long before; deploying and enrolling take a second a block."""

_FIRST_PORT: Final = 21_000
"""Below the ports that the system hands out by itself, so that a port stays ours over a restart."""
_PORTS: Final = 200
_LAST_PORT: Final = 31_000
_OPS_OFFSET: Final = 10
_METER_OFFSET: Final = 60


@dataclass(frozen=True)
class LivePlan:
    """One live day.

    Attributes:
        folder: where everything lies.
        grid: short name of the grid.
        day: the UTC day of 2016.
        homes: how many take part.
        seed: of keys, valuations and forecasts.
        first: first slot that is traded, counted within the day; a whole hour.
        count: slots that are traded and delivered.
        block_seconds: seconds of this computer between two blocks.
        base_port: first of the ports.
        bridges: meter bridges, each with meters of its own.
        reporters: operators of reporters.
    """

    folder: Path
    grid: str = DEFAULT_GRID
    day: str = DEFAULT_DAY.isoformat()
    homes: int = 16
    seed: int = DEFAULT_SEED
    first: int = 0
    count: int = SLOTS_PER_DAY
    block_seconds: int = 1
    base_port: int = _FIRST_PORT
    bridges: int = 2
    reporters: int = 4

    def __post_init__(self) -> None:
        if self.first % SLOTS_PER_HOUR or not 0 <= self.first < self.first + self.count <= 96:
            raise LiveError(
                "these slots cannot be traded",
                expected="a whole hour as the start, and an end within the day",
                found=f"{self.count} slots from slot {self.first} of the day",
            )

    # --- time -------------------------------------------------------------------------------------

    @property
    def date(self) -> date:
        """The day."""
        return date.fromisoformat(self.day)

    @property
    def slots(self) -> range:
        """The slots that are traded and delivered."""
        start = first_slot_of(self.date) + self.first
        return range(start, start + self.count)

    @property
    def opens_at(self) -> int:
        """Chain time at which the clock is let go."""
        return (self.slots.start - LEAD_SLOTS) * SLOT_SECONDS

    @property
    def ends_at(self) -> int:
        """End of the last slot."""
        return self.slots.stop * SLOT_SECONDS

    @property
    def genesis_at(self) -> int:
        """Time of the first block."""
        return self.opens_at - SETTING_UP_SECONDS

    # --- what a killed chain may lose -------------------------------------------------------------

    @property
    def state_every_seconds(self) -> int:
        """How often the chain writes its state down: it grows by about 0.75 MB a slot."""
        return 4 + self.count // 12

    @property
    def confirmations(self) -> int:
        """Blocks until something counts as final: more than a killed chain can lose."""
        return 2 * self.state_every_seconds

    # --- places -----------------------------------------------------------------------------------

    @property
    def chain_id(self) -> int:
        """Id of the chain."""
        return CHAIN_ID

    @property
    def rpc_url(self) -> str:
        """URL of the node."""
        return f"http://{HOST}:{self.base_port}"

    @property
    def twin_url(self) -> str:
        """URL of the twin's pages."""
        return f"http://{HOST}:{self.base_port + 1}"

    @property
    def collector_port(self) -> int:
        """Port that reporters hand their observations over at."""
        return self.base_port + 2

    def ops_port(self, index: int) -> int:
        """Port of the pages of a process."""
        return self.base_port + _OPS_OFFSET + index

    def meter_port(self, meter_id: int) -> int:
        """Port of a meter's adapter."""
        return self.base_port + _METER_OFFSET + meter_id

    @property
    def deployments(self) -> Path:
        """Folder of the deployment file."""
        return self.folder / "deployments"

    @property
    def deployment_file(self) -> Path:
        """The deployment file."""
        return deployment_path(self.chain_id, self.deployments)

    @property
    def orders(self) -> Path:
        """Where members leave signed orders for the relay."""
        return self.folder / "orders"

    @property
    def locks(self) -> Path:
        """Locks of keys."""
        return self.folder / "locks"

    @property
    def file(self) -> Path:
        """The plan itself."""
        return self.folder / "plan.json"

    # --- on disk ----------------------------------------------------------------------------------

    def save(self) -> None:
        """Write the plan."""
        self.folder.mkdir(parents=True, exist_ok=True)
        content = asdict(self)
        del content["folder"]
        write_atomically(self.file, json.dumps(content, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> LivePlan:
        """Read the plan of a folder.

        Raises:
            LiveError: there is none.
        """
        try:
            content = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
            return cls(folder=folder.resolve(), **content)
        except OSError as error:
            raise LiveError(
                "there is no live day", expected=f"{folder / 'plan.json'}", remedy="Run `make up`"
            ) from error
        except (ValueError, TypeError) as error:
            raise LiveError(
                f"{folder / 'plan.json'} cannot be read",
                found=str(error),
                remedy="Run `make down`, then `make up`",
            ) from error


def free_base_port(folder: Path) -> int:
    """First of a run of ports that nobody listens on.

    Days in different folders begin to look at different places, since a day that was just started
    listens nowhere yet.

    Args:
        folder: of the day.

    Raises:
        LiveError: there is no such run.
    """
    count = (_LAST_PORT - _FIRST_PORT) // _PORTS
    start: int = zlib.crc32(str(folder.resolve()).encode()) % count
    for index in range(count):
        base = _FIRST_PORT + (start + index) % count * _PORTS
        if all(is_free(base + offset) for offset in range(_METER_OFFSET + 60)):
            return base
    raise LiveError(
        "no run of free ports",
        expected=f"{_PORTS} between {_FIRST_PORT} and {_LAST_PORT}",
        found="none",
    )


def is_free(port: int) -> bool:
    """Whether nobody listens on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
