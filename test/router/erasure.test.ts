/**
 * What is left of an account or a tenant that was removed, for whoever gets its name: nothing. Two tenants, the real rooms, the real files.
 *
 * Hostile: whoever registers the name of somebody who has left, to get what was his.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { declaredCollections } from '../../lib/runtime/collection.ts';
import { findRemoval, listRemovals, RemovalLease } from '../../lib/runtime/removals.ts';
import type { Jid } from '../../lib/xmpp/jid.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { features as roomFeatures } from '../../services/muc/features/index.ts';
import { forgottenWith } from '../../services/muc/rooms/forget.ts';
import { addAccount } from '../../services/router/accounts/add-account.ts';
import { deleteAccountRow } from '../../services/router/core/accounts.ts';
import { features } from '../../services/router/features/index.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { deleteDoomedFiles } from '../../services/router/removal/doomed-files.ts';
import { removalsOf } from '../../services/router/removal/removals.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';

const muc = 'http://jabber.org/protocol/muc';
const registerNs = 'jabber:iq:register';
const hall = 'hall@conference.a.example';
/** A room of the other tenant. */
const far = 'far@conference.b.example';

let stage: RouterStage;
beforeEach(async () => {
  stage = await openRouter({ hasRooms: true });
});
afterEach(() => stage.close());

async function done(operation: string, given: Record<string, unknown>): Promise<unknown> {
  const { ok, error, result } = await perform(stage.dependencies, { kind: 'admin', operation, arguments: given });
  assert.equal(ok, true, error);
  return result;
}

async function until(isTrue: () => Promise<boolean> | boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await isTrue()) return;
    await pause(10);
  }
  assert.fail(`not in time: ${what}`);
}

async function hears(actor: BatchActor, pattern: RegExp): Promise<string> {
  let found: string | undefined;
  await until(() => {
    found ??= actor.inbox.splice(0).find((xml) => pattern.test(xml));
    return found !== undefined;
  }, `${actor.jid} hears ${pattern}`);
  return found!;
}

async function ask(actor: BatchActor, type: 'get' | 'set', to: string, child: string): Promise<string> {
  actor.inbox.length = 0;
  await actor.send(`<iq type='${type}' id='ask' to='${to}'>${child}</iq>`);
  return hears(actor, /^<iq [^>]*id='ask'/);
}

/** @returns what the room says of the entry: the own presence, or the error */
async function enter(actor: BatchActor, room: string, nick: string): Promise<string> {
  actor.inbox.length = 0;
  await actor.send(`<presence to='${room}/${nick}'><x xmlns='${muc}'/></presence>`);
  return hears(actor, /code='110'|<error/);
}

async function configure(owner: BatchActor, room: string, fields: Readonly<Record<string, string>>): Promise<void> {
  const xml = Object.entries(fields).map(
    ([name, value]) => `<field var='muc#roomconfig_${name}'><value>${value}</value></field>`,
  );
  const form = `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${muc}#roomconfig</value></field>${xml.join('')}</x>`;
  assert.match(await ask(owner, 'set', room, `<query xmlns='${muc}#owner'>${form}</query>`), /type='result'/);
}

function grant(owner: BatchActor, room: string, jid: string, affiliation: string): Promise<string> {
  return ask(owner, 'set', room, `<query xmlns='${muc}#admin'><item affiliation='${affiliation}' jid='${jid}'/></query>`);
}

const occupantIdOf = (xml: string) => /<occupant-id [^>]*id='([^']+)'/.exec(xml)?.[1];

