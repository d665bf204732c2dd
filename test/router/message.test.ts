/** RFC 6121 §5, §8.1 and the delivery rules of §8.5, as one table. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';

const refused = `<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;
const anyId = `<stanza-id xmlns='urn:xmpp:sid:0' by='{any}' id='{any}'/>`;

/** What the recipient's clients are doing. `match` is the resource that a message to a full JID names. */
const situations = {
  'no such account': [],
  'no session': [],
  'a negative resource': [['match', -1]],
  'a connected resource': [['match', undefined]],
  'other negative resources': [['other', -1]],
  'other connected resources': [['other', undefined]],
  'an available resource': [['match', 0]],
  'another available resource': [['other', 5]],
  'two available resources': [
    ['match', 0],
    ['other', 5],
  ],
  'an available and a negative one': [
    ['match', -1],
    ['other', 0],
  ],
} as const satisfies Record<string, readonly (readonly ['match' | 'other', number | undefined])[]>;

type Situation = keyof typeof situations;
/** Resources that get it; or an error for the sender; or kept for the next who comes; or nothing at all. */
type Fate = 'match' | 'other' | 'both' | 'error' | 'kept' | 'ignored';

/** By situation: the fates of normal, chat, groupchat, headline and error. */
const bare: Record<Situation, readonly Fate[]> = {
  'no such account': ['error', 'error', 'error', 'error', 'ignored'], // §8.5.1
  'no session': ['kept', 'kept', 'error', 'ignored', 'ignored'], // §8.5.2.2.1
  'a negative resource': ['kept', 'kept', 'error', 'ignored', 'ignored'], // §8.5.2.1.1
  'a connected resource': ['kept', 'kept', 'error', 'ignored', 'ignored'],
  'other negative resources': ['kept', 'kept', 'error', 'ignored', 'ignored'],
  'other connected resources': ['kept', 'kept', 'error', 'ignored', 'ignored'],
  'an available resource': ['match', 'match', 'error', 'match', 'ignored'],
  'another available resource': ['other', 'other', 'error', 'other', 'ignored'],
  'two available resources': ['both', 'both', 'error', 'both', 'ignored'],
  'an available and a negative one': ['other', 'other', 'error', 'other', 'ignored'],
};
const full: Record<Situation, readonly Fate[]> = {
  'no such account': ['error', 'error', 'error', 'error', 'ignored'],
  'no session': ['error', 'kept', 'error', 'ignored', 'ignored'], // §8.5.3.2.1
  'a negative resource': ['match', 'match', 'match', 'match', 'match'], // §8.5.3.1
  'a connected resource': ['match', 'match', 'match', 'match', 'match'],
  'other negative resources': ['error', 'kept', 'error', 'ignored', 'ignored'],
  'other connected resources': ['error', 'kept', 'error', 'ignored', 'ignored'],
  'an available resource': ['match', 'match', 'match', 'match', 'match'],
  'another available resource': ['error', 'other', 'error', 'ignored', 'ignored'],
  'two available resources': ['match', 'match', 'match', 'match', 'match'],
  'an available and a negative one': ['match', 'match', 'match', 'match', 'match'],
};
const types = ['normal', 'chat', 'groupchat', 'headline', 'error'] as const;

async function stageWith(t: { after(run: () => Promise<void>): void }): Promise<RouterStage> {
  const stage = await openRouter();
  t.after(() => stage.close());
  return stage;
}

async function arrange(stage: RouterStage, account: string, situation: Situation): Promise<Partial<Record<string, BatchActor>>> {
  if (situation !== 'no such account') await stage.register(account);
  const actors: Partial<Record<string, BatchActor>> = {};
  for (const [resource, priority] of situations[situation]) {
    const actor = await stage.join(`${account}/${resource}`);
    if (priority !== undefined) await actor.send(`<presence><priority>${priority}</priority></presence>`);
    actors[resource] = actor;
  }
  stage.clear();
  return actors;
}

