/**
 * XEP-0357 and XEP-0492 in rooms: the phone of an occupant is woken by mentions, in a room of its own tenant and of the other one, whether its
 * node says that it does not hear or its session is parked.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { updateSessions } from '../../lib/runtime/sessions.ts';
import { nowhere } from '../../lib/runtime/wire.ts';
import { roomLimits } from '../../services/muc/limits.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { sendOverdue } from '../../services/router/push/publish.ts';
import { configure } from '../support/stage/rooms.ts';
import type { BatchActor } from '../support/stage/router-stage.ts';
import { notification, PushGround } from './push-ground.ts';

let ground: PushGround;
beforeEach(async () => {
  ground = await PushGround.open({ hasRooms: true });
  await ground.enable(ground.phone);
});
afterEach(() => ground.stage.close());

/** The phone and Romeo are inside. */
async function open(room: string, fields: Readonly<Record<string, string>> = {}): Promise<void> {
  const nurse = await ground.stage.appear(`nurse@${room.slice(room.indexOf('.') + 1)}/street`);
  for (const [actor, nick] of [
    [nurse, 'Nurse'],
    [ground.phone, 'Jule'],
    [ground.romeo, 'Romeo'],
  ] as const) {
    await actor.send(`<presence to='${room}/${nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    if (actor === nurse) await configure(nurse, {}, room);
  }
  if (Object.keys(fields).length > 0) {
    for (const { jid } of [ground.phone, ground.romeo])
      await nurse.send(
        `<iq to='${room}' type='set' id='m'><query xmlns='http://jabber.org/protocol/muc#admin'><item jid='${jid.bare}' affiliation='member'/></query></iq>`,
      );
    await configure(nurse, fields, room);
  }
}

async function speak(room: string, text: string, actor: BatchActor = ground.romeo): Promise<string[]> {
  await actor.send(`<message to='${room}' type='groupchat' id='m'><body>${text}</body></message>`);
  await ground.stage.settle();
  const pushed = ground.pushed();
  await ground.pause();
  await ground.stage.settle();
  return [...pushed, ...ground.pushed()];
}

/** The store has the session of the phone. */
async function park(): Promise<void> {
  const { stage, phone } = ground;
  stage.node.missing.add(phone.sid);
  await updateSessions(stage.store, phone.jid, (all) =>
    all.map((one) => (one.sid === phone.sid ? { ...one, node: nowhere } : one)),
  );
}

async function sweep(): Promise<void> {
  await ground.clock.advance(routerLimits.pushOverdueMs + 1);
  await sendOverdue(ground.stage.dependencies, (lists) => lists);
  await ground.stage.settle();
}

async function bookmark(room: string, notify: string): Promise<void> {
  const conference = `<conference xmlns='urn:xmpp:bookmarks:1'><extensions><notify xmlns='urn:xmpp:notification-settings:1'>${notify}</notify></extensions></conference>`;
  const publish = `<publish node='urn:xmpp:bookmarks:1'><item id='${room}'>${conference}</item></publish>`;
  const pubsub = `<pubsub xmlns='http://jabber.org/protocol/pubsub'>${publish}</pubsub>`;
  const tower = await ground.stage.appear('juliet@a.example/tower');
  assert.match(await tower.ask('set', pubsub, 'juliet@a.example'), /type='result'/);
}

const woken = ['n1'];

for (const domain of ['a.example', 'b.example']) {
  const room = `hall@conference.${domain}`;

  describe(`a room of ${domain}`, () => {
    for (const [what, away] of [
      ['its node says that it does not hear', async () => void ground.stage.node.away.add(ground.phone.sid)],
      ['its session is parked', park],
    ] as const) {
      test(`${what}: mentions wake it, each of them, and nothing else does`, async () => {
        await open(room);
        assert.deepEqual(await speak(room, 'Jule, are you there?'), []);
        await away();
        assert.deepEqual(await speak(room, 'nobody is'), []);
        assert.deepEqual(await speak(room, 'Jule!'), woken);
        assert.deepEqual(await speak(room, 'Julep is a drink'), []);
        assert.deepEqual(await speak(room, 'ask juliet@a.example'), woken);
        assert.deepEqual(await speak(room, 'I, Jule', ground.phone), []);
      });
    }

    for (const [notify, all, mentions] of [
      ['<never/>', false, false],
      ['<on-mention/>', false, true],
      ['<always/>', true, true],
      [`<never/><always identity-category='client' identity-type='phone'/>`, true, true],
    ] as const) {
      test(`the bookmark says ${notify}`, async () => {
        await bookmark(room, notify);
        await open(room);
        await park();
        assert.deepEqual(await speak(room, 'hello'), all ? woken : []);
        assert.deepEqual(await speak(room, 'Jule!'), mentions ? woken : []);
      });
    }

    test('its node dies before it has noticed that the phone does not hear: mentions of the last minute wake it, once', async () => {
      await open(room);
      assert.deepEqual(await speak(room, 'Jule, long ago'), []);
      await ground.clock.advance(routerLimits.unackedRecentMs);
      assert.deepEqual(await speak(room, 'Jule!'), []);
      assert.deepEqual(await speak(room, 'hello'), []);
      await ground.nodeDies();
      await sweep();
      ground.app.receives(notification(1));
      await sweep();
      assert.deepEqual(ground.pushed(), []);
    });

    test('its node dies when nothing has rung', async () => {
      await open(room);
      assert.deepEqual(await speak(room, 'Jule, long ago'), []);
      await ground.clock.advance(routerLimits.unackedRecentMs);
      assert.deepEqual(await speak(room, 'hello'), []);
      await ground.nodeDies();
      await sweep();
      assert.deepEqual(ground.pushed(), []);
    });

    test('its node dies, and the worker of the room does not answer at first', async () => {
      await open(room);
      assert.deepEqual(await speak(room, 'Jule!'), []);
      await ground.stage.stopRooms();
      await ground.nodeDies();
      await sweep();
      assert.deepEqual(ground.pushed(), []);
      await ground.stage.startRooms();
      await sweep();
      assert.deepEqual(ground.pushed(), woken);
    });

    test('everything wakes it in a room that only members may enter, unless its bookmark says otherwise', async () => {
      await open(room, { membersonly: '1' });
      await park();
      assert.deepEqual(await speak(room, 'hello'), woken);
      await bookmark(room, '<on-mention/>');
      assert.deepEqual(await speak(room, 'hello'), []);
    });
  });
}

const hall = 'hall@conference.a.example';

test('one push a second, with the number of messages', async () => {
  await open(hall);
  await park();
  for (const text of ['Jule', 'hello', 'Jule', 'Jule'])
    await ground.romeo.send(`<message to='${hall}' type='groupchat' id='m'><body>${text}</body></message>`);
  await ground.stage.settle();
  ground.app.receives(notification(1));
  await ground.pause();
  await ground.stage.settle();
  ground.app.receives(notification(3));
});

test('a setting that is made elsewhere counts within seconds', async () => {
  await open(hall);
  await park();
  assert.deepEqual(await speak(hall, 'hello'), []);
  await bookmark(hall, '<always/>');
  await ground.clock.advance(roomLimits.ringWishMs + 1);
  assert.deepEqual(await speak(hall, 'hello'), woken);
  await bookmark(hall, '<never/>');
  assert.deepEqual(await speak(hall, 'Jule'), []);
});

test('what the account blocks does not wake it', async () => {
  await open(hall);
  await ground.phone.send(`<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='${hall}/Romeo'/></block></iq>`);
  await ground.stage.settle();
  await park();
  assert.deepEqual(await speak(hall, 'Jule'), []);
});

test('a room cannot wake accounts of a tenant by the name of another', async () => {
  const target = { to: 'romeo@b.example/orchard', nick: 'Romeo', messages: [0] };
  const ask = (to: string) =>
    ground.stage.ask<{ wishes: string[] }>({ kind: 'ring', domain: 'a.example', targets: [{ ...target, to }], at: 0 }, [
      `<message from='${hall}/Nurse' type='groupchat'><body>Jule, Romeo</body></message>`,
    ]);
  await ground.enable(ground.romeo, { node: 'r1' });
  assert.deepEqual((await ask('romeo@b.example/orchard')).header.wishes, ['never']);
  assert.deepEqual(ground.pushed(), []);
});
