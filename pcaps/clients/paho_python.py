"""Drives Paho for Python through what capture.sh wants to show, in each version that the command line names.

Usage: paho_python.py [--tls-1.2 KEY-LOG | --websocket] 3.1|3.1.1|5.0...

Over TLS it goes to port 8883, over WebSocket to 8083. It does not look at the certificate, since nobody
certifies the broker of a capture. Each step waits for its event; one that does not come within ten seconds
ends the run with an error.
"""
import os
import queue
import socket
import ssl
import struct
import sys

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

PATIENCE = 10


def properties(packet_type, **values):
    made = Properties(packet_type)
    for name, value in values.items():
        setattr(made, name, value)
    return made


def tls_1_2(key_log):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.keylog_filename = key_log
    return context


ARGUMENTS = sys.argv[1:]
PORT = 1883
SECURE = None
TRANSPORT = "tcp"
if ARGUMENTS[0] == "--tls-1.2":
    PORT = 8883
    SECURE = tls_1_2(ARGUMENTS[1])
    ARGUMENTS = ARGUMENTS[2:]
elif ARGUMENTS[0] == "--websocket":
    PORT = 8083
    TRANSPORT = "websockets"
    ARGUMENTS = ARGUMENTS[1:]


class Client:
    """In MQTT 5.0, a session that is not clean is kept for an hour."""

    def __init__(self, name, version, clean=True, will=None, connect=None):
        self.events = queue.Queue()
        is_5 = version == paho.MQTTv5
        self.client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=name,
            clean_session=None if is_5 else clean,
            protocol=version,
            transport=TRANSPORT,
        )
        self.client.on_connect = lambda *_: self.events.put("connected")
        self.client.on_subscribe = lambda *_: self.events.put("subscribed")
        self.client.on_publish = lambda *_: self.events.put("published")
        self.client.on_unsubscribe = lambda *_: self.events.put("unsubscribed")
        self.client.on_message = lambda *_: self.events.put("message")
        self.client.on_disconnect = lambda *_: self.events.put("disconnected")
        if will is not None:
            self.client.will_set(*will)
        if is_5 and connect is None:
            connect = properties(PacketTypes.CONNECT, SessionExpiryInterval=0 if clean else 3600)
        more = {"clean_start": clean, "properties": connect} if is_5 else {}
        if SECURE is not None:
            self.client.tls_set_context(SECURE)
        self.client.connect("127.0.0.1", PORT, keepalive=60, **more)
        self.client.loop_start()
        self.wait("connected")

    def wait(self, wanted, count=1):
        while count > 0:
            if self.events.get(timeout=PATIENCE) == wanted:
                count -= 1

    def subscribe(self, topic, qos):
        self.client.subscribe(topic, qos)
        self.wait("subscribed")

    def unsubscribe(self, *topics):
        self.client.unsubscribe(list(topics))
        self.wait("unsubscribed")

    def publish(self, topic, payload, qos, retain=False, **values):
        given = properties(PacketTypes.PUBLISH, **values) if values else None
        self.client.publish(topic, payload, qos, retain, given)
        self.wait("published")

    def disconnect(self, **values):
        self.client.disconnect(**values)
        self.wait("disconnected")
        self.client.loop_stop()

    def die(self):
        """Resets the connection, without DISCONNECT."""
        self.client.loop_stop()
        connection = self.client.socket()  # perhaps within TLS or WebSocket
        with socket.socket(fileno=os.dup(connection.fileno())) as inner:
            inner.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


def show(version):
    subscriber = Client("paho-subscriber", version)
    subscriber.subscribe("demo/+", 2)
    publisher = Client("paho-publisher", version)
    publisher.publish("demo/0", "at most once", 0)
    publisher.publish("demo/1", "at least once", 1)
    publisher.publish("demo/2", "exactly once", 2)
    subscriber.wait("message", 3)
    publisher.publish("demo/kept/1", "kept", 1, retain=True)
    subscriber.subscribe("demo/kept/#", 1)
    subscriber.wait("message")
    publisher.publish("demo/kept/1", "", 1, retain=True)
    subscriber.wait("message")

    subscriber.subscribe("paho/will", 2)
    dying = Client("paho-dying", version, will=("paho/will", "gone", 2))
    dying.die()
    subscriber.wait("message")
    subscriber.disconnect()

    sleeper = Client("paho-sleeper", version, clean=False)
    sleeper.subscribe("demo/stored", 2)
    sleeper.disconnect()
    publisher.publish("demo/stored", "first while away", 1)
    publisher.publish("demo/stored", "second while away", 2)
    publisher.disconnect()
    sleeper = Client("paho-sleeper", version, clean=False)
    sleeper.wait("message", 2)
    sleeper.disconnect()


def show_5():
    """What only MQTT 5.0 has."""
    limits = properties(PacketTypes.CONNECT, ReceiveMaximum=3, MaximumPacketSize=1000, TopicAliasMaximum=2)
    limits.UserProperty = ("unit", "celsius")
    subscriber = Client("", paho.MQTTv5, connect=limits)
    identified = properties(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=300)
    wishes = SubscribeOptions(qos=2, noLocal=True, retainAsPublished=True, retainHandling=2)
    subscriber.client.subscribe([("demo5/+", wishes)], properties=identified)
    subscriber.wait("subscribed")
    subscriber.publish("demo5/own", "does not come back", 1)
    dying_will = properties(PacketTypes.WILLMESSAGE, WillDelayInterval=1, ContentType="text/plain")
    dying = Client(
        "paho-dying",
        paho.MQTTv5,
        will=("demo5/will", "gone", 1, True, dying_will),
        connect=properties(PacketTypes.CONNECT, SessionExpiryInterval=30),
    )
    dying.die()
    subscriber.wait("message")
    publisher = Client("paho-publisher", paho.MQTTv5)
    publisher.publish("demo5/will", "", 1, retain=True)
    publisher.publish("demo5/0", "utf-8", 0, PayloadFormatIndicator=1, ContentType="text/plain")
    publisher.publish("demo5/1", "expires", 1, MessageExpiryInterval=4294967295)
    publisher.publish("demo5/2", "asks", 2, ResponseTopic="demo5/answer", CorrelationData=b"\x00\xff")
    publisher.publish("demo5/1", "by name", 1, TopicAlias=1)
    publisher.publish("", "by alias", 1, TopicAlias=1)
    subscriber.wait("message", 6)
    subscriber.unsubscribe("demo5/+", "demo5/never")
    publisher.publish("demo5/1", "no matching subscribers", 1)
    publisher.disconnect()
    with_will = ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message")
    subscriber.disconnect(reasoncode=with_will, properties=properties(PacketTypes.DISCONNECT, ReasonString="done"))


VERSIONS = {"3.1": paho.MQTTv31, "3.1.1": paho.MQTTv311, "5.0": paho.MQTTv5}
for version in ARGUMENTS:
    show(VERSIONS[version])
    if version == "5.0":
        show_5()