describe('RFC 6121 §8.5', () => {
  let stage: RouterStage;
  let romeo: BatchActor;
  before(async () => {
    stage = await openRouter();
    romeo = await stage.appear('romeo@b.example/orchard');
  });
  after(() => stage.close());

  for (const [form, table] of Object.entries({ bare, full })) {
    for (const [number, situation] of (Object.keys(situations) as Situation[]).entries()) {
      for (const [index, type] of types.entries()) {
        test(`to a ${form} JID with ${situation}: ${type} is ${table[situation][index]}`, async () => {
          await checkFate(stage, romeo, {
            form,
            situation,
            type,
            account: `${form}-${number}-${type}@a.example`,
            fate: table[situation][index]!,
          });
        });
      }
    }
  }
});

async function checkFate(
  stage: RouterStage,
  romeo: BatchActor,
  { form, situation, type, account, fate }: { form: string; situation: Situation; type: string; account: string; fate: Fate },
): Promise<void> {
  const actors = await arrange(stage, account, situation);
  const to = form === 'full' ? `${account}/match` : account;
  const attributes = `from='${romeo.jid}' to='${to}' id='m' type='${type}' xml:lang='it'`;
  await romeo.send(`<message to='${to}' id='m' type='${type}' xml:lang='it'><body>${type}</body></message>`);
  for (const [resource, actor] of Object.entries(actors)) {
    if (fate !== resource && fate !== 'both') continue;
    const id = type === 'normal' || type === 'chat' ? anyId : '';
    await stage.play([actor!, 'receives', `<message ${attributes}><body>${type}</body>${id}</message>`]);
  }
  if (fate === 'error') {
    await stage.play([romeo, 'receives', `<message from='${to}' to='${romeo.jid}' id='m' type='error'>${refused}</message>`]);
  }
  for (const actor of [romeo, ...Object.values(actors)]) await stage.play([actor!, 'receives nothing']);
  await checkKept(stage, account, situation, { fate, attributes, type });
}

/** What was kept comes to the next who is available, stamped, and once; nothing else comes. */
async function checkKept(
  stage: RouterStage,
  account: string,
  situation: Situation,
  { fate, attributes, type }: { fate: Fate; attributes: string; type: string },
): Promise<void> {
  if (situation === 'no such account' || !['kept', 'error', 'ignored'].includes(fate)) return;
  for (const isFirst of [true, false]) {
    const next = await stage.join(`${account}/next`);
    await next.send('<presence/>');
    const messages = next.inbox.filter((xml) => xml.startsWith('<message'));
    next.inbox.splice(0, Number.POSITIVE_INFINITY, ...messages);
    if (fate === 'kept' && isFirst) {
      const delay = `<delay xmlns='urn:xmpp:delay' from='a.example' stamp='{any}'>Offline Storage</delay>`;
      await stage.play([next, 'receives', `<message ${attributes}><body>${type}</body>${anyId}${delay}</message>`]);
    }
    await stage.play([next, 'receives nothing'], [next, 'leaves']);
  }
}

test('RFC 6121 §5.2.2: an unknown type is delivered as it is and treated as normal', async (t) => {
  const stage = await stageWith(t);
  const romeo = await stage.appear('romeo@a.example/orchard');
  const juliet = await stage.appear('juliet@a.example/balcony');
  await stage.play(
    [romeo, 'sends', `<message to='juliet@a.example' type='sonnet'><body>!</body></message>`],
    [juliet, 'receives', `<message from='${romeo.jid}' to='juliet@a.example' type='sonnet'><body>!</body>${anyId}</message>`],
    [romeo, 'sends', `<message to='juliet@a.example/tomb' type='sonnet'><body>!</body></message>`],
    [romeo, 'receives', `<message from='juliet@a.example/tomb' to='${romeo.jid}' type='error'>${refused}</message>`],
    [juliet, 'receives nothing'],
  );
});

test('RFC 6121 §8.1.1.1: without `to` a message goes to the own account, to each available resource', async (t) => {
  const stage = await stageWith(t);
  const balcony = await stage.appear('juliet@a.example/balcony');
  const chamber = await stage.appear('juliet@a.example/chamber');
  stage.clear();
  const note = `<message from='${balcony.jid}' to='juliet@a.example' type='chat'><body>note</body>${anyId}</message>`;
  await stage.play(
    [balcony, 'sends', `<message type='chat'><body>note</body></message>`],
    [balcony, 'receives', note],
    [chamber, 'receives', note],
    [balcony, 'receives nothing'],
    [chamber, 'receives nothing'],
  );
});

