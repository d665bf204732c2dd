/**
 * How bounds relate to each other. Where the comment of a bound says that it fits into another one, or is below it, a relation has the
 * same words. Each comes with values that break it, so that none can pass for having looked at nothing.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { adapterLimits } from '../lib/adapters/limits.ts';
import { portLimits } from '../lib/ports/limits.ts';
import { runtimeLimits } from '../lib/runtime/limits.ts';
import { serviceLimits } from '../lib/runtime/service-limits.ts';
import { s2sLimits } from '../lib/s2s/limits.ts';
import { xmppLimits } from '../lib/xmpp/limits.ts';
import { apiLimits } from '../services/api/limits.ts';
import { certificateLimits } from '../services/certificates/limits.ts';
import { programLimits } from '../services/cli/limits.ts';
import { connectionLimits } from '../services/connection/limits.ts';
import { consoleLimits } from '../services/console/limits.ts';
import { findingLimits } from '../services/federation/finding/limits.ts';
import { federationLimits } from '../services/federation/limits.ts';
import { roomLimits } from '../services/muc/limits.ts';
import { routerLimits } from '../services/router/limits.ts';
import { pubsubLimits } from '../services/router/pep/limits.ts';
import { guestLimits, jwtLimits, outsideLimits } from '../services/router/sasl/limits.ts';
import { webLimits } from '../services/web/limits.ts';

const bounds = {
  adapter: adapterLimits,
  api: apiLimits,
  certificate: certificateLimits,
  connection: connectionLimits,
  console: consoleLimits,
  federation: federationLimits,
  finding: findingLimits,
  guest: guestLimits,
  jwt: jwtLimits,
  outside: outsideLimits,
  port: portLimits,
  program: programLimits,
  pubsub: pubsubLimits,
  room: roomLimits,
  router: routerLimits,
  runtime: runtimeLimits,
  s2s: s2sLimits,
  service: serviceLimits,
  web: webLimits,
  xmpp: xmppLimits,
};
export type Bounds = { readonly [Part in keyof typeof bounds]: Readonly<Record<keyof (typeof bounds)[Part], number>> };
/** A value of one bound that breaks the relation. */
type Planted = { readonly [Part in keyof Bounds]?: Partial<Bounds[Part]> };

export interface Relation {
  readonly says: string;
  readonly holds: (bounds: Bounds) => boolean;
  readonly planted: Planted;
}

/** Makes a test of each relation. */
export function showRelations(subject: string, relations: readonly Relation[]): void {
  describe(`bounds: ${subject}`, () => {
    for (const { says, holds, planted } of relations) {
      test(says, () => {
        assert.ok(holds(bounds), 'the bounds break this');
        assert.ok(!holds(withPlanted(planted)), `this must be broken by ${JSON.stringify(planted)}`);
      });
    }
  });
}

function withPlanted(planted: Planted): Bounds {
  const changed = Object.entries(planted).map(([part, values]) => [part, { ...bounds[part as keyof Bounds], ...values }]);
  return { ...bounds, ...Object.fromEntries(changed) };
}
