/** XEP-0377: reports with a block, as the operator of the tenant sees them, and what they cannot be made to say. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { featureLimits } from '../../services/router/features/limits.ts';
import type { Report } from '../../services/router/features/xep0377-block-reports.ts';
import { perform } from '../../services/router/operations/perform.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const NS = 'urn:xmpp:reporting:1';
const spam = 'urn:xmpp:reporting:spam';

let stage: WholeStage;
let juliet: StreamActor;
let romeo: StreamActor;
let paris: StreamActor;
beforeEach(async () => {
  stage = await openStage();
  juliet = await stage.appear('juliet@a.example/balcony');
  romeo = await stage.appear('romeo@b.example/orchard');
  paris = await stage.appear('paris@b.example/hall');
});
afterEach(() => stage.close());

const ask = (operation: string, given: object) =>
  perform(stage.dependencies, { kind: 'admin', operation, arguments: given as Record<string, unknown> });

async function reportsOf(domain: string): Promise<(Report & { readonly id: string })[]> {
  const { ok, error, result } = await ask('report-list', { domain });
  assert.ok(ok, error);
  const { reports } = result as { reports: (Omit<Report, 'messages'> & { id: string; messages: number })[] };
  return Promise.all(
    reports.map(async ({ messages: count, ...report }) => {
      const shown = await ask('report-show', { domain, id: report.id });
      assert.ok(shown.ok, shown.error);
      const { messages } = shown.result as Pick<Report, 'messages'>;
      assert.equal(messages.length, count);
      return { ...report, messages };
    }),
  );
}

/** @returns the id in the archive of the recipient */
async function say(from: StreamActor, to: StreamActor, body: string): Promise<string> {
  to.inbox.length = 0;
  await from.send(`<message to='${to.jid.bare}' type='chat'><body>${body}</body></message>`);
  const got = to.inbox.find((xml) => xml.includes(body))!;
  return /<stanza-id [^>]*id='([^']+)'/.exec(got)![1]!;
}

async function block(actor: StreamActor, items: string): Promise<string> {
  actor.inbox.length = 0;
  await actor.send(`<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'>${items}</block></iq>`);
  return actor.inbox.find((xml) => xml.includes(`id='b'`))!;
}

const report = (content = '', reason = spam) => `<report xmlns='${NS}' reason='${reason}'>${content}</report>`;
const item = (jid: string, content: string) => `<item jid='${jid}'>${content}</item>`;
const stanzaId = (id: string, by = 'juliet@a.example') => `<stanza-id xmlns='urn:xmpp:sid:0' by='${by}' id='${id}'/>`;

test('§3: the domain announces reports', async () => {
  await juliet.send(`<iq type='get' id='d' to='a.example'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`);
  assert.ok(juliet.inbox.some((xml) => xml.includes(`<feature var='${NS}'/>`)));
});

test('§6: a report is kept with the messages that it names, for the operator of the reporter’s tenant alone', async () => {
  const id = await say(romeo, juliet, 'Buy &lt;potions&gt;!');
  const text = `<text xml:lang='en'> Never came trouble to my house like this. </text>`;
  assert.match(
    await block(juliet, item('romeo@b.example', report(`${text}${stanzaId(id)}<third-party xmlns='${NS}'/>`))),
    /type='result'/,
  );
  const [found, ...others] = await reportsOf('a.example');
  assert.deepEqual(others, []);
  const { at, id: key, messages, ...said } = found!;
  assert.deepEqual(said, {
    ...{ by: 'juliet@a.example', jid: 'romeo@b.example', reason: spam, unknown: 0, allows: ['third-party'] },
    texts: ['Never came trouble to my house like this.'],
  });
  assert.ok(key.startsWith(at.slice(0, 10)));
  assert.equal(messages.length, 1);
  assert.equal(messages[0]!.body, 'Buy <potions>!');
  assert.match(messages[0]!.xml!, /^<message .*from='romeo@b.example\/orchard'.*Buy &lt;potions&gt;!/);
  assert.deepEqual(await reportsOf('b.example'), []);
  juliet.inbox.length = 0;
  await romeo.send(`<message to='juliet@a.example' type='chat'><body>again</body></message>`);
  assert.equal(juliet.inbox.length, 0, 'he is blocked');
});

