/** Whether what was just measured is what `services/cli/cost/measured.json` says. */
import assert from 'node:assert/strict';
import measured from '../../services/cli/cost/measured.json' with { type: 'json' };
import type { Actions } from './actions.ts';

/**
 * Rows grow and shrink by some bytes with random ids, which may tip one over the edge of a unit; and acknowledgements that come one by
 * one move the cursor once more than those that come together.
 */
const countDifferenceMax = 1;
const countShareMax = 0.25;
/** TLS cuts records as it likes, and an acknowledgement more or less of each of ten occupants goes over the wire, 55 bytes each. */
const bytesShareMax = 0.05;
const bytesDifferenceMax = 600;

const again = 'if that is meant, `npm run measure` writes the file anew';

export function assertAgrees(found: Actions): void {
  const kept = measured.actions as unknown as Actions;
  assert.ok(Object.keys(found).length > 0);
  for (const [name, use] of Object.entries(found)) {
    const before = kept[name];
    assert.ok(before !== undefined, `'${name}' is not in measured.json; ${again}`);
    for (const kind of new Set([...Object.keys(use.requests), ...Object.keys(before.requests)]))
      assertNear(
        `${name}: ${kind}`,
        use.requests[kind] ?? 0,
        before.requests[kind] ?? 0,
        differenceOf(before.requests[kind] ?? 0),
      );
    for (const kind of ['readUnits', 'writeUnits'] as const)
      assertNear(`${name}: ${kind}`, use[kind], before[kind], differenceOf(before[kind]));
    for (const kind of ['archiveBytes', 'wireBytesIn', 'wireBytesOut', 'peerBytesIn', 'peerBytesOut', 'busBytes'] as const)
      assertNear(`${name}: ${kind}`, use[kind], before[kind], Math.max(bytesDifferenceMax, before[kind] * bytesShareMax));
  }
}

function differenceOf(count: number): number {
  return Math.max(countDifferenceMax, Math.ceil(count * countShareMax));
}

export function assertNear(what: string, found: number, kept: number, differenceMax: number): void {
  assert.ok(Math.abs(found - kept) <= differenceMax, `${what} is ${found}, and measured.json says ${kept}; ${again}`);
}

export { measured };
