// usage: node introduction.js PORT TLS_PORT CERTIFICATE LOG
//
// The examples of an introduction to MQTT with Node.js, as somebody new to it tries them, with MQTT.js against the
// broker on these ports of 127.0.0.1. It has the user alice with the password "secret", who may use all topics but
// "secret/#". LOG is where it logs packets. Prints a line of TAP for each row, without its number.
'use strict';

const assert = require('assert');
const fs = require('fs');
const mqtt = require('mqtt');
const { playAtOnce } = require('./rows.js');

const [port, tlsPort, certificate, log] = process.argv.slice(2);
const patience = 20000;
const alice = { username: 'alice', password: 'secret', reconnectPeriod: 0, connectTimeout: patience };

function connect(options) {
    return mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { ...alice, ...options });
}

// The first `count` messages from now on.
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

async function publishAndSubscribe() {
    const subscriber = await connect();
    await subscriber.subscribeAsync('presence');
    const messages = collect(subscriber, 1);
    const publisher = await connect();
    await publisher.publishAsync('presence', 'Hello mqtt');
    assert.deepStrictEqual(await messages, [{ topic: 'presence', payload: 'Hello mqtt', qos: 0, retain: false }]);
    await Promise.all([subscriber.endAsync(), publisher.endAsync()]);
}

// The client sends PINGREQ when it was silent for its Keep Alive.
async function keepAlive() {
    const client = await connect({ keepalive: 10, clientId: 'keeps-alive' });
    const pinged = new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('no PINGRESP came')), patience);
        client.on('packetreceive', (packet) => {
            if (packet.cmd === 'pingresp') {
                clearTimeout(timer);
                resolve();
            }
        });
    });
    await pinged;
    assert(client.connected);
    assert.match(fs.readFileSync(log, 'utf8'), /"keeps-alive" .*PINGREQ/);
    await client.endAsync();
}

async function retained() {
    const publisher = await connect();
    await publisher.publishAsync('status/door', 'open', { retain: true, qos: 1 });
    await publisher.endAsync();
    const subscriber = await connect();
    const messages = collect(subscriber, 1);
    await subscriber.subscribeAsync('status/#');
    assert.deepStrictEqual(await messages, [{ topic: 'status/door', payload: 'open', qos: 0, retain: true }]);
    await subscriber.endAsync();
}

async function offlineMessages() {
    const session = { clientId: 'comes-back', clean: false };
    const before = await connect(session);
    await before.subscribeAsync('orders', { qos: 1 });
    await before.endAsync();
    const publisher = await connect();
    const texts = ['first', 'second', 'third', 'fourth', 'fifth'];
    for (const text of texts)
        await publisher.publishAsync('orders', text, { qos: 1 });
    await publisher.endAsync();
    const after = mqtt.connect(`mqtt://127.0.0.1:${port}`, { ...alice, ...session });
    const messages = await collect(after, texts.length);
    assert.deepStrictEqual(messages.map((message) => message.payload), texts);
    assert.deepStrictEqual(messages.map((message) => message.qos), [1, 1, 1, 1, 1]);
    await after.endAsync();
}

async function overTls() {
    const options = { ...alice, ca: fs.readFileSync(certificate) };
    const client = await mqtt.connectAsync(`mqtts://localhost:${tlsPort}`, options);
    const messages = collect(client, 1);
    await client.subscribeAsync('over/tls');
    await client.publishAsync('over/tls', 'nobody else reads this');
    assert.deepStrictEqual((await messages).map((message) => message.payload), ['nobody else reads this']);
    await client.endAsync();
}

async function overTlsWithoutTrust() {
    await assert.rejects(mqtt.connectAsync(`mqtts://localhost:${tlsPort}`, alice), /certificate/);
}

async function userRefused() {
    await assert.rejects(connect({ password: 'wrong' }), (error) => error.code === 4);
    await assert.rejects(connect({ username: undefined, password: undefined }), (error) => error.code === 5);
    await assert.rejects(connect({ password: 'wrong', protocolVersion: 5 }), (error) => error.code === 0x86);
}

async function topicRefused() {
    const client = await connect({ protocolVersion: 5 });
    await assert.rejects(client.publishAsync('secret/plan', 'x', { qos: 1 }), (error) => error.code === 0x87);
    await assert.rejects(client.publishAsync('secret/plan', 'x', { qos: 2 }), (error) => error.code === 0x87);
    assert(client.connected);
    await client.endAsync();
    const older = await connect();
    const granted = await older.subscribeAsync('elsewhere', { qos: 1 });
    assert.strictEqual(granted[0].qos, 1);
    await older.publishAsync('secret/plan', 'goes nowhere', { qos: 1 });
    await older.endAsync();
}

const rows = [
    ['a message is published and received', publishAndSubscribe],
    ['with a Keep Alive of 10 seconds, pings show in the log', keepAlive],
    ['a retained message waits for its subscriber', retained],
    ['messages of QoS 1 wait for a client that is away, in order', offlineMessages],
    ['a TLS connection', overTls],
    ['a TLS connection to somebody who is not trusted is refused', overTlsWithoutTrust],
    ['a user is refused', userRefused],
    ['a topic is refused', topicRefused],
];

playAtOnce('MQTT.js: ', rows);
