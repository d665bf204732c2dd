/**
 * Shared roster groups: members are in each other's rosters and see each other's presence without a row for a pair, clients learn at once of
 * changes and cannot take members out, and nobody of another tenant is ever a member.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { laterOf, type RunningLater } from '../../services/router/later/later.ts';
import { laterLimits } from '../../services/router/later/limits.ts';
import { rosterItems } from '../../services/router/roster/roster.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openSignInGround, type SignInGround, until } from './sign-in-ground.ts';

const bounds = runtimeLimits as { tenantCacheMs: number; rosterGroupTellMs: number; rosterGroupsMax: number };
const preset = { ...bounds };
const NS = 'jabber:iq:roster';

let ground: SignInGround;
let later: RunningLater;
/** True: this process leaves what it has to tell to others. */
let isDead: boolean;

beforeEach(async () => {
  isDead = false;
  Object.assign(bounds, { tenantCacheMs: 10, rosterGroupTellMs: 0 });
  ground = await openSignInGround((parts) => ({
    ...parts,
    later: { soon: (work, atMs) => void (isDead || later.soon(work, atMs)) },
  }));
  later = laterOf(() => ground.stage.dependencies);
  later.watch();
  for (const jid of ['juliet@a.example', 'nurse@a.example', 'tybalt@a.example', 'romeo@b.example'])
    await ground.stage.addAccount(jid);
});
afterEach(async () => {
  Object.assign(bounds, preset);
  await later.stop();
  await ground.close();
});

const domain = 'a.example';
const setGroup = (members: readonly string[], group = 'House') => ground.operate('roster-group-set', { domain, group, members });
const told = () =>
  until(async () => {
    await ground.stage.settle();
    const rows = await ground.stage.store.query({
      ...{ table: 'live', partition: `${domain}/t`, prefix: 'groupChange/', limit: 10, consistent: true },
    });
    return rows.length === 0;
  });

async function appear(address: string): Promise<StreamActor> {
  const actor = await ground.stage.join(address);
  await actor.ask('get', `<query xmlns='${NS}'/>`, `${actor.jid.bare}`);
  await actor.send('<presence/>');
  await ground.stage.settle();
  return actor;
}

