import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseElement } from '../../lib/xmpp/element.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { routerLimits } from '../../services/router/limits.ts';
import {
  arrange,
  ask,
  assertShown,
  extensions,
  inNode,
  inPrivate,
  NS,
  native,
  older,
  olderOptions,
  page,
  room,
  storage,
  ways,
} from './bookmark-requests.ts';
import { appear } from './pep-listener.ts';
import { config, configure, create, itemIds, items, publish, retract } from './pep-requests.ts';

for (const way of ways) {
  for (const [what, content, condition] of [
    [
      'too large a room',
      `<conference jid='a@c.a.example'><nick>${'n'.repeat(routerLimits.pepItemBytesMax)}</nick></conference>`,
      'not-acceptable',
    ],
    [
      'too many rooms',
      Array.from({ length: routerLimits.pepItemsPerNodeMax }, (_, at) => room(`r${at}`)).join(''),
      'not-acceptable',
    ],
  ] as const) {
    test(`of what is written to ${way.name} with ${what} nothing is kept`, async (t) => {
      const { juliet } = await arrange(t);
      await ask(juliet, way.write(room('before') + page));
      assert.match(await ask(juliet, way.write(room('other') + content)), new RegExp(`<${condition} `));
      await assertShown(juliet, room('before') + page);
    });
  }

  test(`of a room that stands twice in what is written to ${way.name} the last counts, in whatever spelling`, async (t) => {
    const { juliet } = await arrange(t);
    await ask(juliet, publish(NS, 'A@c.a.example', native(`name='0'`, extensions)));
    await ask(juliet, way.write(`${room('a', ` name='1'`)}${room('b')}<conference jid='a@C.A.example/nick' name='2'/>`));
    const answer = await ask(juliet, items(NS));
    assert.deepEqual(itemIds(answer).sort(), ['A@c.a.example', 'b@c.a.example'], 'the item keeps its id');
    assert.ok(answer.includes(native(`name='2'`, extensions).replaceAll(` ${NS}`, NS)), answer);
  });

  test(`items other than bookmarks are not shown by ${way.name}, and what is written there does not touch them`, async (t) => {
    const { juliet } = await arrange(t);
    const foreign = [
      ['not an address', native('')],
      ['a@c.a.example/nick', native('')],
      ['odd@c.a.example', `<x xmlns='urn:x'/>`],
      ['odder@c.a.example', `<conference xmlns='${older}' jid='odder@c.a.example'/>`],
    ] as const;
    for (const [id, payload] of [...foreign, ['real@c.a.example', native('')] as const])
      await ask(juliet, publish(NS, id, payload));
    await assertShown(juliet, room('real'));
    await ask(juliet, way.write(room('new')));
    const ids = itemIds(await ask(juliet, items(NS)));
    assert.deepEqual(ids.sort(), [...foreign.map(([id]) => id), 'new@c.a.example'].sort());
  });

  test(`when what is written to ${way.name} finds no room, the bookmarks before stay, all of them`, async (t) => {
    const { juliet } = await arrange(t);
    const large = `<x xmlns='urn:x'>${'n'.repeat(170_000)}</x>`;
    for (const id of ['1', '2', '3']) assert.match(await ask(juliet, publish(NS, id, large)), /type='result'/);
    await ask(juliet, way.write(room('a') + room('b')));
    const many = Array.from({ length: 100 }, (_, at) => `<conference jid='${at}@c.a.example' name='${'m'.repeat(500)}'/>`);
    assert.match(await ask(juliet, way.write(room('a') + many.join(''))), /<payload-too-big /);
    await assertShown(juliet, room('a') + room('b'));
  });

  test(`what stands beside rooms in ${way.name} keeps the namespaces that were declared around it`, async (t) => {
    const { juliet } = await arrange(t);
    const request = way
      .write('')
      .replace(/<storage .*?<\/storage>/, `<s:storage><s:conference jid='a@c.a.example'/><e:x e:y='1'><e:z/></e:x></s:storage>`)
      .replace('<iq ', `<iq xmlns:e='urn:e' xmlns:s='${older}' `);
    assert.match(await ask(juliet, request), /type='result'/);
    for (const { read } of ways) {
      const answer = await ask(juliet, read);
      Stanza.parse(answer); // well-formed, prefixes too
      assert.match(answer, /<e:x [^>]*xmlns:e='urn:e'/);
      assert.match(answer, /<conference jid='a@c.a.example'\/>/);
    }
  });
}

