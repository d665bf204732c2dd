/** A slice of `npm run faults` (docs/reliability.md): real processes die under load, and what was acknowledged is there. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { skipWithoutNats } from '../adapters/nats-server.ts';
import { keepsStreams } from '../faults/fault-kinds.ts';
import { verdict } from '../faults/report.ts';
import { rounds } from '../faults/script.ts';

const kinds = ['kill-connection', 'kill-router', 'roll-routers', 'kill-federation', 'peer-kill', 'peer-mute'];
/** Streams to or from the other server break with something on them, or nothing was tried. */
const breaksStreams: ReadonlySet<string> = new Set(['kill-federation', 'peer-kill', 'peer-mute']);

describe('a cluster under load', { skip: skipWithoutNats }, () => {
  test('keeps its word, to people at another server too, while processes of both are killed', async () => {
    const script = rounds({ count: kinds.length, seed: 7, kinds });
    const reports = [];
    for await (const { report, story } of script.rounds) {
      reports.push(report);
      assert.deepEqual(report.faults, [], `${report.kind}: ${story}; log: ${script.logPath}`);
      assert.ok(report.acknowledged > 50, `only ${report.acknowledged} messages were acknowledged`);
      // A dead node drops streams, or nothing was tried; a router that goes does not.
      if (report.kind === 'kill-connection') assert.ok(report.dropped > 0 && report.resumed + report.rebound === report.dropped);
      if (keepsStreams.has(report.kind)) assert.equal(report.dropped, 0);
      assert.ok(report.abroad.delivered > 20, `only ${report.abroad.delivered} messages came to the other server`);
      if (breaksStreams.has(report.kind)) assert.ok(report.abroad.breaks > 0);
    }
    assert.deepEqual(verdict(reports), []);
    assert.deepEqual(script.complaints, []);
    assert.deepEqual(reports.map(({ kind }) => kind).sort(), [...kinds].sort());
  });
});
