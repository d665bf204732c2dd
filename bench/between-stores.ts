/**
 * What messages between servers need of the store, at several loads: the services of a cell in this process, on the DynamoDB adapter and an
 * engine on this machine, with a meter that counts as DynamoDB would charge. CPU is not measured here, because the engine is slow.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import dynalite from 'dynalite';
import { pino } from 'pino';
import { createTables, openDynamoStore } from '../lib/adapters/dynamodb-store.ts';
import { openFileKeys } from '../lib/adapters/file-keys.ts';
import { memoryBus } from '../lib/adapters/memory-bus.ts';
import { systemClock as clock } from '../lib/adapters/system-clock.ts';
import type { PemPair } from '../services/cli/compose/certificate.ts';
import { composeRouter } from '../services/cli/compose/compose-router.ts';
import { startOnlyFederation } from '../services/cli/compose/federation-part.ts';
import { watchTls } from '../services/cli/compose/tls-source.ts';
import { startConnectionNode } from '../services/connection/node.ts';
import { startStoreMeter } from '../test/measure/store-meter.ts';
import { freePorts } from '../test/support/free-ports.ts';
import { disperse, gather, Pace } from './generator/crowd.ts';
import type { Outcome } from './modes/outcome.ts';
import { arriving, leaving } from './modes/s2s.ts';
import type { Outside } from './outside/outside.ts';
import { domain } from './servers/server.ts';
import { fillAccounts } from './servers/skylark.ts';
import type { BetweenServers, Settings } from './settings.ts';

/** Messages that each sender sends at once; the greatest load is that of the measurement of CPU. */
const shares = [1, 1 / 4, 1 / 20];

export interface StoreLoad {
  readonly way: BetweenServers;
  readonly burst: number;
  readonly callsEach: number;
  readonly writeUnitsEach: number;
  readonly readUnitsEach: number;
  /** By operation of DynamoDB. */
  readonly requestsEach: Readonly<Record<string, number>>;
  readonly faults: number;
}

export async function measureStore(settings: Settings, outside: Outside, pem: PemPair): Promise<StoreLoad[]> {
  const folder = mkdtempSync(join(tmpdir(), 'skylark-bench-store-'));
  const engine = dynalite({ createTableMs: 0 }).listen(0, '127.0.0.1');
  await once(engine, 'listening');
  const meter = await startStoreMeter(`http://127.0.0.1:${(engine.address() as { port: number }).port}`);
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const options = { endpoint: meter.endpoint, region: 'eu-central-1', credentials, tablePrefix: 'bench-', clock };
  await createTables(options);
  const store = await openDynamoStore(options);
  const bus = memoryBus({ clock });
  const log = pino({ level: 'error' });
  const keys = openFileKeys({ path: join(folder, 'keys'), clock });
  const { dependencies, router } = await composeRouter({ store, bus, clock, log, keys, isFederated: true });
  await dependencies.tenants.add(domain, { registration: 'closed', retentionDays: 365 });
  const [peerPort] = (await freePorts(1)) as [number];
  const tls = watchTls(pem, log);
  const listen = { bind: '127.0.0.1', c2sTlsPort: 0, s2sPort: peerPort };
  const node = await startConnectionNode({ store, bus, clock, log, node: 'bench', tls: tls.source, listen });
  const finding = { s2sResolver: outside.names.address, s2sNetworks: '127.0.0.0/8' };
  const ownAddresses = () => Object.values(node.addresses).filter((address) => address !== undefined);
  const parts = { store, bus, clock, log, keys, values: finding, tls: tls.source, proof: undefined, ownAddresses };
  const federation = await startOnlyFederation(parts);
  const users = settings.users ?? settings.pairs;
  const accounts = await fillAccounts(store, users);
  const endpoint = {
    host: '127.0.0.1',
    port: node.addresses.c2sTls!.port,
    domain,
    transport: 'tls',
    mechanism: settings.mechanism,
  } as const;
  const clients = await gather(endpoint, accounts, users, new Pace(), { sm: true });
  const runs: Readonly<Record<BetweenServers, (burst: number, seconds: number) => Promise<Outcome>>> = {
    leaving: (burst, seconds) => leaving(clients, outside, undefined, { ...settings, burst, seconds, warmUp: false }),
    arriving: (burst, seconds) => arriving(clients, outside, { peerPort }, { ...settings, burst, seconds, warmUp: false }),
  };
  const loads: StoreLoad[] = [];
  try {
    for (const way of settings.ways) {
      for (const share of shares) {
        const burst = Math.max(1, Math.round(settings.burst * share));
        await runs[way](burst, 0.2); // streams are opened, and rows of pairs and spans are written
        meter.reset();
        const outcome = await runs[way](burst, settings.seconds);
        loads.push(loadOf(way, burst, outcome, structuredClone(meter.use)));
      }
    }
    return loads;
  } finally {
    for (const client of clients) client.onLost = undefined;
    await disperse(clients);
    await federation.stop();
    await node.stop();
    await router.stop();
    await bus.close();
    await store.close();
    meter.close();
    engine.closeAllConnections();
    engine.close();
    tls.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

type Use = Pick<Awaited<ReturnType<typeof startStoreMeter>>['use'], 'requests' | 'readUnits' | 'writeUnits'>;

function loadOf(way: BetweenServers, burst: number, { count, lost, duplicated, reordered }: Outcome, use: Use): StoreLoad {
  const requests = Object.entries(use.requests);
  return {
    way,
    burst,
    callsEach: requests.reduce((sum, [, calls]) => sum + calls, 0) / count,
    writeUnitsEach: use.writeUnits / count,
    readUnitsEach: use.readUnits / count,
    requestsEach: Object.fromEntries(requests.map(([name, calls]) => [name, calls / count])),
    faults: lost + duplicated + reordered,
  };
}

export function storeTable(loads: readonly StoreLoad[]): string[] {
  const head = ['way', 'burst', 'store calls a message', 'write units', 'read units', 'lost, doubled, reordered'];
  const rows = loads.map((load) => {
    const kinds = Object.entries(load.requestsEach).sort(([, a], [, b]) => b - a);
    const calls = kinds.map(([name, each]) => `${name} ${each.toFixed(2)}`).join(', ');
    const units = [load.writeUnitsEach, load.readUnitsEach].map((each) => each.toFixed(2));
    return [load.way, `${load.burst}`, `${load.callsEach.toFixed(2)} (${calls})`, ...units, `${load.faults}`];
  });
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`);
}
