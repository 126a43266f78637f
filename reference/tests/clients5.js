// usage: node clients5.js PORT
//
// MQTT.js against the broker on that port of 127.0.0.1, in MQTT 3.1.1 and in 5.0, and once in 3.1. Prints a line of
// TAP for each row, without its number.
'use strict';

const assert = require('assert');
const mqtt = require('mqtt');
const { play } = require('./rows.js');

const port = process.argv[2];
const patience = 10000;
const versions = [[4, '3.1.1'], [5, '5.0']];

// An option's value that only a Client of 5.0 may have.
function only5(version, value) {
    return version === 5 ? value : undefined;
}

function connect(version, options) {
    return mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
        protocolVersion: version, reconnectPeriod: 0, connectTimeout: patience, ...options,
    });
}

// Gathers all messages from now on; until() resolves once the predicate is true of them.
function gather(client) {
    const inbox = { messages: [], check: () => {} };
    client.on('message', (topic, payload, packet) => {
        const { qos, retain, properties = {} } = packet;
        inbox.messages.push({ topic, payload: payload.toString(), qos, retain, properties });
        inbox.check();
    });
    inbox.until = (predicate) => new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`came: ${JSON.stringify(inbox.messages)}`)), patience);
        inbox.check = () => {
            if (!predicate(inbox.messages))
                return;
            clearTimeout(timer);
            resolve(inbox.messages);
        };
        inbox.check();
    });
    inbox.count = (count) => inbox.until((messages) => messages.length === count);
    return inbox;
}

function payloads(messages) {
    return messages.map((message) => message.payload);
}

async function subscriber(version, filter, options) {
    const client = await connect(version);
    const inbox = gather(client);
    await client.subscribeAsync(filter, { qos: 2, ...options });
    return { client, inbox };
}

async function end(...clients) {
    for (const client of clients)
        await client.endAsync();
}

// ---- Both versions ------------------------------------------------------------------------------------------------

async function exchange(version, qos) {
    const { client, inbox } = await subscriber(version, `js5/${version}/${qos}`, { qos });
    for (const text of ['one', 'two', 'three'])
        await client.publishAsync(`js5/${version}/${qos}`, text, { qos });
    const messages = await inbox.count(3);
    assert.deepStrictEqual(payloads(messages), ['one', 'two', 'three']);
    assert.deepStrictEqual(messages.map((message) => message.qos), [qos, qos, qos]);
    await end(client);
}

async function retained(version) {
    const topic = `js5/${version}/kept`;
    const publisher = await connect(version);
    await publisher.publishAsync(topic, 'kept', { qos: 1, retain: true });
    const first = await subscriber(version, topic);
    const [message] = await first.inbox.count(1);
    assert.deepStrictEqual([message.payload, message.qos, message.retain], ['kept', 1, true]);
    await publisher.publishAsync(topic, '', { qos: 1, retain: true });
    const second = await subscriber(version, topic);
    await publisher.publishAsync(topic, 'fence', { qos: 1 });
    const [fence] = await second.inbox.count(1);
    assert.deepStrictEqual([fence.payload, fence.retain], ['fence', false]);
    await end(publisher, first.client, second.client);
}

async function will(version) {
    const topic = `js5/${version}/will`;
    const { client, inbox } = await subscriber(version, topic);
    const properties = only5(version, { contentType: 'text/plain', userProperties: { why: 'broken' } });
    const dying = await connect(version, { will: { topic, payload: 'gone', qos: 2, retain: false, properties } });
    dying.stream.destroy();
    const [message] = await inbox.count(1);
    assert.deepStrictEqual([message.payload, message.qos], ['gone', 2]);
    if (version === 5) {
        assert.strictEqual(message.properties.contentType, 'text/plain');
        assert.deepStrictEqual({ ...message.properties.userProperties }, { why: 'broken' });
    }
    await end(client);
}

