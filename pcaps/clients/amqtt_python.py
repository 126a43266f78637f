"""Drives the client of aMQTT, for Python's asyncio, through what capture.sh wants to show, in MQTT 3.1.1.

Each step is waited for; one that does not come within ten seconds ends the run with an error.
"""
import asyncio

from amqtt.client import MQTTClient
from amqtt.mqtt.constants import QOS_0, QOS_1, QOS_2

PATIENCE = 10
BROKER = "mqtt://127.0.0.1:1883/"


def client(name, **more):
    return MQTTClient(client_id=name, config={"auto_reconnect": False, **more})


async def messages(receiver, count):
    for _ in range(count):
        await asyncio.wait_for(receiver.deliver_message(), PATIENCE)


async def show():
    subscriber = client("amqtt-subscriber")
    await subscriber.connect(BROKER)
    await subscriber.subscribe([("demo/+", QOS_2)])
    publisher = client("amqtt-publisher")
    await publisher.connect(BROKER)
    for qos, text in ((QOS_0, b"at most once"), (QOS_1, b"at least once"), (QOS_2, b"exactly once")):
        await publisher.publish(f"demo/{qos}", text, qos=qos)
    await messages(subscriber, 3)
    await publisher.publish("demo/kept", b"kept", qos=QOS_1, retain=True)
    await messages(subscriber, 1)
    late = client("amqtt-late")
    await late.connect(BROKER)
    await late.subscribe([("demo/kept", QOS_1)])
    await messages(late, 1)
    await late.unsubscribe(["demo/kept"])
    await late.disconnect()
    await publisher.publish("demo/kept", b"", qos=QOS_1, retain=True)
    await messages(subscriber, 1)

    sleeper = client("amqtt-sleeper")
    await sleeper.connect(BROKER, cleansession=False)
    await sleeper.subscribe([("demo/stored", QOS_1)])
    await sleeper.disconnect()
    await publisher.publish("demo/stored", b"while away", qos=QOS_1)
    await messages(subscriber, 1)
    sleeper = client("amqtt-sleeper")
    await sleeper.connect(BROKER, cleansession=False)
    await messages(sleeper, 1)
    await sleeper.disconnect()
    await publisher.disconnect()
    await subscriber.disconnect()


asyncio.run(show())
