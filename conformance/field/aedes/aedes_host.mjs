// usage: node aedes_host.mjs PORT
//
// Aedes with its defaults on 127.0.0.1.
import { createServer } from 'node:net';
import { Aedes } from 'aedes';

const broker = await Aedes.createBroker();
createServer(broker.handle).listen(Number(process.argv[2]), '127.0.0.1');
