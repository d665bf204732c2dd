/**
 * XEP-0191 §3.3 between accounts and real rooms, of this tenant and of another one: nothing of a blocked occupant, room or account arrives by
 * way of a room, and no room takes a guard's answer for an occupant that is gone (decision 11).
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const muc = 'http://jabber.org/protocol/muc';
const hall = 'hall@conference.a.example';
/** A room of the other tenant. */
const far = 'far@conference.b.example';

let stage: WholeStage;
let juliet: StreamActor;
let romeo: StreamActor;
let ann: StreamActor;
beforeEach(async () => {
  stage = await openStage();
  juliet = await stage.appear('juliet@a.example/balcony');
  romeo = await stage.appear('romeo@a.example/orchard');
  ann = await stage.appear('ann@a.example/house');
});
afterEach(() => stage.close());

async function hears(actor: StreamActor, pattern: RegExp): Promise<string> {
  for (let tries = 0; tries < 500; tries++) {
    const found = actor.inbox.find((xml) => pattern.test(xml));
    if (found !== undefined) return found;
    await pause(10);
  }
  return assert.fail(`not in time: ${actor.jid} hears ${pattern} among ${actor.inbox.join('\n')}`);
}

async function enter(actor: StreamActor, room: string, nick: string): Promise<void> {
  await actor.send(`<presence to='${room}/${nick}'><x xmlns='${muc}'/></presence>`);
  assert.match(await hears(actor, /code='110'|<error/), /code='110'/);
  actor.inbox.length = 0;
}