/** The three ways in which an account is removed. */
const removals: Readonly<Record<string, (bob: BatchActor) => Promise<void>>> = {
  async 'XEP-0077'(bob) {
    await bob.send(`<iq type='set' id='x'><query xmlns='${registerNs}'><remove/></query></iq>`);
  },
  async 'user remove'(bob) {
    await done('user-remove', { jid: `${bob.jid.bare}` });
  },
  async 'user remove, after a process died when it had begun'(bob) {
    const tenant = (await stage.dependencies.tenants.find(bob.jid.domain))!;
    const row = { tenant, local: bob.jid.local };
    await RemovalLease.take(stage.dependencies, `${bob.jid.bare}`, 'a process that died', { row, mayTake: () => false });
    await deleteAccountRow(stage.dependencies.store, tenant.domain, bob.jid.local);
    await removalsOf(stage.dependencies).resume();
  },
};

async function free(bare: Jid): Promise<void> {
  await until(async () => (await findRemoval(stage.dependencies.store, `${bare}`)) === undefined, `${bare} is free`);
}

/** Somebody else gets the name: registers, signs in. */
async function bearerOf(jid: Jid): Promise<BatchActor> {
  await free(jid.bare);
  const tenant = (await stage.dependencies.tenants.find(jid.domain))!;
  assert.equal(await addAccount(stage.dependencies, tenant, jid.local, 'other'), 'added');
  return stage.appear(`${jid}`);
}