async function noWillAfterDisconnect(version) {
    const topic = `js5/${version}/no-will`;
    const { client, inbox } = await subscriber(version, topic);
    const leaving = await connect(version, { will: { topic, payload: 'gone', qos: 1, retain: false } });
    await end(leaving);
    await client.publishAsync(topic, 'fence', { qos: 1 });
    assert.deepStrictEqual(payloads(await inbox.count(1)), ['fence']);
    await end(client);
}

async function lastingSession(version) {
    const options = { clientId: `js5-lasting-${version}`, clean: false,
        properties: only5(version, { sessionExpiryInterval: 60 }) };
    const before = await connect(version, options);
    await before.subscribeAsync(`js5/${version}/queue`, { qos: 2 });
    await end(before);
    const publisher = await connect(version);
    for (const qos of [1, 2])
        await publisher.publishAsync(`js5/${version}/queue`, `at ${qos}`, { qos });
    // The messages may come with the CONNACK, so the handler has to be there before it.
    const after = mqtt.connect(`mqtt://127.0.0.1:${port}`,
        { ...options, protocolVersion: version, reconnectPeriod: 0 });
    let present;
    after.on('connect', (connack) => { present = connack.sessionPresent; });
    const messages = await gather(after).count(2);
    assert.strictEqual(present, true);
    assert.deepStrictEqual(payloads(messages), ['at 1', 'at 2']);
    await end(publisher, after);
}

async function otherVersion(version) {
    const topic = `js5/${version}/to-other`;
    const { client, inbox } = await subscriber(version === 5 ? 4 : 5, topic);
    const publisher = await connect(version);
    const properties = only5(version, { userProperties: { a: 'b' }, contentType: 'text/plain' });
    await publisher.publishAsync(topic, 'over there', { qos: 2, properties });
    const [message] = await inbox.count(1);
    assert.deepStrictEqual([message.payload, message.qos], ['over there', 2]);
    await end(publisher, client);
}

async function keepAlive(version) {
    const client = await connect(version, { keepalive: 1 });
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
    await end(client);
}

async function largeMessage(version) {
    const text = 'x'.repeat(200000);
    const { client, inbox } = await subscriber(version, `js5/${version}/large`);
    await client.publishAsync(`js5/${version}/large`, text, { qos: 2 });
    assert.deepStrictEqual(payloads(await inbox.count(1)), [text]);
    await end(client);
}

// ---- 3.1 ----------------------------------------------------------------------------------------------------------

async function version31() {
    const client = await connect(3, { protocolId: 'MQIsdp', clientId: 'js5-old' });
    const inbox = gather(client);
    await client.subscribeAsync('js5/old', { qos: 1 });
    await client.publishAsync('js5/old', 'still here', { qos: 1 });
    assert.deepStrictEqual(payloads(await inbox.count(1)), ['still here']);
    await end(client);
}

// ---- 5.0 ----------------------------------------------------------------------------------------------------------

async function willWithDelay() {
    const { client, inbox } = await subscriber(5, 'js5/delayed');
    const dying = await connect(5, {
        clientId: 'js5-delayed', clean: true, properties: { sessionExpiryInterval: 60 },
        will: { topic: 'js5/delayed', payload: 'gone', qos: 1, retain: false, properties: { willDelayInterval: 1 } },
    });
    const start = Date.now();
    dying.stream.destroy();
    assert.deepStrictEqual(payloads(await inbox.count(1)), ['gone']);
    const waited = Date.now() - start;
    assert(waited >= 950, `the will came after ${waited} ms`);
    await end(client);
}

