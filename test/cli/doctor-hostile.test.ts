/** `skylark doctor` at servers that are broken or hostile: each gets its finding, none holds it up or fools its reader. */
import assert from 'node:assert/strict';
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { ScramClient } from '../../services/cli/doctor/scram-client.ts';
import { addressRecord, srvRecord } from '../support/dns-server.ts';
import * as fake from '../support/fake-xmpp-server.ts';
import { DoctorGround, domain } from './doctor-ground.ts';
import type { Examination } from './doctor-run.ts';

const host = 'lb.example.net';
const ground = await DoctorGround.open();
const { authority, good, ca } = ground;

after(() => ground.close());

interface Ports {
  readonly clear?: fake.FakeServer;
  readonly direct?: fake.FakeServer;
  readonly web?: number;
  readonly timeout?: number;
  readonly more?: readonly string[];
}

async function examine({ clear, direct, web = 1, timeout = 30, more = [] }: Ports): Promise<Examination> {
  const records = [addressRecord(host), addressRecord(domain)];
  if (clear) records.push(srvRecord(`_xmpp-client._tcp.${domain}`, host, clear.port));
  if (direct) records.push(srvRecord(`_xmpps-client._tcp.${domain}`, host, direct.port));
  const options = ['--ca', ca, '--web-port', `${web}`, '--timeout', `${timeout}`];
  return ground.examine(records, [clear, direct], [...options, ...more]);
}

const at = ({ port }: fake.FakeServer) => `${host}:${port}`;
const scram = fake.features(fake.mechanisms('SCRAM-SHA-256', 'PLAIN'));

describe('TLS that is wrong', { concurrency: true }, () => {
  test('no STARTTLS, and passwords in the clear', async () => {
    const clear = await fake.startFake(fake.answering(domain, fake.features(fake.mechanisms('PLAIN'))));
    const found = await examine({ clear });
    found.says('fail', /does not offer STARTTLS/, at(clear));
    found.says('fail', /takes passwords in the clear/, at(clear));
  });

  test('STARTTLS that is not required, with SCRAM before it', async () => {
    const offer = `<starttls xmlns='${fake.NS_TLS}'/>${fake.mechanisms('SCRAM-SHA-1')}`;
    const clear = await fake.startFake(fake.answering(domain, fake.features(offer)));
    const found = await examine({ clear, timeout: 4 });
    found.says('warn', /STARTTLS is offered, but not required/, at(clear));
    found.says('warn', /signing in works without TLS: SCRAM-SHA-1/, at(clear));
    found.says('fail', /the answer to STARTTLS took more than|no time was left/, at(clear));
  });

  test('certificates that have expired, end soon, or are for somebody else', async () => {
    for (const [names, days, state, said] of [
      [[domain], -3, 'fail', /the certificate has expired on \d{4}-\d\d-\d\d/],
      [[domain], 3, 'fail', /the certificate expires on .*, in [23] days/],
      [[domain], 15, 'warn', /the certificate expires on .*, in 1[45] days/],
      [['other.example'], 90, 'fail', /the certificate is not for example\.org, but for DNS:other\.example/],
    ] as const) {
      const identity = await authority.issue(names, days);
      const direct = await fake.startFake(fake.answering(domain, scram), identity);
      const clear = await fake.startFake(fake.upgrading(domain, identity, fake.answering(domain, scram)));
      const found = await examine({ clear, direct });
      found.says(state, said, at(direct));
      found.says(state, said, at(clear));
      assert.equal(
        found.findings.filter(({ text }) => /^certificate for/.test(text)).length,
        state === 'fail' ? 0 : 2,
        found.text,
      );
    }
  });

  test('more behind <proceed/>, in the clear', async () => {
    const clear = await fake.startFake(
      fake.upgrading(domain, good, fake.answering(domain, scram), '<message from="bank.example"><body>hello</body></message>'),
    );
    const found = await examine({ clear });
    found.says('fail', /sends more behind <proceed\/>, in the clear/, at(clear));
  });

  test('nothing to sign in with behind TLS, and no channel binding', async () => {
    const direct = await fake.startFake(fake.answering(domain, fake.features()), good);
    const clear = await fake.startFake(
      fake.upgrading(domain, good, fake.answering(domain, fake.features(fake.mechanisms('PLAIN')))),
    );
    const found = await examine({ clear, direct });
    found.says('fail', /no way to sign in is offered behind TLS/, at(direct));
    found.says('warn', /signing in without SCRAM: PLAIN/, at(clear));
    found.says('warn', /no mechanism with channel binding/, at(clear));
  });
});

