/** The doctor's requests to STUN and TURN servers (for XEP-0215): the vectors of RFC 5769, and servers that are something else. */
import assert from 'node:assert/strict';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import type { CallServer } from '../../lib/runtime/policy/call-servers.ts';
import { Deadline, TooSlow } from '../../services/cli/doctor/deadline.ts';
import { BadPeer } from '../../services/cli/doctor/peer-stream.ts';
import { StunClient } from '../../services/cli/doctor/stun-client.ts';
import { decodeStun, encodeStun, isSigned, longTermKey, readXoredAddress } from '../../services/cli/doctor/stun-message.ts';

const signed = Buffer.from(
  '000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b900000015001c662f2f3439396b3935346436' +
    '4f4c33346f4c39465354767936347341' +
    '0014000b6578616d706c652e6f72670000080014f67024656dd64a3e02b8e0712e85c9a28ca89666',
  'hex',
);

test('RFC 5769 §2.4: a request with long-term credentials is read, checked and written as it stands there', () => {
  const message = decodeStun(signed)!;
  assert.equal(message.type, 1);
  assert.deepEqual(
    message.attributes.slice(0, 3).map(([, value]) => value.toString()),
    ['マトリックス', 'f//499k954d6OL34oL9FSTvy64sA', 'example.org'],
  );
  const key = longTermKey('マトリックス', 'example.org', 'TheMatrIX');
  assert.equal(isSigned(signed, key), true);
  assert.equal(isSigned(signed, longTermKey('マトリックス', 'example.org', 'other')), false);
  assert.deepEqual(encodeStun({ ...message, attributes: message.attributes.slice(0, 3) }, key), signed);
});

test('RFC 5769 §2.2, §2.3: mapped addresses', () => {
  const transaction = Buffer.from('b7e7a701bc34d686fa87dfae', 'hex');
  assert.equal(readXoredAddress(Buffer.from('0001a147e112a643', 'hex'), transaction), '192.0.2.1:32853');
  const six = Buffer.from('0002a1470113a9faa5d3f179bc25f4b5bed2b9d9', 'hex');
  assert.equal(readXoredAddress(six, transaction), '[2001:db8:1234:5678:11:2233:4455:6677]:32853');
  for (const hex of ['', '0001a147', '0003a147e112a643', '0002a147e112a643']) {
    assert.equal(readXoredAddress(Buffer.from(hex, 'hex'), transaction), undefined);
  }
});

test('what is cut off or lies about its length is not a message', () => {
  for (let length = 0; length < signed.length; length++) assert.equal(decodeStun(signed.subarray(0, length)), undefined);
  const lying = Buffer.from(signed);
  lying.writeUInt16BE(0xffff, 22);
  assert.equal(decodeStun(lying), undefined);
  assert.equal(isSigned(lying, Buffer.alloc(16)), false);
});

const empty = (type: number, transaction: Buffer) => encodeStun({ type, transaction, attributes: [] });

async function atServer(answer: (request: Buffer, send: (bytes: Buffer) => void) => void, use: (port: number) => Promise<void>) {
  const socket: UdpSocket = createSocket('udp4');
  socket.on('message', (request, { port, address }) => answer(request, (bytes) => socket.send(bytes, port, address)));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  try {
    await use(socket.address().port);
  } finally {
    socket.close();
  }
}

const server = (port: number, transport: 'udp' | 'tcp' = 'udp'): CallServer => ({ type: 'turn', host: 'x', port, transport });
const patient = () => new Deadline(1_500, 1_500);

for (const [what, answer, error] of [
  ['says nothing', () => {}, TooSlow],
  ['answers another request', (_request, send) => send(empty(0x101, Buffer.alloc(12))), TooSlow],
  ['names no address', (request, send) => send(empty(0x101, request.subarray(8, 20))), BadPeer],
  ['sends something else', (request, send) => send(Buffer.concat([Buffer.alloc(8, 0xff), request.subarray(8, 20)])), BadPeer],
] as const satisfies readonly (readonly [string, Parameters<typeof atServer>[0], unknown])[]) {
  test(`a server that ${what} is found out`, async () => {
    await atServer(answer, async (port) => {
      const client = await StunClient.connect(server(port), '127.0.0.1', patient());
      await assert.rejects(client.bind(), error);
      if (error !== TooSlow) client.close();
    });
  });
}

for (const [what, answer, text] of [
  ['relays for everybody', (request, send) => send(empty(0x103, request.subarray(8, 20))), /relays for everybody/],
  ['refuses without a challenge', (request, send) => send(empty(0x113, request.subarray(8, 20))), /refuses/],
  [
    'believes any password',
    (request, send) => {
      const isFirst = decodeStun(request)!.attributes.length === 1;
      const challenge = [0x14, 0x15].map((type) => [type, Buffer.from('x')] as const);
      const transaction = request.subarray(8, 20);
      send(isFirst ? encodeStun({ type: 0x113, transaction, attributes: challenge }) : empty(0x103, transaction));
    },
    /is not signed/,
  ],
] as const satisfies readonly (readonly [string, Parameters<typeof atServer>[0], RegExp])[]) {
  test(`a TURN server that ${what} is found out`, async () => {
    await atServer(answer, async (port) => {
      const client = await StunClient.connect(server(port), '127.0.0.1', patient());
      await assert.rejects(client.allocate({ username: 'u', password: 'p' }), text);
      client.close();
    });
  });
}

test('over TCP a server that sends something else, without end, is found out', async () => {
  const listener = createServer((socket) => {
    socket.on('error', () => {});
    socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const client = await StunClient.connect(server((listener.address() as AddressInfo).port, 'tcp'), '127.0.0.1', patient());
  await assert.rejects(client.bind(), BadPeer);
  client.close();
  listener.close();
});
