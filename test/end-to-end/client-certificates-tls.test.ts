/**
 * XEP-0178: sign-in by certificate where TLS begins before the stream names its domain: direct TLS (XEP-0368), WebSockets and BOSH. The server name says
 * whether TLS asks for a certificate; the tenant of the stream decides what it counts for.
 */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type ConnectionOptions, connect } from 'node:tls';
import { WebSocket } from 'ws';
import { attribute, beginning, bodyOf, post } from '../connection/bosh-ground.ts';
import { RawClient } from '../connection/raw-client.ts';
import { clientAuth, identityOf, type Made, make, serverAuth, type Wanted } from '../federation/proof-certificates.ts';
import { Skylark } from '../support/skylark.ts';

const folder = mkdtempSync(join(tmpdir(), 'skylark-certificates-'));
let skylark: Skylark;
let ours: Made;
let theirs: Made;

before(async () => {
  [ours, theirs] = await Promise.all([make('CN=Ours', { ca: -1 }), make('CN=Theirs', { ca: -1 })]);
  skylark = await Skylark.start();
  skylark.command('tenant', 'add', 'other.example');
  skylark.command('tenant', 'add', 'third.example');
  for (const [domain, { certificate }] of [
    ['localhost', ours],
    ['other.example', theirs],
  ] as const) {
    const file = join(folder, `${domain}.pem`);
    writeFileSync(file, certificate.toString('pem'));
    skylark.command('tenant', 'set', domain, '--sign-in', 'certificate,password', '--certificate-ca', `@${file}`);
  }
  await skylark.felt();
});

after(async () => {
  await skylark.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Shown {
  readonly cert: string;
  readonly key: string;
}

interface Attempt {
  readonly shown?: Shown | undefined;
  /** The server name in TLS. Default: the domain. '': none. */
  readonly servername?: string;
  /** The page that a browser names. */
  readonly origin?: string;
}

const NS = 'urn:ietf:params:xml:ns:xmpp-sasl';
const auth = `<auth xmlns='${NS}' mechanism='EXTERNAL'>=</auth>`;
const outcomeOf = (text: string) => /<success/.test(text) || text.match(/<failure [^>]*><([\w-]+)/)![1];
const tlsOf = (domain: string, { shown, servername = domain }: Attempt) => ({
  ...shown,
  ...(servername !== '' && { servername }),
});

/** How a door is gone through: as far as the features, and then to the outcome of EXTERNAL. */
type Door = (domain: string, attempt: Attempt) => Promise<{ readonly features: string; external(): Promise<string> }>;

const direct: Door = async (domain, attempt) => {
  const client = RawClient.tls(skylark.ports.c2sTls, tlsOf(domain, attempt));
  client.send(
    `<stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`,
  );
  const [features] = await client.read(/<stream:features>.*<\/stream:features>/);
  const external = async () => {
    client.send(auth);
    const [text] = await client.read(/<success[^>]*>|<failure [^>]*><[\w-]+/);
    client.destroy();
    return `${outcomeOf(text)}`;
  };
  return { features, external };
};

const webSocket: Door = async (domain, attempt) => {
  const socket = new WebSocket(`wss://127.0.0.1:${skylark.ports.https}/xmpp-websocket`, 'xmpp', {
    ...{ rejectUnauthorized: false, agent: false, ...tlsOf(domain, attempt) },
    ...(attempt.origin !== undefined && { origin: attempt.origin }),
  });
  const frames: string[] = [];
  let wake = () => {};
  socket.on('message', (data) => {
    frames.push(String(data));
    wake();
  });
  const read = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const found = frames.find((frame) => pattern.test(frame));
      if (found !== undefined) return found;
      await new Promise<void>((resolve, reject) => {
        wake = resolve;
        socket.once('close', () => reject(new Error(`closed; read: ${frames}`)));
      });
    }
  };
  await new Promise((resolve, reject) => void socket.once('open', resolve).once('error', reject));
  socket.send(`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='${domain}' version='1.0'/>`);
  const features = await read(/features/);
  const external = async () => {
    socket.send(auth);
    const text = await read(/<success|<failure/);
    socket.terminate();
    return `${outcomeOf(text)}`;
  };
  return { features, external };
};