/** Writes as fast as it is read, for ever. */
function flooding(first: string, chunk: string): (socket: Socket) => void {
  return (socket) => {
    const pour = () => {
      while (!socket.destroyed && socket.write(chunk)) {
        // until the socket is full
      }
    };
    socket.on('drain', pour);
    socket.once('data', () => {
      socket.write(first);
      pour();
    });
  };
}

describe('peers that mean harm', { concurrency: true }, () => {
  for (const [what, first, chunk] of [
    ['features without end', `${fake.header(domain)}<stream:features>`, '<x/>'.repeat(5_000)],
    ['an attribute without end', `${fake.header(domain)}<stream:features a='`, 'x'.repeat(20_000)],
    ['a header without end', "<stream:stream a='", 'x'.repeat(20_000)],
    ['bytes that are not XML', '', '\0'.repeat(20_000)],
    ['elements without end', fake.header(domain) + fake.features(fake.startTlsFeature), '<x/>'.repeat(5_000)],
  ] as const) {
    test(what, async () => {
      const clear = await fake.startFake(flooding(first, chunk));
      const found = await examine({ clear });
      found.says('fail', /sends what cannot be taken|sends without end|answers <x\/> to STARTTLS/, at(clear));
    });
  }

  test('a server that says a byte now and then', async () => {
    const slow = await fake.startFake((socket) => {
      const text = fake.header(domain);
      let index = 0;
      const timer = setInterval(() => socket.write(text[index++ % text.length]!), 100);
      socket.on('close', () => clearInterval(timer));
    });
    const found = await examine({ clear: slow, direct: slow, timeout: 3 });
    found.says('fail', /the stream header took more than 3 s|no time was left/, at(slow));
  });

  test('a stream error that would write on the terminal', async () => {
    const text = '<text xmlns="urn:ietf:params:xml:ns:xmpp-streams">all is well&#xA;ok    everything\u009b31m\u202e</text>';
    const error = `<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>${text}</stream:error>`;
    const clear = await fake.startFake(fake.answering(domain, error));
    const found = await examine({ clear });
    found.says('fail', /stream error policy-violation \(all is well ok everything 31m\)$/, at(clear));
  });

  test('a server that closes at once, and one that does not speak XMPP', async () => {
    const clear = await fake.startFake((socket) => socket.end());
    const direct = await fake.startFake((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const found = await examine({ clear, direct });
    found.says('fail', /closes the connection/, at(clear));
    found.says('fail', /TLS|does not speak TLS|closes the connection/, at(direct));
  });
});

async function startWeb(listener: RequestListener): Promise<number> {
  const server = createHttpsServer(good, listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ground.closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as { port: number }).port;
}

describe('pages that are wrong', { concurrency: true }, () => {
  const link = (href: string) => JSON.stringify({ links: [{ rel: 'urn:xmpp:alt-connections:websocket', href }] });
  for (const [what, listener, state, said] of [
    [
      'no CORS header',
      (_, response) => response.end(link('wss://example.org:1/')),
      'fail',
      /Access-Control-Allow-Origin: \* is missing/,
    ],
    ['a WebSocket in the clear', (_, response) => response.end(link('ws://example.org/')), 'fail', /the WebSocket is not wss/],
    ['not there', (_, response) => response.writeHead(404).end('no'), 'warn', /status 404/],
    ['no link', (_, response) => response.end('{"links":[null,{"rel":1}]}'), 'warn', /it names no WebSocket/],
    ['not JSON', (_, response) => response.end('<html>'), 'warn', /it is not JSON/],
    [
      'a circle of redirects',
      (_, response) => response.writeHead(302, { location: '/again' }).end(),
      'warn',
      /redirects again and again/,
    ],
    [
      'a redirect out of TLS',
      (_, response) => response.writeHead(301, { location: 'http://example.org/' }).end(),
      'warn',
      /which is not HTTPS/,
    ],
    ['a page without end', (_, response) => pour(response), 'warn', /more than 65536 bytes/],
  ] as readonly (readonly [string, RequestListener, 'warn' | 'fail', RegExp])[]) {
    test(what, async () => {
      const found = await examine({ web: await startWeb(listener) });
      found.says(state, said);
    });
  }

  function pour(response: Parameters<RequestListener>[1]): void {
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(16_384))) {
        // until the socket is full
      }
    };
    response.on('drain', more);
    more();
  }
});

