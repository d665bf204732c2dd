/** XEP-0413: items in the order of their creation or modification, at the pubsub service and at an account, read by people of two tenants. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { itemIds } from './pep-requests.ts';
import { type At, arrange, places } from './pubsub-at.ts';
import { ask, disco, type Ground, refusal, rsm } from './pubsub-ground.ts';

const order = (attributes: string) => `<order xmlns='urn:xmpp:order-by:1' ${attributes}/>`;

/** The node of §4.5: A to D were made in this order; C was published again, and then A. */
async function publishAll(t: Parameters<typeof arrange>[0], at: At): Promise<Ground> {
  const ground = await arrange(t, at);
  for (const id of ['A', 'B', 'C', 'D', 'C', 'A']) {
    await ask(ground.juliet, at.publish('n', id));
    await new Promise((resolve) => setTimeout(resolve, 2)); // two of them in one millisecond would be made at the same time
  }
  return ground;
}

for (const [where, at] of places) {
  describe(`XEP-0413 §4 at ${where}`, () => {
    test('all items', async (t) => {
      const { nurse, romeo } = await publishAll(t, at);
      for (const reader of [nurse, romeo])
        for (const [what, max, asked, expected] of [
          ['none: the newest first', '', '', 'A C D B'],
          ['§4.1', '', order(`by='creation' desc='true'`), 'D C B A'],
          ['§4.1 the last three', ` max_items='3'`, order(`by='creation' desc='true'`), 'D C B'],
          ['§4.2', '', order(`by='modification' desc='1'`), 'A C D B'],
          ['§4.4 ascending', '', order(`by='creation'`), 'A B C D'],
          ['§4.4 ascending', '', order(`by='modification' desc='0'`), 'B D C A'],
          ['§6 a second one', '', `${order(`by='creation'`)}${order(`by='modification' desc='1'`)}`, 'A B C D'],
        ] as const)
          assert.equal(itemIds(await ask(reader, at.get(`<items node='n'${max}/>${asked}`))).join(' '), expected, what);
    });

    test('§4.5 pages', async (t) => {
      const { romeo } = await publishAll(t, at);
      for (const [asked, set, ids, index] of [
        [`by='modification'`, '<max>2</max>', 'B D', '0'],
        [`by='modification'`, '<max>2</max><after>D</after>', 'C A', '2'],
        [`by='creation' desc='true'`, '<max>2</max>', 'D C', '0'],
        [`by='creation' desc='true'`, '<max>2</max><after>C</after>', 'B A', '2'],
        [`by='creation'`, '<max>3</max><before/>', 'B C D', '1'],
      ] as const) {
        const answer = await ask(romeo, at.get(`<items node='n'/>${order(asked)}${rsm(set)}`));
        assert.equal(itemIds(answer).join(' '), ids, set);
        assert.ok(answer.includes(`<first index='${index}'>${ids[0]}</first><last>${ids.at(-1)}</last><count>4</count>`), answer);
      }
    });

    test('what cannot be is refused; §7 the feature is announced', async (t) => {
      const { romeo, juliet } = await publishAll(t, at);
      for (const [what, asked, condition] of [
        ['another order', `by='{urn:x}title'`, 'cancel feature-not-implemented'],
        ['none', '', 'cancel feature-not-implemented'],
        ['no boolean', `by='creation' desc='yes'`, 'modify bad-request'],
      ] as const)
        assert.equal(refusal(await ask(romeo, at.get(`<items node='n'/>${order(asked)}`))), condition, what);
      const told = await ask(juliet, disco('info', undefined, '', at.to));
      for (const name of ['urn:xmpp:order-by:1', 'urn:xmpp:order-by:1@http://jabber.org/protocol/pubsub'])
        assert.ok(told.includes(`<feature var='${name}'/>`), name);
    });
  });
}
