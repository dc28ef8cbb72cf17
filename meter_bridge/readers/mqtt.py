"""Telegrams over MQTT, one topic a meter, QoS 1, acknowledged only when they are stored.

The session is persistent: what was not acknowledged, the broker keeps and sends again. paho is used
directly because acknowledging by hand is the point.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import structlog

from energy_grid.errors import ConfigurationError
from meter_bridge.config import MqttSection
from meter_bridge.errors import BridgeConfigurationError, SourceError
from meter_bridge.keys import read_secret_file
from meter_bridge.readers.base import Arrival, Retry, Sink
from meter_bridge.telegrams.framing import MAX_FRAME_BYTES, Framer

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

_log = structlog.get_logger(__name__)

QOS: Final = 1
KEEPALIVE_SECONDS: Final = 30
FAREWELL_SECONDS: Final = 2.0
_MAX_PAYLOAD_BYTES: Final = 4 * MAX_FRAME_BYTES
MAX_WAITING: Final = 1_000
"""Messages that wait here at most; a broker that sends more is left and asked again."""


class MqttReader:
    """All meters of one broker over one connection."""

    def __init__(self, broker: MqttSection, framers: Mapping[str, tuple[int, Framer]]) -> None:
        """Prepare.

        Args:
            broker: where and as whom to connect.
            framers: meter and framer by topic.

        Raises:
            BridgeConfigurationError: certificate files that cannot be used.
        """
        if broker.is_encrypted:
            # Read again at every connection, since certificates are renewed; faults show here.
            tls_context_of(broker)
        self._broker = broker
        self._by_topic = dict(framers)
        self._is_connected = False
        self._lost: asyncio.Event = asyncio.Event()
        self._inbox: asyncio.Queue[tuple[Client, MQTTMessage]] = asyncio.Queue()

    @property
    def framers(self) -> dict[int, Framer]:
        """Framers by meter."""
        return dict(self._by_topic.values())

    @property
    def is_connected(self) -> bool:
        """Whether the broker has taken our subscriptions."""
        return self._is_connected

    async def run(self, sink: Sink) -> None:
        """Stay connected for ever."""
        retry = Retry(longest_seconds=10.0)
        while True:
            try:
                await self._session(sink, retry)
            except (OSError, SourceError, ConfigurationError) as error:
                _log.warning("broker lost", broker=self.name, reason=str(error))
            await retry.pause()

    @property
    def name(self) -> str:
        """The broker."""
        scheme = "mqtts" if self._broker.is_encrypted else "mqtt"
        return f"{scheme}://{self._broker.host}:{self._broker.port}"

    async def _session(self, sink: Sink, retry: Retry) -> None:
        self._lost = asyncio.Event()
        self._inbox = asyncio.Queue()
        loop = asyncio.get_running_loop()
        client = self._client(loop)
        await asyncio.to_thread(
            client.connect, self._broker.host, self._broker.port, KEEPALIVE_SECONDS
        )
        client.loop_start()
        lost = asyncio.ensure_future(self._lost.wait())
        try:
            while not lost.done():
                arrived = asyncio.ensure_future(self._inbox.get())
                await asyncio.wait({arrived, lost}, return_when=asyncio.FIRST_COMPLETED)
                if not arrived.done():
                    arrived.cancel()
                    break
                retry.succeeded()
                await self._deliver(*arrived.result(), sink, loop)
        finally:
            lost.cancel()
            self._is_connected = False
            client.disconnect()
            # Acknowledgements leave before the connection ends; without them the broker repeats.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_SECONDS):
                    await self._lost.wait()
            await asyncio.to_thread(client.loop_stop)
        raise SourceError("connection to the broker ended", found=self.name)

    def _client(self, loop: asyncio.AbstractEventLoop) -> Client:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._broker.client_id,
            clean_session=False,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        if self._broker.username is not None and self._broker.password_file is not None:
            password = read_secret_file(self._broker.password_file, "password of the broker")
            client.username_pw_set(self._broker.username, password)
        if self._broker.is_encrypted:
            client.tls_set_context(tls_context_of(self._broker))
        session = (self._lost, self._inbox)

        def on_connect(own: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
            if reason.is_failure:
                _log.error("broker refuses the connection", broker=self.name, reason=str(reason))
                loop.call_soon_threadsafe(session[0].set)
                return
            own.subscribe([(topic, QOS) for topic in self._by_topic])

        def on_subscribe(
            _own: Client, _data: Any, _mid: int, reasons: Any, _properties: Any
        ) -> None:
            if any(reason.is_failure for reason in reasons):
                _log.error("broker refuses a topic", broker=self.name)
                loop.call_soon_threadsafe(session[0].set)
                return
            self._is_connected = True
            _log.info("source open", source=self.name, topics=len(self._by_topic))

        def on_disconnect(*_: Any) -> None:
            loop.call_soon_threadsafe(session[0].set)

        def wait_in_line(own: Client, message: MQTTMessage) -> None:
            # Not every broker keeps to its limit of unacknowledged messages: mosquitto 2.0.11
            # sends as many more as that limit is for each single acknowledgement.
            if session[1].qsize() >= MAX_WAITING:
                session[0].set()  # unacknowledged, so it comes again at the next connection
            else:
                session[1].put_nowait((own, message))

        def on_message(own: Client, _data: Any, message: MQTTMessage) -> None:
            loop.call_soon_threadsafe(wait_in_line, own, message)

        client.on_connect = on_connect
        client.on_subscribe = on_subscribe
        client.on_disconnect = on_disconnect
        client.on_message = on_message
        return client

    async def _deliver(
        self,
        client: Client,
        message: MQTTMessage,
        sink: Sink,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Pass a message's telegrams on; it is acknowledged when the last of them is settled."""
        lost = self._lost
        known = self._by_topic.get(message.topic)
        frames = []
        if known is not None and len(message.payload) <= _MAX_PAYLOAD_BYTES:
            frames = known[1].feed(_whole(bytes(message.payload)))
        if known is None or not frames:
            # Sending it again would not make it a telegram.
            _log.warning("message without telegram", topic=message.topic)
            client.ack(message.mid, message.qos)
            return
        waiting = len(frames)

        def settle(stored: bool) -> None:
            nonlocal waiting
            if not stored:
                # The broker sends unacknowledged messages again at the next connection.
                loop.call_soon_threadsafe(lost.set)
                return
            waiting -= 1
            if waiting == 0:
                client.ack(message.mid, message.qos)

        for frame in frames:
            await sink(Arrival(known[0], frame, settle=settle))


def tls_context_of(broker: MqttSection) -> ssl.SSLContext:
    """How the broker is trusted: TLS 1.2 or later, by the CA named, and only under its own name.

    Raises:
        BridgeConfigurationError: a certificate or key file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_verify_locations(broker.ca_file)
        if broker.certificate_file is not None:
            context.load_cert_chain(broker.certificate_file, broker.key_file)
    except OSError as error:  # ssl.SSLError is one
        raise BridgeConfigurationError(
            "TLS files of the broker cannot be used",
            expected="PEM files: ca_file, and certificate_file with its key_file",
            found=error,
            remedy="Check [mqtt] in the configuration",
        ) from None
    return context


def _whole(payload: bytes) -> bytes:
    """A payload with the line end that some adapters cut off."""
    return payload + b"\r\n" if payload[:1] == b"/" and payload[-1:] not in b"\r\n" else payload
