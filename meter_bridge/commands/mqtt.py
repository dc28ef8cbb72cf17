"""Orders over MQTT: one retained message a device, with an end that the broker knows too.

MQTT 5, since its message expiry removes an order from the broker when it has ended: a device that
comes back later finds none. Whoever speaks MQTT 3.1.1 gets the same message without that and goes
by `expires_at`, which stands in every order.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import structlog

from meter_bridge.commands.orders import Answer, Order
from meter_bridge.commands.topics import answer_topic, order_topic
from meter_bridge.config import MqttSection
from meter_bridge.errors import SourceError
from meter_bridge.keys import read_secret_file
from meter_bridge.readers.mqtt import KEEPALIVE_SECONDS, QOS, tls_context_of

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

_log = structlog.get_logger(__name__)

SEND_SECONDS: Final = 5.0
CONNECT_SECONDS: Final = 10.0


class MqttOrders:
    """The devices behind one broker.

    Args:
        broker: where and as whom to connect.
        meter_of: meter of each resource.
        on_answer: told of every answer, in the thread of the client.
    """

    def __init__(
        self,
        broker: MqttSection,
        meter_of: Mapping[int, int],
        on_answer: Callable[[Answer], None],
    ) -> None:
        self._broker = broker
        self._meter_of = dict(meter_of)
        self._resource_of = {answer_topic(meter, one): one for one, meter in meter_of.items()}
        self._on_answer = on_answer
        self._client: Client | None = None

    @property
    def name(self) -> str:
        """The broker."""
        return f"orders at {self._broker.host}:{self._broker.port}"

    async def send(self, order: Order, now: int) -> Answer | None:
        """Publish an order; its answer comes later.

        Raises:
            SourceError: the broker is away; nothing is kept to be sent later.
        """
        return await asyncio.to_thread(self._send, order, now)

    def close(self) -> None:
        """Leave the broker."""
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def _send(self, order: Order, now: int) -> Answer | None:
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        client = self._connected()
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.MessageExpiryInterval = max(order.expires_at - now, 1)
        topic = order_topic(self._meter_of[order.resource], order.resource)
        sent = client.publish(topic, order.to_json(), QOS, retain=True, properties=properties)
        try:
            sent.wait_for_publish(SEND_SECONDS)
            is_out = sent.is_published()
        except (RuntimeError, ValueError):
            is_out = False
        if is_out and sent.mid in (refused := client.user_data_get()["refused"]):
            refused.discard(sent.mid)
            raise SourceError(
                "the broker does not take an order",
                expected=f"the right to publish to {topic}",
                remedy="Write the broker's files again: python -m meter_bridge mqtt-acl",
            )
        if not is_out:
            # A client that is left takes its queue with it: an old order must not leave later.
            self.close()
            raise SourceError("the broker does not take an order", found=self.name)
        return None

    def _connected(self) -> Client:
        if self._client is not None and self._client.is_connected():
            return self._client
        self.close()
        client = self._new_client()
        try:
            client.connect(self._broker.host, self._broker.port, KEEPALIVE_SECONDS)
            client.loop_start()
            self._client = client
            self._await_subscription(client)
        except OSError as error:
            raise SourceError("the broker is away", found=f"{self.name}: {error}") from error
        return client

    def _await_subscription(self, client: Client) -> None:
        state: dict[str, Any] = client.user_data_get()
        if not state["ready"].wait(CONNECT_SECONDS) or not client.is_connected():
            self.close()
            raise SourceError("the broker refuses us", found=self.name)

    def _new_client(self) -> Client:
        from paho.mqtt.client import Client, MQTTv5
        from paho.mqtt.enums import CallbackAPIVersion

        ready = threading.Event()
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{self._broker.client_id}-orders",
            protocol=MQTTv5,
            userdata={"ready": ready, "refused": set()},
            reconnect_on_failure=False,
        )
        if self._broker.username is not None and self._broker.password_file is not None:
            password = read_secret_file(self._broker.password_file, "password of the broker")
            client.username_pw_set(self._broker.username, password)
        if self._broker.is_encrypted:
            client.tls_set_context(tls_context_of(self._broker))

        def on_connect(own: Client, _data: Any, _flags: Any, reason: Any, _props: Any) -> None:
            if not reason.is_failure:
                own.subscribe([(topic, QOS) for topic in self._resource_of])

        def on_subscribe(*_: Any) -> None:
            ready.set()

        def on_publish(_own: Client, data: Any, mid: int, reason: Any, _props: Any) -> None:
            # Called before `wait_for_publish` returns.
            if reason.is_failure:
                data["refused"].add(mid)

        def on_message(_own: Client, _data: Any, message: MQTTMessage) -> None:
            resource = self._resource_of.get(message.topic)
            if resource is None:
                return
            try:
                answer = Answer.from_json(resource, bytes(message.payload))
            except ValueError as error:
                _log.warning("answer not understood", topic=message.topic, reason=str(error))
                return
            with contextlib.suppress(RuntimeError):  # the loop ended meanwhile
                self._on_answer(answer)

        client.on_connect = on_connect
        client.on_subscribe = on_subscribe
        client.on_publish = on_publish
        client.on_message = on_message
        return client
