"""Drives Paho for Python through what capture.sh wants to show, in MQTT 3.1.1 and again in MQTT 3.1.

Each step waits for its event; one that does not come within ten seconds ends the run with an error.
"""
import queue
import socket
import struct

import paho.mqtt.client as paho

PATIENCE = 10


class Client:
    def __init__(self, name, version, clean=True, will=None):
        self.events = queue.Queue()
        self.client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id=name, clean_session=clean, protocol=version
        )
        self.client.on_connect = lambda *_: self.events.put("connected")
        self.client.on_subscribe = lambda *_: self.events.put("subscribed")
        self.client.on_publish = lambda *_: self.events.put("published")
        self.client.on_message = lambda *_: self.events.put("message")
        self.client.on_disconnect = lambda *_: self.events.put("disconnected")
        if will is not None:
            self.client.will_set(*will)
        self.client.connect("127.0.0.1", 1883, keepalive=60)
        self.client.loop_start()
        self.wait("connected")

    def wait(self, wanted, count=1):
        while count > 0:
            if self.events.get(timeout=PATIENCE) == wanted:
                count -= 1

    def subscribe(self, topic, qos):
        self.client.subscribe(topic, qos)
        self.wait("subscribed")

    def publish(self, topic, payload, qos, retain=False):
        self.client.publish(topic, payload, qos, retain)
        self.wait("published")

    def disconnect(self):
        self.client.disconnect()
        self.wait("disconnected")
        self.client.loop_stop()

    def die(self):
        """Resets the connection, without DISCONNECT."""
        self.client.loop_stop()
        connection = self.client.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
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

    subscriber.subscribe("demo/will", 2)
    dying = Client("paho-dying", version, will=("demo/will", "gone", 2))
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


show(paho.MQTTv311)
show(paho.MQTTv31)
