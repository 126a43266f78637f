"""usage: clients5.py PORT

paho-mqtt against the broker on that port of 127.0.0.1, in MQTT 3.1.1 and in 5.0. Prints a line of TAP for each row,
without its number.
"""
import socket
import sys
import threading
import time
import traceback

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

PORT = int(sys.argv[1])
PATIENCE = 10
VERSIONS = ((mqtt.MQTTv311, "3.1.1"), (mqtt.MQTTv5, "5.0"))


def properties(packet_type, **values):
    result = Properties(packet_type)
    for name, value in values.items():
        setattr(result, name, value)
    return result


class Client:
    """A connected client that keeps what it receives."""

    def __init__(self, version, identifier="", will=None, clean=None, session_expiry=None):
        self.version = version
        self.messages = []
        self.changed = threading.Condition()
        self.answers = {}
        self.session_present = None
        options = {"clean_session": True if clean is None else clean} if version == mqtt.MQTTv311 else {}
        self.paho = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=identifier, protocol=version, **options)
        self.paho.on_message = self.on_message
        self.paho.on_connect = self.on_connect
        self.paho.on_subscribe = self.on_answer
        if will is not None:
            self.paho.will_set(**will)
        more = {}
        if version == mqtt.MQTTv5:
            more["clean_start"] = True if clean is None else clean
            if session_expiry is not None:
                more["properties"] = properties(PacketTypes.CONNECT, SessionExpiryInterval=session_expiry)
        self.paho.connect("127.0.0.1", PORT, **more)
        self.paho.loop_start()
        self.wait(lambda: self.session_present is not None, "no CONNACK")

    def on_connect(self, client, userdata, flags, reason, props):
        with self.changed:
            assert not reason.is_failure, reason
            self.session_present = flags.session_present
            self.changed.notify_all()

    def on_message(self, client, userdata, message):
        with self.changed:
            self.messages.append(message)
            self.changed.notify_all()

    def on_answer(self, client, userdata, identifier, reasons, props):
        with self.changed:
            self.answers[identifier] = reasons
            self.changed.notify_all()

    def wait(self, predicate, complaint):
        with self.changed:
            if not self.changed.wait_for(predicate, PATIENCE):
                raise AssertionError(f"{complaint}; came: {[(m.topic, m.payload) for m in self.messages]}")

    def count(self, number):
        self.wait(lambda: len(self.messages) >= number, f"{number} messages are expected")
        assert len(self.messages) == number, [m.payload for m in self.messages]
        return self.messages

    def payloads(self, number):
        return [message.payload.decode() for message in self.count(number)]

    def subscribe(self, topic, qos=2, **more):
        _, identifier = self.paho.subscribe(topic, **more) if more else self.paho.subscribe(topic, qos)
        self.wait(lambda: identifier in self.answers, "no SUBACK")
        assert not any(reason.is_failure for reason in self.answers[identifier]), self.answers[identifier]

    def publish(self, topic, payload, qos=1, **more):
        self.paho.publish(topic, payload, qos, **more).wait_for_publish(PATIENCE)

    def end(self):
        self.paho.disconnect()
        self.paho.loop_stop()

    def break_off(self):
        """The connection breaks without DISCONNECT."""
        self.paho._sock.shutdown(socket.SHUT_RDWR)
        self.paho.loop_stop()


def subscriber(version, topic, **more):
    client = Client(version)
    client.subscribe(topic, **more)
    return client


# ---- Both versions -------------------------------------------------------------------------------------------------


def exchange(version, qos):
    client = subscriber(version, f"paho/{version}/{qos}", qos=qos)
    for text in ("one", "two", "three"):
        client.publish(f"paho/{version}/{qos}", text, qos)
    assert client.payloads(3) == ["one", "two", "three"]
    assert [message.qos for message in client.messages] == [qos] * 3
    client.end()


def retained(version):
    topic = f"paho/{version}/kept"
    publisher = Client(version)
    publisher.publish(topic, "kept", retain=True)
    first = subscriber(version, topic)
    assert first.payloads(1) == ["kept"]
    assert first.messages[0].retain and first.messages[0].qos == 1
    publisher.publish(topic, "", retain=True)
    second = subscriber(version, topic)
    publisher.publish(topic, "fence")
    assert second.payloads(1) == ["fence"]
    assert not second.messages[0].retain
    for client in publisher, first, second:
        client.end()


def will(version):
    topic = f"paho/{version}/will"
    watcher = subscriber(version, topic)
    dying = Client(version, will={"topic": topic, "payload": "gone", "qos": 2})
    dying.break_off()
    assert watcher.payloads(1) == ["gone"]
    assert watcher.messages[0].qos == 2
    watcher.end()


def no_will_after_disconnect(version):
    topic = f"paho/{version}/no-will"
    watcher = subscriber(version, topic)
    Client(version, will={"topic": topic, "payload": "gone", "qos": 1}).end()
    watcher.publish(topic, "fence")
    assert watcher.payloads(1) == ["fence"]
    watcher.end()


def lasting_session(version):
    topic = f"paho/{version}/queue"
    options = {"identifier": f"paho-lasting-{version}", "clean": False}
    if version == mqtt.MQTTv5:
        options["session_expiry"] = 60
    before = Client(version, **options)
    assert not before.session_present
    before.subscribe(topic)
    before.end()
    publisher = Client(version)
    publisher.publish(topic, "at 1", 1)
    publisher.publish(topic, "at 2", 2)
    after = Client(version, **options)
    assert after.session_present
    assert after.payloads(2) == ["at 1", "at 2"]
    publisher.end()
    after.end()