for (const [how, remove] of Object.entries(removals)) {
  describe(`an account that was removed by ${how}`, () => {
    test('owns no room any more, reads nothing of it, and is another occupant', async () => {
      const bob = await stage.appear('bob@a.example/x');
      const alice = await stage.appear('alice@a.example/x');
      const before = occupantIdOf(await enter(bob, hall, 'Bob'));
      await configure(bob, hall, { membersonly: '1', persistentroom: '1' });
      await grant(bob, hall, 'alice@a.example', 'owner');
      await enter(alice, hall, 'Alice');
      await bob.send(`<message to='${hall}' type='groupchat' id='m1'><body>private</body></message>`);
      await hears(alice, /private/);
      await remove(bob);
      const heir = await bearerOf(bob.jid);
      assert.match(await enter(heir, hall, 'Bob'), /registration-required/);
      assert.match(await ask(heir, 'set', hall, `<query xmlns='urn:xmpp:mam:2'/>`), /<forbidden/);
      assert.match(await ask(heir, 'get', hall, `<query xmlns='${muc}#owner'/>`), /<forbidden/);
      const owners = await ask(alice, 'get', hall, `<query xmlns='${muc}#admin'><item affiliation='owner'/></query>`);
      assert.ok(!owners.includes('bob@'), owners);
      await grant(alice, hall, 'bob@a.example', 'member');
      const own = await enter(heir, hall, 'Bob');
      assert.match(own, /affiliation='member'/);
      assert.notEqual(occupantIdOf(own), before);
    });

    for (const affiliation of ['admin', 'member', 'outcast']) {
      test(`is no ${affiliation} of another tenant's room, whether it is in memory or not`, async () => {
        const bob = await stage.appear('bob@a.example/x');
        const carl = await stage.appear('carl@b.example/x');
        await enter(carl, far, 'Carl');
        await configure(carl, far, { persistentroom: '1' });
        await grant(carl, far, 'bob@a.example', affiliation);
        await carl.send(`<presence to='${far}/Carl' type='unavailable'/>`);
        if (affiliation !== 'admin') await stage.startRooms();
        await remove(bob);
        const heir = await bearerOf(bob.jid);
        assert.match(await enter(heir, far, 'Bob'), /affiliation='none'/);
      });
    }

    test('has no subscription, request or pre-approval in rosters of its own and of another tenant, and they are told', async () => {
      const bob = await stage.appear('bob@a.example/x');
      const near = await stage.appear('near@a.example/x');
      const carl = await stage.appear('carl@b.example/x');
      const approving = await stage.appear('approving@b.example/x');
      await stage.befriend(bob, near);
      await stage.befriend(bob, carl);
      await approving.send("<presence type='subscribed' to='bob@a.example'/>"); // RFC 6121 §3.4
      stage.clear();
      await remove(bob);
      await free(bob.jid.bare);
      for (const friend of [near, carl]) {
        const heard = friend.inbox.map((xml) => Stanza.parse(xml)).map(({ name, type = '' }) => `${name} ${type}`);
        for (const one of ['presence unavailable', 'presence unsubscribe', 'presence unsubscribed']) {
          assert.equal(heard.filter((other) => other === one).length, 1, `${friend.jid}: ${one} among ${heard}`);
        }
        const roster = await ask(friend, 'get', `${friend.jid.bare}`, "<query xmlns='jabber:iq:roster'/>");
        assert.match(roster, /<item [^>]*jid='bob@a.example'[^>]*subscription='none'/);
      }
      const heir = await bearerOf(bob.jid);
      assert.ok(!near.inbox.some((xml) => xml.includes("from='bob@a.example/x'")), 'the presence of the heir');
      await heir.send("<presence type='subscribe' to='approving@b.example'/>");
      await heir.send("<presence type='subscribe' to='carl@b.example'/>");
      assert.ok(!heir.inbox.some((xml) => xml.includes("type='subscribed'")), 'nobody has approved the heir');
    });

    test('is not subscribed to nodes of others, and has nothing of its own', async () => {
      const bob = await stage.appear('bob@a.example/x');
      const carl = await stage.appear('carl@b.example/x');
      const ns = 'http://jabber.org/protocol/pubsub';
      const publish = (text: string) =>
        ask(
          carl,
          'set',
          'carl@b.example',
          `<pubsub xmlns='${ns}'><publish node='urn:n'><item id='1'><n xmlns='urn:n'>${text}</n></item></publish><publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${ns}#publish-options</value></field><field var='pubsub#access_model'><value>open</value></field></x></publish-options></pubsub>`,
        );
      assert.match(await publish('one'), /type='result'/);
      const subscribed = await ask(
        bob,
        'set',
        'carl@b.example',
        `<pubsub xmlns='${ns}'><subscribe node='urn:n' jid='bob@a.example'/></pubsub>`,
      );
      assert.match(subscribed, /subscription='subscribed'/);
      await ask(bob, 'set', 'bob@a.example', `<block xmlns='urn:xmpp:blocking'><item jid='near@a.example'/></block>`);
      await ask(bob, 'set', 'bob@a.example', `<query xmlns='jabber:iq:private'><n xmlns='urn:private'>mine</n></query>`);
      await ask(bob, 'set', 'bob@a.example', `<vCard xmlns='vcard-temp'><FN>Bob</FN></vCard>`);
      await bob.send("<message to='carl@b.example' type='chat'><body>kept</body></message>");
      await remove(bob);
      const heir = await bearerOf(bob.jid);
      assert.match(await publish('two'), /type='result'/);
      assert.ok(!heir.inbox.some((xml) => xml.includes('urn:n')), 'the heir is told of nothing');
      const own = (child: string) => ask(heir, 'get', 'bob@a.example', child);
      assert.ok(!(await own(`<blocklist xmlns='urn:xmpp:blocking'/>`)).includes('near@'));
      assert.ok(!(await own(`<query xmlns='jabber:iq:private'><n xmlns='urn:private'/></query>`)).includes('mine'));
      assert.ok(!(await own(`<vCard xmlns='vcard-temp'/>`)).includes('Bob'));
      const archive = await ask(heir, 'set', 'bob@a.example', `<query xmlns='urn:xmpp:mam:2'/>`);
      assert.match(archive, /<count>0<|complete='true'/);
      assert.ok(!heir.inbox.some((xml) => xml.includes('kept')));
    });
  });
}

