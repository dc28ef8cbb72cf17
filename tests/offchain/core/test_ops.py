"""Health, metrics and their pages: trouble shows at once, names tell their unit.

Health: expected and silent | good | bad | silent for too long | forgotten | many threads
Metrics: name without prefix or unit | asked twice | taken by another kind | last success
Pages: ready | not ready | metrics | unknown path | port taken | stopped | slow client
"""

from __future__ import annotations

import socket
import threading

import pytest
import requests

from energy_grid.errors import InvalidValueError
from energy_grid.ops import Health, Metrics, OpsServer, OpsSettings
from energy_grid.preflight import PortTakenError


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def health(clock):
    return Health(clock)


@pytest.fixture
def server(health):
    with OpsServer(health, Metrics("test")) as server:
        yield server


def get(server, path):
    return requests.get(server.url + path, timeout=5)


def test_health__expected_part_says_nothing__is_bad(health):
    health.expect("node", 10)

    (part,) = health.components()
    assert (part.good, part.age_seconds, part.limit_seconds) == (False, None, 10)
    assert not health.is_ready


def test_health__part_is_silent_for_too_long__turns_bad_by_itself(health, clock):
    health.expect("node", 10)
    health.beat("node", "block 7")
    assert health.is_ready

    clock.now += 10
    assert health.is_ready
    clock.now += 0.1

    (part,) = health.components()
    assert not part.good
    assert part.detail == "silent for 10.1 s, at most 10 s allowed; last: block 7"


def test_health__bad_word__is_bad_until_a_good_one(health, clock):
    health.beat("disk")
    health.report("disk", False, "full")
    clock.now += 3
    assert [(p.good, p.detail, p.age_seconds) for p in health.components()] == [(False, "full", 3)]

    health.beat("disk")
    assert health.is_ready


def test_health__part_without_limit__never_grows_old(health, clock):
    health.beat("key")
    clock.now += 10**9
    assert health.is_ready


def test_expect__limit_of_zero__refused(health):
    with pytest.raises(InvalidValueError, match="more than 0 s"):
        health.expect("node", 0)


def test_expect__after_a_word__keeps_it(health):
    health.beat("node")
    health.expect("node", 5)
    assert health.is_ready
    health.forget("node")
    assert health.components() == ()


def test_health__many_threads__no_word_lost(health):
    def work(name):
        for _ in range(200):
            health.beat(name)
            health.components()

    threads = [threading.Thread(target=work, args=(f"part {i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(health.components()) == 8
    assert health.is_ready


@pytest.mark.parametrize(
    "name", ["rows", "eg_rows_sent", "EG_sent_total", "eg_Sent_total", "eg__total", "eg_total"]
)
def test_counter__name_breaks_the_rules__refused(name):
    with pytest.raises(InvalidValueError, match="name of a metric"):
        Metrics("test").counter(name, "text")


def test_gauge__no_unit__refused():
    with pytest.raises(InvalidValueError, match="ending with one of seconds"):
        Metrics("test").gauge("eg_head_age", "text")


def test_gauge__asked_twice__is_the_same():
    metrics = Metrics("test")
    first = metrics.gauge("eg_head_age_seconds", "Age of the newest block.")
    assert metrics.gauge("eg_head_age_seconds", "Age of the newest block.") is first


def test_gauge__name_of_another_kind_or_labels__refused():
    metrics = Metrics("test")
    metrics.gauge("eg_cycle_seconds", "text", ("part",))
    with pytest.raises(InvalidValueError, match="there already"):
        metrics.histogram("eg_cycle_seconds", "text", ("part",))
    with pytest.raises(InvalidValueError, match="there already"):
        metrics.gauge("eg_cycle_seconds", "text")


def test_metrics__two_daemons_in_one_process__do_not_mix():
    one, other = Metrics("one"), Metrics("other")
    one.counter("eg_sent_total", "text").inc()
    other.counter("eg_sent_total", "text")
    assert (one.value("eg_sent_total"), other.value("eg_sent_total")) == (1, 0)


def test_succeeded__at__is_exposed():
    metrics = Metrics("test")
    metrics.succeeded("cycle", at=1_700_000_000.5)
    assert metrics.value("eg_last_success_timestamp_seconds", task="cycle") == 1_700_000_000.5
    assert b'eg_last_success_timestamp_seconds{task="cycle"} 1.7000000005e+09' in metrics.text()


def test_pages__all_well__ready(server, health):
    health.beat("node", "block 7")

    answer = get(server, "/readyz")
    assert answer.status_code == 200
    assert answer.json()["ready"] is True
    assert answer.json()["components"][0]["detail"] == "block 7"


def test_pages__part_falls_silent__not_ready_at_once(server, health, clock):
    health.expect("node", 4)
    health.beat("node")
    clock.now += 4.5

    answer = get(server, "/readyz")
    assert answer.status_code == 503
    assert answer.json()["ready"] is False
    assert get(server, "/healthz").status_code == 200


def test_pages__metrics_and_unknown__answered(server):
    answer = get(server, "/metrics")
    assert 'eg_daemon_info{daemon="test"} 1.0' in answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert get(server, "/").status_code == 404


def test_pages__slow_client__others_are_answered(server):
    with socket.create_connection((server.host, server.port)) as slow:
        slow.sendall(b"GET /readyz HTTP/1.1\r\nHost:")
        assert get(server, "/healthz").status_code == 200


def test_start__port_taken__refused(server, health):
    other = OpsServer(health, Metrics("other"), port=server.port)
    with pytest.raises(PortTakenError, match="health and metrics"):
        other.start()


def test_stop__twice__port_is_free_again(health):
    server = OpsServer(health, Metrics("test"))
    server.start()
    server.stop()
    server.stop()
    with OpsServer(health, Metrics("test"), port=server.port):
        pass


def test_settings__default__loopback_and_no_port(monkeypatch):
    monkeypatch.delenv("EG_OPS_PORT", raising=False)
    settings = OpsSettings.load()
    assert (settings.ops_host, settings.ops_port) == ("127.0.0.1", None)
