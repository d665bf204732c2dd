/** Faults that are planted in a copy of the stacks are found by the trial that the stacks themselves pass. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tryConsole } from './console.ts';
import { Deployment } from './deployment.ts';
import { skipWithoutMoto } from './moto-server.ts';
import { type Plant, plant } from './planted-stacks.ts';
import { Trial } from './trial.ts';

/** Makes, runs and tries what the stacks with the plant say, up to the step that fails. */
async function tryWith(given: Plant, work: (deployment: Deployment, trial: Trial) => Promise<void>): Promise<void> {
  const deployment = new Deployment('small', await plant(given));
  try {
    await deployment.start();
    await work(deployment, new Trial(deployment, 'small'));
  } finally {
    await deployment.stop();
  }
}

test('a variable with another name in the stacks is found: the program does not know it, and its task does not start', {
  skip: skipWithoutMoto,
}, async () => {
  const renamed = { file: 'app-stack.ts', text: 'SKYLARK_KMS_KEY:', instead: 'SKYLARK_KMS_KEY_ARN:' };
  await tryWith(renamed, async (_, trial) => {
    assert.throws(() => trial.checkVariables(), /SKYLARK_KMS_KEY_ARN/);
    await assert.rejects(() => trial.addTenants(), /all ended with 2 before it was ready/);
  });
});

test('a key that the CDN shows under another name is found: the tasks of the console answer nothing', {
  skip: skipWithoutMoto,
}, async () => {
  const renamed = { file: 'pages-cdn.ts', text: '[frontHeaders.key]: key', instead: "'x-skylark-key': key" };
  await tryWith(renamed, async (deployment, trial) => {
    await trial.addTenants();
    await assert.rejects(() => tryConsole(deployment), /403 !== 200/);
  });
});

test('a right that is missing in the stacks is found, with the role, the action and the rows', {
  skip: skipWithoutMoto,
}, async () => {
  const missing = { file: 'rights.ts', text: 'directory, tenants, removals,', instead: 'directory, removals,' };
  await tryWith(missing, async ({ gate }, trial) => {
    await assert.rejects(() => trial.addTenants(), /all ended with \d+ before it was ready/);
    const denied = [...gate.denied.values()].filter(({ context }) => context['dynamodb:LeadingKeys']?.includes('#tenants'));
    assert.ok(denied.length > 0, 'nothing was refused');
    for (const { role, resource } of denied)
      assert.deepEqual([role, resource], ['all', 'arn:aws:dynamodb:eu-central-1:111122223333:table/skylark-core']);
    assert.throws(() => trial.checkRights(), /rights that are missing in the templates/);
  });
});