describe('files of an account that was removed', () => {
  async function upload(bob: BatchActor): Promise<string> {
    const slot = await ask(
      bob,
      'get',
      `upload.${bob.jid.domain}`,
      `<request xmlns='urn:xmpp:http:upload:0' filename='a.png' size='1' content-type='image/png'/>`,
    );
    const path = new URL(/<get url='([^']+)'/.exec(slot)![1]!).pathname;
    return path.slice('/files/'.length).split('/').map(decodeURIComponent).join('/');
  }
  const put = (key: string) =>
    stage.dependencies.blobs!.put(
      key,
      { type: 'image/png', sizeBytes: 1 },
      (async function* () {
        yield Uint8Array.of(1);
      })(),
    );

  test('are gone with it, also one that comes late, and others stay', async () => {
    const bob = await stage.appear('bob@a.example/x');
    const near = await stage.appear('near@a.example/x');
    const [first, late, other] = [await upload(bob), await upload(bob), await upload(near)];
    await put(first);
    await put(other);
    await done('user-remove', { jid: 'bob@a.example' });
    assert.equal(await stage.dependencies.blobs!.get(first), undefined);
    await put(late); // its slot is good for some minutes
    const { store, blobs, clock } = stage.dependencies;
    await deleteDoomedFiles(store, blobs!, clock.now());
    assert.equal(await blobs!.get(late), undefined);
    assert.ok(await blobs!.get(other));
    await deleteDoomedFiles(store, blobs!, clock.now() + 24 * 60 * 60 * 1000);
    const left = await store.query({ table: 'core', partition: '#files', prefix: 'doomed', limit: 10, consistent: true });
    assert.deepEqual(left, [], 'nothing is looked for for ever');
  });

  test('are gone with its tenant, those of older versions too, and not those of a domain that begins alike', async () => {
    const bob = await stage.appear('bob@a.example/x');
    const key = await upload(bob);
    for (const one of [key, 'a.example/older/b.png', 'b.example/1/c.png', 'a.example.org/1/d.png']) await put(one);
    await done('tenant-remove', { domain: 'a.example', force: true });
    const kept = ['b.example/1/c.png', 'a.example.org/1/d.png'];
    for (const one of [key, 'a.example/older/b.png']) assert.equal(await stage.dependencies.blobs!.get(one), undefined, one);
    for (const one of kept) assert.ok(await stage.dependencies.blobs!.get(one), one);
  });
});

describe('a tenant that was removed', () => {
  test('leaves rooms, archives, members and names to nobody, and nothing in the other tenant', async () => {
    const bob = await stage.appear('bob@a.example/x');
    const carl = await stage.appear('carl@b.example/x');
    const before = occupantIdOf(await enter(bob, hall, 'Bob'));
    await configure(bob, hall, { membersonly: '1', persistentroom: '1' });
    await bob.send(`<message to='${hall}' type='groupchat' id='m1'><body>private</body></message>`);
    await enter(carl, far, 'Carl');
    await configure(carl, far, { membersonly: '1', persistentroom: '1' });
    await grant(carl, far, 'bob@a.example', 'admin');
    await grant(carl, far, 'a.example', 'member');
    const farBefore = occupantIdOf(await enter(bob, far, 'Bob'));
    await stage.befriend(bob, carl);
    await done('tenant-remove', { domain: 'a.example', force: true });
    assert.equal(bob.closed, 'not-authorized');
    assert.match(await hears(carl, /Bob' .*type='unavailable'|type='unavailable'.*Bob'/), /far@/);
    await done('tenant-add', { domain: 'a.example' });
    await done('user-add', { jid: 'bob@a.example', password: 'x' });
    const heir = await stage.appear('bob@a.example/x');
    assert.match(await enter(heir, far, 'Bob'), /registration-required/);
    const own = await enter(heir, hall, 'Bob');
    assert.match(own, /code='201'/, 'the room is made anew');
    assert.notEqual(occupantIdOf(own), before);
    await configure(heir, hall, { persistentroom: '1' });
    heir.inbox.length = 0;
    assert.match(await ask(heir, 'set', hall, `<query xmlns='urn:xmpp:mam:2'/>`), /complete='true'/);
    assert.ok(!heir.inbox.some((xml) => xml.includes('private')));
    const roster = await ask(carl, 'get', 'carl@b.example', "<query xmlns='jabber:iq:roster'/>");
    assert.match(roster, /<item [^>]*jid='bob@a.example'[^>]*subscription='none'/);
    await grant(carl, far, 'bob@a.example', 'member');
    assert.notEqual(occupantIdOf(await enter(heir, far, 'Bob')), farBefore);
  });

  test('serves nobody, and its domain and names stay taken, until it is erased by whoever goes on', async () => {
    const bob = await stage.appear('bob@a.example/x');
    await enter(bob, hall, 'Bob');
    const { dependencies } = stage;
    const tenant = (await dependencies.tenants.find('a.example'))!;
    await RemovalLease.take(dependencies, 'a.example', 'a process that died', { row: { tenant }, mayTake: () => false });
    await dependencies.tenants.remove(tenant);
    const refused = await perform(dependencies, { kind: 'admin', operation: 'tenant-add', arguments: { domain: 'a.example' } });
    assert.match(refused.error!, /'a.example' is being removed/);
    assert.equal(await addAccount(dependencies, tenant, 'late', 'x'), 'leaving');
    await bob.send('<presence/>');
    assert.equal(bob.closed, 'host-unknown');
    await removalsOf(dependencies).resume();
    await until(async () => (await listRemovals(dependencies.store, 1)).length === 0, 'the removal is gone on with');
    await done('tenant-add', { domain: 'a.example' });
    const heir = await stage.appear('bob@a.example/x');
    assert.match(await enter(heir, hall, 'Bob'), /code='201'/);
  });
});

