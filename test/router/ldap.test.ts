/** Sign-in by LDAP: names that are made to change a DN or a filter, and servers that are hostile or broken. A real server is in test/peers/ldap. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { after, afterEach, before, describe, test } from 'node:test';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { ldapCa, ldapDn, ldapFilter, ldapUrl } from '../../lib/runtime/policy/ldap.ts';
import type { PostDocument } from '../../services/router/core/signed-post.ts';
import { escapeInDn, escapeInFilter } from '../../services/router/sasl/ldap.ts';
import { requestStartTls } from '../../services/router/sasl/ldap-stream.ts';
import { outsideLimits } from '../../services/router/sasl/limits.ts';
import { type LdapGround, ldapIdentity, openLdapGround, type ServerIdentity } from './ldap-ground.ts';
import { plain, sharedSecret } from './sign-in-ground.ts';

let identity: ServerIdentity;
let server: Server;
let port: number;
let serve: (socket: TLSSocket) => void;
let connections = 0;
let ground: LdapGround | undefined;
const sockets = new Set<Socket>();

/** The answer to a bind, with a code of RFC 4511 §4.1.9. */
const answerTo = (request: Buffer, code: number) =>
  Buffer.from([0x30, 0x0c, 0x02, 0x01, request[4]!, 0x61, 0x07, 0x0a, 0x01, code, 0x04, 0x00, 0x04, 0x00]);
const [success, busy, wrong] = [0, 51, 49];

before(async () => {
  identity = await ldapIdentity();
  server = createTlsServer(identity, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    connections++;
    serve(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  ({ port } = server.address() as AddressInfo);
});
after(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});
afterEach(async () => {
  await ground?.close();
  ground = undefined;
});

const policy = () => ({ ldapUrl: `ldaps://localhost:${port}`, ldapDn: 'uid=%u,dc=example', ldapCa: identity.ca });

describe('a name cannot change what is asked', () => {
  for (const [name, inDn, inFilter] of [
    ['juliet', 'juliet', 'juliet'],
    ['*', '\\2a', '\\2a'],
    ['x)(uid=*', 'x\\29\\28uid\\3d\\2a', 'x\\29\\28uid\\3d\\2a'],
    ['x,dc=evil', 'x\\2cdc\\3devil', 'x\\2cdc\\3devil'],
    ['a+b;c#d', 'a\\2bb\\3bc\\23d', 'a\\2bb\\3bc\\23d'],
    ['a\\b', 'a\\5cb', 'a\\5cb'],
    ['a\0b', 'a\\00b', 'a\\00b'],
    [' x ', '\\20x\\20', '\\20x\\20'],
    ['jülíet', 'j\\c3\\bcl\\c3\\adet', 'jülíet'],
    ['%u', '\\25u', '\\25u'],
  ] as const) {
    test(JSON.stringify(name), () => {
      assert.equal(escapeInDn(name), inDn);
      assert.equal(escapeInFilter(name), inFilter);
    });
  }
});

test('the bind decides: right, wrong, and nothing without TLS that is proven', async () => {
  serve = (socket) =>
    socket.on('data', (bytes: Buffer) => socket.write(answerTo(bytes, bytes.includes('capulet') ? success : wrong)));
  ground = await openLdapGround(policy());
  assert.equal(await plain(ground, 'juliet', 'capulet'), 'success');
  assert.equal(await plain(ground, 'juliet', 'montague'), 'not-authorized');
  assert.equal(await plain(ground, 'juliet', 'capulet', 'b.example'), 'not-authorized');
  await ground.ask({ ldapCa: (await ldapIdentity()).ca });
  assert.equal(await plain(ground, 'juliet', 'capulet'), 'temporary-auth-failure');
  await ground.ask({ ldapCa: '' });
  assert.equal(await plain(ground, 'juliet', 'capulet'), 'temporary-auth-failure');
  await ground.ask({ ldapCa: identity.ca, ldapUrl: `ldaps://ip6-localhost.localhost:${port}` });
  assert.equal(await plain(ground, 'juliet', 'capulet'), 'temporary-auth-failure', 'the certificate is of another host');
});

test('beside a webhook that hangs it is asked at once; where one says no and one cannot be asked, nobody is let in', async () => {
  serve = (socket) =>
    socket.on('data', (bytes: Buffer) => socket.write(answerTo(bytes, bytes.includes('capulet') ? success : wrong)));
  let post: PostDocument = () => new Promise(() => {});
  ground = await openLdapGround(policy(), ['127.0.0.0/8'], (...given) => post(...given));
  await ground.ask({ signIn: ['webhook', 'ldap'], webhookUrl: 'https://id.example/', webhookSecret: sharedSecret });
  assert.equal(await plain(ground, 'juliet', 'capulet'), 'success');
  post = () => Promise.reject(new Error('it is away'));
  assert.equal(await plain(ground, 'romeo', 'montague'), 'temporary-auth-failure');
  post = () => Promise.resolve({ status: 200, body: '{"allowed":false}' });
  assert.equal(await plain(ground, 'romeo', 'montague'), 'not-authorized');
  post = () => Promise.resolve({ status: 200, body: '{"allowed":true}' });
  assert.equal(await plain(ground, 'romeo', 'montague'), 'success');
});

describe('nobody is let in when the server is broken or hostile', () => {
  for (const [what, hostile] of [
    ['it closes', (socket) => socket.destroy()],
    ['it is busy', (socket) => socket.once('data', (bytes: Buffer) => socket.write(answerTo(bytes, busy)))],
    ['it speaks another protocol', (socket) => socket.write('HTTP/1.1 200 OK\r\n\r\n')],
    [
      'it answers what was not asked',
      (socket) => socket.once('data', () => socket.write(Buffer.from([0x30, 0x05, 0x02, 0x01, 0x09, 0x61, 0x00]))),
    ],
  ] as const satisfies readonly (readonly [string, typeof serve])[]) {
    test(what, async () => {
      serve = hostile;
      ground = await openLdapGround(policy());
      assert.equal(await plain(ground, 'juliet', 'capulet'), 'temporary-auth-failure');
    });
  }

  test('it floods: it is cut off at a bound', async () => {
    let sent = 0;
    serve = (socket) => {
      const chunk = Buffer.alloc(64 * 1024, 0x30);
      // One message that says it is very long.
      socket.write(Buffer.from([0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]));
      const flood = () => {
        while (!socket.destroyed && sent < 500_000_000) {
          sent += chunk.length;
          if (!socket.write(chunk)) return void socket.once('drain', flood);
        }
      };
      flood();
    };
    ground = await openLdapGround(policy());
    assert.equal(await plain(ground, 'juliet', 'capulet'), 'temporary-auth-failure');
    assert.ok(sent < 50_000_000, `${sent} bytes`);
  });

  test('it hangs: it is given up in time', async () => {
    serve = () => {};
    ground = await openLdapGround(policy());
    const began = performance.now();
    assert.equal(await plain(ground, 'juliet', 'capulet'), 'temporary-auth-failure');
    const tookMs = performance.now() - began;
    assert.ok(tookMs >= outsideLimits.outsideMs - 100 && tookMs < outsideLimits.outsideMs + 2_000, `${tookMs} ms`);
  });

  test('it is in an inner network: it is not dialled', async () => {
    ground = await openLdapGround(policy(), []);
    const before = connections;
    assert.equal(await plain(ground, 'juliet', 'capulet'), 'temporary-auth-failure');
    assert.equal(connections, before);
  });

  test('StartTLS is refused, and no password is sent', async () => {
    const heard: Buffer[] = [];
    const tcp = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        heard.push(bytes);
        socket.write(Buffer.from([0x30, 0x0c, 0x02, 0x01, 0x01, 0x78, 0x07, 0x0a, 0x01, 2, 0x04, 0x00, 0x04, 0x00]));
      });
    });
    await once(tcp.listen(0, '127.0.0.1'), 'listening');
    ground = await openLdapGround({ ...policy(), ldapUrl: `ldap://localhost:${(tcp.address() as AddressInfo).port}` });
    assert.equal(await plain(ground, 'juliet', 'capulet'), 'temporary-auth-failure');
    assert.equal(Buffer.concat(heard).includes('capulet'), false);
    tcp.close();
  });

  test('the policy is not complete', async () => {
    ground = await openLdapGround({ ...policy(), ldapDn: '' });
    assert.equal(await plain(ground, 'juliet', 'capulet'), 'temporary-auth-failure');
    await ground.ask({ ldapBase: 'dc=example', ldapBindDn: 'cn=search' });
    assert.equal(await plain(ground, 'juliet', 'capulet'), 'temporary-auth-failure', 'a service account without a password');
  });
});

