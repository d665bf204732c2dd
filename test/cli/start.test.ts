/** `skylark start` from outside: what it makes, says, serves, refuses, and how it ends. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { TcpClient } from '../support/tcp-client.ts';
import { anyPorts, removeFolder, Service, skylark, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
after(() => removeFolder(folder));
const isPosix = process.platform !== 'win32';

describe('a service that runs', () => {
  const data = join(folder, 'runs');
  let service: Service;
  before(async () => {
    service = await Service.start(['start', '--data', data, ...anyPorts]);
  });
  after(() => service.stop('SIGKILL'));

  test('says where it listens', () => {
    const { addresses, events } = service;
    assert.deepEqual(Object.keys(addresses), ['c2s', 'c2sTls', 'http', 'https']);
    assert.ok(Object.values(addresses).every(({ address, port }) => address === '127.0.0.1' && port > 0));
    assert.equal(events[0]?.folder, realpathSync(data));
    assert.equal(events[0]?.pid, service.child.pid);
  });

  test('keeps everything from the eyes of others', { skip: !isPosix }, () => {
    for (const name of ['', 'tls', 'tls/key.pem', 'skylark.db', 'admin.sock']) {
      assert.equal(statSync(join(data, name)).mode & 0o077, 0, name);
    }
  });

  test('takes an account, whose owner then signs in', async () => {
    const added = await skylark(['user', 'add', 'juliet@localhost', '--data', data], { input: 'wherefore\n' });
    assert.deepEqual(added, { out: 'added juliet@localhost\n', err: '', code: 0 });
    const juliet = await TcpClient.signIn(service.addresses.c2sTls!.port, 'juliet@localhost/balcony', 'wherefore');
    const pong = await juliet.ask('p1', "<iq type='get' id='p1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
    assert.equal(pong.attributes.type, 'result');
    await juliet.close();
    await assert.rejects(TcpClient.signIn(service.addresses.c2sTls!.port, 'juliet@localhost/balcony', 'romeo'), /not-authorized/);
  });

  test('serves rooms', async () => {
    await skylark(['user', 'add', 'host@localhost', '--password=pw', '--data', data]);
    const host = await TcpClient.signIn(service.addresses.c2sTls!.port, 'host@localhost/x', 'pw');
    host.send("<presence to='hall@conference.localhost/host'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
    const own = await host.next((element) => element.name === 'presence' && element.xml.includes('code="110"'));
    assert.equal(own.attributes.from, 'hall@conference.localhost/host');
    await host.close();
  });

  test('shows the same certificate on all ports with TLS', async () => {
    const fingerprints = [service.addresses.c2sTls, service.addresses.https].map(async (address) => {
      const socket = connect({
        host: '127.0.0.1',
        port: address!.port,
        rejectUnauthorized: false,
        ALPNProtocols: ['xmpp-client', 'http/1.1'],
      });
      await once(socket, 'secureConnect');
      const { fingerprint256 } = socket.getPeerX509Certificate()!;
      socket.destroy();
      return fingerprint256;
    });
    const [streams, pages] = await Promise.all(fingerprints);
    assert.equal(streams, pages);
  });

  test('serves pages that know its domain, and says no to a WebSocket elsewhere', async () => {
    const base = `http://127.0.0.1:${service.addresses.http!.port}`;
    assert.match(await (await fetch(`${base}/`)).text(), /data-domain="localhost"/);
    assert.match(await (await fetch(`${base}/client.js`)).text(), /"allow_registration":true/);
    assert.equal((await fetch(`${base}/client/converse.min.js`, { method: 'HEAD' })).status, 200);
    const socket = new WebSocket(`${base.replace('http', 'ws')}/elsewhere`, 'xmpp');
    await new Promise((resolve) => socket.addEventListener('error', resolve, { once: true }));
    assert.equal(socket.readyState, WebSocket.CLOSED);
  });

  test('takes XMPP over WebSocket', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${service.addresses.http!.port}/xmpp-websocket`, 'xmpp');
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve, { once: true });
      socket.addEventListener('error', () => reject(new Error('refused')), { once: true });
    });
    const answer = new Promise<string>((resolve) =>
      socket.addEventListener('message', ({ data: text }) => resolve(text), { once: true }),
    );
    socket.send("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>");
    assert.match(await answer, /^<open [^>]*from=.localhost/);
    socket.close();
  });

  test('keeps a second one off its folder', async () => {
    const { out, err, code } = await skylark(['start', '--data', data, ...anyPorts]);
    assert.equal(
      err
        .split('\n')
        .filter((line) => !line.startsWith('{'))
        .join('\n'),
      `skylark: ${realpathSync(data)} is in use by process ${service.child.pid}: stop it first, or use another folder\n`,
    );
    assert.deepEqual({ out, code }, { out: '', code: 1 });
  });

  for (const flag of ['--c2s-port', '--c2s-tls-port', '--http-port', '--https-port']) {
    test(`says which port is taken: ${flag}`, async () => {
      const taken = service.addresses.http!.port;
      const ports = anyPorts.map((each) => (each.startsWith(`${flag}=`) ? `${flag}=${taken}` : each));
      const { err, code } = await skylark(['start', '--data', join(folder, `taken${flag}`), ...ports]);
      const last = err.trimEnd().split('\n').at(-1);
      assert.equal(
        last,
        `skylark: cannot listen on 127.0.0.1:${taken} (${flag}): another program listens there; choose another port with ${flag}`,
      );
      assert.equal(code, 1);
    });
  }

  test('stops by SIGTERM with 0, and tells clients', async () => {
    const juliet = await TcpClient.signIn(service.addresses.c2sTls!.port, 'juliet@localhost/balcony', 'wherefore');
    const code = await service.stop();
    assert.equal(code, 0, service.said.err);
    await juliet.closed;
    assert.ok(juliet.received.some(({ xml }) => xml.includes('system-shutdown')));
    assert.doesNotMatch(service.said.err, /"level":(?:50|60)/);
    assert.equal(existsSync(join(data, 'skylark.db-wal')), false);
  });

  test('has its accounts and its certificate again after a restart', async () => {
    const key = readFileSync(join(data, 'tls/key.pem'), 'utf8');
    service = await Service.start(['start', '--data', data, ...anyPorts]);
    const juliet = await TcpClient.signIn(service.addresses.c2sTls!.port, 'juliet@localhost/tomb', 'wherefore');
    await juliet.close();
    assert.equal(readFileSync(join(data, 'tls/key.pem'), 'utf8'), key);
  });

  test('starts after kill -9, and SIGINT stops it too', { skip: !isPosix }, async () => {
    const juliet = await TcpClient.signIn(service.addresses.c2sTls!.port, 'juliet@localhost/tomb', 'wherefore');
    assert.equal(await service.stop('SIGKILL'), null);
    await juliet.closed;
    service = await Service.start(['start', '--data', data, ...anyPorts], 'listening');
    const again = await TcpClient.signIn(service.addresses.c2sTls!.port, 'juliet@localhost/tomb', 'wherefore');
    await again.close();
    await service.logged(/"sessions":1,"msg":"cleaned up after a process that was killed"/);
    assert.equal(await service.stop('SIGINT'), 0);
  });
});
