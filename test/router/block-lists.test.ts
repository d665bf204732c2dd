/** Real-time block lists: how a tenant reads them from a pubsub service at another server, whom they keep out, and what strangers cannot make of them. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { InboundReply } from '../../lib/runtime/wire.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { listLimits } from '../../services/router/routing/limits.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { until } from '../support/until.ts';
import { setPolicy } from './policy-forms.ts';

const service = 'rtbl.example';
const list = `xmpp:${service}?;node=muc_bans_sha256`;
const hashOf = (address: string) => createHash('sha256').update(address).digest('hex');

let stage: WholeStage;
let juliet: StreamActor;
/** What has left for the service. */
let sent: Stanza[];
let number = 0;

beforeEach(async () => {
  sent = [];
  stage = await openStage({
    wrap(parts) {
      const route: typeof parts.route = Object.assign(
        (...[turn, tenant, stanza, id]: Parameters<typeof parts.route>) => {
          if (stanza.to?.domain !== service && stanza.to?.domain !== 'spam.example') return parts.route(turn, tenant, stanza, id);
          sent.push(Stanza.parse(stanza.bytes));
          return undefined;
        },
        { hosted: parts.route.hosted },
      );
      return { ...parts, route, isFederated: true };
    },
  });
  juliet = await stage.appear('juliet@a.example/balcony');
});
afterEach(() => stage.close());

/** A stanza of another server arrives. */
async function arrives(xml: string, domain = 'a.example'): Promise<void> {
  const request = { kind: 'inbound', domain, ids: [`00000000peer${number++}`], isFromPeer: true };
  await stage.ask<InboundReply>(request, [xml]);
}

const from = (address: string, to = 'juliet@a.example') =>
  arrives(`<message from='${address}/x' to='${to}' type='chat' id='m'><body>from ${address}</body></message>`, to.split('@')[1]);

async function asked(): Promise<Stanza> {
  await until(
    () => sent.some((stanza) => stanza.type === 'get'),
    () => 'the request for the list',
  );
  return sent.splice(0).find((stanza) => stanza.type === 'get')!;
}

const items = (addresses: readonly string[]) => addresses.map((address) => `<item id='${hashOf(address)}'/>`).join('');

function page(id: string, content: string, last?: string, node = 'muc_bans_sha256', by = service): string {
  const set = last === undefined ? '' : `<set xmlns='http://jabber.org/protocol/rsm'><last>${last}</last></set>`;
  const pubsub = `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='${node}'>${content}</items>${set}</pubsub>`;
  return `<iq type='result' from='${by}' to='a.example' id='${id}'>${pubsub}</iq>`;
}

const news = (content: string, by = service) =>
  `<message from='${by}' to='a.example' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'>${content}</event></message>`;
const change = (content: string) => `<items node='muc_bans_sha256'>${content}</items>`;

async function heeding(addresses: readonly string[]): Promise<void> {
  await setPolicy(stage, 'a.example', { blockLists: [list] });
  await arrives(page((await asked()).id!, items(addresses)));
}

/** What Juliet and the sender see of a first message from there. */
async function isLetIn(address: string): Promise<boolean> {
  juliet.inbox.length = 0;
  sent.length = 0;
  await from(address);
  const heard = juliet.inbox.some((xml) => xml.includes(`from ${address}`));
  const refused = sent.find((stanza) => stanza.type === 'error');
  assert.equal(refused === undefined, heard, juliet.inbox.join('\n'));
  if (refused) assert.match(refused.bytes.toString(), /<policy-violation /);
  return heard;
}

test('the policy makes the domain subscribe to the list and read it; who is on it, or whose domain is, is kept out', async () => {
  await setPolicy(stage, 'a.example', { blockLists: [list] });
  await until(
    () => sent.length === 2,
    () => 'two requests',
  );
  const [subscribe, get] = sent as [Stanza, Stanza];
  assert.match(subscribe.bytes.toString(), /<subscribe node='muc_bans_sha256' jid='a\.example'\/>/);
  assert.match(
    get.bytes.toString(),
    /from='a\.example' to='rtbl\.example'.*<items node='muc_bans_sha256'\/><set .*<max>500<\/max>/,
  );
  await arrives(page(get.id!, items(['mallory@spam.example', 'eve@spam.example'])));
  assert.equal(await isLetIn('mallory@spam.example'), false);
  assert.equal(await isLetIn('romeo@spam.example'), true);
  assert.equal(await isLetIn('mallory@spam.example'), false, 'and again');
  juliet.inbox.length = 0;
  await arrives(`<presence from='eve@spam.example' to='juliet@a.example' type='subscribe'/>`);
  assert.deepEqual(juliet.inbox, []);
});

