/** XEP-0413 §4.3: the archive of an account, the oldest or the newest messages first. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openRouter, type RouterStage } from '../support/stage/router-stage.ts';
import { ask, form, query, rsm, talk } from './archive-asking.ts';

const order = (attributes: string) => `<order xmlns='urn:xmpp:order-by:1' ${attributes}/>`;
const asked = (attributes: string, page = '', narrowed = '') => query(`${narrowed}${order(attributes)}${page && rsm(page)}`);

describe('XEP-0413 §4.3 on archives of accounts', () => {
  let stage: RouterStage;
  before(async () => {
    stage = await openRouter();
  });
  after(() => stage.close());

  test('pages of all that was said, and of what was said with one', async () => {
    const juliet = await stage.join('juliet@a.example/balcony');
    const [romeo, nurse] = [await stage.join('romeo@b.example/orchard'), await stage.join('nurse@a.example/house')];
    await talk(stage, romeo, juliet, 4);
    const ids = await talk(stage, nurse, juliet, 2);
    const [a, b, c, d, e, f] = ids as [string, string, string, string, string, string];
    const withRomeo = form({ with: 'romeo@b.example' });
    for (const [what, xml, expected, isComplete] of [
      ['§4.4 ascending by default', asked(`by='creation'`), [a, b, c, d, e, f], true],
      ['§4.4 not descending', asked(`by='creation' desc='false'`), [a, b, c, d, e, f], true],
      ['§4.4 the newest first', asked(`by='creation' desc='true'`), [f, e, d, c, b, a], true],
      ['nothing is published again', asked(`by='modification' desc='1'`), [f, e, d, c, b, a], true],
      ['§4.5 the first page', asked(`by='creation' desc='1'`, '<max>2</max>'), [f, e], false],
      ['§4.5 the next page', asked(`by='creation' desc='1'`, `<max>3</max><after>${e}</after>`), [d, c, b], false],
      ['§4.5 the end', asked(`by='creation' desc='1'`, `<max>3</max><after>${b}</after>`), [a], true],
      ['§4.5 the last page', asked(`by='creation' desc='1'`, '<max>2</max><before/>'), [b, a], false],
      ['§4.5 the page before', asked(`by='creation' desc='1'`, `<max>3</max><before>${d}</before>`), [f, e], true],
      ['with one', asked(`by='creation' desc='1'`, '<max>3</max>', withRomeo), [d, c, b], false],
      ['some', asked(`by='creation' desc='1'`, '', form({ ids: [b, f, d] })), [f, d, b], true],
      ['between ids', asked(`by='creation' desc='1'`, '', form({ 'after-id': a, 'before-id': d })), [c, b], true],
      ['XEP-0313 §4.3.4 flipped', asked(`by='creation' desc='1'`, '<max>2</max>', '<flip-page/>'), [e, f], false],
    ] as const) {
      const listing = await ask(juliet, xml);
      assert.deepEqual(listing.ids, expected, what);
      assert.equal(listing.isComplete, isComplete, what);
      const bounds = listing.fin!.getChild('set')!;
      const shown = what.endsWith('flipped') ? expected.toReversed() : expected;
      assert.deepEqual([bounds.getChildText('first'), bounds.getChildText('last')], [shown[0], shown.at(-1)], what);
    }
  });

  test('what cannot be is refused', async () => {
    const nurse = await stage.join('nurse@a.example/kitchen');
    for (const [attributes, condition] of [
      [`by='{urn:x}title'`, 'feature-not-implemented'],
      ['', 'feature-not-implemented'],
      [`by='creation' desc='yes'`, 'bad-request'],
    ] as const)
      assert.equal((await ask(nurse, asked(attributes))).error, condition, attributes);
  });

  test('§5: an account announces it', async () => {
    const nurse = await stage.join('nurse@a.example/garden');
    await nurse.send(`<iq type='get' id='d' to='nurse@a.example'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`);
    const told = nurse.inbox.join();
    for (const name of ['', '@urn:xmpp:mam:2', '@http://jabber.org/protocol/pubsub'])
      assert.ok(told.includes(`<feature var='urn:xmpp:order-by:1${name}'/>`), told);
  });
});
