/** The load generator with a real Skylark: it counts what happened, even when something in between interferes. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import pino from 'pino';
import { disperse, gather, Pace } from '../../bench/generator/crowd.ts';
import type { Account, Endpoint } from '../../bench/generator/endpoint.ts';
import { readMark, streamsPerRun } from '../../bench/generator/tally.ts';
import { chat } from '../../bench/modes/chat.ts';
import { churn } from '../../bench/modes/churn.ts';
import { archive } from '../../bench/modes/mam.ts';
import { room } from '../../bench/modes/muc.ts';
import type { Outcome } from '../../bench/modes/outcome.ts';
import { presence } from '../../bench/modes/presence.ts';
import { signIn } from '../../bench/modes/signin.ts';
import { fillAccounts } from '../../bench/servers/skylark.ts';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { keepSelfSigned, type PemPair } from '../../services/cli/compose/certificate.ts';
import { type Embedded, startEmbedded } from '../../services/cli/compose/embedded.ts';
import { type Meddling, standBetween } from './man-in-the-middle.ts';

const pace = new Pace();
let data: string;
let accounts: Account[];
let service: Embedded;
let pem: PemPair;
let endpoint: Endpoint;

before(async () => {
  data = mkdtempSync(join(tmpdir(), 'skylark-test-'));
  const store = await openSqliteStore(data, { clock });
  accounts = await fillAccounts(store, 8);
  await store.close();
  const ports = {
    c2sPort: 0,
    c2sTlsPort: 0,
    httpPort: 0,
    httpsPort: 0,
    s2sPort: 0,
    s2sTlsPort: 0,
    componentPort: 0,
    healthPort: undefined,
    componentBind: '127.0.0.1',
  };
  const values = {
    domain: 'localhost',
    bind: '127.0.0.1',
    data,
    json: false,
    proveDomains: false,
    auditDays: 0,
    ...ports,
  } as const;
  const sealing = { kms: 'aws', kmsKey: undefined, keyFile: undefined, region: 'eu-central-1' };
  service = await startEmbedded(
    {
      ...values,
      ...sealing,
      ...{ s2sCa: undefined, s2sNetworks: undefined, s2sResolver: undefined },
      registration: undefined,
      filesUrl: undefined,
      websocketUrl: undefined,
      cert: undefined,
      key: undefined,
      certificates: undefined,
      defaultCertificate: undefined,
    },
    pino({ level: 'silent' }),
  );
  pem = await keepSelfSigned(join(data, 'tls'), 'localhost', clock);
  const { port } = service.addresses.c2sTls!;
  endpoint = { host: '127.0.0.1', port, domain: 'localhost', transport: 'tls', mechanism: 'SCRAM-SHA-1' };
});

after(async () => {
  await service.stop();
  rmSync(data, { recursive: true, force: true });
});

function assertClean({ count, lost, duplicated, reordered }: Outcome): void {
  assert.ok(count > 0);
  assert.deepEqual({ lost, duplicated, reordered }, { lost: 0, duplicated: 0, reordered: 0 });
}

const short = { seconds: 0.1, window: 2, sm: false, messagesMin: 8, warmUp: false };

async function chatAt(where: Endpoint, options: { sm?: boolean; rate?: number; settleMs?: number } = {}): Promise<Outcome> {
  const clients = await gather(where, accounts, 4, pace, { sm: options.sm ?? false });
  try {
    return await chat(clients, undefined, { ...short, ...options });
  } finally {
    for (const client of clients) client.onLost = undefined;
    await disperse(clients);
  }
}

describe('messages', () => {
  for (const [what, change, options] of [
    ['over TLS', {}, {}],
    ['over STARTTLS with SCRAM-SHA-256', { transport: 'starttls', mechanism: 'SCRAM-SHA-256' }, {}],
    ['with XEP-0198', {}, { sm: true }],
    ['at a rate', {}, { rate: 200 }],
  ] as const) {
    test(`${what}: all arrive once, in order`, async () => {
      const port = 'transport' in change ? service.addresses.c2s!.port : endpoint.port;
      const outcome = await chatAt({ ...endpoint, ...change, port }, options);
      assertClean(outcome);
      if ('sm' in options) assert.equal(outcome.figures.unacknowledged, 0);
    });
  }

  /** Interferes with each fourth message of the first user. */
  const isFourth = (stanza: string, sequence = 3) => {
    const bytes = Buffer.from(stanza);
    const mark = readMark(bytes, 0, bytes.length);
    return mark !== undefined && mark.stream % streamsPerRun === 0 && mark.sequence === sequence;
  };
  let held = '';
  const wait: Meddling = (stanza) => {
    if (isFourth(stanza)) {
      held = stanza;
      return [];
    }
    return isFourth(stanza, 4) ? [stanza, held] : [stanza];
  };
  for (const [what, meddle, expected] of [
    ['passes all', (stanza: string) => [stanza], { lost: 0, duplicated: 0, reordered: 0 }],
    ['eats one', (stanza: string) => (isFourth(stanza) ? [] : [stanza]), { lost: 1, duplicated: 0, reordered: 0 }],
    [
      'doubles one',
      (stanza: string) => (isFourth(stanza) ? [stanza, stanza] : [stanza]),
      { lost: 0, duplicated: 1, reordered: 0 },
    ],
    ['delays one', wait, { lost: 0, duplicated: 0, reordered: 1 }],
  ] as const) {
    test(`a middle that ${what} is noticed`, async () => {
      const middle = await standBetween(pem, endpoint.port, meddle);
      try {
        // dropped messages never come; all others have the time that a busy machine needs
        const settle = expected.lost > 0 ? { settleMs: 4_000 } : {};
        const { lost, duplicated, reordered } = await chatAt({ ...endpoint, port: middle.port }, settle);
        assert.deepEqual({ lost, duplicated, reordered }, expected);
      } finally {
        await middle.stop();
      }
    });
  }
});