/** `jid subscription group,group name`, and the version. */
async function roster(who: StreamActor, ver = ''): Promise<{ readonly items: string[]; readonly ver: string | undefined }> {
  const answer = await who.ask('get', `<query xmlns='${NS}' ver='${ver}'/>`, `${who.jid.bare}`);
  const items = [...answer.matchAll(/<item ([^>]*?)(?:\/>|>(.*?)<\/item>)/g)].map(([, attributes, inner = '']) =>
    itemOf(attributes!, inner),
  );
  return { items: items.sort(), ver: /<query[^>]* ver=["']([^"']*)/.exec(answer)?.[1] };
}

function itemOf(attributes: string, inner: string): string {
  const of = (name: string) => new RegExp(`\\b${name}=["']([^"']*)`).exec(attributes)?.[1];
  const groups = [...inner.matchAll(/<group>([^<]*)/g)].map(([, group]) => group).join(',');
  return [of('jid'), of('subscription'), groups, of('name')].filter(Boolean).join(' ');
}

/** What came since the last look: pushes as items, presence as `type from`. */
function heard(who: StreamActor): string[] {
  return who
    .take()
    .map(String)
    .flatMap((xml) => {
      const push = /<query [^>]*jabber:iq:roster[^>]*><item ([^>]*?)(?:\/>|>(.*?)<\/item>)/.exec(xml);
      if (push) return [`push ${itemOf(push[1]!, push[2] ?? '')}`];
      const type = /<presence [^>]*type=["'](\w+)/.exec(xml)?.[1] ?? 'available';
      return xml.startsWith('<presence') ? [`${type} ${/from=["']([^"']*)/.exec(xml)?.[1]}`] : [];
    })
    .sort();
}

async function rows(local: string): Promise<number> {
  return (await Rows.ofAccount(ground.stage.store, domain, local).list(rosterItems, { limit: 10 })).length;
}

describe('a group', () => {
  test('puts its members into the rosters of each other, with presence, and without a row', async () => {
    await setGroup(['juliet@a.example Juliet C.', 'nurse']);
    await told();
    const nurse = await appear('nurse@a.example/hall');
    const tybalt = await appear('tybalt@a.example/street');
    const romeo = await appear('romeo@b.example/orchard');
    for (const who of [nurse, tybalt, romeo]) who.take();
    const juliet = await appear('juliet@a.example/balcony');
    assert.ok(heard(juliet).includes('available nurse@a.example/hall'));
    assert.deepEqual(heard(nurse), ['available juliet@a.example/balcony']);
    assert.deepEqual((await roster(juliet)).items, ['nurse@a.example both House']);
    assert.deepEqual((await roster(nurse)).items, ['juliet@a.example both House Juliet C.']);
    assert.deepEqual([heard(tybalt), heard(romeo)], [[], []]);
    await juliet.send("<presence type='unavailable'/>");
    await ground.stage.settle();
    assert.deepEqual(heard(nurse), ['unavailable juliet@a.example/balcony']);
    assert.deepEqual([await rows('juliet'), await rows('nurse')], [0, 0]);
    const { items } = await roster(tybalt);
    assert.deepEqual(items, []);
  });

  test('tells members who are online of each change, and takes away what it gave', async () => {
    const people = await Promise.all(['juliet@a.example/balcony', 'nurse@a.example/hall', 'tybalt@a.example/street'].map(appear));
    const [juliet, nurse, tybalt] = people as [StreamActor, StreamActor, StreamActor];
    for (const who of people) who.take();
    await setGroup(['juliet', 'nurse']);
    await told();
    assert.deepEqual(heard(juliet), ['available nurse@a.example/hall', 'push nurse@a.example both House']);
    assert.deepEqual(heard(nurse), ['available juliet@a.example/balcony', 'push juliet@a.example both House']);
    assert.deepEqual(heard(tybalt), []);
    await ground.operate('roster-group-add', { domain, group: 'House', member: 'tybalt@a.example' });
    await told();
    assert.deepEqual(heard(juliet), ['available tybalt@a.example/street', 'push tybalt@a.example both House']);
    assert.equal(heard(tybalt).length, 4);
    heard(nurse);
    await ground.operate('roster-group-drop', { domain, group: 'House', member: 'nurse' });
    await told();
    assert.deepEqual(heard(juliet), ['push nurse@a.example remove', 'unavailable nurse@a.example/hall']);
    assert.deepEqual(heard(nurse), [
      ...['push juliet@a.example remove', 'push tybalt@a.example remove'],
      ...['unavailable juliet@a.example/balcony', 'unavailable tybalt@a.example/street'],
    ]);
    await ground.operate('roster-group-remove', { domain, group: 'House' });
    await told();
    for (const who of people) assert.deepEqual((await roster(who)).items, []);
    await nurse.send('<presence><show>away</show></presence>');
    await ground.stage.settle();
    assert.ok(!heard(juliet).some((one) => one.includes('nurse')));
  });

  test('cannot be left by a client, which may name members and sort them as it likes', async () => {
    await setGroup(['juliet', 'nurse']);
    await told();
    const juliet = await appear('juliet@a.example/balcony');
    const refused = await juliet.ask(
      'set',
      `<query xmlns='${NS}'><item jid='nurse@a.example' subscription='remove'/></query>`,
      'juliet@a.example',
    );
    assert.match(refused, /<not-allowed /);
    const item = `<item jid='nurse@a.example' name='Angelica'><group>House</group><group>Old</group></item>`;
    await juliet.ask('set', `<query xmlns='${NS}'>${item}</query>`, 'juliet@a.example');
    assert.deepEqual((await roster(juliet)).items, ['nurse@a.example both Old,House Angelica']);
    for (const type of ['unsubscribe', 'unsubscribed']) await juliet.send(`<presence type='${type}' to='nurse@a.example'/>`);
    await ground.stage.settle();
    assert.deepEqual((await roster(juliet)).items, ['nurse@a.example both Old,House Angelica']);
    await ground.operate('roster-group-remove', { domain, group: 'House' });
    await told();
    assert.deepEqual((await roster(juliet)).items, ['nurse@a.example none Old Angelica']);
  });

  test('leaves what two have agreed on themselves', async () => {
    const [juliet, nurse] = [await appear('juliet@a.example/balcony'), await appear('nurse@a.example/hall')];
    await ground.stage.befriend(juliet, nurse);
    await setGroup(['juliet', 'nurse']);
    await told();
    for (const who of [juliet, nurse]) who.take();
    await ground.operate('roster-group-remove', { domain, group: 'House' });
    await told();
    assert.ok(!heard(juliet).some((one) => one.startsWith('unavailable')));
    assert.match((await roster(juliet)).items.join(), /^nurse@a\.example both/);
  });

  test('is shown to nobody who is blocked', async () => {
    const [juliet, nurse] = [await appear('juliet@a.example/balcony'), await appear('nurse@a.example/hall')];
    await juliet.ask('set', "<block xmlns='urn:xmpp:blocking'><item jid='nurse@a.example'/></block>", 'juliet@a.example');
    for (const who of [juliet, nurse]) who.take();
    await setGroup(['juliet', 'nurse']);
    await told();
    for (const who of [juliet, nurse])
      assert.deepEqual(
        heard(who).filter((one) => !one.startsWith('push')),
        [],
      );
  });

  test('is told by another router, if the one that has changed it dies', async () => {
    const juliet = await appear('juliet@a.example/balcony');
    await appear('nurse@a.example/hall');
    juliet.take();
    isDead = true;
    await setGroup(['juliet', 'nurse']);
    ground.shiftMs += laterLimits.groupChangeMs + laterLimits.overdueMs + 1;
    for (let lists = 0; lists < runtimeLimits.workLists; lists++) await later.sweep();
    await told();
    assert.deepEqual(heard(juliet), ['available nurse@a.example/hall', 'push nurse@a.example both House']);
  });

  test('loses an account that is removed, also for whoever has the name later', async () => {
    await setGroup(['juliet', 'nurse', 'tybalt']);
    await told();
    const juliet = await appear('juliet@a.example/balcony');
    juliet.take();
    await ground.operate('user-remove', { jid: 'tybalt@a.example' });
    await told();
    assert.ok(heard(juliet).includes('push tybalt@a.example remove'));
    await ground.stage.addAccount('tybalt@a.example');
    assert.deepEqual((await roster(await appear('tybalt@a.example/street'))).items, []);
  });

  test('has its bounds, and members of its tenant alone', async () => {
    await assert.rejects(setGroup(['romeo@b.example']), /not an account of 'a.example'/);
    await assert.rejects(setGroup(['nobody']), /there is no account 'nobody@a.example'/);
    await assert.rejects(setGroup(['juliet'], 'a\u0000b'), /that XML does not allow/);
    const many = Array.from({ length: runtimeLimits.rosterGroupMembersMax + 1 }, (_, at) => `x${at}`);
    await assert.rejects(setGroup(many));
    await assert.rejects(ground.operate('roster-group-add', { domain, group: 'Nobody', member: 'juliet' }), /there is no group/);
    bounds.rosterGroupsMax = 2;
    await assert.rejects(async () => {
      for (let at = 0; at <= runtimeLimits.rosterGroupsMax; at++) await setGroup(['juliet'], `group ${at}`);
    }, /more are not allowed/);
  });
});

describe('the version of a roster (RFC 6121 §2.6)', () => {
  test('changes with the groups, and is the old one for an account that is in none', async () => {
    const juliet = await appear('juliet@a.example/balcony');
    await juliet.ask('set', `<query xmlns='${NS}'><item jid='romeo@b.example'/></query>`, 'juliet@a.example');
    const { ver: first } = await roster(juliet);
    assert.match(first!, /^\d+$/);
    await setGroup(['juliet', 'nurse']);
    await told();
    const second = await roster(juliet, first);
    assert.deepEqual(second.items, ['nurse@a.example both House', 'romeo@b.example none'], 'the whole roster');
    assert.match(second.ver!, /^\d+-[0-9a-f]+$/);
    assert.deepEqual((await roster(juliet, second.ver)).items, [], 'nothing has changed');
    juliet.take();
    await ground.operate('roster-group-add', { domain, group: 'House', member: 'tybalt' });
    await told();
    const pushed = /ver=["']([^"']*)/.exec(
      juliet
        .take()
        .map(String)
        .find((xml) => xml.includes('jabber:iq:roster')) ?? '',
    )?.[1];
    assert.deepEqual((await roster(juliet, pushed)).items, [], 'whoever has heard the push knows it all');
    assert.equal((await roster(juliet, second.ver)).items.length, 3);
    await ground.operate('roster-group-remove', { domain, group: 'House' });
    await told();
    assert.deepEqual((await roster(juliet, pushed)).items, ['romeo@b.example none']);
    assert.equal((await roster(juliet)).ver, first);
  });
});
