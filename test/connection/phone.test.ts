/**
 * A phone in a pocket (XEP-0352, XEP-0357, XEP-0198): it is inactive, its connection breaks, its contacts come and go, somebody writes to
 * it, it is woken, and comes back much later at another node.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { presetTerms } from '../../lib/runtime/session-terms.ts';
import { readSessions } from '../../lib/runtime/sessions.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { reapNode } from '../../services/router/sessions/reaper.ts';
import { befriend, Deployment, Person } from './deployment.ts';
import { until } from './fixture.ts';

let deployment: Deployment;
before(async () => {
  deployment = await Deployment.open();
});
after(() => deployment.close());

const minutes = (count: number): Promise<void> => deployment.clock.advance(count * 60_000);

class AppServer {
  readonly #person: Person;
  #answered = 0;

  constructor(person: Person) {
    this.#person = person;
  }

  get pushes(): string[] {
    return this.#person.stanzas.filter((text) => text.includes('urn:xmpp:push:0'));
  }

  async woken(count: number): Promise<void> {
    await until(() => this.pushes.length >= count, `${count} pushes; there are ${this.pushes.length}`);
    for (const push of this.pushes.slice(this.#answered)) {
      const { id, from } = Stanza.parse(push);
      this.#person.client.send(`<iq type='result' id='${id}' to='${from}'/>`);
      this.#answered++;
    }
    await this.#person.settle();
  }
}

async function scene(name: string) {
  const [near, far, later] = [
    await deployment.node(`${name}-1`),
    await deployment.node(`${name}-2`),
    await deployment.node(`${name}-3`),
  ];
  const phone = await Person.join(deployment, near, `juliet-${name}/phone`);
  const romeo = await Person.join(deployment, far, `romeo-${name}/orchard`);
  const nurse = await Person.join(deployment, far, `nurse-${name}/street`);
  const app = await Person.join(deployment, far, `push-${name}/app`);
  await befriend(phone, romeo);
  await befriend(phone, nurse);
  phone.client.send(`<iq type='set' id='reg'><enable xmlns='urn:xmpp:push:0' jid='${app.jid}' node='n1'/></iq>`);
  await phone.settle();
  phone.client.send(`<inactive xmlns='urn:xmpp:csi:0'/>`);
  nurse.client.send('<presence><status>held</status></presence>');
  await nurse.settle();
  await phone.settle(); // the answer takes along what was held
  phone.acknowledge();
  nurse.client.send('<presence><status>held for long</status></presence>');
  await nurse.settle();
  return { near, later, phone, romeo, nurse, app: new AppServer(app) };
}

const statuses = (person: Person, from: Person): string[] =>
  person.stanzas.flatMap((text) => (text.includes(from.jid) ? (/<status>([^<]*)</.exec(text)?.[1] ?? []) : []));

async function comesAndGoes(romeo: Person): Promise<void> {
  for (let n = 0; n < 200; n++) romeo.client.send(`<presence><status>p${n}</status></presence>`);
  await romeo.settle();
}

test('one push, and an hour later at another node everything is there once: what was held, the last presence, the message', async () => {
  const { near, later, phone, romeo, nurse, app } = await scene('pocket');
  assert.doesNotMatch(phone.client.text, /held for long/);
  const { received } = phone;
  phone.client.destroy();
  await until(() => near.stats.parked === 1, 'a parked session');
  await comesAndGoes(romeo);
  assert.deepEqual(app.pushes, []);
  romeo.say(`${phone.user}@example.org`, 'wake up');
  await romeo.settle();
  await app.woken(1);
  await minutes(serviceLimits.resumeTimeoutMs / 60_000 + 1);
  while (near.stats.sessions > 0) await deployment.clock.advance(10);
  await minutes(54);
  assert.match(await phone.resume(later, received), /^<resumed /);
  await phone.heard('wake up');
  await phone.settle();
  assert.deepEqual(phone.bodies, ['wake up']);
  assert.equal(statuses(phone, romeo).at(-1), 'p199');
  assert.ok(statuses(phone, romeo).length < 10, 'only the last presence');
  assert.equal(statuses(phone, nurse).at(-1), 'held for long');
  assert.equal(app.pushes.length, 1);
  // It is reached again.
  romeo.say(`${phone.user}@example.org`, 'are you there?');
  await phone.heard('are you there?');
  await romeo.settle();
  assert.equal(app.pushes.length, 1);
});

test('what is not archived, and a desktop has read, is there when the phone comes back', async () => {
  const { near, later, phone, romeo, app } = await scene('unkept');
  const desk = await Person.join(deployment, later, `${phone.user}/desk`);
  const { received } = phone;
  phone.client.destroy();
  await until(() => near.stats.parked === 1, 'a parked session');
  await minutes(serviceLimits.resumeTimeoutMs / 60_000 + 1);
  while (near.stats.sessions > 0) await deployment.clock.advance(10);
  const body = "<body>burn this</body><no-permanent-store xmlns='urn:xmpp:hints'/>";
  romeo.client.send(`<message to='${phone.user}@example.org' type='chat'>${body}</message>`);
  await desk.heard('burn this');
  await app.woken(1);
  desk.acknowledge();
  for (const kept of ['keep this', 'and this']) {
    await minutes(1);
    romeo.say(`${phone.user}@example.org`, kept);
    await desk.heard(kept);
    desk.acknowledge();
    await desk.settle();
  }
  desk.client.send("<presence type='unavailable'/>");
  await desk.settle();
  await minutes(30);
  const next = await Person.join(deployment, later, `${phone.user}/next`); // sign-ins clear away what was delivered
  assert.deepEqual(next.bodies, []);
  assert.match(await phone.resume(later, received), /^<resumed /);
  await phone.heard('and this');
  assert.deepEqual(phone.bodies, ['burn this', 'keep this', 'and this']);
});

test('its node dies: it is woken by what comes then, and gets everything when it signs in', async () => {
  const { near, later, phone, romeo, app } = await scene('dead');
  deployment.kill(near);
  phone.client.destroy();
  romeo.say(`${phone.user}@example.org`, 'nobody answers');
  await deployment.during(app.woken(1));
  await deployment.during(reapNode(deployment.dependencies, near.subject));
  const [sessions] = await readSessions(deployment.dependencies.store, [Jid.parse(phone.jid)]);
  const leftMs = sessions![0]!.parked!.deadline - deployment.dependencies.clock.now();
  assert.ok(leftMs > presetTerms.pushResumeMs - 60_000, `it is kept for ${leftMs} ms`);
  await deployment.clock.advance(1_000);
  romeo.say(`${phone.user}@example.org`, 'still there?');
  await deployment.during(app.woken(2));
  assert.match(await deployment.during(phone.resume(later)), /^<failed/);
  await phone.bindAgain();
  phone.client.send('<presence/>');
  await phone.heard('still there?');
  assert.deepEqual(phone.bodies, ['nobody answers', 'still there?']);
});

test('its node is drained before it has noticed that the phone does not hear: what it was sent wakes it, and comes once', async () => {
  const { near, later, phone, romeo, app } = await scene('drained');
  const { received } = phone;
  romeo.say(`${phone.user}@example.org`, 'wake up');
  await romeo.settle();
  assert.deepEqual(app.pushes, []);
  await deployment.during(near.drain());
  await app.woken(1);
  assert.match(await phone.resume(later, received), /^<resumed /);
  await phone.heard('wake up');
  await phone.settle();
  assert.deepEqual(phone.bodies, ['wake up', 'wake up'], 'on the old stream, which nobody read, and on the new one');
  assert.equal(app.pushes.length, 1);
});

test('its node is drained when it has been woken already: it is not woken again', async () => {
  const { near, phone, romeo, app } = await scene('woken');
  phone.client.destroy();
  await until(() => near.stats.parked === 1, 'a parked session');
  romeo.say(`${phone.user}@example.org`, 'wake up');
  await romeo.settle();
  await app.woken(1);
  await deployment.clock.advance(2_000);
  await deployment.during(near.drain());
  await romeo.settle();
  assert.equal(app.pushes.length, 1);
});