describe('RFC 4511 §4.14: the answer to StartTLS', () => {
  const ok = [0x30, 0x0c, 0x02, 0x01, 0x01, 0x78, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00];
  const long = [0x30, 0x84, 0, 0, 0, 0x10, 0x02, 0x01, 0x01, 0x78, 0x84, 0, 0, 0, 0x07, ...ok.slice(7)];
  for (const [what, bytes, says] of [
    ['success', ok, undefined],
    ['success, with long lengths', long, undefined],
    ['success, and more behind it', [...ok, 0x30], /too much/],
    ['an error', [...ok.slice(0, 9), 0x02, ...ok.slice(10)], /refused/],
    ['another message', [0x30, 0x05, 0x02, 0x01, 0x02, 0x78, 0x00], /did not answer/],
    ['a length without end', [0x30, 0x84, 0x7f, 0xff, 0xff, 0xff], /too much/],
    ['a length of a length that is too long', [0x30, 0x89, ...Array(9).fill(1)], /too much/],
  ] as const) {
    for (const size of what.includes('behind') ? [99] : [1, 99]) {
      test(`${what}, in pieces of ${size}`, async () => {
        const [incoming, socket] = [new PassThrough(), new PassThrough()];
        socket.write = (() => true) as never;
        const asking = requestStartTls(Object.assign(incoming, { write: () => true }) as never);
        for (let at = 0; at < bytes.length; at += size) incoming.push(Buffer.from(bytes.slice(at, at + size)));
        if (says === undefined) await asking;
        else await assert.rejects(asking, says);
      });
    }
  }
});

test('what the policy takes', async () => {
  const takes = (key: { schema: { safeParse(value: unknown): { success: boolean } } }, value: string) =>
    key.schema.safeParse(value).success;
  for (const value of ['', 'ldaps://ldap.example.org', 'ldap://ldap.example.org:1389', 'ldaps://ldap.example.org/'])
    assert.ok(takes(ldapUrl, value), value);
  for (const value of ['http://x', 'ldaps://', 'ldaps://10.0.0.1', 'ldap://[::1]', 'ldaps://u:p@x', 'ldaps://x/dc=x', 'x'])
    assert.ok(!takes(ldapUrl, value), value);
  assert.ok(takes(ldapDn, 'uid=%u,dc=x') && !takes(ldapDn, 'uid=x'));
  assert.ok(takes(ldapFilter, '(&(uid=%u)(x=y))') && !takes(ldapFilter, 'uid=%u') && !takes(ldapFilter, '(uid=x)'));
  assert.ok(takes(ldapCa, identity.ca) && !takes(ldapCa, identity.cert) && !takes(ldapCa, identity.key) && !takes(ldapCa, 'x'));
});
