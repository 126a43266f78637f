// Drives MQTT.js through what capture.sh wants to show. Each step waits for its event; a step that does not come
// within ten seconds ends the run with an error.
'use strict';
const mqtt = require('mqtt');

const address = 'mqtt://127.0.0.1:1883';
const patience = setTimeout(() => {
    console.error('mqtt_js.js: a step did not come within ten seconds');
    process.exit(1);
}, 10000);

function options(clientId, more) {
    return Object.assign({clientId, protocolVersion: 4, reconnectPeriod: 0, clean: true}, more);
}

// Resolves with the messages once there are `count` of them.
function messages(client, count) {
    return new Promise((resolve) => {
        const received = [];
        client.on('message', (topic, payload) => {
            received.push([topic, payload.toString()]);
            if (received.length === count)
                resolve(received);
        });
    });
}

async function everyQos() {
    const subscriber = await mqtt.connectAsync(address, options('js-subscriber'));
    const arrived = messages(subscriber, 3);
    await subscriber.subscribeAsync('demo/+', {qos: 2});
    const publisher = await mqtt.connectAsync(address, options('js-publisher'));
    await publisher.publishAsync('demo/0', 'at most once', {qos: 0});
    await publisher.publishAsync('demo/1', 'at least once', {qos: 1});
    await publisher.publishAsync('demo/2', 'exactly once', {qos: 2});
    await arrived;
    await subscriber.unsubscribeAsync('demo/+');
    await publisher.publishAsync('demo/retained', 'kept', {qos: 1, retain: true});
    const retained = messages(subscriber, 1);
    await subscriber.subscribeAsync('demo/retained', {qos: 1});
    await retained;
    await publisher.publishAsync('demo/retained', '', {qos: 1, retain: true});
    await publisher.endAsync();
    await subscriber.endAsync();
}

async function will() {
    const watcher = await mqtt.connectAsync(address, options('js-watcher'));
    const arrived = messages(watcher, 1);
    await watcher.subscribeAsync('demo/will', {qos: 1});
    const dying = await mqtt.connectAsync(
        address, options('js-dying', {will: {topic: 'demo/will', payload: Buffer.from('gone'), qos: 1,
        retain: false}}));
    dying.stream.destroy(); // without DISCONNECT
    await arrived;
    await watcher.endAsync();
}

async function storedSession() {
    const first = await mqtt.connectAsync(address, options('js-sleeper', {clean: false}));
    await first.subscribeAsync('demo/stored', {qos: 1});
    await first.endAsync();
    const publisher = await mqtt.connectAsync(address, options('js-publisher'));
    await publisher.publishAsync('demo/stored', 'first while away', {qos: 1});
    await publisher.publishAsync('demo/stored', 'second while away', {qos: 1});
    await publisher.endAsync();
    const second = mqtt.connect(address, options('js-sleeper', {clean: false}));
    await messages(second, 2);
    await second.endAsync();
}

everyQos().then(will).then(storedSession).then(() => clearTimeout(patience)).catch((error) => {
    console.error(error);
    process.exit(1);
});
