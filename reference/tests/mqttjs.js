// usage: node mqttjs.js PORT
//
// What a user of MQTT.js does first, against the broker on that port of 127.0.0.1. Prints TAP.
'use strict';

const assert = require('assert');
const mqtt = require('mqtt');

const port = process.argv[2];
const patience = 10000;

function connect(options) {
    return mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
        protocolVersion: 4, reconnectPeriod: 0, connectTimeout: patience, ...options,
    });
}

// Collects messages from now on; the promise holds the first `count`.
function collect(client, count) {
    return new Promise((resolve, reject) => {
        const messages = [];
        const timer = setTimeout(() => reject(new Error(`${messages.length} of ${count} messages came`)), patience);
        client.on('message', (topic, payload, packet) => {
            messages.push({ topic, payload: payload.toString(), qos: packet.qos, retain: packet.retain });
            if (messages.length === count) {
                clearTimeout(timer);
                resolve(messages);
            }
        });
    });
}

function payloads(messages) {
    return messages.map((message) => message.payload);
}

async function publishAndSubscribe(qos) {
    const client = await connect();
    await client.subscribeAsync('js/+', { qos });
    const messages = collect(client, 3);
    for (const text of ['one', 'two', 'three'])
        await client.publishAsync('js/a', text, { qos });
    const received = await messages;
    assert.deepStrictEqual(payloads(received), ['one', 'two', 'three']);
    assert.deepStrictEqual(received.map((message) => message.qos), [qos, qos, qos]);
    await client.endAsync();
}

async function retained() {
    const publisher = await connect();
    await publisher.publishAsync('js-kept/a', 'kept', { qos: 1, retain: true });
    const subscriber = await connect();
    const messages = collect(subscriber, 1);
    await subscriber.subscribeAsync('js-kept/#');
    assert.deepStrictEqual(await messages, [{ topic: 'js-kept/a', payload: 'kept', qos: 0, retain: true }]);
    await publisher.endAsync();
    await subscriber.endAsync();
}

async function will() {
    const watcher = await connect();
    await watcher.subscribeAsync('js-will', { qos: 1 });
    const messages = collect(watcher, 1);
    const dying = await connect({ will: { topic: 'js-will', payload: Buffer.from('gone'), qos: 1, retain: false } });
    dying.stream.destroy();
    assert.deepStrictEqual(payloads(await messages), ['gone']);
    await watcher.endAsync();
}

async function noWillAfterDisconnect() {
    const watcher = await connect();
    await watcher.subscribeAsync('js-will', { qos: 1 });
    const messages = collect(watcher, 1);
    const leaving = await connect({ will: { topic: 'js-will', payload: Buffer.from('gone'), qos: 1, retain: false } });
    await leaving.endAsync();
    await watcher.publishAsync('js-will', 'fence', { qos: 1 });
    assert.deepStrictEqual(payloads(await messages), ['fence']);
    await watcher.endAsync();
}

async function persistentSession() {
    const lasting = { clientId: 'js-lasting', clean: false };
    const before = await connect(lasting);
    await before.subscribeAsync('js-queue', { qos: 1 });
    await before.endAsync();
    const publisher = await connect();
    for (let i = 1; i <= 4; i++)
        await publisher.publishAsync('js-queue', `message ${i}`, { qos: 1 });
    await publisher.endAsync();
    // The messages may come with the CONNACK, so the handler has to be there before it.
    const after = mqtt.connect(`mqtt://127.0.0.1:${port}`, { ...lasting, protocolVersion: 4, reconnectPeriod: 0 });
    let present;
    after.on('connect', (connack) => { present = connack.sessionPresent; });
    const messages = await collect(after, 4);
    assert.strictEqual(present, true);
    assert.deepStrictEqual(payloads(messages), ['message 1', 'message 2', 'message 3', 'message 4']);
    await after.endAsync();
}

async function keepAlive() {
    const client = await connect({ keepalive: 1 });
    await new Promise((resolve, reject) => {
        let answers = 0;
        const timer = setTimeout(() => reject(new Error('no PINGRESP')), patience);
        client.on('packetreceive', (packet) => {
            answers += packet.cmd === 'pingresp' ? 1 : 0;
            if (answers === 2) {
                clearTimeout(timer);
                resolve();
            }
        });
    });
    await client.endAsync();
}

async function largeMessage() {
    const client = await connect();
    const text = 'x'.repeat(200000);
    await client.subscribeAsync('js-large', { qos: 2 });
    const messages = collect(client, 1);
    await client.publishAsync('js-large', text, { qos: 2 });
    assert.strictEqual((await messages)[0].payload, text);
    await client.endAsync();
}

async function version31() {
    const client = await connect({ protocolId: 'MQIsdp', protocolVersion: 3, clientId: 'js-old' });
    const messages = collect(client, 1);
    await client.subscribeAsync('js-old', { qos: 1 });
    await client.publishAsync('js-old', 'still here', { qos: 1 });
    assert.deepStrictEqual(payloads(await messages), ['still here']);
    await client.endAsync();
}

const rows = [
    ['messages at QoS 0', () => publishAndSubscribe(0)],
    ['messages at QoS 1', () => publishAndSubscribe(1)],
    ['messages at QoS 2', () => publishAndSubscribe(2)],
    ['a retained message', retained],
    ['a will when the connection breaks', will],
    ['no will after DISCONNECT', noWillAfterDisconnect],
    ['a persistent session gets four messages in order', persistentSession],
    ['pings are answered', keepAlive],
    ['a large message', largeMessage],
    ['a client of MQTT 3.1', version31],
];

async function main() {
    let failures = 0;
    for (const [index, [name, run]] of rows.entries()) {
        try {
            await run();
            console.log(`ok ${index + 1} - MQTT.js: ${name}`);
        } catch (error) {
            failures++;
            console.log(`not ok ${index + 1} - MQTT.js: ${name}`);
            console.log(`# ${String(error.stack).replace(/\n/g, '\n# ')}`);
        }
    }
    console.log(`1..${rows.length}`);
    process.exit(failures === 0 ? 0 : 1);
}

main();
