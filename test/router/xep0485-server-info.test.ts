/**
 * XEP-0485: PubSub Server Information. What a domain publishes of the others that it has streams to, who is named, and what others cannot make
 * of it. Owners of streams are played on the bus; what leaves for other servers is kept.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import type { PairReport, PairsRequest } from '../../lib/runtime/pair-wire.ts';
import type { InboundReply } from '../../lib/runtime/wire.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { laterOf, type RunningLater } from '../../services/router/later/later.ts';
import { laterLimits } from '../../services/router/later/limits.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { formsOf } from './policy-forms.ts';
import { ask, create, disco, items, publish } from './pubsub-ground.ts';
import { openSignInGround, type SignInGround } from './sign-in-ground.ts';

const NS = 'urn:xmpp:serverinfo:0';
const NS_INFO = 'http://jabber.org/protocol/disco#info';
const peers = ['one.test', 'two.test', 'three.test'];

let ground: SignInGround;
let later: RunningLater;
let juliet: StreamActor;
/** What has left for other servers. */
let sent: Stanza[];
let pairs: readonly Pick<PairReport, 'tenant' | 'host' | 'peer' | 'state'>[];
let number = 0;

beforeEach(async () => {
  sent = [];
  pairs = peers.map((peer) => ({ tenant: 'a.example', host: 'a.example', peer, state: 'open' }));
  ground = await openSignInGround((parts) => {
    const route: typeof parts.route = Object.assign(
      (...[turn, tenant, stanza, id]: Parameters<typeof parts.route>) => {
        if (!peers.includes(stanza.to?.domain ?? '')) return parts.route(turn, tenant, stanza, id);
        sent.push(Stanza.parse(stanza.bytes));
        return undefined;
      },
      { hosted: parts.route.hosted },
    );
    return { ...parts, route, isFederated: true };
  });
  const { bus } = ground.stage.dependencies;
  await bus.serve('s2s.5', async (payload) => {
    const { tenant } = decodeFrame<PairsRequest>(payload).header;
    const report = { waiting: 0, oldestMs: 0 };
    return encodeFrame({ pairs: pairs.filter((pair) => pair.tenant === tenant).map((pair) => ({ ...report, ...pair })) });
  });
  later = laterOf(() => ground.stage.dependencies);
  later.watch();
  juliet = await ground.stage.appear('juliet@a.example/balcony');
});
afterEach(async () => {
  await later.stop();
  await ground.close();
});

async function policy(given: object): Promise<void> {
  await ground.operate('tenant-set', { domain: 'a.example', ...given });
  await ground.set({}); // what the router knows of the tenant is read again
}

/** Time goes by, and routers look for what is due. */
async function pass(ms: number): Promise<void> {
  ground.shiftMs += ms + laterLimits.overdueMs + 1;
  for (let lists = 0; lists < runtimeLimits.workLists; lists++) await later.sweep();
}

/** A stanza of another server arrives. */
async function arrives(xml: string, domain = 'a.example'): Promise<void> {
  const request = { kind: 'inbound', domain, ids: [`00000000peer${number++}`], isFromPeer: true };
  await ground.stage.ask<InboundReply>(request, [xml]);
}

const answerTo = (iq: Stanza, ...vars: readonly string[]) =>
  `<iq type='result' from='${iq.to}' to='${iq.from}' id='${iq.id}'><query xmlns='${NS_INFO}'>${vars
    .map((name) => `<feature var='${name}'/>`)
    .join('')}</query></iq>`;

const read = async (who = juliet, domain = 'a.example') =>
  ask(who, items('serverinfo').replaceAll('pubsub.a.example', `pubsub.${domain}`));
const remotesIn = (answer: string) => [...answer.matchAll(/<remote-domain(?: name=['"]([^'"]*)['"])?/g)].map(([, name]) => name);

test('§3: nothing is said unless the tenant wants it; then a feature, and where the node is, in the form of XEP-0157', async () => {
  await pass(laterLimits.infoMs);
  assert.match(await read(), /item-not-found/);
  assert.doesNotMatch(await ask(juliet, disco('info', undefined, '', 'a.example')), new RegExp(NS));
  await policy({ serverInfo: 'on', abuseContacts: ['mailto:abuse@a.example'] });
  assert.match(await ask(juliet, disco('info', undefined, '', 'a.example')), new RegExp(`<feature var=["']${NS}`));
  const forms = await formsOf(ground.stage, juliet, 'a.example');
  assert.deepEqual(forms['http://jabber.org/network/serverinfo'], {
    'abuse-addresses': ['mailto:abuse@a.example'],
    'serverinfo-pubsub-node': ['xmpp:pubsub.a.example?;node=serverinfo'],
  });
  assert.doesNotMatch(await ask(juliet, disco('info', undefined, '', 'b.example')), new RegExp(NS));
});