/** @param later how the request with `auth` comes, if not as the first one */
const boshWith =
  (later?: Attempt): Door =>
  async (domain, attempt) => {
    const send = async (body: string, how: Attempt) => {
      const headers: Record<string, string> = how.origin === undefined ? {} : { origin: how.origin };
      return (await post(skylark.ports.https, body, { isSecure: true, headers, tls: tlsOf(domain, how) }).answer).body;
    };
    const rid = 4_711;
    const features = await send(beginning(rid, { to: domain }), attempt);
    const sid = attribute('sid', features);
    const external = async () => `${outcomeOf(await send(bodyOf({ rid: rid + 1, sid }, auth), later ?? attempt))}`;
    return { features, external };
  };
const bosh = boshWith();

const of = (by: Made, ...xmpp: readonly string[]): Wanted => ({ by, xmpp, purposes: [clientAuth] });
const shownBy = async (wanted: Wanted) => identityOf(await make('CN=client', wanted));
const juliet = 'juliet@localhost';

for (const [name, door] of [
  ['direct TLS', direct],
  ['WebSocket', webSocket],
  ['BOSH', bosh],
] as const satisfies readonly (readonly [string, Door])[]) {
  describe(name, () => {
    test('EXTERNAL is offered to whoever has shown a certificate to a tenant that wants it, and to nobody else', async () => {
      const shown = await shownBy(of(ours, juliet));
      const mine = await door('localhost', { shown });
      assert.match(mine.features, /<mechanism>EXTERNAL</);
      assert.equal(await mine.external(), 'true');
      for (const [domain, attempt] of [
        ['localhost', {}],
        ['third.example', { shown }],
        ['localhost', { shown, servername: '' }],
        ['localhost', { shown, servername: 'third.example' }],
        ['localhost', { shown, servername: 'nobody.example' }],
      ] as const) {
        const other = await door(domain, attempt);
        assert.doesNotMatch(other.features, /EXTERNAL/, JSON.stringify([domain, attempt.servername]));
        assert.equal(await other.external(), 'invalid-mechanism');
      }
    });

    test('a CA between, which the client shows, too', async () => {
      const between = await make('CN=Between', { by: ours, ca: 0 });
      const shown = await identityOf(await make('CN=client', of(between, juliet)), between);
      assert.equal(await (await door('localhost', { shown })).external(), 'true');
    });

    for (const [what, wanted, domain, attempt] of [
      ["another tenant's CA", () => of(theirs, juliet), 'localhost', {}],
      ["another tenant's certificate", () => of(theirs, 'juliet@other.example'), 'localhost', {}],
      [
        "another tenant's certificate, under that tenant's server name",
        () => of(theirs, 'juliet@other.example'),
        'localhost',
        { servername: 'other.example' },
      ],
      ['ours, to the other tenant, under our server name', () => of(ours, juliet), 'other.example', { servername: 'localhost' }],
      [
        'ours, with an address of the other tenant',
        () => of(ours, 'x@other.example'),
        'other.example',
        { servername: 'localhost' },
      ],
      ['nobody’s CA', () => ({ xmpp: [juliet], purposes: [clientAuth] }), 'localhost', {}],
      ['a time in the past', () => ({ ...of(ours, juliet), from: -9, to: -1 }), 'localhost', {}],
      ['servers alone', () => ({ ...of(ours, juliet), purposes: [serverAuth] }), 'localhost', {}],
    ] as const satisfies readonly (readonly [string, () => Wanted, string, Attempt])[]) {
      test(`it does not count: ${what}`, async () => {
        assert.equal(await (await door(domain, { ...attempt, shown: await shownBy(wanted()) })).external(), 'not-authorized');
      });
    }
  });
}

