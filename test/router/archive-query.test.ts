/** XEP-0313 §4.1 and §4.3: which messages a query finds, and in what pages. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { ArchivePage, ArchiveQuery } from '../../lib/runtime/archive-page.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { xmppLimits } from '../../lib/xmpp/limits.ts';
import { spanMs } from '../../services/router/archive/archive.ts';
import { queryArchive } from '../../services/router/archive/archive-query.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';
import { accountOf, ask, epoch, fill, form, query, rsm, talk } from './archive-asking.ts';

describe('XEP-0313 §4', () => {
  let stage: RouterStage;
  let romeo: BatchActor;
  let count = 0;
  before(async () => {
    stage = await openRouter();
    romeo = await stage.join('romeo@b.example/orchard');
  });
  after(() => stage.close());

  async function someone(): Promise<BatchActor> {
    return stage.join(`u${count++}@a.example/one`);
  }

  test('§4.1.1: `with` selects by bare JID, by full JID, and of oneself only what one sent to oneself', async () => {
    const juliet = await someone();
    const nurse = await stage.join('nurse@a.example/house');
    const chamber = await stage.join(`${juliet.jid.bare}/chamber`);
    for (const [from, to, id] of [
      [romeo, juliet.jid, 'a'],
      [nurse, juliet.jid, 'b'],
      [juliet, romeo.jid.bare, 'c'],
      [juliet, romeo.jid, 'd'],
      [juliet, juliet.jid.bare, 'e'],
      [juliet, juliet.jid, 'f'],
      [chamber, juliet.jid.bare, 'g'],
    ] as const) {
      await from.send(`<message to='${to}' type='chat' id='${id}'><body>!</body></message>`);
    }
    for (const [peer, expected] of [
      ['romeo@b.example', 'acd'],
      ['ROMEO@b.example', 'acd'],
      [romeo.jid.toString(), 'ad'],
      ['romeo@b.example/tomb', ''],
      ['nurse@a.example', 'b'],
      [juliet.jid.bare.toString(), 'efg'],
      [juliet.jid.toString(), 'efg'],
      ['b.example', ''],
      ['romeo@b.exampl', ''],
    ] as const) {
      const { messages, isComplete } = await ask(juliet, query(form({ with: peer })));
      assert.equal(messages.map(({ attrs }) => attrs.id).join(''), expected, peer);
      assert.ok(isComplete);
    }
    assert.equal((await ask(juliet, query(form({ with: '@' })))).error, 'jid-malformed');
  });

  test('§4.1.2: `start` and `end` are inclusive; an end before the start matches nothing; nonsense is refused', async () => {
    const juliet = await someone();
    const account = await accountOf(stage, juliet);
    const ids = await fill(
      stage,
      account,
      [0, 1_000, 1_000, 2_000].map((ms) => ({ ms })),
    );
    const at = (ms: number) => new Date(epoch + ms).toISOString();
    for (const [fields, expected] of [
      [{ start: at(0) }, ids],
      [{ start: at(1) }, ids.slice(1)],
      [{ start: at(1_000), end: at(1_000) }, ids.slice(1, 3)],
      [{ end: at(1_999) }, ids.slice(0, 3)],
      [{ end: at(2_000).replace('Z', '+00:00') }, ids],
      [{ start: at(2_000), end: at(1_000) }, []],
      [{ start: '1970-01-01T00:00:00Z', end: '9999-12-31T23:59:59Z' }, ids],
      [{ start: '', end: '' }, ids],
    ] as const) {
      const listing = await ask(juliet, query(form(fields)));
      assert.deepEqual(listing.ids, expected, JSON.stringify(fields));
      assert.ok(listing.isComplete);
      assert.deepEqual((await ask(juliet, query(form(fields) + rsm('<before/>')))).ids, expected, 'backward');
    }
    for (const start of ['yesterday', '2010-08-07', '20100807T00:00:00', '2010-13-07T00:00:00Z', '1']) {
      assert.equal((await ask(juliet, query(form({ start })))).error, 'bad-request', start);
    }
  });

  test('§4.1.3: `before-id`, `after-id` and `ids`; an id that is not there is item-not-found', async () => {
    const juliet = await someone();
    const ids = await talk(stage, romeo, juliet, 6);
    const other = (await talk(stage, romeo, await someone(), 1))[0]!;
    for (const [fields, expected] of [
      [{ 'after-id': ids[1]! }, ids.slice(2)],
      [{ 'before-id': ids[4]! }, ids.slice(0, 4)],
      [{ 'after-id': ids[1]!, 'before-id': ids[4]! }, ids.slice(2, 4)],
      [{ 'after-id': ids[4]!, 'before-id': ids[1]! }, []],
      [{ ids: [ids[3]!, ids[1]!, ids[3]!] }, [ids[1], ids[3]]],
      [{ ids: [ids[3]!, ids[1]!], 'after-id': ids[1]! }, [ids[3]]],
      [{ ids: [ids[3]!], with: 'romeo@b.example' }, [ids[3]]],
      [{ ids: [ids[3]!], with: 'nurse@b.example' }, []],
      [{ ids: [] }, ids],
    ] as const) {
      assert.deepEqual((await ask(juliet, query(form(fields)))).ids, expected, JSON.stringify(fields));
    }
    assert.deepEqual((await ask(juliet, query(form({ ids }) + rsm(`<max>2</max><before/>`)))).ids, ids.slice(4));
    for (const missing of [other, '09af3-cc343-b409f', `${ids[0]}x`, 'a'.repeat(5_000)]) {
      for (const name of ['before-id', 'after-id', 'ids']) {
        assert.equal((await ask(juliet, query(form({ [name]: missing })))).error, 'item-not-found', `${name} ${missing}`);
      }
      assert.equal((await ask(juliet, query(form({ ids: [ids[0]!, missing] })))).error, 'item-not-found');
      for (const name of ['before', 'after']) {
        assert.equal((await ask(juliet, query(rsm(`<${name}>${missing}</${name}>`)))).error, 'item-not-found', name); // §4.3.2
      }
    }
    const many = Array.from({ length: xmppLimits.rsmPageMax + 1 }, () => ids[0]!);
    assert.equal((await ask(juliet, query(form({ ids: many })))).error, 'not-acceptable');
  });

  test('§4.3: pages by `max`, `after` and `before`, none by index', async () => {
    const juliet = await someone();
    const ids = await talk(stage, romeo, juliet, 5);
    for (const [set, expected, complete] of [
      ['<max>2</max>', ids.slice(0, 2), false],
      ['<max>5</max>', ids, true],
      ['<max>0</max>', [], false],
      [`<max>2</max><after>${ids[1]}</after>`, ids.slice(2, 4), false],
      [`<max>2</max><after>${ids[3]}</after>`, ids.slice(4), true],
      [`<max>2</max><after>${ids[4]}</after>`, [], true],
      ['<max>2</max><after/>', ids.slice(0, 2), false],
      ['<max>2</max><before/>', ids.slice(3), false],
      [`<max>2</max><before>${ids[3]}</before>`, ids.slice(1, 3), false],
      [`<max>2</max><before>${ids[1]}</before>`, ids.slice(0, 1), true],
      [`<max>2</max><before>${ids[0]}</before>`, [], true],
      ['<max>999999999</max>', ids, true],
    ] as const) {
      const listing = await ask(juliet, query(rsm(set)));
      assert.deepEqual(listing.ids, expected, set);
      assert.equal(listing.isComplete, complete, set);
      const bounds = listing.fin!.getChild('set', 'http://jabber.org/protocol/rsm')!;
      assert.equal(bounds.getChildText('first') ?? undefined, expected[0], set);
      assert.equal(bounds.getChildText('last') ?? undefined, expected.at(-1), set);
    }
    for (const set of ['<max>-1</max>', '<max>x</max>', '<max/>', '<max>1e3</max>']) {
      assert.equal((await ask(juliet, query(rsm(set)))).error, 'bad-request', set);
    }
    assert.equal((await ask(juliet, query(rsm('<index>1</index>')))).error, 'feature-not-implemented');
  });

  test('§4.3.4: a flipped page is the same page the other way round', async () => {
    const juliet = await someone();
    const ids = await talk(stage, romeo, juliet, 5);
    for (const [set, expected] of [
      ['<max>2</max>', ids.slice(0, 2)],
      ['<max>2</max><before/>', ids.slice(3)],
    ] as const) {
      const { ids: flipped, fin } = await ask(juliet, query(`${rsm(set)}<flip-page/>`));
      assert.deepEqual(flipped, expected.toReversed());
      assert.equal(fin!.getChild('set')!.getChildText('first'), expected[0]);
      assert.equal(fin!.getChild('set')!.getChildText('last'), expected.at(-1));
    }
  });

  test('a page of large messages is cut by bytes, and the next ones bring the rest', async () => {
    const juliet = await someone();
    const ids = await fill(
      stage,
      await accountOf(stage, juliet),
      [1, 2, 3, 4, 5, 6].map((ms) => ({ ms, size: 200_000 })),
    );
    const pages: string[][] = [];
    for (let set = '', done = false; !done; ) {
      const listing = await ask(juliet, query(rsm(set)));
      pages.push(listing.ids);
      done = listing.isComplete;
      set = `<after>${listing.ids.at(-1)}</after>`;
    }
    assert.deepEqual(pages.flat(), ids);
    assert.ok(pages.every((page) => page.length === 1));
    const last = await ask(juliet, query(rsm('<before/>')));
    assert.deepEqual(last.ids, ids.slice(-1));
    assert.equal(last.isComplete, false);
  });

  test('a batch of queries is answered as far as one message holds it, the rest is to be asked again', async () => {
    const juliet = await someone();
    await fill(stage, await accountOf(stage, juliet), [{ ms: 1, size: 250_000 }]);
    juliet.inbox.length = 0;
    const items = ['1', '2', '3', '4', '5'].map(() => ({ kind: 'stanza', id: stage.mint(), body: true }) as const);
    const ping = `<iq type='get' id='q'><ping xmlns='urn:xmpp:ping'/></iq>`;
    await juliet.step(items, [query(''), query(''), query(''), query(''), ping]);
    const answers = juliet.inbox
      .splice(0)
      .map((xml) => /fin|result|error/.exec(xml.slice(0, 500))![0] + (xml.includes('resource-constraint') ? '!' : ''));
    assert.deepEqual(answers, ['result', 'result', 'result', 'result', 'result', 'result', 'error!', 'result']);
  });

  test('pages in either direction and order, of any size, together are the one listing, for any query', async () => {
    const peers = ['a@b.example', 'a@b.example/x', 'a@b.example/y', 'b.example', `${'l'.repeat(1_000)}@b.example/x`];
    const kept = fc.record({
      ms: fc.integer({ min: 0, max: 40 }),
      peer: fc.constantFrom(...peers),
      direction: fc.constantFrom('in' as const, 'out' as const),
      archived: fc.boolean(),
    });
    const position = fc.option(fc.nat(100), { nil: undefined });
    const wanted = fc.record({
      with: fc.option(fc.constantFrom(...peers), { nil: undefined }),
      startMs: fc.option(fc.integer({ min: -1, max: 42 }), { nil: undefined }),
      endMs: fc.option(fc.integer({ min: -1, max: 42 }), { nil: undefined }),
      after: position,
      before: position,
      max: fc.integer({ min: 1, max: 50 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(kept, { maxLength: 80 }),
        wanted,
        async (list, { with: peer, startMs, endMs, after: a, before: b, max }) => {
          const account = await accountOf(stage, await someone());
          const moment = (steps: number) => steps * spanMs * 0.21; // several in a span, many spans
          const sorted = list.map((one) => ({ ...one, ms: Math.floor(moment(one.ms)) })).toSorted((one, two) => one.ms - two.ms);
          const ids = await fill(stage, account, sorted);
          const archived = ids.filter((_, index) => sorted[index]!.archived);
          const at = (index: number | undefined) => (index === undefined ? undefined : archived[index % archived.length]);
          const jid = peer === undefined ? undefined : Jid.parse(peer);
          const query: ArchiveQuery = {
            with: jid,
            startMs: startMs === undefined ? undefined : epoch + Math.floor(moment(startMs)),
            endMs: endMs === undefined ? undefined : epoch + Math.floor(moment(endMs)),
            afterId: at(a),
            beforeId: at(b),
          };
          const expected = ids.filter((id, index) => {
            const { ms, peer: address, archived: isArchived } = sorted[index]!;
            const other = Jid.parse(address);
            return (
              isArchived &&
              (jid === undefined || (jid.isBare ? other.bare.equals(jid) : other.equals(jid))) &&
              (query.startMs === undefined || epoch + ms >= query.startMs) &&
              (query.endMs === undefined || epoch + ms <= query.endMs) &&
              (query.afterId === undefined || id > query.afterId) &&
              (query.beforeId === undefined || id < query.beforeId)
            );
          });
          for (const isDescending of [false, true]) {
            const inOrder = isDescending ? expected.toReversed() : expected;
            const forward: string[] = [];
            for (let page: ArchivePage<unknown> | undefined; !page?.isComplete; ) {
              page = await queryArchive(account, query, { max, after: forward.at(-1), isDescending });
              assert.ok(page.items.length <= max);
              forward.push(...page.items.map(({ key }) => key));
            }
            assert.deepEqual(forward, inOrder);
            const backward: string[] = [];
            for (let page: ArchivePage<unknown> | undefined; !page?.isComplete; ) {
              page = await queryArchive(account, query, { max, before: backward[0] ?? '', isDescending });
              backward.unshift(...page.items.map(({ key }) => key));
            }
            assert.deepEqual(backward, inOrder);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