test('RFC 6120 §8.1.2.1: `from` is stamped, and a false one ends the stream', async (t) => {
  const stage = await stageWith(t);
  const romeo = await stage.appear('romeo@a.example/orchard');
  const juliet = await stage.appear('juliet@a.example/balcony');
  await stage.play(
    [romeo, 'sends', `<message from='romeo@a.example' to='${juliet.jid}' type='chat'><body>!</body></message>`],
    [juliet, 'receives', `<message from='${romeo.jid}' to='${juliet.jid}' type='chat'><body>!</body>${anyId}</message>`],
    [romeo, 'sends', `<message from='juliet@a.example/balcony' to='${juliet.jid}' type='chat'><body>!</body></message>`],
    [juliet, 'receives nothing'],
  );
  assert.equal(romeo.closed, 'invalid-from');
});

test('RFC 6120 §10.5: a message to the host is refused, so is a request to a resource of it', async (t) => {
  const stage = await stageWith(t);
  const romeo = await stage.appear('romeo@b.example/orchard');
  for (const host of ['a.example', 'a.example/x', 'b.example']) {
    await stage.play(
      [romeo, 'sends', `<message to='${host}' id='m'><body>!</body></message>`],
      [romeo, 'receives', `<message from='${host}' to='${romeo.jid}' id='m' type='error'>${refused}</message>`],
      [romeo, 'sends', `<message to='${host}' type='error'/>`],
      [romeo, 'receives nothing'],
    );
  }
  await stage.play(
    [romeo, 'sends', `<iq type='get' id='p' to='b.example/x'><ping xmlns='urn:xmpp:ping'/></iq>`],
    [romeo, 'receives', `<iq from='b.example/x' to='${romeo.jid}' id='p' type='error'>${refused}</iq>`],
  );
});

test('RFC 6120 §10.4: a domain that nobody serves is not found, and nothing is archived', async (t) => {
  const stage = await stageWith(t);
  const romeo = await stage.appear('romeo@b.example/orchard');
  const condition = `<remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>`;
  const text = `<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>{any}</text>`;
  await stage.play(
    [romeo, 'sends', `<message to='x@verona.example' id='m'><body>!</body></message>`],
    [
      romeo,
      'receives',
      `<message from='x@verona.example' id='m' type='error'><error type='cancel'>${condition}${text}</error></message>`,
    ],
    [romeo, 'sends', `<iq type='get' id='q'><metadata xmlns='urn:xmpp:mam:2'/></iq>`],
    [romeo, 'receives', `<iq type='result' id='q' to='${romeo.jid}'><metadata xmlns='urn:xmpp:mam:2'/></iq>`],
  );
});

test('content of foreign namespaces and prefixes arrives as it was written', async (t) => {
  const stage = await stageWith(t);
  const romeo = await stage.appear('romeo@b.example/orchard');
  const juliet = await stage.appear('juliet@a.example/balcony');
  const payload = `<p:a xmlns:p='urn:p' p:b='&apos;'><p:c/>&lt;<d xmlns=''/></p:a><body xml:lang='de'>a\u{1F339}&amp;</body>`;
  await romeo.send(`<message to='${juliet.jid}' type='chat'>${payload}</message>`);
  const arrived = await juliet.next();
  assert.ok(arrived.includes(payload), arrived);
});

test('a message that is too large for a row is refused, and the stream goes on', async (t) => {
  const stage = await stageWith(t);
  const romeo = await stage.appear('romeo@b.example/orchard');
  const juliet = await stage.appear('juliet@a.example/balcony');
  await romeo.send(`<message to='${juliet.jid}' type='chat'><body>${'"'.repeat(200_000)}</body></message>`);
  assert.match(await romeo.next(), /type='error'.*policy-violation/);
  await stage.play(
    [romeo, 'sends', `<message to='${juliet.jid}' type='chat'><body>!</body></message>`],
    [juliet, 'receives', `<message from='${romeo.jid}' to='${juliet.jid}' type='chat'><body>!</body>${anyId}</message>`],
    [juliet, 'receives nothing'],
  );
});
