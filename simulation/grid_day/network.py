"""The electrical network of a grid day: one AC power flow in well under a millisecond.

pandapower gives the model (admittances of lines, cables and transformer); a day needs some ten
thousand solutions of it, which are found by the implicit Z-bus method: `V = w + Z conj(S / V)`, the
admittances factorised once for each way in which the network is switched. `against_pandapower`
solves the same point with pandapower's Newton-Raphson; the twin does so every simulated hour.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_matrix, csr_matrix
from scipy.sparse.linalg import splu

from simulation.errors import GridDataError, PowerFlowError
from simulation.grid_day.control import Line
from simulation.physics.calendar import BoolArray, FloatArray, IntArray
from simulation.physics.grids import Grid

ComplexArray = npt.NDArray[np.complex128]

_SQRT3: Final = 3**0.5
_W_PER_MW: Final = 1e6
_TOLERANCE_PU: Final = 1e-9
_ITERATIONS: Final = 300
_KV: Final = 0.4


@dataclass(frozen=True)
class Tie:
    """A cable that is open in normal operation and can be closed to supply from elsewhere.

    Attributes:
        name: for people and disturbances.
        from_bus: one end.
        to_bus: other end.
        length_km: its length; the cable is of the type that its first end already has.
    """

    name: str
    from_bus: int
    to_bus: int
    length_km: float


@dataclass(frozen=True)
class Flow:
    """One solution; buses in the order of `Network.buses`, lines of `Network.lines`.

    Attributes:
        voltage_pu: by bus, 0 where it is dark.
        line_loading: by line, 1 is the rating.
        line_flow_w: away from the busbar, by line.
        transformer_loading: 1 is the rating.
        source_w: what the source (upstream grid or forming unit) gives.
        source_var: its reactive power.
        loss_w: lost in lines and transformer.
    """

    voltage_pu: FloatArray
    line_loading: FloatArray
    line_flow_w: FloatArray
    transformer_loading: float
    source_w: float
    source_var: float
    loss_w: float


class Network:
    """A low-voltage network behind one transformer, with its switches.

    Args:
        grid: the benchmark grid; it is copied.
        ties: cables to add, open at first.
    """

    def __init__(self, grid: Grid, ties: Sequence[Tie] = ()) -> None:
        self._name = grid.name
        self._net = _bare(grid, ties)
        net = self._net
        _run_pandapower(net, grid.name)
        low = net.bus.index[net.bus.vn_kv < 1.0]
        self.buses: tuple[int, ...] = tuple(int(bus) for bus in low)
        self.busbar = int(net.trafo.lv_bus.iloc[0])
        lookup = net._pd2ppc_lookups
        ppc = net._ppc
        self._base_mva = float(ppc["baseMVA"])
        self._ppc_bus, self._ppc_branch = ppc["bus"], ppc["branch"]
        self._column: IntArray = np.asarray([lookup["bus"][bus] for bus in self.buses], np.int64)
        self._source = {
            False: int(lookup["bus"][int(net.ext_grid.bus.iloc[0])]),
            True: int(lookup["bus"][self.busbar]),
        }
        first, last = lookup["branch"]["line"]
        self._line_rows = np.arange(first, last)
        self._trafo_row = int(lookup["branch"]["trafo"][0])
        self._line_ka = net.line.max_i_ka.to_numpy() * net.line.parallel.to_numpy()
        self._trafo_mva = float(net.trafo.sn_mva.iloc[0])
        self.transformer_w = round(self._trafo_mva * _W_PER_MW)
        self._row_of_name = {str(name): row for row, name in enumerate(net.line.name)}
        self._ties = tuple(tie.name for tie in ties)
        self._open = {self._row_of_name[name] for name in self._ties}
        self.is_islanded = False
        self._ends = [
            (int(a), int(b)) for a, b in zip(net.line.from_bus, net.line.to_bus, strict=True)
        ]
        self.switchings = 0
        self._away, self._parent = self._directions()
        self._feeder = self._feeders()
        self._switch()

    # ------------------------------------------------------------------ shape

    @property
    def line_names(self) -> tuple[str, ...]:
        """Names of all lines, ties last."""
        return tuple(self._row_of_name)

    def feeder_of_bus(self) -> dict[int, int]:
        """Feeder of every bus when switched as usual, 0 at the busbar, nearest first."""
        return dict(self._feeder)

    def _feeders(self) -> dict[int, int]:
        heads: dict[int, int] = {}
        feeder = {self.busbar: 0}
        for bus, parent in self._parent.items():  # in order of distance
            feeder[bus] = (
                heads.setdefault(bus, len(heads) + 1) if parent == self.busbar else feeder[parent]
            )
        return feeder

    def buses_behind(self, row: int) -> frozenset[int]:
        """Buses that are supplied through a line as the network is switched now."""
        if row in self._open:
            return frozenset()
        ends = self._ends[row]
        far = ends[1] if self._away[row] > 0 else ends[0]
        if self._parent.get(far) not in ends:
            return frozenset()  # not supplied at all
        behind = {far}
        for bus, parent in self._parent.items():
            if parent in behind:
                behind.add(bus)
        return frozenset(behind)

    def describe(self, connections_of_bus: Mapping[int, Collection[int]]) -> tuple[Line, ...]:
        """The lines, with who is supplied through each as the network is switched now."""
        feeders = self._feeder
        lines = []
        for name, row in self._row_of_name.items():
            behind = self.buses_behind(row)
            who = sorted(c for bus in behind for c in connections_of_bus.get(bus, ()))
            feeder = max(feeders[bus] for bus in self._ends[row])
            rated_w = round(_SQRT3 * _KV * 1e3 * float(self._line_ka[row]) * 1e3)
            lines.append(Line(name, feeder, rated_w, tuple(who)))
        return tuple(lines)

    def sensitivity_pu_per_mw(self) -> FloatArray:
        """Rise of the voltage at bus i by one MW fed in at bus j, as switched now."""
        z = self._lu.solve(np.eye(len(self._solved), dtype=np.complex128))
        full = np.zeros((len(self.buses), len(self.buses)))
        full[np.ix_(self._inner_rows, self._inner_rows)] = (
            np.real(z[np.ix_(self._inner_z, self._inner_z)]) / self._base_mva
        )
        return full

    # ----------------------------------------------------------------- switching

    def row(self, name: str) -> int:
        """Row of a line by its name.

        Raises:
            GridDataError: no such line.
        """
        try:
            return self._row_of_name[name]
        except KeyError as error:
            raise GridDataError(
                f"grid {self._name} has no such line",
                expected=", ".join(self._row_of_name),
                found=name,
            ) from error

    def open_line(self, name: str) -> None:
        """A line trips or is switched off."""
        self._open.add(self.row(name))
        self._switch()

    def close_line(self, name: str) -> None:
        """A line or tie is switched on."""
        self._open.discard(self.row(name))
        self._switch()

    def set_islanded(self, is_islanded: bool) -> None:
        """Cut the zone off behind its transformer, or connect it again."""
        self.is_islanded = is_islanded
        self._switch()

    def is_live(self) -> BoolArray:
        """Which buses are connected to the source."""
        live = np.zeros(len(self.buses), dtype=np.bool_)
        live[self._live_rows] = True
        return live

    def _switch(self) -> None:
        """Factorise the network as it is switched now."""
        from pandapower.pypower.makeYbus import makeYbus

        keep = np.ones(len(self._ppc_branch), dtype=bool)
        keep[[self._line_rows[row] for row in self._open]] = False
        if self.is_islanded:
            keep[self._trafo_row] = False
        self._kept = np.flatnonzero(keep)
        branch = self._ppc_branch[self._kept]
        y_bus, y_from, y_to = makeYbus(self._base_mva, self._ppc_bus, branch)
        y_bus = csc_matrix(y_bus)
        self._from = branch[:, 0].real.astype(int)
        self._to = branch[:, 1].real.astype(int)
        source = self._source[self.is_islanded]
        live = _reachable(y_bus.shape[0], source, zip(self._from, self._to, strict=True))
        self._solved = np.asarray(sorted(live - {source}), dtype=np.int64)
        # Sparse, and so without threads: the matrices are too small to share among cores.
        self._lu = splu(y_bus[self._solved][:, self._solved])
        self._y_source = y_bus[self._solved][:, [source]].toarray().ravel()
        self._y_of_source = y_bus[[source]].toarray().ravel()
        self._y_from, self._y_to = csr_matrix(y_from), csr_matrix(y_to)
        position = {int(bus): index for index, bus in enumerate(self._solved)}
        self._live_rows = np.asarray(
            [r for r, bus in enumerate(self._column) if int(bus) in live], dtype=np.int64
        )
        inner = [r for r in self._live_rows if int(self._column[r]) in position]
        self._inner_rows = np.asarray(inner, dtype=np.int64)
        self._inner_z = np.asarray([position[int(self._column[r])] for r in inner], dtype=np.int64)
        self._guess: ComplexArray | None = None
        self._away, self._parent = self._directions()
        self.switchings += 1

    # ------------------------------------------------------------------ solving

    def solve(self, power_w: FloatArray, reactive_var: FloatArray, source_pu: float) -> Flow:
        """Solve for powers fed in by bus; what is asked of dark buses is ignored.

        Raises:
            PowerFlowError: there is no solution: the voltage collapses.
        """
        solved = self._solved
        injected = np.zeros(len(solved), dtype=np.complex128)
        at_bus = (power_w + 1j * reactive_var) / (_W_PER_MW * self._base_mva)
        injected[self._inner_z] = at_bus[self._inner_rows]
        no_load = -self._lu.solve(self._y_source * source_pu)
        voltage = no_load if self._guess is None else self._guess
        for _ in range(_ITERATIONS):
            after = no_load + self._lu.solve(np.conj(injected / voltage))
            change = float(np.abs(after - voltage).max(initial=0.0))
            voltage = after
            if change < _TOLERANCE_PU:
                break
            if not np.isfinite(change) or float(np.abs(voltage).min(initial=1.0)) < 0.3:
                change = np.inf
                break
        if not change < _TOLERANCE_PU:
            self._guess = None
            raise PowerFlowError(
                f"the power flow of grid {self._name} has no solution: its voltage collapses",
                found=f"{power_w.sum() / 1e3:.1f} kW fed in over all buses",
            )
        self._guess = voltage
        full = np.zeros(len(self._ppc_bus), dtype=np.complex128)
        full[solved] = voltage
        source = self._source[self.is_islanded]
        full[source] = source_pu
        own = at_bus[self.buses.index(self.busbar)] if self.is_islanded else 0.0
        return self._flow(full, source, own)

    def _flow(self, full: ComplexArray, source: int, own: complex) -> Flow:
        i_from, i_to = self._y_from @ full, self._y_to @ full
        s_from, s_to = full[self._from] * np.conj(i_from), full[self._to] * np.conj(i_to)
        unit_w = self._base_mva * _W_PER_MW
        loading = np.zeros(len(self._line_rows))
        flow_w = np.zeros(len(self._line_rows))
        place = {int(row): index for index, row in enumerate(self._kept)}
        kept = [(row, place[int(b)]) for row, b in enumerate(self._line_rows) if int(b) in place]
        rows = np.asarray([row for row, _ in kept], dtype=np.int64)
        at = np.asarray([index for _, index in kept], dtype=np.int64)
        base_ka = self._base_mva / (_SQRT3 * _KV)
        loading[rows] = (
            np.maximum(np.abs(i_from[at]), np.abs(i_to[at])) * base_ka / self._line_ka[rows]
        )
        outward = self._away[rows] > 0
        flow_w[rows] = np.where(outward, s_from[at].real, s_to[at].real) * unit_w
        transformer = 0.0
        if self._trafo_row in place:
            t = place[self._trafo_row]
            transformer = max(abs(i_from[t]), abs(i_to[t])) * self._base_mva / self._trafo_mva
        given = full[source] * np.conj(self._y_of_source @ full) - own
        return Flow(
            voltage_pu=np.abs(full[self._column]),
            line_loading=loading,
            line_flow_w=flow_w,
            transformer_loading=float(transformer),
            source_w=float(given.real * unit_w),
            source_var=float(given.imag * unit_w),
            loss_w=float((s_from.real.sum() + s_to.real.sum()) * unit_w),
        )

    def against_pandapower(
        self, power_w: FloatArray, reactive_var: FloatArray, source_pu: float
    ) -> Flow:
        """The same point by pandapower, slowly; only what can be compared is filled in."""
        net = self._net
        net.sgen["p_mw"] = power_w / _W_PER_MW
        net.sgen["q_mvar"] = reactive_var / _W_PER_MW
        net.line["in_service"] = [row not in self._open for row in range(len(net.line))]
        net.trafo["in_service"] = not self.is_islanded
        net.ext_grid["bus"] = self.busbar if self.is_islanded else int(net.trafo.hv_bus.iloc[0])
        net.ext_grid["vm_pu"] = source_pu
        _run_pandapower(net, self._name)
        trafo = 0.0 if self.is_islanded else float(net.res_trafo.loading_percent.iloc[0]) / 100
        result = net.res_line
        loss_mw = result.pl_mw.fillna(0.0).sum() + net.res_trafo.pl_mw.fillna(0.0).sum()
        start = np.where(self._away > 0, result.p_from_mw, result.p_to_mw)
        return Flow(
            voltage_pu=net.res_bus.vm_pu.loc[list(self.buses)].fillna(0.0).to_numpy(),
            line_loading=result.loading_percent.fillna(0.0).to_numpy() / 100,
            line_flow_w=np.nan_to_num(start) * _W_PER_MW,
            transformer_loading=trafo,
            source_w=float(net.res_ext_grid.p_mw.sum()) * _W_PER_MW,
            source_var=float(net.res_ext_grid.q_mvar.sum()) * _W_PER_MW,
            loss_w=float(loss_mw) * _W_PER_MW,
        )

    def _directions(self) -> tuple[IntArray, dict[int, int]]:
        """Which way each line leads away from the busbar, and the parent of each bus."""
        neighbours: dict[int, list[tuple[int, int]]] = {}
        for row, (a, b) in enumerate(self._ends):
            if row not in self._open:
                neighbours.setdefault(a, []).append((b, row))
                neighbours.setdefault(b, []).append((a, row))
        away = np.ones(len(self._ends), dtype=np.int64)
        parent: dict[int, int] = {}
        queue = deque([self.busbar])
        while queue:
            bus = queue.popleft()
            for other, row in neighbours.get(bus, []):
                if other == self.busbar or other in parent:
                    continue
                parent[other] = bus
                away[row] = 1 if self._ends[row][0] == bus else -1
                queue.append(other)
        return away, parent


def _bare(grid: Grid, ties: Sequence[Tie]) -> Any:
    """The network without what is connected to it, one generator a bus instead."""
    import pandapower

    net = deepcopy(grid.net)
    for table in ("load", "sgen", "storage", "switch"):
        net[table] = net[table].iloc[0:0]
    for tie in ties:
        for bus in (tie.from_bus, tie.to_bus):
            if bus not in net.bus.index:
                raise GridDataError(
                    f"tie {tie.name} of grid {grid.name} ends nowhere",
                    expected=f"a bus from {net.bus.index.min()} to {net.bus.index.max()}",
                    found=bus,
                )
        near = net.line[(net.line.from_bus == tie.from_bus) | (net.line.to_bus == tie.from_bus)]
        pandapower.create_line(
            net, tie.from_bus, tie.to_bus, tie.length_km, near.std_type.iloc[0], name=tie.name
        )
    for bus in net.bus.index[net.bus.vn_kv < 1.0]:
        pandapower.create_sgen(net, int(bus), p_mw=0.0, q_mvar=0.0)
    return net


def _run_pandapower(net: Any, name: str) -> None:
    import pandapower

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pandapower.runpp(
                net, numba=False, init="dc", calculate_voltage_angles=False, tolerance_mva=1e-9
            )
    except pandapower.LoadflowNotConverged as error:
        raise PowerFlowError(f"pandapower finds no solution of grid {name}") from error


def _reachable(count: int, source: int, pairs: Any) -> set[int]:
    neighbours: list[list[int]] = [[] for _ in range(count)]
    for a, b in pairs:
        neighbours[int(a)].append(int(b))
        neighbours[int(b)].append(int(a))
    seen, queue = {source}, deque([source])
    while queue:
        for other in neighbours[queue.popleft()]:
            if other not in seen:
                seen.add(other)
                queue.append(other)
    return seen
