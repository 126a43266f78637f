"""Drives gmqtt, a client for Python's asyncio, through what capture.sh wants to show.

Usage: gmqtt_python.py 3.1.1|5.0

Each step waits for its event; one that does not come within ten seconds ends the run with an error.
"""
import asyncio
import sys

import gmqtt
from gmqtt.mqtt.constants import MQTTv311, MQTTv50

PATIENCE = 10


class Client:
    def __init__(self, name, version, will=None, clean=True):
        given = {"session_expiry_interval": 600} if version == MQTTv50 and not clean else {}
        self.events = asyncio.Queue()
        self.version = version
        self.client = gmqtt.Client(name, clean_session=clean, will_message=will, **given)
        self.client.set_config({"reconnect_retries": 0})
        self.client.on_connect = lambda *_: self.events.put_nowait("connected")
        self.client.on_subscribe = lambda *_: self.events.put_nowait("subscribed")
        self.client.on_message = self.take

    async def take(self, *_):
        self.events.put_nowait("message")
        return 0

    async def connect(self):
        await self.client.connect("127.0.0.1", 1883, version=self.version, keepalive=60)
        await self.wait("connected")
        return self

    async def wait(self, wanted, count=1):
        while count > 0:
            if await asyncio.wait_for(self.events.get(), PATIENCE) == wanted:
                count -= 1

    async def subscribe(self, topic, qos):
        self.client.subscribe(topic, qos=qos)
        await self.wait("subscribed")


async def show(version):
    subscriber = await Client("gmqtt-subscriber", version).connect()
    await subscriber.subscribe("demo/+", 2)
    publisher = await Client("gmqtt-publisher", version).connect()
    given = {"content_type": "text/plain", "user_property": ("unit", "celsius")} if version == MQTTv50 else {}
    for qos, text in enumerate(("at most once", "at least once", "exactly once")):
        publisher.client.publish(f"demo/{qos}", text, qos=qos, **given)
    await subscriber.wait("message", 3)
    publisher.client.publish("demo/kept", "kept", qos=1, retain=True)
    await subscriber.wait("message")
    late = await Client("gmqtt-late", version).connect()
    await late.subscribe("demo/kept", 1)
    await late.wait("message")
    await late.client.disconnect()
    publisher.client.publish("demo/kept", b"", qos=1, retain=True)
    await subscriber.wait("message")

    sleeper = await Client("gmqtt-sleeper", version, clean=False).connect()
    await sleeper.subscribe("demo/stored", 1)
    await sleeper.client.disconnect()
    publisher.client.publish("demo/stored", "while away", qos=1)
    await subscriber.wait("message")
    sleeper = await Client("gmqtt-sleeper", version, clean=False).connect()
    await sleeper.wait("message")
    await sleeper.client.disconnect()
    await publisher.client.disconnect()
    await subscriber.client.disconnect()


asyncio.run(show({"3.1.1": MQTTv311, "5.0": MQTTv50}[sys.argv[1]]))
