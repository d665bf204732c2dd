/** The server name in the first message of TLS, which XEP-0178 needs here: what it is, at whatever byte it is cut, in whatever records it comes, and everything else. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import fc from 'fast-check';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { helloServerName, withWish } from '../../lib/runtime/client-hello.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';

/** What Node's TLS says first. */
async function helloFor(servername: string | undefined): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const arriving = once(server, 'connection') as Promise<[Socket]>;
  const client = connectTls({ host: '127.0.0.1', port, servername, ALPNProtocols: ['xmpp-client'] }).on('error', () => {});
  const [socket] = await arriving;
  const [hello] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  server.close();
  return hello;
}

/** The same message in records of so many bytes. */
function inRecords(hello: Buffer, bytes: number): Buffer {
  const message = hello.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += bytes) {
    const part = message.subarray(at, at + bytes);
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 0xff]), part);
  }
  return Buffer.concat(records);
}

test('is read, and awaited at whatever byte it is cut', async () => {
  const hello = await helloFor('one.example');
  for (const whole of [hello, inRecords(hello, Math.ceil(hello.length / 3))]) {
    assert.equal(helloServerName(whole), 'one.example');
    for (let length = 0; length < whole.length; length++) {
      assert.equal(helloServerName(whole.subarray(0, length)), undefined, `${length} of ${whole.length} bytes`);
    }
  }
});

test("is '' when the client names none, or in too many records", async () => {
  assert.equal(helloServerName(await helloFor(undefined)), '');
  assert.equal(helloServerName(inRecords(await helloFor('one.example'), 1)), '');
  assert.equal(helloServerName(Buffer.alloc(5 * 1_000, Buffer.from([22, 3, 1, 0, 0]))), '');
});

test('is never a fault, whatever is sent, and whatever is changed in a hello', async () => {
  const hello = await helloFor('one.example');
  const bytes = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(bytes, fc.nat(hello.length - 1), fc.nat(255), (any, at, value) => {
      const changed = Buffer.from(hello);
      changed[at] = value;
      for (const given of [changed, Buffer.from(any), Buffer.concat([Buffer.from([22, 3, 1, 0, 200, 1, 0, 0, 190]), any])]) {
        const name = helloServerName(given);
        assert.ok(name === undefined || typeof name === 'string');
      }
    }),
    { numRuns: 2_000 },
  );
  assert.equal(helloServerName(Buffer.from("<?xml version='1.0'?>")), '');
  assert.equal(helloServerName(Buffer.from('GET / HTTP/1.1\r\n')), '');
  assert.equal(helloServerName(Buffer.from([22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff])), '', 'a length without end');
});

test('is asked about once, and the socket goes on with all of its bytes; a slow one is closed', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const hello = await helloFor('one.example');
  const asked: string[] = [];
  const wish = (helloMs: number) => ({
    ...{ clock: systemClock, helloMs },
    async asks(name: string) {
      asked.push(name);
      return true;
    },
  });
  const open = async () => {
    const arriving = once(server, 'connection') as Promise<[Socket]>;
    const client = connect(port, '127.0.0.1');
    return [client, ...(await arriving)] as const;
  };
  const [client, socket] = await open();
  const chosen = new Promise<boolean>((resolve) => withWish(socket, wish(10_000), resolve));
  client.write(hello.subarray(0, 7));
  client.write(hello.subarray(7));
  client.write('more');
  assert.equal(await chosen, true);
  assert.deepEqual(asked, ['one.example']);
  let read = '';
  while (!read.endsWith('more')) read += String((await once(socket, 'data'))[0]);
  client.destroy();

  const [slow, waiting] = await open();
  withWish(waiting, wish(20), () => assert.fail('it has said nothing'));
  slow.write(hello.subarray(0, 100));
  await once(slow, 'close');

  const [long, taken] = await open();
  const asIs = new Promise<boolean>((resolve) => withWish(taken, wish(10_000), resolve));
  long.write(
    Buffer.concat([Buffer.from([22, 3, 1, 0xff, 0xff, 1, 0, 0x3f, 0xff]), Buffer.alloc(runtimeLimits.clientHelloBytesMax)]),
  );
  assert.equal(await asIs, false);
  assert.deepEqual(asked, ['one.example']);
  long.destroy();
});
