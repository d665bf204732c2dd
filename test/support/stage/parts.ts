/** What a router is made of, on a store and a bus in memory; files are in a folder that goes when the test ends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { folderBlobs } from '../../../lib/adapters/folder-blobs.ts';
import { memoryBus } from '../../../lib/adapters/memory-bus.ts';
import { systemClock } from '../../../lib/adapters/system-clock.ts';

import type { Clock } from '../../../lib/ports/clock.ts';
import { Deliverer } from '../../../lib/runtime/deliverer.ts';
import { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import { IdMint } from '../../../lib/runtime/ids.ts';
import { RecentKeys } from '../../../lib/runtime/recent-keys.ts';
import { Tenants } from '../../../lib/runtime/tenants.ts';
import { programLimits } from '../../../services/cli/limits.ts';
import type { Dependencies } from '../../../services/router/core/dependencies.ts';
import type { AccountFeature } from '../../../services/router/core/feature.ts';
import { FeatureIndex } from '../../../services/router/core/feature-index.ts';
import { Shares } from '../../../services/router/core/shares.ts';
import { UnderWay } from '../../../services/router/core/under-way.ts';
import { destinationsOf } from '../../../services/router/routing/destinations.ts';
import { routing } from '../../../services/router/routing/route.ts';
import { memoryStore } from './memory-store.ts';

export interface EmbeddedDependencies extends Dependencies {
  close(): Promise<void>;
}

/** @param options.clock of all but the store and the bus */
export async function embeddedDependencies(
  options: { readonly features?: readonly AccountFeature[]; readonly clock?: Clock } = {},
): Promise<EmbeddedDependencies> {
  const { features = [] } = options;
  const clock = DeploymentClock.of(options.clock ?? systemClock);
  const folder = mkdtempSync(join(tmpdir(), 'skylark-stage-'));
  const store = memoryStore(systemClock);
  const bus = memoryBus({ clock: systemClock });
  const blobs = await folderBlobs({
    folder: join(folder, 'files'),
    baseUrl: () => 'https://files.example/files/',
    secret: Buffer.alloc(32, 7),
    clock,
  });
  return {
    store,
    bus,
    blobs,
    clock,
    log: pino({ level: 'silent' }),
    tenants: new Tenants(store, clock),
    deliverer: new Deliverer(bus),
    ids: new IdMint(clock),
    features: new FeatureIndex(features),
    route: routing(destinationsOf({})),
    knownSpans: new RecentKeys(programLimits.knownSpansMax),
    shares: new Shares(clock),
    underWay: new UnderWay(),
    startedMs: clock.monotonic(),
    version: '0.0.0',
    async close() {
      await bus.close();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
