// usage: node transports.js URL PROTOCOL_LEVEL CA_FILE
//
// MQTT.js subscribes, publishes to itself, small and large, and leaves. Exit status 0 where all of it arrives.
'use strict';
const fs = require('fs');
const mqtt = require('mqtt');

const [url, level, authorities] = process.argv.slice(2);
const client = mqtt.connect(url, {
    protocolVersion: Number(level),
    ca: fs.readFileSync(authorities),
    reconnectPeriod: 0,
    connectTimeout: 10000,
});
const sent = [Buffer.from('hello'), Buffer.alloc(0), Buffer.alloc(300000, 'x'), Buffer.from('bye')];
const received = [];

function fail(reason) {
    console.error(reason);
    process.exit(1);
}

client.on('error', fail);
client.on('connect', () => {
    client.subscribe('transports/+', { qos: 2 }, (error) => {
        if (error) fail(error);
        sent.forEach((payload, i) => client.publish(`transports/${i}`, payload, { qos: i % 3 }));
    });
});
client.on('message', (topic, payload) => {
    received.push([topic, payload]);
    if (received.length < sent.length) return;
    received.sort((a, b) => (a[0] < b[0] ? -1 : 1));
    if (received.some(([, bytes], i) => !bytes.equals(sent[i]))) fail('another payload came back');
    client.end(false, {}, () => process.exit(0));
});
setTimeout(() => fail(`${received.length} of ${sent.length} messages came in time`), 30000);
