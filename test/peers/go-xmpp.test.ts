/**
 * go-xmpp over direct TLS by the modern way: XEP-0388 with XEP-0386, and XEP-0484 with a token that is bound to the channel. Behind TLS and the
 * stream headers, signing in with the token is one round trip. It is counted on the cable, below TLS. With a password
 * it checks what the server says of its mechanisms (XEP-0474) and of TLS (XEP-0515). Two tenants.
 * go-xmpp needs Go 1.26, which Debian 12 does not have: with an older one the tests are skipped.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { update } from '../../lib/runtime/update.ts';
import { accounts } from '../../services/router/core/accounts.ts';
import { Cable } from '../support/cable.ts';
import type { Skylark } from '../support/skylark.ts';
import { type Address, authoritiesIn, buildGo, pairIn, passwords, Running, startTwoTenants, tooOld } from './go-program.ts';

const skip = tooOld('go-xmpp', 26);
const [juliet, romeo] = ['juliet@one.example', 'romeo@two.example'] as const;
const agents = { [juliet]: 'd4565fa7-4d72-4749-b3d3-740edbf87770', [romeo]: '1f0a1f6c-9b5e-4c6e-8e3f-2a5f0d6c7b11' };
/** The stream header, and presence, for whose answer nobody has to wait. */
const otherFlights = 2;

const folder = mkdtempSync(join(tmpdir(), 'skylark-go-xmpp-'));
const program = join(folder, 'go-xmpp');
let skylark: Skylark;

before(async () => {
  if (skip) return;
  buildGo('./go-xmpp', program);
  skylark = await startTwoTenants(folder);
});

after(async () => {
  await skylark?.stop();
  rmSync(folder, { recursive: true });
});

interface Token {
  readonly mechanism: string;
  readonly text: string;
}

/** What go-xmpp says of its sign-in. */
interface Visit {
  readonly jid: string;
  readonly mechanism: string;
  /** That it was given. */
  readonly token: Token;
  /** Between the features of the stream and the success. */
  readonly roundTrips: number;
}

interface Way {
  readonly password?: string;
  readonly token?: Token;
  /** The client that it is; '' for one that wants no token. */
  readonly agent?: string;
  readonly port?: number;
}

function goXmpp(
  own: Address,
  { password = passwords[own], token, agent = agents[own], port = skylark.ports.c2sTls }: Way,
  input?: string,
) {
  const tokens = token ? [token.mechanism, token.text] : [];
  return new Running(program, [`127.0.0.1:${port}`, own, password, agent, authoritiesIn(folder), ...tokens], input);
}

async function visit(own: Address, way: Way = {}): Promise<Visit> {
  const cable = await Cable.lay(way.port ?? skylark.ports.c2sTls);
  try {
    const person = goXmpp(own, { ...way, port: cable.port });
    await person.says(/^in .*\n/);
    const roundTrips = cable.flights - otherFlights;
    person.endInput();
    assert.equal(await person.ended, 0, person.output);
    const [, jid = '', mechanism = '', tokenMechanism = '', text = ''] = person.output.trimEnd().split(' ');
    return { jid, mechanism, token: { mechanism: tokenMechanism, text }, roundTrips };
  } finally {
    await cable.remove();
  }
}

async function refused(own: Address, way: Way): Promise<string> {
  const person = goXmpp(own, way, '');
  assert.equal(await person.ended, 1, person.output);
  return person.output;
}

test('the password is exchanged for a token of the channel, and with it signing in and binding is one round trip', {
  skip,
}, async () => {
  for (const own of [juliet, romeo] as const) {
    const first = await visit(own);
    assert.match(first.mechanism, /^SCRAM-SHA-\d+-PLUS$/);
    assert.equal(first.token.mechanism, 'HT-SHA-256-EXPR');
    assert.equal(first.roundTrips, 2, 'SCRAM has two');

    const again = await visit(own, { password: 'wrong', token: first.token });
    assert.equal(again.mechanism, 'HT-SHA-256-EXPR');
    assert.equal(again.roundTrips, 1);
    // XEP-0386 §2: a client has the same resource again.
    assert.match(again.jid, new RegExp(`^${own}/go-xmpp/[\\w-]+$`));
    assert.equal(again.jid, first.jid);
  }
});

test('XEP-0484: a token is of use to its account, its client and its mechanism alone', { skip }, async () => {
  const { token } = await visit(juliet);
  const password = 'wrong';
  for (const way of [
    { agent: agents[romeo], token },
    { token: { ...token, mechanism: 'HT-SHA-256-ENDP' } },
    { token: { ...token, mechanism: 'HT-SHA-256-NONE' } },
    { token: { ...token, text: `${token.text}x` } },
  ])
    assert.match(await refused(juliet, { password, ...way }), /not let in: auth failure/, JSON.stringify(way));
  assert.match(await refused(romeo, { password, agent: agents[juliet], token }), /not let in: auth failure/);
  assert.equal((await visit(juliet, { password, token })).mechanism, 'HT-SHA-256-EXPR');
});

test('whoever has the certificate’s key and stands in between gets nobody in, with a token or a password', { skip }, async () => {
  const { token } = await visit(juliet);
  const { cert, key } = pairIn(folder, 'one.example');
  const between = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (near) => {
    const far = connect({
      port: skylark.ports.c2sTls,
      host: '127.0.0.1',
      servername: 'one.example',
      ca: readFileSync(authoritiesIn(folder)),
    });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  await once(between.listen(0, '127.0.0.1'), 'listening');
  const { port } = between.address() as AddressInfo;
  assert.match(await refused(juliet, { port, password: 'wrong', token }), /not let in: auth failure/);
  assert.match(await refused(juliet, { port }), /not let in: auth failure/);
  await new Promise((resolve) => between.close(resolve));
});

test('XEP-0480: an imported account gets keys for a stronger hash, and its client signs in by them the next time', {
  skip,
}, async () => {
  const agent = '';
  await forgetStrongHash('one.example', 'juliet');
  assert.equal((await visit(juliet, { agent })).mechanism, 'SCRAM-SHA-256-PLUS');
  assert.equal((await visit(juliet, { agent })).mechanism, 'SCRAM-SHA-512-PLUS');
});

/** The account is as one that came from a server without SCRAM-SHA-512. */
async function forgetStrongHash(domain: string, local: string): Promise<void> {
  await skylark.kill('SIGTERM');
  const store = await openSqliteStore(skylark.data, { clock: systemClock });
  await update(Rows.ofAccount(store, domain, local), accounts, '', (account) => {
    const { 'SHA-512': _, ...scram } = account!.scram;
    return { ...account!, scram };
  });
  await store.close();
  await skylark.start();
}