test('a domain on the list stands for everybody there; contacts are not strangers; another tenant does not heed the list', async () => {
  const romeo = await stage.appear('romeo@b.example/orchard');
  await juliet.send(`<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='friend@spam.example'/></query></iq>`);
  await heeding(['spam.example']);
  assert.equal(await isLetIn('anybody@spam.example'), false);
  assert.equal(await isLetIn('friend@spam.example'), true);
  romeo.inbox.length = 0;
  await from('anybody@spam.example', 'romeo@b.example');
  assert.ok(romeo.inbox.some((xml) => xml.includes('from anybody')));
});

test('a list of several pages is read to its end', async () => {
  await setPolicy(stage, 'a.example', { blockLists: [list] });
  const first = await asked();
  const many = Array.from({ length: listLimits.listPageMax }, (_, index) => `n${index}@elsewhere.example`);
  await arrives(page(first.id!, items(many), 'the-last'));
  const second = await asked();
  assert.match(second.bytes.toString(), /<after>the-last<\/after>/);
  assert.notEqual(second.id, first.id);
  await arrives(page(second.id!, items(['mallory@spam.example']), 'the-end'));
  assert.equal(await isLetIn('mallory@spam.example'), false);
  assert.equal(
    sent.some((stanza) => stanza.type === 'get'),
    false,
    'a page that is not full is the last one',
  );
});

test('XEP-0060 §7: what the service adds and takes away counts, as soon as a router looks again', async () => {
  await heeding(['mallory@spam.example']);
  await arrives(news(change(items(['eve@spam.example']))));
  await arrives(news(change(`<retract id='${hashOf('mallory@spam.example')}'/>`)));
  assert.equal(await isLetIn('eve@spam.example'), false);
  assert.equal(await isLetIn('mallory@spam.example'), true);
});

test('nobody but the service answers and tells news, and nothing of it is bounced', async () => {
  await setPolicy(stage, 'a.example', { blockLists: [list] });
  const { id } = await asked();
  await arrives(page(id!, items(['romeo@spam.example']), undefined, 'muc_bans_sha256', 'other.example'));
  await arrives(page(id!, items(['romeo@spam.example']), undefined, 'another-node'));
  await arrives(page('list-000000000000000000000000', items(['romeo@spam.example'])));
  await arrives(news(change(items(['romeo@spam.example'])), 'mallory@rtbl.example'));
  await arrives(news(change(items(['romeo@spam.example'])), 'rtbl.example/resource'));
  await arrives(news(`<items node='another-node'>${items(['romeo@spam.example'])}</items>`));
  await arrives(news(change(`<item id='${'x'.repeat(64)}'/><item/><item id='abc'/>`)));
  await arrives(page(id!, `${items(['mallory@spam.example'])}<item id='short'/>`));
  await arrives(page(id!, items(['romeo@spam.example'])));
  assert.equal(await isLetIn('romeo@spam.example'), true);
  assert.equal(await isLetIn('mallory@spam.example'), false);
});

test('a list has a bound', async () => {
  await setPolicy(stage, 'a.example', { blockLists: [list] });
  let { id } = await asked();
  for (let count = 0; count < listLimits.listEntriesMax / listLimits.listPageMax; count++) {
    const many = Array.from({ length: listLimits.listPageMax }, (_, index) => `n${count}-${index}@spam.example`);
    await arrives(page(id!, items(many), `p${count}`));
    await pause(1);
    id = sent.splice(0).find((stanza) => stanza.type === 'get')?.id;
  }
  assert.equal(id, undefined, 'no page is asked for beyond the bound');
  assert.equal(await isLetIn('n0-0@spam.example'), false);
});

test('XEP-0060 §8.5: a purge empties the list', async () => {
  await heeding(['eve@spam.example']);
  await arrives(news(`<purge node='muc_bans_sha256'/>`));
  await arrives(news(change(items(['mallory@spam.example']))));
  assert.equal(await isLetIn('eve@spam.example'), true);
  assert.equal(await isLetIn('mallory@spam.example'), false);
});

for (const wrong of [
  'rtbl.example',
  'xmpp:rtbl.example',
  'xmpp:rtbl.example/x?;node=n',
  'https://rtbl.example',
  'xmpp:?;node=n',
]) {
  test(`'${wrong}' is not a block list`, async () => {
    await assert.rejects(setPolicy(stage, 'a.example', { blockLists: [wrong] }), /is not a block list/);
  });
}
