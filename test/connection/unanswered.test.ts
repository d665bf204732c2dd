/**
 * XEP-0198 §4: what a client was sent and has not acknowledged when its session is over is treated as if it had not been there. Messages
 * are in the archive (requeue.test.ts); of requests whoever asked is told.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import type { ConnectionNode } from '../../services/connection/node.ts';
import { sweepParked } from '../../services/router/sessions/reaper.ts';
import { Deployment, Person } from './deployment.ts';
import { signIn, until } from './fixture.ts';

let deployment: Deployment;
let number = 0;
before(async () => {
  deployment = await Deployment.open();
});
after(() => deployment.close());

/** Someone who was asked three things, has acknowledged the first, and is lost. */
async function arrange(): Promise<{ first: ConnectionNode; second: ConnectionNode; asked: Person; asker: Person }> {
  const [first, second] = [await deployment.node(`u${++number}`), await deployment.node(`u${++number}`)];
  const asked = await Person.join(deployment, first, `asked${number}/phone`);
  const asker = await Person.join(deployment, second, `asker${number}/phone`);
  asked.client.send(`<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>`); // pushes of ours wait for it, too
  ask(asker, asked, 'acknowledged');
  await until(() => asked.stanzas.some((text) => text.includes('acknowledged')), 'the first one');
  asked.acknowledge();
  await asked.settle();
  ask(asker, asked, 'seen');
  await until(() => asked.stanzas.some((text) => text.includes('seen')), 'the second one');
  asked.client.send(`<iq type='set' id='add'><query xmlns='jabber:iq:roster'><item jid='nurse@example.org'/></query></iq>`);
  await until(() => asked.stanzas.some((text) => text.includes('nurse@')), 'a push');
  await asker.settle();
  return { first, second, asked, asker };
}

function ask({ client }: Person, { jid }: Person, id: string): void {
  client.send(`<iq type='get' to='${jid}' id='${id}'><query xmlns='jabber:iq:version'/></iq>`);
}

const errors = ({ stanzas }: Person) =>
  stanzas.filter((text) => /^<iq [^>]*type=['"]error/.test(text)).map((text) => /id=['"]([^'"]*)/.exec(text)?.[1]);

async function told(asker: Person, asked: Person): Promise<void> {
  await until(() => errors(asker).length > 0, 'the error');
  await asker.settle();
  assert.deepEqual(errors(asker), ['seen'], 'and no other');
  const error = asker.stanzas.find((text) => text.includes('seen'))!;
  assert.match(error, /service-unavailable/);
  assert.match(error, new RegExp(`from=['"]${asked.jid}['"]`));
}

test('a session whose client did not come back in time', async () => {
  const { first, asked, asker } = await arrange();
  asked.client.destroy();
  await until(() => first.stats.parked === 1, 'it is parked');
  await deployment.clock.advance(serviceLimits.resumeTimeoutMs);
  await told(asker, asked);
  asker.client.destroy();
});

test('a session in the store that nobody came for', async () => {
  const { first, asked, asker } = await arrange();
  await deployment.during(first.drain());
  assert.deepEqual(errors(asker), []);
  await deployment.clock.advance(serviceLimits.resumeTimeoutMs);
  await deployment.during(sweepParked(deployment.dependencies));
  await told(asker, asked);
  asker.client.destroy();
});

for (const [what, isDrained] of [
  ['a session', false],
  ['a session in the store', true],
] as const) {
  test(`${what} whose resource its client binds anew`, async () => {
    const { first, second, asked, asker } = await arrange();
    if (isDrained) await deployment.during(first.drain());
    asked.client = await signIn(second, asked.user);
    await asked.bindAgain();
    await told(asker, asked);
    for (const { client } of [asked, asker]) client.destroy();
  });
}

test('a session that is resumed: it is still to answer', async () => {
  const { second, asked, asker } = await arrange();
  const h = asked.received - 3;
  assert.match(await asked.resume(second, h), /<resumed/);
  asked.acknowledge(h + 3);
  await asked.settle();
  asked.client.send('</stream:stream>');
  await asker.settle();
  assert.deepEqual(errors(asker), []);
  asker.client.destroy();
});