for (const [name, door] of [
  ['WebSocket', webSocket],
  ['BOSH', bosh],
] as const satisfies readonly (readonly [string, Door])[]) {
  test(`${name}: a page of another site does not come in by the certificate that the browser shows for it, a page of ours does`, async () => {
    const shown = await shownBy(of(ours, juliet));
    const own = `https://127.0.0.1:${skylark.ports.https}`;
    assert.equal(await (await door('localhost', { shown, origin: own })).external(), 'true');
    for (const origin of ['https://evil.example', 'null', own.replace('https', 'http'), `${own}.evil.example`]) {
      const { features, external } = await door('localhost', { shown, origin });
      assert.doesNotMatch(features, /EXTERNAL/, origin);
      assert.equal(await external(), 'invalid-mechanism', origin);
    }
  });
}

test('BOSH: who has only seen the sid does not sign in by what another connection has shown', async () => {
  const shown = await shownBy(of(ours, juliet));
  const another = await shownBy(of(ours, 'nurse@localhost'));
  const page = { shown, origin: 'https://evil.example' };
  for (const later of [{}, { shown: another }, page]) {
    const { features, external } = await boshWith(later)('localhost', { shown });
    assert.match(features, /EXTERNAL/);
    assert.equal(await external(), 'invalid-mechanism');
  }
});

describe('TLS asks, and resumes', () => {
  const ports = () => [skylark.ports.c2sTls, skylark.ports.https] as const;

  interface Begun {
    readonly isAsked: boolean;
    readonly isReused: boolean;
    readonly sessions: readonly Buffer[];
  }

  function begin(port: number, options: ConnectionOptions): Promise<Begun> {
    return new Promise((resolve, reject) => {
      const ALPNProtocols = port === skylark.ports.c2sTls ? ['xmpp-client'] : [];
      const sessions: Buffer[] = [];
      const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols, ...options });
      socket.on('session', (session) => sessions.push(session));
      socket.once('error', reject);
      socket.once('secureConnect', () => {
        // A client is told which signatures count when it is asked for a certificate (RFC 8446 §4.3.2).
        const isAsked = socket.getSharedSigalgs().length > 0;
        const isReused = socket.isSessionReused();
        socket.end(port === skylark.ports.https ? 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' : '<');
        socket.resume();
        socket.once('close', () => resolve({ isAsked, isReused, sessions }));
      });
    });
  }

  test('clients of the tenants that want it are asked, and no others', async () => {
    for (const port of ports()) {
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
        for (const [servername, expected] of [
          ['localhost', true],
          ['LOCALHOST', true],
          ['other.example', true],
          ['third.example', false],
          ['nobody.example', false],
          [undefined, false],
        ] as const) {
          const { isAsked } = await begin(port, { servername, maxVersion });
          assert.equal(isAsked, expected, `${port} ${servername} ${maxVersion}`);
        }
      }
    }
  });

  test('no session is resumed where a certificate is asked for, so that a chain is neither lost nor kept', async () => {
    const shown = await shownBy(of(ours, juliet));
    for (const port of ports()) {
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
        const first = await begin(port, { servername: 'localhost', maxVersion, ...shown });
        const unasked = await begin(port, { servername: 'third.example', maxVersion });
        assert.ok(unasked.sessions.length > 0);
        for (const session of [...first.sessions, ...unasked.sessions]) {
          const again = await begin(port, { servername: 'localhost', maxVersion, session });
          assert.deepEqual([again.isAsked, again.isReused], [true, false]);
        }
        for (const session of first.sessions) {
          const { isReused } = await begin(port, { servername: 'third.example', maxVersion, session });
          assert.equal(isReused, false);
        }
        const { isReused } = await begin(port, { servername: 'third.example', maxVersion, session: unasked.sessions[0]! });
        assert.equal(isReused, true, 'others are resumed as ever');
      }
    }
  });

  test('what the policy says is felt by later connections', async () => {
    await skylark.policy('third.example', '--sign-in', 'certificate', '--certificate-ca', `@${join(folder, 'localhost.pem')}`);
    const [port] = ports();
    assert.equal((await begin(port, { servername: 'third.example' })).isAsked, true);
    await skylark.policy('third.example', '--sign-in', 'password');
    assert.equal((await begin(port, { servername: 'third.example' })).isAsked, false);
  });
});