async function willOfWhoComesBack() {
    const { client, inbox } = await subscriber(5, 'js5/recalled');
    const options = { clientId: 'js5-recalled', clean: false, properties: { sessionExpiryInterval: 60 } };
    const dying = await connect(5, { ...options, will: {
        topic: 'js5/recalled', payload: 'gone', qos: 1, retain: false, properties: { willDelayInterval: 1 },
    } });
    dying.stream.destroy();
    const back = await connect(5, options);
    // A second will of the same delay, set off later, comes later: it is the fence.
    const other = await connect(5, { clientId: 'js5-fence', properties: { sessionExpiryInterval: 60 }, will: {
        topic: 'js5/recalled', payload: 'fence', qos: 1, retain: false, properties: { willDelayInterval: 1 },
    } });
    other.stream.destroy();
    assert.deepStrictEqual(payloads(await inbox.count(1)), ['fence']);
    await end(client, back);
}

async function shared() {
    const members = [];
    for (let i = 0; i < 3; i++) {
        const member = await subscriber(5, '$share/group/js5/shared/#', { qos: 1 });
        await member.client.subscribeAsync('js5/shared-fence', { qos: 1 });
        members.push(member);
    }
    const alone = await subscriber(5, '$share/other/js5/shared/#', { qos: 1 });
    const publisher = await connect(5);
    const sent = [];
    for (let i = 0; i < 30; i++) {
        sent.push(`${i}`);
        await publisher.publishAsync('js5/shared/a', `${i}`, { qos: 1 });
    }
    await publisher.publishAsync('js5/shared-fence', 'fence', { qos: 1 });
    const received = [];
    for (const { inbox } of members) {
        const messages = await inbox.until((all) => all.some((message) => message.payload === 'fence'));
        received.push(...payloads(messages).filter((payload) => payload !== 'fence'));
    }
    assert.deepStrictEqual(received.sort((a, b) => a - b), sent);
    assert.deepStrictEqual(payloads(await alone.inbox.count(30)), sent);
    await end(publisher, alone.client, ...members.map((member) => member.client));
}

async function properties() {
    const { client, inbox } = await subscriber(5, 'js5/properties', { properties: { subscriptionIdentifier: 77 } });
    await client.publishAsync('js5/properties', 'text', { qos: 1, properties: {
        payloadFormatIndicator: true, contentType: 'text/plain', responseTopic: 'js5/answers',
        correlationData: Buffer.from([0, 1, 2]), messageExpiryInterval: 60,
        userProperties: { first: ['1', '2'], second: '3' },
    } });
    const [{ properties: received }] = await inbox.count(1);
    assert.deepStrictEqual({ ...received.userProperties }, { first: ['1', '2'], second: '3' });
    assert.strictEqual(received.payloadFormatIndicator, true);
    assert.strictEqual(received.contentType, 'text/plain');
    assert.strictEqual(received.responseTopic, 'js5/answers');
    assert.deepStrictEqual([...received.correlationData], [0, 1, 2]);
    assert.strictEqual(received.subscriptionIdentifier, 77);
    assert(received.messageExpiryInterval >= 50 && received.messageExpiryInterval <= 60);
    await end(client);
}

async function messageExpiry() {
    const publisher = await connect(5);
    await publisher.publishAsync('js5/expiry', 'short', { qos: 1, retain: true,
        properties: { messageExpiryInterval: 1 } });
    await publisher.publishAsync('js5/expiry/long', 'long', { qos: 1, retain: true,
        properties: { messageExpiryInterval: 60 } });
    await new Promise((resolve) => { setTimeout(resolve, 2100); });
    const { client, inbox } = await subscriber(5, 'js5/expiry/#');
    const [message] = await inbox.count(1);
    await publisher.publishAsync('js5/expiry', 'fence', { qos: 1 });
    assert.deepStrictEqual(payloads(await inbox.count(2)), ['long', 'fence']);
    assert(message.properties.messageExpiryInterval <= 58, 'the time that it waited is taken off');
    await end(publisher, client);
}

