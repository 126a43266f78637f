// usage: node log_json.js PORT
//
// Sends what ordinary clients do not: names, topics and payloads with control characters and bytes that are not UTF-8.
'use strict'
const net = require('net')

const text = bytes => Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes])
const packet = (first, ...parts) => {
  const body = Buffer.concat(parts)
  if (body.length > 127) throw new Error('one byte of Remaining Length is all there is')
  return Buffer.concat([Buffer.from([first, body.length]), body])
}
const connect = identifier => packet(0x10, text(Buffer.from('MQTT')), Buffer.from([4, 2, 0, 60]), text(identifier))

// Each conversation: what is sent, and then the connection is closed.
const strange = Buffer.from('"quote\\back\x01\x1b[31m\x7f\u0085 \u2028 gr\u00fc\u00df \u{1f600}')
const conversations = [
  [connect(strange), packet(0x30, text(strange), Buffer.from([0xff, 0xfe, 0, 10, 0xc3, 0x28]))],
  [connect(Buffer.from([0x61, 0xff, 0xc3]))],
  [Buffer.from([0x20, 0xff, 0xff, 0xff, 0xff, 0xff])],
  [connect(Buffer.from('x'.repeat(100))), packet(0x30, text(Buffer.from([0xed, 0xa0, 0x80])))]
]

const play = bytes => new Promise(resolve => {
  const socket = net.connect(Number(process.argv[2]), '127.0.0.1', () => socket.end(Buffer.concat(bytes)))
  socket.on('error', () => {}) // the broker may close first
  socket.on('close', resolve)
  socket.resume()
})

const run = async () => {
  for (const each of conversations) await play(each)
}
run()