test('a list that is too large for a message is not told of: without it, it would look empty', async (t) => {
  const { stage, juliet } = await arrange(t);
  const garden = await appear(stage, 'juliet@a.example/garden', older);
  for (const name of ['a', 'b', 'c']) {
    await ask(juliet, publish(NS, `${name}@c.a.example`, native('', `<nick>${'n'.repeat(110_000)}</nick>`)));
  }
  assert.deepEqual(
    garden.inbox.map((xml) => [...xml.matchAll(/<conference /g)].length),
    [1, 2],
  );
  const late = await appear(stage, 'juliet@a.example/late', older);
  assert.deepEqual(late.inbox, []);
  assert.equal([...(await ask(juliet, inNode.read)).matchAll(/<conference /g)].length, 3);
});

test('XEP-0223: the older node is for the account alone, whatever is asked and whatever the other is', async (t) => {
  const { stage, juliet } = await arrange(t);
  await juliet.send('<presence/>');
  const romeo = await stage.appear('romeo@a.example/orchard');
  await stage.befriend(juliet, romeo);
  const open = (formType?: string) => config({ access_model: 'open' }, formType);
  assert.match(await ask(juliet, create(older, open())), /<not-acceptable /);
  assert.match(await ask(juliet, publish(older, 'current', storage(room('a')), open('publish-options'))), /<not-acceptable /);
  assert.match(await ask(juliet, items(older)), /<item-not-found /, 'nothing was made of it');
  assert.match(await ask(juliet, publish(NS, 'a@c.a.example', native(''), open('publish-options'))), /type='result'/);
  stage.clear();
  assert.deepEqual(itemIds(await ask(romeo, items(NS, '', '', '', 'juliet@a.example'))), ['a@c.a.example']);
  assert.match(await ask(romeo, items(older, '', '', '', 'juliet@a.example')), /<closed-node /);
  for (const fields of [{ access_model: 'presence' }, { access_model: 'open' }, { persist_items: '0' }] as Record<
    string,
    string
  >[]) {
    assert.match(await ask(juliet, configure(older, config(fields))), /<not-acceptable /);
  }
  assert.match(
    await ask(juliet, publish(older, 'current', storage(''), config({ access_model: 'presence' }, 'publish-options'))),
    /<precondition-not-met /,
  );
  assert.match(await ask(romeo, items(older, '', '', '', 'juliet@a.example')), /<closed-node /);
});

test('the older node has one item, which is called current; a payload other than a list is refused', async (t) => {
  const { juliet } = await arrange(t);
  for (const [id, name] of [
    ['other', 'a'],
    [undefined, 'b'],
  ] as const) {
    assert.match(await ask(juliet, publish(older, id, storage(room(name)), olderOptions)), /<item id='current'\/>/);
    await assertShown(juliet, room(name));
  }
  for (const payload of [`<conference xmlns='${older}' jid='c@c.a.example'/>`, `<storage xmlns='urn:other'/>`, native('')]) {
    assert.match(await ask(juliet, publish(older, 'current', payload)), /<invalid-payload /);
  }
  assert.match(await ask(juliet, retract(older, 'other')), /<item-not-found /);
  await assertShown(juliet, room('b'));
  assert.deepEqual(itemIds(await ask(juliet, items(older, `<item id='other'/>`))), []);
  assert.deepEqual(itemIds(await ask(juliet, items(older, `<item id='current'/>`))), ['current']);
});

test('a node that keeps few items refuses a longer list instead of forgetting rooms', async (t) => {
  const { juliet } = await arrange(t);
  await ask(juliet, create(NS, config({ max_items: '2' })));
  for (const way of ways) {
    assert.match(await ask(juliet, way.write(room('a') + room('b'))), /type='result'/);
    assert.match(await ask(juliet, way.write(room('c') + room('d') + room('e'))), /<not-acceptable /);
    await assertShown(juliet, room('a') + room('b'));
  }
});

test('rooms that two resources bookmark at the same time are all in the list', async (t) => {
  const { stage, juliet } = await arrange(t);
  const chamber = await stage.join('juliet@a.example/chamber');
  const names = Array.from({ length: 10 }, (_, at) => `r${at}`);
  await Promise.all(
    [juliet, chamber].map(async (actor, which) => {
      for (const name of names.filter((_, at) => at % 2 === which)) {
        await actor.send(publish(NS, `${name}@c.a.example`, native('')));
      }
    }),
  );
  stage.clear();
  const answer = parseElement(await ask(juliet, inPrivate.read));
  const rooms = answer.getChild('query')!.getChild('storage', older)!.getChildren('conference');
  assert.deepEqual(
    rooms.map(({ attrs }) => attrs.jid).sort(),
    names.map((name) => `${name}@c.a.example`),
  );
});