async function aliasesToBroker() {
    const { client, inbox } = await subscriber(5, 'js5/alias/+');
    const publisher = await connect(5, { autoAssignTopicAlias: true });
    const topics = [];
    publisher.on('packetsend', (packet) => { if (packet.cmd === 'publish') topics.push(packet.topic); });
    for (const text of ['a', 'b', 'a', 'b'])
        await publisher.publishAsync(`js5/alias/${text}`, text, { qos: 1 });
    const messages = await inbox.count(4);
    assert.deepStrictEqual(messages.map((message) => message.topic),
        ['js5/alias/a', 'js5/alias/b', 'js5/alias/a', 'js5/alias/b']);
    assert.deepStrictEqual(topics, ['js5/alias/a', 'js5/alias/b', '', '']);
    await end(client, publisher);
}

async function aliasesFromBroker() {
    const client = await connect(5, { properties: { topicAliasMaximum: 5 } });
    const inbox = gather(client);
    await client.subscribeAsync('js5/alias-back/+', { qos: 1 });
    for (let i = 0; i < 20; i++)
        await client.publishAsync(`js5/alias-back/${i % 10}`, `${i % 10}`, { qos: 1 });
    for (const message of await inbox.count(20))
        assert.strictEqual(message.topic, `js5/alias-back/${message.payload}`);
    await end(client);
}

async function subscriptionOptions() {
    const publisher = await connect(5);
    await publisher.publishAsync('js5/options', 'kept', { qos: 1, retain: true });
    const { client, inbox } = await subscriber(5, 'js5/options', { nl: true, rap: true, rh: 2 });
    await client.publishAsync('js5/options', 'own', { qos: 1 });
    await publisher.publishAsync('js5/options', 'fence', { qos: 1, retain: true });
    const [message] = await inbox.count(1);
    assert.deepStrictEqual([message.payload, message.retain], ['fence', true]);
    await publisher.publishAsync('js5/options', '', { qos: 1, retain: true });
    await end(publisher, client);
}

async function receiveMaximum() {
    const client = await connect(5, { properties: { receiveMaximum: 1 } });
    const inbox = gather(client);
    await client.subscribeAsync('js5/slow', { qos: 2 });
    const publisher = await connect(5);
    const sent = [];
    for (let i = 0; i < 20; i++)
        sent.push(`${i}`);
    await Promise.all(sent.map((text) => publisher.publishAsync('js5/slow', text, { qos: 2 })));
    assert.deepStrictEqual(payloads(await inbox.count(20)), sent);
    await end(publisher, client);
}

// ---- Rows ---------------------------------------------------------------------------------------------------------

const rows = [];
for (const [version, name] of versions) {
    for (const qos of [0, 1, 2])
        rows.push([`${name}: messages at QoS ${qos}`, () => exchange(version, qos)]);
    rows.push([`${name}: a retained message comes with its flag, and is cleared`, () => retained(version)]);
    rows.push([`${name}: a will when the connection breaks`, () => will(version)]);
    rows.push([`${name}: no will after DISCONNECT`, () => noWillAfterDisconnect(version)]);
    rows.push([`${name}: a session outlives its connection`, () => lastingSession(version)]);
    rows.push([`${name}: a subscriber of the other version`, () => otherVersion(version)]);
    rows.push([`${name}: pings are answered`, () => keepAlive(version)]);
    rows.push([`${name}: a large message`, () => largeMessage(version)]);
}
rows.push(
    ['3.1: a message', version31],
    ['5.0: a will with a delay comes after it', willWithDelay],
    ['5.0: a will with a delay does not come when its client is back', willOfWhoComesBack],
    ['5.0: a message to a shared subscription goes to one member of each group', shared],
    ['5.0: the properties of a message pass', properties],
    ['5.0: a message expires', messageExpiry],
    ['5.0: topic aliases that the client sets', aliasesToBroker],
    ['5.0: topic aliases that the client accepts', aliasesFromBroker],
    ['5.0: No Local, Retain As Published and Retain Handling', subscriptionOptions],
    ['5.0: a client that receives one message at a time', receiveMaximum],
);

play('MQTT.js, ', rows);