test('a wrong password is reported as such', async () => {
  const wrong = [{ ...accounts[0]!, password: 'wrong' }];
  await assert.rejects(gather(endpoint, wrong, 1, pace), /bench0: cannot sign in: <failure/);
});

test('signing in, with and without tickets', async () => {
  const server = { accounts, pace, pid: process.pid };
  const full = await signIn(server, endpoint, 4, false);
  assert.equal(full.figures.ticketsUsed, 0);
  assert.ok(full.cpuMicrosEach !== undefined && full.cpuMicrosEach >= 0);
  const resumed = await signIn(server, endpoint, 4, true);
  assert.equal(resumed.figures.ticketsUsed, 4);
});

test('a room: everybody gets every message, in one order, while two people talk in another room', async () => {
  const clients = await gather(endpoint, accounts, 5 + 2, pace);
  const address = 'bench@conference.localhost';
  const outcome = await room(clients, undefined, { ...short, address });
  assertClean(outcome);
  assert.equal(outcome.count, outcome.figures.messages! * 5);
  assert.ok(outcome.figures.besideP50Ms! > 0 && outcome.figures.besideMaxMs! >= outcome.figures.besideP50Ms!);
  await disperse(clients);
});

test('a refused entry to a room says why', async () => {
  const clients = await gather(endpoint, accounts, 3, pace);
  const address = 'not a room@conference.localhost';
  await assert.rejects(room(clients, undefined, { ...short, address }), /cannot enter: <presence/);
  await disperse(clients);
});

test('presence reaches all contacts, and rosters are filled once', async () => {
  const clients = await gather(endpoint, accounts, 8, pace);
  for (let round = 0; round < 2; round++) {
    const outcome = await presence(clients, undefined, { circle: 4, seconds: 0.1 });
    assertClean(outcome);
    assert.equal(outcome.count % 3, 0);
  }
  await disperse(clients);
});

test('archives are read whole, page by page', async () => {
  // users whose archives contain nothing else
  const clients = await gather(endpoint, accounts.slice(4), 4, pace);
  const outcome = await archive(clients, undefined, { messages: 25, page: 10, times: 2 }, false);
  assertClean(outcome);
  assert.equal(outcome.count, 2 * 25 * 2);
  assert.equal(outcome.figures.pages, 2 * 3 * 2);
  await disperse(clients);
});

test('cut streams are resumed, and receive what came meanwhile', async () => {
  const clients = await gather(endpoint, accounts, 4, pace, { sm: true });
  const outcome = await churn(clients, undefined, pace, 2);
  assertClean(outcome);
  assert.equal(outcome.figures.resumed, 4);
  await disperse(clients);
});