# ---- 5.0 -----------------------------------------------------------------------------------------------------------


def will_with_delay():
    watcher = subscriber(mqtt.MQTTv5, "paho/delayed")
    dying = Client(mqtt.MQTTv5, session_expiry=60, will={
        "topic": "paho/delayed", "payload": "gone", "qos": 1,
        "properties": properties(PacketTypes.WILLMESSAGE, WillDelayInterval=1)})
    start = time.monotonic()
    dying.break_off()
    assert watcher.payloads(1) == ["gone"]
    assert time.monotonic() - start >= 0.95, "the will came before its time"
    watcher.end()


def shared():
    members = [subscriber(mqtt.MQTTv5, "$share/group/paho/shared", qos=1) for _ in range(3)]
    for member in members:
        member.subscribe("paho/shared-fence", qos=1)
    alone = subscriber(mqtt.MQTTv5, "$share/other/paho/shared", qos=1)
    publisher = Client(mqtt.MQTTv5)
    sent = [f"{i:02}" for i in range(30)]
    for text in sent:
        publisher.publish("paho/shared", text)
    publisher.publish("paho/shared-fence", "fence")
    received = []
    for member in members:
        member.wait(lambda: any(m.payload == b"fence" for m in member.messages), "no fence")
        received += [m.payload.decode() for m in member.messages if m.payload != b"fence"]
    assert sorted(received) == sent, received
    assert alone.payloads(30) == sent
    for client in [publisher, alone] + members:
        client.end()


def message_properties():
    client = Client(mqtt.MQTTv5)
    client.subscribe("paho/properties", options=SubscribeOptions(qos=1),
                     properties=properties(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=77))
    client.publish("paho/properties", "text", properties=properties(
        PacketTypes.PUBLISH, PayloadFormatIndicator=1, ContentType="text/plain", ResponseTopic="paho/answers",
        CorrelationData=b"\0\1\2", MessageExpiryInterval=60,
        UserProperty=[("first", "1"), ("second", "2"), ("first", "3")]))
    client.count(1)
    received = client.messages[0].properties
    assert received.UserProperty == [("first", "1"), ("second", "2"), ("first", "3")], received.UserProperty
    assert received.PayloadFormatIndicator == 1
    assert received.ContentType == "text/plain"
    assert received.ResponseTopic == "paho/answers"
    assert received.CorrelationData == b"\0\1\2"
    assert received.SubscriptionIdentifier == [77]
    assert 50 <= received.MessageExpiryInterval <= 60
    client.end()


def message_expiry():
    publisher = Client(mqtt.MQTTv5)
    publisher.publish("paho/expiry", "short", retain=True,
                      properties=properties(PacketTypes.PUBLISH, MessageExpiryInterval=1))
    time.sleep(2.1)
    late = subscriber(mqtt.MQTTv5, "paho/expiry")
    publisher.publish("paho/expiry", "fence")
    assert late.payloads(1) == ["fence"]
    publisher.end()
    late.end()


def topic_alias():
    watcher = subscriber(mqtt.MQTTv5, "paho/alias")
    publisher = Client(mqtt.MQTTv5)
    for topic, text in (("paho/alias", "named"), ("", "by alias"), ("", "again")):
        publisher.publish(topic, text, properties=properties(PacketTypes.PUBLISH, TopicAlias=3))
    assert watcher.payloads(3) == ["named", "by alias", "again"]
    assert {message.topic for message in watcher.messages} == {"paho/alias"}
    publisher.end()
    watcher.end()


def subscription_options():
    publisher = Client(mqtt.MQTTv5)
    publisher.publish("paho/options", "kept", retain=True)
    client = Client(mqtt.MQTTv5)
    client.subscribe("paho/options", options=SubscribeOptions(
        qos=1, noLocal=True, retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND))
    client.publish("paho/options", "own")
    publisher.publish("paho/options", "fence", retain=True)
    assert client.payloads(1) == ["fence"]
    assert client.messages[0].retain
    publisher.publish("paho/options", "", retain=True)
    publisher.end()
    client.end()


# ---- Rows ----------------------------------------------------------------------------------------------------------


def rows():
    for version, name in VERSIONS:
        for qos in 0, 1, 2:
            yield f"{name}: messages at QoS {qos}", lambda v=version, q=qos: exchange(v, q)
        yield f"{name}: a retained message comes with its flag, and is cleared", lambda v=version: retained(v)
        yield f"{name}: a will when the connection breaks", lambda v=version: will(v)
        yield f"{name}: no will after DISCONNECT", lambda v=version: no_will_after_disconnect(v)
        yield f"{name}: a session outlives its connection", lambda v=version: lasting_session(v)
    yield "5.0: a will with a delay comes after it", will_with_delay
    yield "5.0: a message to a shared subscription goes to one member of each group", shared
    yield "5.0: the properties of a message pass, user properties in order", message_properties
    yield "5.0: a message expires", message_expiry
    yield "5.0: a topic alias that the client sets", topic_alias
    yield "5.0: No Local, Retain As Published and Retain Handling", subscription_options


def main():
    failures = 0
    for name, run in rows():
        try:
            run()
            print(f"ok - paho-mqtt, {name}", flush=True)
        except Exception:  # whatever it is, the row has failed and the next is played
            failures += 1
            print(f"not ok - paho-mqtt, {name}")
            print("# " + traceback.format_exc().rstrip().replace("\n", "\n# "), flush=True)
    return 1 if failures else 0


sys.exit(main())