/** Somebody of its tenant has made it; all three are inside under the names that they have. */
async function fill(room: string, whois = 'moderators'): Promise<void> {
  const owner = await stage.appear(`owner@${room.slice(room.indexOf('.') + 1)}/hill`);
  await enter(owner, room, 'owner');
  const field = (name: string, value: string) => `<field var='${name}'><value>${value}</value></field>`;
  const fields = field('FORM_TYPE', `${muc}#roomconfig`) + field('muc#roomconfig_whois', whois);
  const form = `<x xmlns='jabber:x:data' type='submit'>${fields}</x>`;
  await owner.send(`<iq type='set' id='open' to='${room}'><query xmlns='${muc}#owner'>${form}</query></iq>`);
  await hears(owner, /id='open'/);
  await enter(juliet, room, 'juliet');
  await enter(romeo, room, 'romeo');
  await enter(ann, room, 'ann');
  await hears(romeo, /\/ann'/);
  for (const actor of [juliet, romeo, ann]) actor.inbox.length = 0;
}

async function change(actor: StreamActor, name: 'block' | 'unblock', ...jids: readonly string[]): Promise<void> {
  const items = jids.map((jid) => `<item jid='${jid}'/>`).join('');
  await actor.send(`<iq type='set' id='c'><${name} xmlns='urn:xmpp:blocking'>${items}</${name}></iq>`);
  assert.match(await hears(actor, /id='c'/), /type='result'/);
  actor.inbox.length = 0;
}

const say = (actor: StreamActor, room: string, text: string) =>
  actor.send(`<message to='${room}' type='groupchat' id='${text}'><body>${text}</body></message>`);
const whisper = (actor: StreamActor, to: string, text: string) =>
  actor.send(`<message to='${to}' type='chat' id='${text}'><body>${text}</body><x xmlns='${muc}#user'/></message>`);

for (const room of [hall, far]) {
  test(`of an occupant of ${room} who is blocked nothing arrives, of others all, and all again when it is unblocked`, async () => {
    await fill(room);
    await change(romeo, 'block', `${room}/ann`);
    await whisper(ann, `${room}/romeo`, 'psst');
    await hears(ann, /type='error'.*<service-unavailable |<service-unavailable .*type='error'/);
    await say(ann, room, 'to all');
    await say(juliet, room, 'last');
    await hears(romeo, /<body>last</);
    assert.deepEqual(
      romeo.inbox.filter((xml) => /\/ann|psst|to all/.test(xml)),
      [],
    );
    await change(romeo, 'unblock', `${room}/ann`);
    await whisper(ann, `${room}/romeo`, 'psst again');
    await hears(romeo, /psst again/);
    await say(ann, room, 'to all again');
    await hears(romeo, /to all again/);
  });

  test(`${room} gets no errors for what is blocked: nobody is taken for gone, and the sender hears nothing of it`, async () => {
    await fill(room);
    await change(romeo, 'block', `${room}/ann`);
    for (let count = 0; count < 3; count++) await say(ann, room, `unheard ${count}`);
    await ann.send(`<presence to='${room}/ann'><status>unseen</status></presence>`);
    await say(juliet, room, 'last');
    await hears(ann, /<body>last</);
    await hears(romeo, /<body>last</);
    assert.deepEqual(
      [...ann.inbox, ...juliet.inbox].filter((xml) => /type='error'|type='unavailable'/.test(xml)),
      [],
    );
  });

  test(`one who blocks ${room} hears that it is outside now, from every one of its sessions, and nothing else`, async () => {
    await fill(room);
    const phone = await stage.appear('romeo@a.example/phone');
    await enter(phone, room, 'romeo-phone');
    await hears(juliet, /romeo-phone/);
    for (const actor of [juliet, romeo, phone]) actor.inbox.length = 0;
    await romeo.send(`<iq type='set' id='c'><block xmlns='urn:xmpp:blocking'><item jid='${room}'/></block></iq>`);
    for (const [actor, nick] of [
      [romeo, 'romeo'],
      [phone, 'romeo-phone'],
    ] as const) {
      const own = await hears(actor, /code='110'/);
      assert.match(own, /type='unavailable'/);
      assert.ok(own.includes(`${room}/${nick}`));
      await hears(juliet, new RegExp(`from='[^']*/${nick}'[^>]*type='unavailable'`));
    }
    for (const actor of [romeo, phone]) actor.inbox.length = 0;
    await say(juliet, room, 'unheard');
    await hears(juliet, /<body>unheard</);
    for (const actor of [romeo, phone])
      assert.deepEqual(
        [...actor.inbox].filter((xml) => xml.includes(room)),
        [],
      );
  });

  for (const [what, blocked, whois, inviter] of [
    ['an account, where JIDs are known', 'ann@a.example', 'anyone', "from='ann@a.example'"],
    ['an occupant', `${room}/ann`, 'moderators', `from='${room}/ann'`],
    ['the room', room, 'moderators', room],
  ] as const) {
    test(`an invitation into ${room} of one who is blocked, as ${what}, does not arrive`, async () => {
      await fill(room, whois);
      const paris = await stage.appear('paris@a.example/street');
      await change(paris, 'block', blocked);
      const invite = (actor: StreamActor) =>
        actor.send(`<message to='${room}' id='i'><x xmlns='${muc}#user'><invite to='paris@a.example'/></x></message>`);
      await invite(ann);
      await say(ann, room, 'after it');
      await hears(ann, /<body>after it</);
      await invite(juliet);
      if (blocked === room) await pause(100);
      else await hears(paris, /<invite /);
      assert.deepEqual(
        paris.inbox.filter((xml) => xml.includes(inviter)),
        [],
      );
      assert.equal(paris.inbox.filter((xml) => xml.includes('<invite ')).length, blocked === room ? 0 : 1);
    });
  }

  test(`the refusal of an invitation into ${room} does not come from an account that the inviter blocks`, async () => {
    await fill(room);
    const paris = await stage.appear('paris@a.example/street');
    const nurse = await stage.appear('nurse@a.example/street');
    for (const invitee of [paris, nurse]) {
      await romeo.send(`<message to='${room}'><x xmlns='${muc}#user'><invite to='${invitee.jid.bare}'/></x></message>`);
      await hears(invitee, /<invite /);
    }
    await change(romeo, 'block', 'paris@a.example');
    for (const invitee of [paris, nurse]) {
      await invitee.send(
        `<message to='${room}'><x xmlns='${muc}#user'><decline to='${room}/romeo'><reason>no</reason></decline></x></message>`,
      );
    }
    const refused = await hears(romeo, /<decline /);
    assert.match(refused, /from='nurse@a.example'/);
    assert.equal(romeo.inbox.filter((xml) => xml.includes('<decline ')).length, 1);
  });
}

test('XEP-0280: a private message of a blocked occupant is not copied to the other sessions either', async () => {
  await fill(hall);
  const phone = await stage.appear('romeo@a.example/phone');
  await phone.send(`<iq type='set' id='e'><enable xmlns='urn:xmpp:carbons:2'/></iq>`);
  await hears(phone, /id='e'/);
  await change(phone, 'block', `${hall}/ann`);
  for (const actor of [romeo, phone]) actor.inbox.length = 0;
  await whisper(ann, `${hall}/romeo`, 'psst');
  await hears(ann, /<service-unavailable /);
  await romeo.send(`<message to='${hall}/ann' type='chat' id='own'><body>own</body></message>`);
  await hears(romeo, /<not-acceptable /);
  assert.deepEqual(
    [...romeo.inbox, ...phone.inbox].filter((xml) => /psst|carbons/.test(xml)),
    [],
  );
});
