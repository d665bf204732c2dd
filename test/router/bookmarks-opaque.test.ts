/** XEP-0049 §1, XEP-0402 §5.3: of an older list of bookmarks the good ones become items, and the odd ones come back as they were. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertXml } from '../support/stage/xml-equality.ts';
import { arrange, ask, assertShown, extensions, NS, native, older, page, room, storage, ways } from './bookmark-requests.ts';
import { itemIds, items, publish } from './pep-requests.ts';

const odd: readonly (readonly [what: string, content: string])[] = [
  ['a room without an address', "<conference name='x'/>"],
  ['an empty address', "<conference jid='' name='x'><nick>J</nick></conference>"],
  ['an address that is none', "<conference jid='@'/>"],
  ['an address with a space', "<conference jid=' a b@c.a.example' autojoin='1'><password>p</password></conference>"],
  ['a name in place of the address', "<conference jid='#verona' name='IRC'/>"],
  ['an address that is too long', `<conference jid='${'l'.repeat(1_100)}@c.a.example'/>`],
  ['an address that is too long for an item', `<conference jid='${'l'.repeat(600)}@${`${'d'.repeat(60)}.`.repeat(6)}d'/>`],
  ['the same malformed address twice', "<conference jid='@' name='1'/><conference jid='@' name='2'/>"],
  ['children that nobody knows', "<conference jid='@@'><x xmlns='urn:x'><y z='1'>t</y></x></conference>"],
  ['a bookmark of a web page', page],
  ['something else', "<x xmlns='urn:x' a='1'>t</x>"],
  ['an element of no use', '<conferences/>'],
];

for (const way of ways) {
  for (const [what, content] of odd) {
    test(`what is written to ${way.name} with ${what} is kept, the good and the odd`, async (t) => {
      const { stage, juliet } = await arrange(t);
      const other = await stage.join('juliet@b.example/balcony');
      await ask(juliet, way.write(room('before')));
      assert.match(await ask(juliet, way.write(room('a') + content + room('b', " name='B'"))), /type='result'/);
      await assertShown(juliet, room('a') + room('b', " name='B'") + content);
      assert.deepEqual(itemIds(await ask(juliet, items(NS))).toSorted(), ['a@c.a.example', 'b@c.a.example']);
      assert.match(await ask(other, ways[0].read), /<storage xmlns='storage:bookmarks'\/>/, 'nobody else has it');

      await ask(juliet, publish(NS, 'c@c.a.example', native('')));
      await assertShown(juliet, room('a') + room('b', " name='B'") + room('c') + content);
      assert.match(await ask(juliet, way.write(room('c'))), /type='result'/);
      await assertShown(juliet, room('c'));
    });
  }

  test(`a list in ${way.name} that has nothing but odd ones, or nothing at all, is kept`, async (t) => {
    const { juliet } = await arrange(t);
    const content = odd.map(([, one]) => one).join('');
    const shown = async () => /<storage .*(?:<\/storage>|\/>)(?=<\/(?:query|item)>)/.exec(await ask(juliet, way.read))?.[0];
    assert.match(await ask(juliet, way.write(content)), /type='result'/);
    assertXml((await shown())!, storage(content));
    assert.match(await ask(juliet, way.write('')), /type='result'/);
    assertXml((await shown())!, storage(''));
  });

  test(`what is read from ${way.name} and written back changes nothing, odd ones and all`, async (t) => {
    const { juliet } = await arrange(t);
    await ask(juliet, way.write(room('a') + odd.map(([, one]) => one).join('') + room('b')));
    const read = await ask(juliet, way.read);
    const list = /<storage .*<\/storage>/.exec(read)![0];
    const content = list.replace(`<storage xmlns='${older}'>`, '').replace('</storage>', '');
    assert.match(await ask(juliet, way.write(content)), /type='result'/);
    assert.equal(await ask(juliet, way.read), read);
  });

  test(`what a client adds to a room of its own in ${way.name} comes back, and goes when it is left out`, async (t) => {
    const { juliet } = await arrange(t);
    const own = [
      "<nick>J</nick><print_status xmlns='urn:gajim'>all</print_status>",
      '<minimize>1</minimize><tag/>',
      "<x xmlns='urn:x'><y z='1'>t</y></x>",
    ];
    for (const children of own) {
      const content = `${room('b')}<conference jid='a@c.a.example' name='A' colour='red'>${children}</conference>`;
      assert.match(await ask(juliet, way.write(content)), /type='result'/);
      await assertShown(juliet, content);
      const item = await ask(juliet, items(NS, "<item id='a@c.a.example'/>"));
      assert.match(item, /<conference [^>]*name='A'.*<extensions><conference xmlns='storage:bookmarks' colour='red'>/);
    }
    await ask(juliet, way.write(room('a', " name='A'") + room('b')));
    assert.doesNotMatch(await ask(juliet, items(NS)), /extensions|colour/);
  });

  test(`what only XEP-0402 has of a room stays, whatever is added in ${way.name}`, async (t) => {
    const { juliet } = await arrange(t);
    await ask(juliet, publish(NS, 'a@c.a.example', native("name='A'", extensions)));
    await ask(juliet, way.write("<conference jid='a@c.a.example' name='A'><x xmlns='urn:x'/></conference>"));
    const both = await ask(juliet, items(NS));
    assert.match(both, /<state xmlns='urn:example' muted='true'\/>.*<x xmlns='urn:x'\/>/);
    await ask(juliet, way.write(room('a', " name='A'")));
    assert.match(await ask(juliet, items(NS)), /<extensions><state xmlns='urn:example' muted='true'\/><\/extensions>/);
  });
}
