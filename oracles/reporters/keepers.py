"""The reporter as a program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from energy_grid.errors import ConfigurationError
from energy_grid.feeds import FeedKind
from energy_grid.outbox import KeyLock
from energy_grid.outbox.locks import default_lock_folder
from energy_grid.preflight import Chain, open_chain
from oracles.reporters.config import ReporterSettings
from oracles.reporters.decide import DEVIATIONS, Deviation
from oracles.reporters.keys import REMEDY, ReporterKey
from oracles.reporters.posting import Collector
from oracles.reporters.record import Record
from oracles.reporters.service import NAME, ObservedFeed, Reporter
from oracles.reporting.oracles import oracle_of_kind, oracles_of, read_views
from oracles.runtime.checks import Check, Found, basic_checks, look, store_path
from oracles.runtime.keeper import Keeper, Ops, Program
from oracles.sources.combining import Combiner
from oracles.sources.config import (
    FeedPart,
    SourcesFile,
    build_sources,
    client_of,
    feeds_of,
    kind_of,
    plausibility_of,
    rules_of,
)
from oracles.sources.http import HttpClient


def observed_feeds(settings: ReporterSettings) -> tuple[list[ObservedFeed], HttpClient]:
    """Feeds and sources that the settings name, and the client to close in the end.

    Raises:
        ConfigurationError: the file is wrong.
    """
    path = settings.reporter_sources
    file = SourcesFile.read(path)
    client = client_of(file.http)
    sources = build_sources(file, path.parent, client)
    observed = []
    for part in file.feeds:
        chosen = [sources[name] for name in part.sources]
        observed += [
            ObservedFeed(
                feed, Combiner(chosen, rules_of(part)), plausibility_of(part), _deviation(part)
            )
            for feed in feeds_of(part)
        ]
    return observed, client


def _deviation(part: FeedPart) -> Deviation:
    default = DEVIATIONS[kind_of(part.kind)]
    return Deviation(
        default.steps if part.deviation is None else part.deviation,
        default.bps if part.deviation_bps is None else part.deviation_bps,
    )


def key_of(settings: ReporterSettings) -> ReporterKey:
    """The key that the settings name.

    Raises:
        ConfigurationError: none, or it cannot be opened.
    """
    if settings.keeper_keystore is None or settings.keeper_password is None:
        raise ConfigurationError(
            "key of the reporter",
            expected="EG_KEEPER_KEYSTORE and EG_KEEPER_PASSWORD_FILE",
            remedy=REMEDY,
        )
    password = settings.keeper_password.get_secret_value()
    return ReporterKey.open(settings.keeper_keystore, password)


@contextmanager
def open_reporter(settings: ReporterSettings, ops: Ops) -> Iterator[Keeper]:
    """The reporter that the settings name.

    Raises:
        ConfigurationError: chain, key, sources or record do not fit.
        OutboxBusyError: another reporter runs with this key.
    """
    chain = open_chain(settings)
    key = key_of(settings)
    feeds, client = observed_feeds(settings)
    folder = settings.keeper_lock_folder or default_lock_folder()
    deployment = chain.deployment
    lock = KeyLock(
        folder / f"reporter-{deployment.chain_id}-{key.address.lower()}.lock",
        f"reporter {key.address}",
    )
    settings.keeper_folder.mkdir(parents=True, exist_ok=True)
    lock.acquire()
    try:
        record = Record(store_path(settings, NAME))
        record.bind(deployment.chain_id, deployment.genesis_hash, key.address)
        reporter = Reporter(
            chain.rpc,
            oracles_of(chain.contracts, _needed({one.feed.kind for one in feeds})).values(),
            feeds,
            key,
            record,
            [Collector(url, settings.reporter_post_seconds) for url in settings.collector_urls()],
            ops,
        )
        try:
            yield reporter
        finally:
            reporter.close()
    finally:
        client.close()
        lock.release()


def _needed(kinds: set[FeedKind]) -> list[str]:
    return sorted({oracle_of_kind(kind) for kind in kinds})


def checks(settings: ReporterSettings) -> Iterator[Check]:
    """Everything a run needs."""
    found = Found()
    for check in basic_checks(settings, NAME, found):
        if check.name != "funds":  # it sends no transactions
            yield check
    yield look("sources", lambda: _sources(settings))
    if found.chain is not None:
        chain = found.chain
        yield look("reporter", lambda: _membership(settings, chain))


def _sources(settings: ReporterSettings) -> str:
    feeds, client = observed_feeds(settings)
    client.close()
    return f"{len(feeds)} feeds of {settings.reporter_sources}"


def _membership(settings: ReporterSettings, chain: Chain) -> str:
    address = key_of(settings).address
    feeds, client = observed_feeds(settings)
    client.close()
    oracles = oracles_of(chain.contracts, _needed({one.feed.kind for one in feeds}))
    for name, view in read_views(chain.rpc, oracles.values(), {}).items():
        if address not in view.reporters:
            raise ConfigurationError(
                f"{address} is no reporter of {name}",
                expected=f"one of set {view.reporter_set}: {', '.join(view.reporters) or 'none'}",
                remedy="Have governance put it into the set",
            )
    return f"{address} reports to {', '.join(oracles)}"


REPORTER: Final = Program(
    NAME,
    "Observes feeds, signs each round once, hands it to collectors.",
    ReporterSettings,
    open_reporter,
    checks,
)
