/** XEP-0431: an account searches its archive. How texts are cut into words is in `xmpp/words.test.ts`, the index in the store's contract. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { perform } from '../../services/router/operations/perform.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { assertXml } from '../support/stage/xml-equality.ts';
import { ask, form, mam, query, rsm } from './archive-asking.ts';
import { setPolicy } from './policy-forms.ts';

const field = '{urn:xmpp:fulltext:0}fulltext';
const disco = "<iq type='get' id='d'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>";
const stanzas = 'urn:ietf:params:xml:ns:xmpp-stanzas';

describe('XEP-0431', () => {
  let stage: WholeStage;
  let juliet: StreamActor;
  let romeo: StreamActor;
  let nurse: StreamActor;
  before(async () => {
    stage = await openStage();
    await stage.dependencies.tenants.add('c.example', {});
    await setPolicy(stage, 'a.example', { search: 'on' });
    await setPolicy(stage, 'b.example', { search: 'on' });
    juliet = await stage.join('juliet@a.example/balcony');
    romeo = await stage.join('romeo@b.example/orchard');
    nurse = await stage.join('nurse@a.example/house');
    const says = [
      [juliet, romeo, 'O Romeo, Romeo! wherefore art thou Romeo?'],
      [romeo, juliet, 'I take thee at thy word'],
      [nurse, juliet, 'Romeo can, though heaven cannot: O Romeo, Romeo!'],
      [juliet, nurse, 'What devil art thou, that dost torment me thus?'],
      [nurse, romeo, 'a secret word for Romeo'],
    ] as const;
    for (const [from, to, text] of says) await from.send(`<message to='${to.jid}' type='chat'><body>${text}</body></message>`);
    stage.clear();
  });
  after(() => stage.close());

  const find = async (actor: StreamActor, text: string, fields: Record<string, string> = {}, page = ''): Promise<string[]> => {
    const { messages, error } = await ask(actor, query(form({ [field]: text, ...fields }) + page));
    return error === undefined ? messages.map((message) => message.getChildText('body')!.slice(0, 8)) : [error];
  };

  test('§2.1: it is announced where the tenant wants it', async () => {
    await juliet.send(disco);
    assert.match(juliet.inbox.splice(0).join(), /<feature var='urn:xmpp:fulltext:0'\/>/);
    await setPolicy(stage, 'a.example', { search: 'off' });
    try {
      await juliet.send(disco);
      assert.doesNotMatch(juliet.inbox.splice(0).join(), /fulltext/);
      assert.deepEqual(await find(juliet, 'romeo'), ['feature-not-implemented']);
    } finally {
      await setPolicy(stage, 'a.example', { search: 'on' });
    }
  });

  test('§3.1: the form of the archive has the field', async () => {
    await juliet.send(`<iq type='get' id='f'><query xmlns='${mam}'/></iq>`);
    const other = [['with', 'jid-single'], ...['start', 'end', 'before-id', 'after-id'].map((name) => [name, 'text-single'])].map(
      ([name, type]) => `<field var='${name}' type='${type}'/>`,
    );
    assertXml(
      juliet.inbox.splice(0).at(-1)!,
      `<iq type='result' id='f' to='${juliet.jid}'><query xmlns='${mam}'><x xmlns='jabber:x:data' type='form'>
        <field var='FORM_TYPE' type='hidden'><value>${mam}</value></field>${other.join('')}
        <field var='ids' type='list-multi'><validate xmlns='http://jabber.org/protocol/xdata-validate' datatype='xs:string'><open/></validate></field>
        <field var='include-groupchat' type='boolean'/><field var='${field}' type='text-single'/></x></query></iq>`,
    );
  });

  for (const [what, text, fields, found] of [
    ['a word', 'romeo', {}, ['O Romeo,', 'Romeo ca']],
    ['all words, in any order and case', 'WHEREFORE romeo', {}, ['O Romeo,']],
    ['words of what one wrote and of what one got', 'thou', {}, ['O Romeo,', 'What dev']],
    ['whole words', 'rome', {}, []],
    ['a word that others have been told', 'secret', {}, []],
    ['with whom', 'romeo', { with: 'nurse@a.example' }, ['Romeo ca']],
    ['with whom, when that one has other words', 'heaven', { with: 'romeo@b.example' }, []],
    ['an interval', 'romeo', { end: '2020-01-01T00:00:00Z' }, []],
    ['nothing: an empty field filters nothing', '', {}, ['O Romeo,', 'I take t', 'Romeo ca', 'What dev']],
    ['signs alone: nothing has them', '!? * ""', {}, []],
    ['the syntax of FTS5, which has no meaning', 'romeo OR devil', {}, []],
    ['an unfinished quotation', '"romeo', {}, ['O Romeo,', 'Romeo ca']],
    ['a prefix', 'rom*', {}, []],
    ['a column', 'words : romeo', {}, []],
  ] as const) {
    test(`§3.2: searching for ${what}`, async () => assert.deepEqual(await find(juliet, text, { ...fields }), found));
  }

  test('§3.2: each tenant and account finds its own', async () => {
    assert.deepEqual(await find(romeo, 'secret word romeo'), ['a secret']);
    assert.deepEqual(await find(nurse, 'word'), ['a secret']);
    assert.deepEqual(await find(romeo, 'devil'), []);
  });

  test('XEP-0313 §4.3: what is found comes in pages, both ways, and a page says where the next begins', async () => {
    const first = await ask(juliet, query(form({ [field]: 'romeo' }) + rsm('<max>1</max>')));
    assert.equal(first.isComplete, false);
    const second = await ask(juliet, query(form({ [field]: 'romeo' }) + rsm(`<max>1</max><after>${first.ids[0]}</after>`)));
    assert.equal(second.isComplete, true);
    const all = await ask(juliet, query(form({ [field]: 'romeo' })));
    assert.deepEqual([...first.ids, ...second.ids], all.ids);
    const last = await ask(juliet, query(form({ [field]: 'romeo' }) + rsm('<max>1</max><before/>')));
    assert.deepEqual(last.ids, second.ids);
    const named = await ask(juliet, query(form({ [field]: 'heaven', ids: all.ids })));
    assert.deepEqual(named.ids, second.ids);
  });

  test('a search that is too long is refused', async () => {
    for (const [text, why] of [
      ['a'.repeat(257), 'a search has at most 256 characters'],
      ['a b c d e f g h i j k', 'a search has at most 10 words'],
    ] as const) {
      await juliet.send(query(form({ [field]: text })));
      assertXml(
        juliet.inbox.splice(0).at(-1)!,
        `<iq type='error' id='q'><error type='modify'><bad-request xmlns='${stanzas}'/>
          <text xmlns='${stanzas}' xml:lang='en'>${why}</text></error></iq>`,
      );
    }
  });

  test('encrypted messages are not found, and neither is what was not archived', async () => {
    const other = await stage.join('encrypted@a.example/x');
    for (const [text, more] of [
      ['plain words', ''],
      ['hidden words', "<encrypted xmlns='urn:xmpp:omemo:2'/>"],
      ['passing words', "<no-store xmlns='urn:xmpp:hints'/>"],
    ]) {
      await romeo.send(`<message to='${other.jid}' type='chat'><body>${text}</body>${more}</message>`);
    }
    stage.clear();
    assert.deepEqual(await find(other, 'words'), ['plain wo']);
  });

  test('an account may search so often, and read its archive meanwhile', async () => {
    const hasty = await stage.join('hasty@a.example/x');
    const errors = new Set<string | undefined>();
    for (let count = 0; count < 40; count++) errors.add((await ask(hasty, query(form({ [field]: 'word' })))).error);
    assert.deepEqual([...errors], [undefined, 'resource-constraint']);
    assert.equal((await ask(hasty, query(''))).error, undefined);
    assert.deepEqual(await find(juliet, 'heaven'), ['Romeo ca']);
  });

  test('what was removed with an account is not found by the next one of its name', async () => {
    const leaver = await stage.join('leaver@a.example/x');
    await romeo.send(`<message to='${leaver.jid}' type='chat'><body>farewell</body></message>`);
    assert.deepEqual(await find(leaver, 'farewell'), ['farewell']);
    const removal = { kind: 'admin', operation: 'user-remove', arguments: { jid: 'leaver@a.example' } } as const;
    assert.ok((await perform(stage.dependencies, removal)).ok);
    const next = await stage.join('leaver@a.example/x');
    assert.deepEqual(await find(next, 'farewell'), []);
    assert.deepEqual(await find(romeo, 'farewell'), ['farewell']);
  });
});
