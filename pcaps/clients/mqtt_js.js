// Drives MQTT.js through what capture.sh wants to show. Each step waits for its event; a step that does not come
// within ten seconds ends the run with an error. Usage: mqtt_js.js 3.1.1|5.0 [URL]
// Nobody certifies the broker of a capture, so its certificate is not looked at.
'use strict';
const mqtt = require('mqtt');

const is5 = process.argv[2] === '5.0';

const address = process.argv[3] || 'mqtt://127.0.0.1:1883';
const patience = setTimeout(() => {
    console.error('mqtt_js.js: a step did not come within ten seconds');
    process.exit(1);
}, 10000);

function options(clientId, more) {
    return Object.assign({clientId, protocolVersion: is5 ? 5 : 4, reconnectPeriod: 0, clean: true,
        rejectUnauthorized: false}, more);
}

// Properties, which earlier versions do not have.
function only5(properties) {
    return is5 ? properties : undefined;
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
        retain: false, properties: only5({contentType: 'text/plain', userProperties: {why: 'silence'}})}}));
    dying.stream.destroy(); // without DISCONNECT
    await arrived;
    await watcher.endAsync();
}

async function storedSession() {
    const kept = {clean: false, properties: only5({sessionExpiryInterval: 3600})};
    const first = await mqtt.connectAsync(address, options('js-sleeper', kept));
    await first.subscribeAsync('demo/stored', {qos: 1});
    await first.endAsync();
    const publisher = await mqtt.connectAsync(address, options('js-publisher'));
    await publisher.publishAsync('demo/stored', 'first while away', {qos: 1});
    await publisher.publishAsync('demo/stored', 'second while away', {qos: 1});
    await publisher.endAsync();
    const second = mqtt.connect(address, options('js-sleeper', kept));
    await messages(second, 2);
    await second.endAsync();
}

async function publish5(publisher, topic, payload, qos, properties, retain) {
    await publisher.publishAsync(topic, payload, {qos, retain: retain === true, properties});
}

// What only MQTT 5.0 has.
async function only50() {
    if (!is5)
        return;
    const subscriber = await mqtt.connectAsync(address, options('js-subscriber', {
        properties: {receiveMaximum: 10, topicAliasMaximum: 5, maximumPacketSize: 4096, requestProblemInformation: true,
            requestResponseInformation: true, userProperties: {unit: ['celsius', 'kelvin']}}}));
    const arrived = messages(subscriber, 5);
    await subscriber.subscribeAsync('demo5/+', {qos: 2, nl: true, rap: true, rh: 1,
        properties: {subscriptionIdentifier: 268435455, userProperties: {asked: 'by capture'}}});
    await subscriber.publishAsync('demo5/own', 'does not come back', {qos: 1});
    const publisher = await mqtt.connectAsync(address, options('', {autoAssignTopicAlias: true}));
    await publish5(publisher, 'demo5/0', 'at most once', 0, {payloadFormatIndicator: true, contentType: 'text/plain',
        messageExpiryInterval: 60, userProperties: {unit: ['celsius', 'kelvin']}});
    await publish5(publisher, 'demo5/1', 'at least once', 1, {responseTopic: 'demo5/answer',
        correlationData: Buffer.from([0, 1, 254, 255])});
    await publish5(publisher, 'demo5/2', 'exactly once', 2, undefined, true);
    await publish5(publisher, 'demo5/1', 'by alias', 1);
    await publish5(publisher, 'demo5/2', '', 2, undefined, true);
    await arrived;
    await subscriber.unsubscribeAsync(['demo5/+', 'demo5/never'], {properties: {userProperties: {no: 'more'}}});
    await publish5(publisher, 'demo5/1', 'no matching subscribers', 1);
    await publisher.endAsync();
    await subscriber.endAsync(false, {reasonCode: 4, properties: {reasonString: 'done', sessionExpiryInterval: 0}});
}

everyQos().then(will).then(storedSession).then(only50).then(() => clearTimeout(patience)).catch((error) => {
    console.error(error);
    process.exit(1);
});
