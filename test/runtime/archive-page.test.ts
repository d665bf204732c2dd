/** XEP-0313 §4 and XEP-0059: the same queries of an account's archive and of a room's, and the same answers. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { timeOfId } from '../../lib/runtime/ids.ts';
import { type Element, parseElement } from '../../lib/xmpp/element.ts';
import { xmppLimits } from '../../lib/xmpp/limits.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { talk } from '../router/archive-asking.ts';
import { hall, openHall } from '../support/stage/rooms.ts';
import { openRooms, type RequestActor, type RoomsStage } from '../support/stage/rooms-stage.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';

const mam = 'urn:xmpp:mam:2';
const entries = 8;

/** An archive with eight entries. */
interface Side {
  /** Oldest first. */
  readonly ids: readonly string[];
  /** All that is answered to a query. */
  ask(inside: string, attributes?: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

async function openAccount(): Promise<Side> {
  const stage: RouterStage = await openRouter();
  const juliet: BatchActor = await stage.join('juliet@a.example/balcony');
  const ids = await talk(stage, await stage.join('romeo@b.example/orchard'), juliet, entries);
  return {
    ids,
    async ask(inside, attributes = '') {
      juliet.inbox.length = 0;
      await juliet.send(`<iq type='set' id='q'><query xmlns='${mam}' ${attributes}>${inside}</query></iq>`);
      return juliet.inbox.splice(0);
    },
    close: () => stage.close(),
  };
}

async function openRoom(): Promise<Side> {
  const stage: RoomsStage = await openRooms();
  const juliet: RequestActor = await openHall(stage);
  for (let number = 0; number < entries; number++) await juliet.say(`m${number}`);
  const ids = juliet.take().map((xml) => Stanza.parse(xml).child('stanza-id', 'urn:xmpp:sid:0')!.attrs.id!);
  return {
    ids,
    async ask(inside, attributes = '') {
      await juliet.send(`<iq to='${hall}' type='set' id='q'><query xmlns='${mam}' ${attributes}>${inside}</query></iq>`);
      const got: string[] = [];
      while (!got.some((xml) => xml.startsWith('<iq'))) {
        await juliet.gets(1);
        got.push(...juliet.take());
      }
      return got;
    },
    close: () => stage.close(),
  };
}

interface Answer {
  readonly ids: readonly string[];
  readonly isComplete: boolean;
  readonly first: string | undefined;
  readonly last: string | undefined;
  readonly error: string | undefined;
}

async function ask(side: Side, inside: string, attributes?: string): Promise<Answer> {
  const answers = (await side.ask(inside, attributes)).map((xml) => parseElement(xml));
  const iq = answers.pop()!;
  const fin = iq.getChild('fin', mam);
  const set = fin?.getChild('set', 'http://jabber.org/protocol/rsm');
  return {
    ids: answers.map((message) => String(message.getChild('result', mam)!.attrs.id)),
    isComplete: fin?.attrs.complete === 'true',
    first: set?.getChildText('first') ?? undefined,
    last: set?.getChildText('last') ?? undefined,
    error: (iq.getChild('error')?.children[0] as Element | undefined)?.name,
  };
}

const rsm = (inside: string) => `<set xmlns='http://jabber.org/protocol/rsm'>${inside}</set>`;
const field = (name: string, ...values: readonly string[]) =>
  `<field var='${name}'>${values.map((value) => `<value>${value}</value>`).join('')}</field>`;
const form = (...fields: readonly string[]) =>
  `<x xmlns='jabber:x:data' type='submit'>${field('FORM_TYPE', mam)}${fields.join('')}</x>`;

const stamp = (id: string, offsetMs = 0) => new Date(timeOfId(id) + offsetMs).toISOString();
/** As text of another zone: the same moment. */
const inIndia = (id: string) => stamp(id, 5.5 * 60 * 60 * 1000).replace('Z', '+05:30');

type Ids = readonly string[];
const from = (ids: Ids, id: string, offsetMs = 0) => ids.filter((one) => timeOfId(one) >= timeOfId(id) + offsetMs);
const until = (ids: Ids, id: string) => ids.filter((one) => timeOfId(one) <= timeOfId(id));

/** What is asked, and the ids that are found. */
const found: readonly [what: string, inside: (ids: Ids) => string, expected: (ids: Ids) => Ids][] = [
  ['everything', () => '', (ids) => ids],
  ['an empty form', () => form(), (ids) => ids],
  ['a start', (ids) => form(field('start', stamp(ids[3]!))), (ids) => from(ids, ids[3]!)],
  ['a start with an offset', (ids) => form(field('start', inIndia(ids[3]!))), (ids) => from(ids, ids[3]!)],
  [
    'a start of less than a millisecond later',
    (ids) => form(field('start', stamp(ids[3]!).replace('Z', '5Z'))),
    (ids) => from(ids, ids[3]!, 1),
  ],
  ['an end', (ids) => form(field('end', stamp(ids[4]!))), (ids) => until(ids, ids[4]!)],
  ['an end with a fraction', (ids) => form(field('end', stamp(ids[4]!).replace('Z', '999Z'))), (ids) => until(ids, ids[4]!)],
  ['an end before the start', (ids) => form(field('start', stamp(ids[0]!, 60_000)), field('end', stamp(ids[0]!))), () => []],
  ['the last midnight of a year', () => form(field('start', '2019-12-31T24:00:00Z')), (ids) => ids],
  [
    'years of five digits',
    () => form(field('start', '0001-01-01T00:00:00Z'), field('end', '99999-12-31T00:00:00Z')),
    (ids) => ids,
  ],
  ['a start beyond all clocks', () => form(field('start', '999999-01-01T00:00:00Z')), () => []],
  ['after-id', (ids) => form(field('after-id', ids[2]!)), (ids) => ids.slice(3)],
  ['before-id', (ids) => form(field('before-id', ids[2]!)), (ids) => ids.slice(0, 2)],
  ['both', (ids) => form(field('after-id', ids[1]!), field('before-id', ids[5]!)), (ids) => ids.slice(2, 5)],
  ['both the wrong way round', (ids) => form(field('after-id', ids[5]!), field('before-id', ids[1]!)), () => []],
  ['ids, one of them twice', (ids) => form(field('ids', ids[5]!, ids[2]!, ids[5]!)), (ids) => [ids[2]!, ids[5]!]],
  ['ids and after-id', (ids) => form(field('ids', ids[1]!, ids[4]!), field('after-id', ids[1]!)), (ids) => [ids[4]!]],
  ['ids and a first page', (ids) => form(field('ids', ...ids)) + rsm('<max>2</max>'), (ids) => ids.slice(0, 2)],
  ['ids and a last page', (ids) => form(field('ids', ...ids)) + rsm('<max>2</max><before/>'), (ids) => ids.slice(6)],
  [
    'filters without value',
    () => form(...['with', 'start', 'end', 'before-id', 'after-id', 'ids'].map((name) => field(name))),
    (ids) => ids,
  ],
  [
    'filters with an empty value',
    () => form(...['with', 'start', 'end', 'before-id', 'after-id', 'ids'].map((name) => field(name, ''))),
    (ids) => ids,
  ],
  ['a heading that came back', () => form("<field type='fixed'><value>Filters</value></field>"), (ids) => ids],
  ['a first page', () => rsm('<max>3</max>'), (ids) => ids.slice(0, 3)],
  ['a page after one', (ids) => rsm(`<max>3</max><after>${ids[2]}</after>`), (ids) => ids.slice(3, 6)],
  ['the page after the last one', (ids) => rsm(`<max>3</max><after>${ids[7]}</after>`), () => []],
  ['an empty after', () => rsm('<max>3</max><after/>'), (ids) => ids.slice(0, 3)],
  ['a last page', () => rsm('<max>3</max><before/>'), (ids) => ids.slice(5)],
  ['a page before one', (ids) => rsm(`<max>3</max><before>${ids[5]}</before>`), (ids) => ids.slice(2, 5)],
  ['between after and before', (ids) => rsm(`<after>${ids[1]}</after><before>${ids[4]}</before>`), (ids) => ids.slice(2, 4)],
  ['a page in a range', (ids) => form(field('after-id', ids[1]!)) + rsm('<max>2</max>'), (ids) => ids.slice(2, 4)],
  ['no entries', () => rsm('<max>0</max>'), () => []],
  ['more than there may be', () => rsm('<max>999999999</max>'), (ids) => ids],
];

const noId = '0123456789abcdefgh';
const missing = [noId, 'unknown', 'a'.repeat(5_000)];
const refused: readonly (readonly [what: string, inside: string, condition: string])[] = [
  ...['after-id', 'before-id', 'ids'].flatMap((name) =>
    missing.map((id) => [`${name} ${id.slice(0, 20)}`, form(field(name, id)), 'item-not-found'] as const),
  ),
  ...['after', 'before'].flatMap((name) =>
    missing.map((id) => [`${name} ${id.slice(0, 20)}`, rsm(`<${name}>${id}</${name}>`), 'item-not-found'] as const),
  ),
  ['an id and nothing', form(field('ids', noId, '')), 'item-not-found'],
  ['too many ids', form(field('ids', ...Array.from({ length: xmppLimits.rsmPageMax + 1 }, () => noId))), 'not-acceptable'],
  ['30 February', form(field('start', '2026-02-30T00:00:00Z')), 'bad-request'],
  ['29 February of 2025', form(field('end', '2025-02-29T00:00:00Z')), 'bad-request'],
  ['a leap second', form(field('end', '2016-12-31T23:59:60Z')), 'bad-request'],
  ['a time past midnight', form(field('start', '2026-01-01T24:00:01Z')), 'bad-request'],
  ['no zone', form(field('start', '2026-01-01T00:00:00')), 'bad-request'],
  ['small letters', form(field('start', '2026-01-01t00:00:00z')), 'bad-request'],
  ['a date', form(field('start', '2026-01-01')), 'bad-request'],
  ['two starts', form(field('start', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z')), 'not-acceptable'],
  ['a field twice', form(field('start', '2026-01-01T00:00:00Z'), field('start', '2026-01-01T00:00:00Z')), 'bad-request'],
  ['a peer that is not an address', form(field('with', '@@')), 'jid-malformed'],
  ['a filter that there is not', form(field('{urn:example}x', '1')), 'feature-not-implemented'],
  ['a form without FORM_TYPE', `<x xmlns='jabber:x:data' type='submit'>${field('start', '')}</x>`, 'bad-request'],
  ['a form of another type', `<x xmlns='jabber:x:data' type='form'>${field('FORM_TYPE', mam)}</x>`, 'bad-request'],
  ['a cancelled form', `<x xmlns='jabber:x:data' type='cancel'/>`, 'bad-request'],
  ['a page by index', rsm('<index>1</index>'), 'feature-not-implemented'],
  ['a size that is none', rsm('<max>lots</max>'), 'bad-request'],
];

for (const [name, open] of [
  ['an account', openAccount],
  ['a room', openRoom],
] as const) {
  describe(`the archive of ${name}`, () => {
    let side: Side;
    before(async () => {
      side = await open();
    });
    after(() => side.close());

    for (const [what, inside, expected] of found) {
      test(`§4: ${what}`, async () => {
        const { ids } = side;
        const answer = await ask(side, inside(ids));
        assert.equal(answer.error, undefined);
        assert.deepEqual(answer.ids, expected(ids));
        assert.deepEqual([answer.first, answer.last], [answer.ids[0], answer.ids.at(-1)]);
        const flipped = await ask(side, `${inside(ids)}<flip-page/>`);
        assert.deepEqual([flipped.ids, flipped.first, flipped.last], [answer.ids.toReversed(), answer.first, answer.last]);
      });
    }

    for (const [what, inside, condition] of refused) {
      test(`§4: ${what} is refused with ${condition}`, async () => {
        assert.equal((await ask(side, inside)).error, condition);
      });
    }

    test('§4: an archive of another node is not there', async () => {
      assert.equal((await ask(side, '', "node='urn:example'")).error, 'item-not-found');
    });

    test('§4.3: pages of any size, in both directions, are the whole, and only the last is complete', async () => {
      for (const max of [1, 3, 7, 8, 9]) {
        const forward: string[] = [];
        const backward: string[] = [];
        for (let page: Answer | undefined; !page?.isComplete; forward.push(...page.ids)) {
          page = await ask(side, rsm(`<max>${max}</max>${page ? `<after>${page.last}</after>` : ''}`));
        }
        for (let page: Answer | undefined; !page?.isComplete; backward.unshift(...page.ids)) {
          page = await ask(side, rsm(`<max>${max}</max><before>${page?.first ?? ''}</before>`));
        }
        assert.deepEqual([forward, backward], [side.ids, side.ids], `${max}`);
      }
    });

    test('§4.1.2: the stamp of each entry, as start and end, finds that entry', async () => {
      const all = (await side.ask('')).filter((xml) => xml.startsWith('<message'));
      for (const xml of all) {
        const [, id] = /<result [^>]*id='([^']+)'/.exec(xml)!;
        const [, time] = /<delay [^>]*stamp='([^']+)'/.exec(xml)!;
        const { ids } = await ask(side, form(field('start', time!), field('end', time!)));
        assert.ok(ids.includes(id!), `${id} at ${time}`);
      }
      assert.equal(all.length, entries);
    });

    test('§4.2: the query’s id comes back with each result', async () => {
      const answers = await side.ask(rsm('<max>2</max>'), "queryid='&lt;f27&gt;'");
      assert.equal(answers.filter((xml) => parseElement(xml).getChild('result', mam)?.attrs.queryid === '<f27>').length, 2);
    });
  });
}
