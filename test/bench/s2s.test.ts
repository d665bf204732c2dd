/** The benchmark's other servers with a real Skylark: messages both ways are counted, and dead domains are dead. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import pino from 'pino';
import { measureStore } from '../../bench/between-stores.ts';
import { disperse, gather, Pace } from '../../bench/generator/crowd.ts';
import type { Account, Endpoint } from '../../bench/generator/endpoint.ts';
import type { Outcome } from '../../bench/modes/outcome.ts';
import { arriving, leaving } from '../../bench/modes/s2s.ts';
import { storm } from '../../bench/modes/s2s-storm.ts';
import { Outside } from '../../bench/outside/outside.ts';
import { fillAccounts } from '../../bench/servers/skylark.ts';
import { readSettings } from '../../bench/settings.ts';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { keepSelfSigned, type PemPair } from '../../services/cli/compose/certificate.ts';
import { type Embedded, startEmbedded } from '../../services/cli/compose/embedded.ts';
import { freePorts } from '../support/free-ports.ts';

const pace = new Pace();
let data: string;
let pem: PemPair;
let accounts: Account[];
let outside: Outside;
let service: Embedded;
let endpoint: Endpoint;
let peerPort: number;

before(async () => {
  data = mkdtempSync(join(tmpdir(), 'skylark-test-'));
  const store = await openSqliteStore(data, { clock });
  accounts = await fillAccounts(store, 8);
  await store.close();
  pem = await keepSelfSigned(join(data, 'tls-of-others'), 'remote.example', clock);
  outside = await Outside.open(pem);
  [peerPort] = (await freePorts(1)) as [number];
  const ports = { c2sPort: 0, c2sTlsPort: 0, httpPort: 0, httpsPort: 0, componentPort: 0, s2sPort: peerPort, s2sTlsPort: 0 };
  service = await startEmbedded(
    {
      ...{
        domain: 'localhost',
        bind: '127.0.0.1',
        componentBind: '127.0.0.1',
        data,
        json: false,
        proveDomains: false,
        auditDays: 0,
        registration: undefined,
      },
      ...{ ...ports, healthPort: undefined, filesUrl: undefined, websocketUrl: undefined },
      ...{ kms: 'aws', kmsKey: undefined, keyFile: undefined, region: 'eu-central-1' },
      ...{ s2sCa: undefined, s2sNetworks: '127.0.0.0/8', s2sResolver: outside.names.address },
      ...{ cert: undefined, key: undefined, certificates: undefined, defaultCertificate: undefined },
    },
    pino({ level: 'silent' }),
  );
  const { port } = service.addresses.c2sTls!;
  endpoint = { host: '127.0.0.1', port, domain: 'localhost', transport: 'tls', mechanism: 'SCRAM-SHA-1' };
});

after(async () => {
  await service.stop();
  outside.close();
  rmSync(data, { recursive: true, force: true });
});

function assertClean({ count, lost, duplicated, reordered }: Outcome, multipleOf: number): void {
  assert.ok(count > 0);
  assert.equal(count % multipleOf, 0);
  assert.deepEqual({ lost, duplicated, reordered }, { lost: 0, duplicated: 0, reordered: 0 });
}

const options = { seconds: 0.2, burst: 3, pairs: 2, warmUp: false };

test('messages to other servers all arrive there, once and in order, and are acknowledged', async () => {
  const clients = await gather(endpoint, accounts, 4, pace, { sm: true });
  const outcome = await leaving(clients, outside, undefined, options);
  assertClean(outcome, 3);
  assert.equal(outcome.figures.unacknowledged, 0);
  await disperse(clients);
});

test('messages from other servers all arrive, once and in order, and are acknowledged', async () => {
  const clients = await gather(endpoint, accounts, 4, pace, { sm: true });
  const outcome = await arriving(clients, outside, { peerPort }, options);
  assertClean(outcome, 3);
  assert.equal(outcome.figures.unacknowledged, 0);
  await disperse(clients);
});

test('what is for domains without a name server bounces, and the living servers get all of theirs meanwhile', async () => {
  const clients = await gather(endpoint, accounts, 4, pace, { sm: true });
  const fixed = { seconds: 1, rate: 50, pairs: 2, deadDomains: 6 };
  const outcome = await storm(clients.slice(0, 2), clients.slice(2), outside, undefined, fixed);
  assertClean(outcome, 1);
  assert.equal(outcome.figures.bounced, 2);
  await disperse(clients);
});

test('the more messages there are at once, the fewer calls of the store each of them needs', async () => {
  const loads = await measureStore(readSettings(['s2s', '--seconds', '1', '--pairs', '2'])!, outside, pem);
  for (const way of ['leaving', 'arriving']) {
    const [most, some, one] = loads.filter((load) => load.way === way);
    assert.deepEqual([most?.burst, some?.burst, one?.burst], [20, 5, 1]);
    assert.ok(most!.callsEach < one!.callsEach, `${way}: ${most!.callsEach} and ${one!.callsEach} calls`);
    assert.ok(most!.writeUnitsEach < one!.writeUnitsEach, `${way}: ${most!.writeUnitsEach} and ${one!.writeUnitsEach} units`);
  }
  assert.ok(loads.every(({ faults }) => faults === 0));
});