test('a message that was never received, or is by somebody else, or by the reporter, is not in the report', async () => {
  const own = await say(juliet, romeo, 'I said this'); // the id is that of Romeo's archive
  const other = await say(paris, juliet, 'Good day');
  const his = await say(romeo, juliet, 'Buy!');
  const ids = [own, other, his, '0000000000000', 'x'.repeat(100), '&quot;'].map((each) => stanzaId(each)).join('');
  await block(juliet, item('romeo@b.example', report(ids)));
  const [found] = await reportsOf('a.example');
  assert.deepEqual(
    found!.messages.map(({ body }) => body),
    ['Buy!'],
  );
  assert.equal(found!.unknown, 5);
});

test('§6: the block is done whatever is wrong with the report', async () => {
  for (const [name, content] of [
    ['no reason', `<report xmlns='${NS}'/>`],
    ['an empty reason', report('', '')],
    ['a long reason', report('', 'x'.repeat(500))],
    ['another namespace', `<report xmlns='urn:xmpp:reporting:0' reason='${spam}'/>`],
  ] as const) {
    const jid = `${name.replaceAll(' ', '-')}@b.example`;
    assert.match(await block(juliet, item(jid, content)), /type='result'/, name);
    juliet.inbox.length = 0;
    await juliet.send(`<iq type='get' id='l'><blocklist xmlns='urn:xmpp:blocking'/></iq>`);
    assert.ok(
      juliet.inbox.some((xml) => xml.includes(`jid='${jid}'`)),
      name,
    );
  }
  assert.deepEqual(await reportsOf('a.example'), []);
});

test('§7: each item has its own report; one that is sent again is the same one', async () => {
  const twice = item('romeo@b.example', report()) + item('paris@b.example', report('', 'urn:xmpp:reporting:abuse'));
  await block(juliet, twice);
  await block(juliet, twice);
  const found = await reportsOf('a.example');
  assert.deepEqual(found.map(({ jid, reason }) => [jid, reason]).toSorted(), [
    ['paris@b.example', 'urn:xmpp:reporting:abuse'],
    ['romeo@b.example', spam],
  ]);
});

test('texts and messages are cut, and a day has room for a number of reports', async () => {
  const long = 'x'.repeat(5_000);
  const id = await say(romeo, juliet, long);
  await block(juliet, item('romeo@b.example', report(`<text>${long}</text>`.repeat(9) + stanzaId(id))));
  const [found] = await reportsOf('a.example');
  assert.equal(found!.texts.length, featureLimits.reportTextsMax);
  assert.equal(found!.texts[0]!.length, featureLimits.reportTextCharactersMax);
  assert.equal(found!.messages[0]!.body!.length, featureLimits.reportTextCharactersMax);
  assert.equal(found!.messages[0]!.xml, undefined);
  const many = Array.from({ length: featureLimits.reportsPerDayMax + 5 }, (_, index) => item(`n${index}@b.example`, report()));
  assert.match(await block(juliet, many.join('')), /type='result'/);
  const all: string[] = [];
  for (let after: string | undefined; ; ) {
    const { result } = await ask('report-list', { domain: 'a.example', ...(after !== undefined && { after }) });
    const page = result as { reports: { id: string }[]; next?: string };
    all.push(...page.reports.map(({ id: key }) => key));
    after = page.next;
    if (after === undefined) break;
  }
  assert.equal(new Set(all).size, featureLimits.reportsPerDayMax);
});

test('reports go with the account that made them, and one by one', async () => {
  await block(juliet, item('romeo@b.example', report()));
  await block(romeo, item('juliet@a.example', report()));
  const [of] = await reportsOf('b.example');
  assert.match((await ask('report-remove', { domain: 'a.example', id: of!.id })).error!, /there is no report/);
  assert.equal((await ask('report-remove', { domain: 'b.example', id: of!.id })).ok, true);
  assert.deepEqual(await reportsOf('b.example'), []);
  assert.equal((await ask('user-remove', { jid: 'juliet@a.example' })).ok, true);
  assert.deepEqual(await reportsOf('a.example'), []);
});
