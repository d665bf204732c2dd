/** Tests of one shape: what its templates say is made, run and tried. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { skipWithoutNats } from '../adapters/nats-server.ts';
import { Deployment } from './deployment.ts';
import { skipWithoutMoto } from './moto-server.ts';
import type { Shape } from './templates.ts';
import { Trial } from './trial.ts';

/** Script of test/peers/slixmpp, and how many things it must have seen. */
const scripts = [
  ['delivery', 20],
  ['rooms', 39],
  ['uploads', 10],
] as const;
/** After this step, slixmpp signs in. */
const whenPeopleTalk = /^two tenants sign in/;

export function tryShape(shape: Shape): void {
  const skip = skipWithoutMoto || (shape === 'cell' && skipWithoutNats);
  describe(`${shape}, run as its templates say`, { skip }, () => {
    const deployment = skip ? undefined! : new Deployment(shape);
    const trial = new Trial(deployment, shape);
    before(() => deployment.start());
    after(async () => {
      await trial.leave();
      await deployment.stop();
    });
    let failed: string | undefined;
    const add = (name: string, step: () => Promise<void>) =>
      test(`${shape}: ${name}`, async () => {
        assert.equal(failed, undefined, 'not tried, because another step failed');
        failed = name;
        await step();
        failed = undefined;
      });
    for (const [name, step] of trial.steps) {
      add(name, step);
      if (!whenPeopleTalk.test(name)) continue;
      for (const [script, count] of scripts) add(`slixmpp, by the script for ${script}`, () => trial.slixmpp(script, count));
    }
  });
}
