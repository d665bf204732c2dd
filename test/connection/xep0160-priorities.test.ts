/**
 * XEP-0160 §2: what waits for an account is delivered when the priority of a session becomes 0 or more, once and in order, whatever the
 * session has said and got before. Real nodes, and a real router.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { connectionLimits } from '../../services/connection/limits.ts';
import type { ConnectionNode } from '../../services/connection/node.ts';
import { Deployment, Person } from './deployment.ts';
import { signIn, until } from './fixture.ts';

let deployment: Deployment;
let node: ConnectionNode;
let other: ConnectionNode;
let romeo: Person;
let number = 0;
before(async () => {
  deployment = await Deployment.open();
  node = await deployment.node('c1');
  other = await deployment.node('c2');
  romeo = await Person.join(deployment, node, 'romeo/orchard');
});
after(() => deployment.close());

const priority = (value: number): string => `<presence><priority>${value}</priority></presence>`;
const unavailable = `<presence type='unavailable'/>`;

/** To all resources, or to the one that is named; `~` before a body keeps it out of the archive. */
async function send(user: string, bodies: readonly string[], resource = ''): Promise<void> {
  const to = `${user}@example.org${resource && `/${resource}`}`;
  for (const body of bodies) {
    const hint = body.startsWith('~') ? `<no-store xmlns='urn:xmpp:hints'/>` : '';
    romeo.client.send(`<message type='chat' to='${to}'><body>${body}</body>${hint}</message>`);
  }
  await romeo.settle();
}

/** What the client has is known to the cursor. */
async function acknowledged(person: Person): Promise<void> {
  if (person.previd !== '') person.acknowledge();
  await person.settle();
  await deployment.clock.advance(connectionLimits.cursorFlushMs);
  await person.settle();
}

async function say(person: Person, ...presences: readonly string[]): Promise<void> {
  for (const presence of presences) person.client.send(presence);
  await person.settle();
}

async function newUser(): Promise<string> {
  const user = `u${++number}`;
  await deployment.account(user);
  return user;
}

/** A later sign-in gets nothing that was delivered before. */
async function assertNothingLeft(user: string): Promise<void> {
  const late = await Person.join(deployment, node, `${user}/late`);
  await late.settle();
  assert.deepEqual(late.bodies, [], 'nothing is left for another sign-in');
  late.client.destroy();
}

for (const managed of [true, false]) {
  const how = managed ? 'with' : 'without';
  describe(`the queue of a session ${how} stream management`, () => {
    for (const [what, first, rest] of [
      ['-1, then 0', priority(-1), [priority(0)]],
      ['-1, then no priority', priority(-1), ['<presence/>']],
      ['-128, -1, then 127', priority(-128), [priority(-1), priority(127)]],
      ['-1, 0, -1, 0', priority(-1), [priority(0), priority(-1), priority(0)]],
      ['-1, unavailable, then 0', priority(-1), [unavailable, '<presence/>']],
      ['-1, something that is refused, then 5', priority(-1), [priority(500), priority(5)]],
      ['unavailable, then 0', unavailable, ['<presence/>']],
      ['directed presence, then 0', `<presence to='romeo@example.org'/>`, ['<presence/>']],
    ] as const) {
      test(`XEP-0160 §2: opens with ${what}`, async () => {
        const user = await newUser();
        await send(user, ['k0', '~k1', 'k2']);
        const person = await Person.join(deployment, node, `${user}/one`, { managed, presence: first });
        assert.deepEqual(person.bodies, [], 'a negative priority gets nothing of it');
        await say(person, ...rest);
        await person.heard('k2');
        await send(user, ['live']);
        await person.heard('live');
        assert.deepEqual(person.bodies, ['k0', '~k1', 'k2', 'live']);
        await acknowledged(person);
        person.client.destroy();
        if (!managed) await assertNothingLeft(user);
      });
    }

    test('XEP-0160 §2: opens without loss behind what was sent to the resource itself', async () => {
      const user = await newUser();
      await send(user, ['k0']);
      // So much later that catch-up begins behind it if the cursor moves.
      await deployment.clock.advance(2 * runtimeLimits.catchUpOverlapMs);
      const person = await Person.join(deployment, node, `${user}/one`, { managed, presence: priority(-1) });
      await send(user, ['own'], 'one');
      await person.heard('own');
      await send(user, ['k1']);
      if (managed) person.acknowledge();
      await say(person, priority(0));
      await person.heard('k1');
      await acknowledged(person);
      assert.deepEqual(person.bodies, ['own', 'k0', 'k1']);
      person.client.destroy();
    });

    test('RFC 6121 §8.5.2.1.1: closes with a negative priority', async () => {
      const user = await newUser();
      const person = await Person.join(deployment, node, `${user}/one`, { managed });
      await send(user, ['before']);
      await person.heard('before');
      await say(person, priority(-1));
      await send(user, ['k0', 'k1']);
      await person.settle();
      assert.deepEqual(person.bodies, ['before']);
      await say(person, priority(0), priority(-1), priority(0));
      await person.heard('k1');
      assert.deepEqual(person.bodies, ['before', 'k0', 'k1']);
      await acknowledged(person);
      person.client.destroy();
    });

    test('XEP-0160 §2: is read once although presence changes while it is read, page by page', async () => {
      const user = await newUser();
      const count = serviceLimits.catchUpPageMax + 20;
      const bodies = Array.from({ length: count }, (_, index) => `k${index}`);
      await send(user, bodies);
      const person = await Person.join(deployment, node, `${user}/one`, { managed, presence: priority(-1) });
      for (let round = 0; round < 3; round++) person.client.send(`${priority(1)}${priority(-1)}`);
      await say(person, priority(2));
      for (let done = 0; done < 20 && !person.bodies.includes(bodies.at(-1)!); done++) await acknowledged(person);
      await send(user, ['live']);
      await person.heard('live');
      assert.deepEqual(person.bodies, [...bodies, 'live']);
      person.client.destroy();
    });
  });
}