describe('SCRAM at a server that is not what it seems', () => {
  const challenge = (client: ScramClient, rest: string) => `r=${/r=(.*)$/.exec(client.first)![1]}server,${rest}`;
  const salt = Buffer.from('salt').toString('base64');

  for (const [what, make] of [
    ['a nonce of its own', () => `r=mine,s=${salt},i=4096`],
    ['no nonce of its own', (client: ScramClient) => `r=${/r=(.*)$/.exec(client.first)![1]},s=${salt},i=4096`],
    ['no salt', (client: ScramClient) => challenge(client, 's=,i=4096')],
    ['hours of work', (client: ScramClient) => challenge(client, `s=${salt},i=999999999`)],
    ['work that anybody can repeat', (client: ScramClient) => challenge(client, `s=${salt},i=1`)],
    ['nothing', () => ''],
  ] as const) {
    test(`${what} is refused`, async () => {
      const client = new ScramClient('SCRAM-SHA-256', 'juliet', 'capulet');
      await assert.rejects(client.final(make(client)), { name: 'BadPeer' });
    });
  }

  test('a password that none may have is told, without a trace of it', () => {
    assert.throws(() => new ScramClient('SCRAM-SHA-1', 'juliet', 'cap\u0007ulet'), {
      name: 'BadPeer',
      message: /characters that none may have/,
    });
  });

  test('a proof is what RFC 5802 §3 says, and the server has to prove itself', async () => {
    const client = new ScramClient('SCRAM-SHA-1', 'ju,li=et', 'capulet');
    assert.match(client.first, /^n,,n=ju=2Cli=3Det,r=/);
    const given = challenge(client, `s=${salt},i=4096`);
    const final = await client.final(given);
    const salted = pbkdf2Sync('capulet', 'salt', 4_096, 20, 'sha1');
    const hmac = (key: Buffer, text: string) => createHmac('sha1', key).update(text).digest();
    const [withoutProof = '', proof = ''] = final.split(',p=');
    const message = `${client.first.slice(3)},${given},${withoutProof}`;
    const stored = createHash('sha1').update(hmac(salted, 'Client Key')).digest();
    const signature = hmac(stored, message);
    const key = Buffer.from(proof, 'base64').map((byte, index) => byte ^ signature[index]!);
    assert.deepEqual(createHash('sha1').update(key).digest(), stored);
    client.verify(`v=${hmac(hmac(salted, 'Server Key'), message).toString('base64')}`);
    assert.throws(() => client.verify(`v=${Buffer.alloc(20).toString('base64')}`), /cannot prove that it knows the account/);
    assert.throws(() => client.verify(''), /cannot prove/);
  });
});