describe('a room that was destroyed', () => {
  test('is another one for whoever makes it again, with other occupant ids', async () => {
    const bob = await stage.appear('bob@a.example/x');
    const alice = await stage.appear('alice@a.example/x');
    const before = occupantIdOf(await enter(bob, hall, 'Bob'));
    await configure(bob, hall, { persistentroom: '1', membersonly: '1' });
    await grant(bob, hall, 'carl@b.example', 'member');
    await bob.send(`<message to='${hall}' type='groupchat' id='m1'><body>private</body></message>`);
    await ask(bob, 'set', hall, `<query xmlns='${muc}#owner'><destroy/></query>`);
    assert.match(await enter(alice, hall, 'Alice'), /code='201'/);
    await configure(alice, hall, { persistentroom: '1' });
    const members = await ask(alice, 'get', hall, `<query xmlns='${muc}#admin'><item affiliation='member'/></query>`);
    assert.ok(!members.includes('<item'), members);
    await ask(alice, 'set', hall, `<query xmlns='urn:xmpp:mam:2'/>`);
    assert.ok(!alice.inbox.some((xml) => xml.includes('private')));
    assert.notEqual(occupantIdOf(await enter(bob, hall, 'Bob')), before);
  });
});

test('a session of a removed account whose node was not told reads nothing of the next one', async () => {
  const bob = await stage.appear('bob@a.example/x');
  await done('user-remove', { jid: 'bob@a.example' });
  const heir = await bearerOf(bob.jid);
  await ask(heir, 'set', 'bob@a.example', `<vCard xmlns='vcard-temp'><FN>Heir</FN></vCard>`);
  bob.inbox.length = 0;
  await bob.send("<iq type='get' id='v'><vCard xmlns='vcard-temp'/></iq>");
  assert.deepEqual(bob.inbox, []);
  assert.equal(bob.closed, 'reset');
});

describe('the registry of collections', () => {
  test('has for each that grants something to other addresses a place where that is forgotten', () => {
    const granting = declaredCollections().filter(({ grants }) => grants);
    const covered = [
      ...forgottenWith(roomFeatures),
      ...features.flatMap(({ forgets, tenantForgets }) => [
        ...(forgets?.collections ?? []),
        ...(tenantForgets?.collections ?? []),
      ]),
    ];
    const names = (list: readonly { readonly owner: string; readonly name: string }[]) =>
      list.map(({ owner, name }) => `${owner} ${name}`).sort();
    assert.deepEqual(names(granting), names(covered));
    assert.ok(granting.length >= 6, 'subscriptions, affiliations, hats, roles, occupants');
  });
});