test('XEP-0160 §2: presence that comes in one write with the request to bind opens the queue', async () => {
  const user = await newUser();
  await send(user, ['k0']);
  const client = await signIn(node, user);
  const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>one</resource></bind>`;
  client.send(`<iq type='set' id='b'>${bind}</iq><presence/>`);
  await client.read(/<body>k0<\/body>/);
  client.destroy();
});

test('XEP-0160 §2: several resources: the one that opens its queue gets what no other has', async () => {
  const user = await newUser();
  await send(user, ['k0']);
  const one = await Person.join(deployment, node, `${user}/one`, { presence: priority(-1) });
  const two = await Person.join(deployment, other, `${user}/two`, { presence: priority(-5) });
  await send(user, ['k1']);
  await say(two, priority(0));
  await two.heard('k1');
  assert.deepEqual(two.bodies, ['k0', 'k1']);
  await acknowledged(two);
  await say(one, priority(0));
  await send(user, ['live']);
  await one.heard('live');
  assert.deepEqual(one.bodies, ['live']);
  for (const person of [one, two]) person.client.destroy();
});

for (const [what, opensBefore] of [
  ['with a negative priority and opens the queue then', false],
  ['while the queue is open', true],
] as const) {
  test(`XEP-0198 §5: a session that is resumed at another node ${what} gets each message once`, async () => {
    const user = await newUser();
    await send(user, ['k0']);
    const person = await Person.join(deployment, node, `${user}/one`, { presence: priority(-1) });
    await send(user, ['own'], 'one');
    await person.heard('own');
    if (opensBefore) await say(person, priority(0));
    person.client.destroy();
    await until(() => node.stats.parked > 0, 'parked');
    await send(user, ['k1']);
    assert.match(await person.resume(other), /<resumed/);
    await person.settle();
    if (!opensBefore) {
      assert.deepEqual(person.bodies, ['own']);
      await say(person, priority(0));
    }
    await person.heard('k1');
    await send(user, ['live']);
    await person.heard('live');
    assert.deepEqual(person.bodies, ['own', 'k0', 'k1', 'live']);
    await acknowledged(person);
    person.client.destroy();
  });
}

test('XEP-0198 §5: a session that was parked in the store with a negative priority opens the queue at the next node', async () => {
  const first = await deployment.node('c3');
  const user = await newUser();
  await send(user, ['k0']);
  const person = await Person.join(deployment, first, `${user}/one`, { presence: priority(-1) });
  await send(user, ['own'], 'one');
  await person.heard('own');
  await deployment.during(first.drain());
  await send(user, ['k1']);
  await send(user, ['own-too'], 'one');
  assert.match(await person.resume(other), /<resumed/);
  await person.heard('own-too');
  await person.settle();
  assert.deepEqual(person.bodies, ['own', 'own-too']);
  await say(person, priority(0));
  await person.heard('k1');
  assert.deepEqual(person.bodies, ['own', 'own-too', 'k0', 'k1']);
  person.client.destroy();
});