test('§4, §5: an open node has one item, in which others are named once they have said that they take part', async () => {
  await policy({ serverInfo: 'on' });
  await pass(0);
  assert.deepEqual(remotesIn(await read()), [undefined, undefined, undefined]);
  assert.deepEqual(
    sent.map(({ to, from, type }) => `${type} ${from} ${to}`).sort(),
    peers.map((peer) => `get a.example ${peer}`).sort(),
  );
  const [one, two, three] = peers.map((peer) => sent.find(({ to }) => `${to}` === peer)!);
  await arrives(answerTo(one!, NS, 'x'));
  await arrives(answerTo(two!, 'x'));
  await arrives(`<iq type='error' from='three.test' to='a.example' id='${three!.id}'><error type='cancel'/></iq>`);
  await pass(laterLimits.infoSoonMs);
  const romeo = await ground.stage.appear('romeo@b.example/orchard');
  for (const who of [juliet, romeo]) {
    const answer = await read(who);
    assert.deepEqual(remotesIn(answer), ['one.test', undefined, undefined]);
    assert.match(
      answer,
      /<item id='current'[^>]*><serverinfo xmlns='urn:xmpp:serverinfo:0'><domain name='a.example'><federation>/,
    );
    assert.equal(answer.match(/<item /g)!.length, 1);
  }
  assert.equal(sent.length, 3, 'they are not asked again so soon');
});

test('what was said counts for a day, and a stream that is closed is not told of', async () => {
  await policy({ serverInfo: 'on' });
  await pass(0);
  for (const iq of sent.splice(0)) await arrives(answerTo(iq, NS));
  await pass(laterLimits.infoSoonMs);
  assert.deepEqual(remotesIn(await read()), [...peers].sort());
  pairs = pairs.map((pair) => (pair.peer === 'two.test' ? { ...pair, state: 'idle' } : pair));
  await pass(laterLimits.infoMs);
  assert.deepEqual(remotesIn(await read()), ['one.test', 'three.test']);
  await pass(laterLimits.infoKnownMs);
  assert.deepEqual(remotesIn(await read()), [undefined, undefined], 'nobody has said it again');
  assert.deepEqual(sent.map(({ to }) => `${to}`).sort(), ['one.test', 'three.test']);
});

test('streams of rooms and of other tenants are not told of, and what is not asked says nothing', async () => {
  pairs = [
    { tenant: 'a.example', host: 'conference.a.example', peer: 'one.test', state: 'open' },
    { tenant: 'b.example', host: 'b.example', peer: 'two.test', state: 'open' },
    { tenant: 'a.example', host: 'a.example', peer: 'three.test', state: 'resting' },
  ];
  await policy({ serverInfo: 'on' });
  await pass(0);
  assert.deepEqual([remotesIn(await read()), sent.length], [[], 0]);
  pairs = [{ tenant: 'a.example', host: 'a.example', peer: 'one.test', state: 'open' }];
  await pass(laterLimits.infoMs);
  const [asked] = sent as [Stanza];
  const forged = answerTo(asked, NS);
  await arrives(forged.replace("from='one.test'", "from='two.test'"));
  await arrives(forged.replace("from='one.test'", "from='mallory@one.test'"));
  await arrives(forged.replace("from='one.test'", "from='one.test/x'"));
  await arrives(forged.replace(/id='[^']*'/, "id='info-0'"));
  await pass(laterLimits.infoSoonMs);
  assert.deepEqual(remotesIn(await read()), [undefined]);
  await arrives(forged);
  await arrives(forged.replace(NS, 'x'));
  await pass(laterLimits.infoMs);
  assert.deepEqual(remotesIn(await read()), ['one.test'], 'the first answer counts');
});

test('nobody else makes the node, publishes to it or stands in for it; it goes when the tenant wants no more', async () => {
  assert.match(await ask(juliet, create('serverinfo')), /<not-allowed/);
  assert.match(await ask(juliet, publish('serverinfo', 'current', `<serverinfo xmlns='${NS}'/>`)), /<not-allowed/);
  await policy({ serverInfo: 'on' });
  await pass(0);
  assert.match(await ask(juliet, publish('serverinfo', 'current', `<serverinfo xmlns='${NS}'/>`)), /<forbidden/);
  assert.match(await read(), /<federation/);
  await policy({ serverInfo: 'off' });
  await pass(0);
  assert.match(await read(), /item-not-found/);
  sent.length = 0;
  for (let round = 0; round < 3; round++) await pass(laterLimits.infoMs);
  assert.equal(sent.length, 0, 'nobody is asked any more');
  await policy({ serverInfo: 'on' });
  await policy({ serverInfo: 'off' });
  await policy({ serverInfo: 'on' });
  await pass(0);
  assert.match(await read(), /<federation/);
});

test('it is said once for all routers, and goes on', async () => {
  await policy({ serverInfo: 'on' });
  const other = laterOf(() => ground.stage.dependencies);
  other.watch();
  ground.shiftMs += laterLimits.overdueMs + 1;
  for (let lists = 0; lists < runtimeLimits.workLists; lists++) await Promise.all([later.sweep(), other.sweep()]);
  await other.stop();
  assert.equal(sent.length, 3);
  await pass(laterLimits.infoMs);
  await pass(laterLimits.infoMs);
  assert.ok(sent.length > 3, 'whoever did not answer is asked again');
});
