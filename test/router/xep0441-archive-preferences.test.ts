import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routerLimits } from '../../services/router/limits.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';

const NS = 'urn:xmpp:mam:2';

async function arrange(t: {
  after(run: () => Promise<void>): void;
}): Promise<{ stage: RouterStage; juliet: BatchActor; romeo: BatchActor }> {
  const stage = await openRouter();
  t.after(() => stage.close());
  return { stage, juliet: await stage.join('juliet@a.example/balcony'), romeo: await stage.appear('romeo@b.example/orchard') };
}

function prefs(rule: string, always: readonly string[] = [], never: readonly string[] = []): string {
  const list = (name: string, jids: readonly string[]) => `<${name}>${jids.map((jid) => `<jid>${jid}</jid>`).join('')}</${name}>`;
  return `<prefs xmlns='${NS}' default='${rule}'>${list('always', always)}${list('never', never)}</prefs>`;
}

const set = (content: string) => `<iq type='set' id='p'>${content}</iq>`;

async function archivedOf(juliet: BatchActor): Promise<number> {
  juliet.inbox.length = 0;
  await juliet.send(`<iq type='set' id='q'><query xmlns='${NS}'/></iq>`);
  return juliet.inbox.splice(0).length - 1;
}

test('XEP-0441 §2.1: preferences are read, changed and answered as they apply', async (t) => {
  const { stage, juliet } = await arrange(t);
  const answer = (content: string) => `<iq type='result' id='p' to='${juliet.jid}'>${content}</iq>`;
  await stage.play(
    [juliet, 'sends', `<iq type='get' id='p'><prefs xmlns='${NS}'/></iq>`],
    [juliet, 'receives', answer(prefs('always'))],
    [juliet, 'sends', set(prefs('roster', ['Romeo@b.example'], ['montague@b.example/x', 'montague@b.example/x']))],
    [juliet, 'receives', answer(prefs('roster', ['romeo@b.example'], ['montague@b.example/x']))],
    [juliet, 'sends', `<iq type='get' id='p'><prefs xmlns='${NS}'/></iq>`],
    [juliet, 'receives', answer(prefs('roster', ['romeo@b.example'], ['montague@b.example/x']))],
    [juliet, 'sends', set(`<prefs xmlns='${NS}' default='never'/>`)],
    [juliet, 'receives', answer(prefs('never'))],
  );
});

test('a malformed preference is refused and changes nothing', async (t) => {
  const { juliet } = await arrange(t);
  const many = Array.from({ length: routerLimits.archivePreferencesMax + 1 }, (_, index) => `u${index}@b.example`);
  const long = Array.from({ length: 500 }, (_, index) => `u${index}@b.example/${'"'.repeat(500)}`);
  for (const [content, condition] of [
    [`<prefs xmlns='${NS}'/>`, 'bad-request'],
    [prefs('sometimes'), 'bad-request'],
    [prefs('never', ['@']), 'jid-malformed'],
    [prefs('never', [], ['']), 'jid-malformed'],
    [prefs('never', many), 'policy-violation'],
    [prefs('never', long), 'policy-violation'],
  ] as const) {
    await juliet.send(set(content));
    assert.match(await juliet.next(), new RegExp(`type='error'.*<${condition} `), content.slice(0, 80));
  }
  await juliet.send(`<iq type='get' id='p'><prefs xmlns='${NS}'/></iq>`);
  assert.match(await juliet.next(), /default='always'/);
});

for (const [what, content, isKept] of [
  ['always', prefs('always'), true],
  ['never', prefs('never'), false],
  ['roster, who is not in it', prefs('roster'), false],
  ['never, but always this account', prefs('never', ['romeo@b.example']), true],
  ['never, but always this resource', prefs('never', ['romeo@b.example/orchard']), true],
  ['never, but always another resource', prefs('never', ['romeo@b.example/street']), false],
  ['always, but never this account', prefs('always', [], ['romeo@b.example']), false],
  ['always, but never this resource', prefs('always', [], ['romeo@b.example/orchard']), false],
  ['always this resource, never this account', prefs('never', ['romeo@b.example/orchard'], ['romeo@b.example']), true],
] as const) {
  test(`XEP-0441 §2.3: ${what}: messages in and out are ${isKept ? '' : 'not '}archived, and delivered in any case`, async (t) => {
    const { stage, juliet, romeo } = await arrange(t);
    await juliet.send(set(content));
    await romeo.send(`<message to='juliet@a.example' type='chat'><body>1</body></message>`);
    await juliet.send(`<message to='${romeo.jid}' type='chat'><body>2</body></message>`);
    assert.equal(await archivedOf(juliet), isKept ? 2 : 0);
    assert.equal(await archivedOf(romeo), 2, 'the other side decides for itself');
    stage.clear();
    const chamber = await stage.join('juliet@a.example/chamber');
    await chamber.send('<presence/>');
    const [message, ...more] = chamber.inbox.filter((xml) => xml.startsWith('<message'));
    assert.deepEqual(more, []);
    assert.match(message!, /<body>1<\/body>.*<delay /);
    assert.equal(message!.includes('<stanza-id '), isKept, 'no id of what is not in the archive');
  });
}

test('XEP-0441 §2.3: who is in the roster is archived by the bare JID', async (t) => {
  const { juliet, romeo } = await arrange(t);
  await juliet.send(`<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='romeo@b.example'/></query></iq>`);
  await juliet.send(set(prefs('roster')));
  await romeo.send(`<message to='juliet@a.example' type='chat'><body>1</body></message>`);
  await juliet.send(`<message to='nurse@b.example' type='chat'><body>2</body></message>`);
  assert.equal(await archivedOf(juliet), 1);
});
