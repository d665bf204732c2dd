import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { limits } from '../../lib/limits.ts';
import { firstIdAt, timeOfId } from '../../lib/runtime/ids.ts';
import type { Element } from '../../lib/xmpp/element.ts';
import { parseElement } from '../../lib/xmpp/element.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { Account } from '../../services/router/account.ts';
import { keepEntry } from '../../services/router/archive.ts';
import { type ArchivePage, type ArchiveQuery, queryArchive } from '../../services/router/archive-query.ts';
import { Turn } from '../../services/router/turn.ts';
import { type Actor, openStage, type Stage } from './harness.ts';
import { assertXml } from './xml-equality.ts';

const mam = 'urn:xmpp:mam:2';
const stanzas = 'urn:ietf:params:xml:ns:xmpp-stanzas';

function form(fields: Readonly<Record<string, string | readonly string[]>>): string {
  const all = { FORM_TYPE: mam, ...fields };
  const list = Object.entries(all).map(([name, values]) => {
    return `<field var='${name}'>${[values]
      .flat()
      .map((value) => `<value>${value}</value>`)
      .join('')}</field>`;
  });
  return `<x xmlns='jabber:x:data' type='submit'>${list.join('')}</x>`;
}

function rsm(content: string): string {
  return `<set xmlns='http://jabber.org/protocol/rsm'>${content}</set>`;
}

function query(content: string, attributes = ''): string {
  return `<iq type='set' id='q'><query xmlns='${mam}'${attributes}>${content}</query></iq>`;
}

interface Listing {
  readonly ids: string[];
  readonly messages: Element[];
  readonly fin: Element | undefined;
  readonly isComplete: boolean;
  readonly error: string | undefined;
}

async function ask(actor: Actor, xml: string): Promise<Listing> {
  actor.inbox.length = 0;
  await actor.send(xml);
  const answers = actor.inbox.splice(0).map((text) => parseElement(text));
  const iq = answers.pop()!;
  assert.equal(iq.name, 'iq');
  assert.equal(iq.attrs.id, 'q');
  const results = answers.map((message) => {
    assert.equal(message.attrs.from, actor.jid.bare.toString());
    assert.equal(message.attrs.to, actor.jid.toString());
    return message.getChild('result', mam)!;
  });
  const fin = iq.getChild('fin', mam) as Element | undefined;
  return {
    ids: results.map(({ attrs }) => String(attrs.id)),
    messages: results.map(
      (result) => result.getChild('forwarded', 'urn:xmpp:forward:0')!.getChild('message', 'jabber:client')! as Element,
    ),
    fin,
    isComplete: fin?.attrs.complete === 'true',
    error: (iq.getChild('error')?.children[0] as Element | undefined)?.name,
  };
}

describe('XEP-0313', () => {
  let stage: Stage;
  let romeo: Actor;
  let count = 0;
  before(async () => {
    stage = await openStage();
    romeo = await stage.join('romeo@b.example/orchard');
  });
  after(() => stage.close());

  async function someone(): Promise<Actor> {
    return stage.join(`u${count++}@a.example/one`);
  }

  /** Says `count` things to the account, in turn with its answers. */
  async function talk(actor: Actor, number: number): Promise<string[]> {
    for (let index = 0; index < number; index++) {
      const [from, to] = index % 2 === 0 ? [romeo, actor] : [actor, romeo];
      await from.send(`<message to='${to.jid}' type='chat' id='m${index}'><body>${index}</body></message>`);
    }
    stage.clear();
    return (await ask(actor, query(''))).ids;
  }

  test('§4: the messages that were sent and received come in order, as they were, and then the end', async () => {
    const juliet = await someone();
    await stage.play(
      [romeo, 'sends', `<message to='${juliet.jid}' type='chat' id='1' xml:lang='it'><body>Ciao</body></message>`],
      [juliet, 'sends', `<message to='${romeo.jid.bare}' id='2'><body>!</body></message>`],
    );
    stage.clear();
    await juliet.send(query('', ` queryid='f27'`));
    const [first, second, fin] = juliet.inbox.splice(0);
    const wrapped = (message: string) => `<message from='${juliet.jid.bare}' to='${juliet.jid}'>
      <result xmlns='${mam}' queryid='f27' id='{any}'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='{any}'/>
      ${message}</forwarded></result></message>`;
    const sid = `<stanza-id xmlns='urn:xmpp:sid:0' by='${juliet.jid.bare}' id='{any}'/>`;
    assertXml(
      first!,
      wrapped(
        `<message xmlns='jabber:client' from='${romeo.jid}' to='${juliet.jid}' type='chat' id='1' xml:lang='it'><body>Ciao</body>${sid}</message>`,
      ),
    );
    assertXml(
      second!,
      wrapped(`<message xmlns='jabber:client' from='${juliet.jid}' to='${romeo.jid.bare}' id='2'><body>!</body></message>`),
    );
    assertXml(
      fin!,
      `<iq type='result' id='q' to='${juliet.jid}'><fin xmlns='${mam}' complete='true'>${rsm('<first>{any}</first><last>{any}</last>')}</fin></iq>`,
    );
    const ids = [first!, second!].map((xml) => String(parseElement(xml).getChild('result', mam)!.attrs.id));
    assert.ok(fin!.includes(`<first>${ids[0]}</first><last>${ids[1]}</last>`));
    assert.ok(first!.includes(`<stanza-id xmlns='urn:xmpp:sid:0' by='${juliet.jid.bare}' id='${ids[0]}'/>`));
    assert.ok(first!.includes(`stamp='${new Date(timeOfId(ids[0]!)).toISOString()}'`));
  });

  test('§4: an empty archive is complete', async () => {
    const juliet = await someone();
    await stage.play(
      [juliet, 'sends', query('')],
      [
        juliet,
        'receives',
        `<iq type='result' id='q' to='${juliet.jid}'><fin xmlns='${mam}' complete='true'>${rsm('')}</fin></iq>`,
      ],
    );
  });

  test('§4.1.1: `with` selects by bare JID, by full JID, and of oneself only what one sent to oneself', async () => {
    const juliet = await someone();
    const nurse = await stage.join('nurse@a.example/house');
    for (const [from, to, id] of [
      [romeo, juliet.jid, 'a'],
      [nurse, juliet.jid, 'b'],
      [juliet, romeo.jid.bare, 'c'],
      [juliet, romeo.jid, 'd'],
      [juliet, juliet.jid.bare, 'e'],
      [juliet, juliet.jid, 'f'],
    ] as const) {
      await from.send(`<message to='${to}' type='chat' id='${id}'><body>!</body></message>`);
    }
    for (const [peer, expected] of [
      ['romeo@b.example', 'acd'],
      ['ROMEO@b.example', 'acd'],
      [romeo.jid.toString(), 'ad'],
      ['romeo@b.example/tomb', ''],
      ['nurse@a.example', 'b'],
      [juliet.jid.bare.toString(), 'ef'],
      [juliet.jid.toString(), 'ef'],
      ['b.example', ''],
      ['romeo@b.exampl', ''],
    ] as const) {
      const { messages, isComplete } = await ask(juliet, query(form({ with: peer })));
      assert.equal(messages.map(({ attrs }) => attrs.id).join(''), expected, peer);
      assert.ok(isComplete);
    }
    assert.equal((await ask(juliet, query(form({ with: '@' })))).error, 'jid-malformed');
  });

  test('§5.1.1: what is sent to oneself is archived once', async () => {
    const juliet = await someone();
    const other = await stage.join(`${juliet.jid.bare}/two`);
    for (const to of ['', ` to='${juliet.jid.bare}'`, ` to='${other.jid}'`, ` to='${juliet.jid}'`]) {
      await juliet.send(`<message type='chat'${to}><body>note</body></message>`);
    }
    const { ids } = await ask(juliet, query(''));
    assert.equal(ids.length, 4);
    assert.equal(new Set(ids).size, 4);
  });

  test('§4.1.2: `start` and `end` are inclusive; an end before the start matches nothing; nonsense is refused', async () => {
    const juliet = await someone();
    const account = await accountOf(juliet);
    const ids = await fill(
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
    const ids = await talk(juliet, 6);
    const other = (await talk(await someone(), 1))[0]!;
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
    const many = Array.from({ length: limits.rsmPageMax + 1 }, () => ids[0]!);
    assert.equal((await ask(juliet, query(form({ ids: many })))).error, 'policy-violation');
  });

  test('§4.1.5: the form names all fields, and fields that are not in it are refused', async () => {
    const juliet = await someone();
    const single = (name: string) => `<field type='text-single' var='${name}'/>`;
    await stage.play(
      [juliet, 'sends', `<iq type='get' id='q'><query xmlns='${mam}'/></iq>`],
      [
        juliet,
        'receives',
        `<iq type='result' id='q' to='${juliet.jid}'><query xmlns='${mam}'><x xmlns='jabber:x:data' type='form'>
          <field type='hidden' var='FORM_TYPE'><value>${mam}</value></field>
          <field type='jid-single' var='with'/>${['start', 'end', 'before-id', 'after-id'].map(single).join('')}
          <field type='list-multi' var='ids'>
            <validate xmlns='http://jabber.org/protocol/xdata-validate' datatype='xs:string'><open/></validate></field>
          <field type='boolean' var='include-groupchat'/></x></query></iq>`,
      ],
    );
    assert.equal((await ask(juliet, query(form({ '{http://example.com/}x': '1' })))).error, 'feature-not-implemented');
    assert.equal((await ask(juliet, query(form({ 'include-groupchat': 'true' })))).error, undefined);
    assert.equal((await ask(juliet, query(`<x xmlns='jabber:x:data' type='submit'/>`))).error, 'bad-request');
    assert.equal((await ask(juliet, query(form({ FORM_TYPE: 'urn:xmpp:mam:1' })))).error, 'bad-request');
    assert.equal((await ask(juliet, query('', ` node='urn:x'`))).error, 'item-not-found');
  });

  test('§4.3: pages by `max`, `after` and `before`, none by index', async () => {
    const juliet = await someone();
    const ids = await talk(juliet, 5);
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
    const ids = await talk(juliet, 5);
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
      await accountOf(juliet),
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
    await fill(await accountOf(juliet), [{ ms: 1, size: 250_000 }]);
    juliet.inbox.length = 0;
    const items = ['1', '2', '3', '4', '5'].map(() => ({ k: 'stanza', id: stage.mint(), body: true }) as const);
    const ping = `<iq type='get' id='q'><ping xmlns='urn:xmpp:ping'/></iq>`;
    await juliet.step(items, [query(''), query(''), query(''), query(''), ping]);
    const answers = juliet.inbox
      .splice(0)
      .map((xml) => /fin|result|error/.exec(xml.slice(0, 500))![0] + (xml.includes('resource-constraint') ? '!' : ''));
    assert.deepEqual(answers, ['result', 'result', 'result', 'result', 'result', 'result', 'error!', 'result']);
  });

  test('§4.4: the metadata name the first and the last message, or none', async () => {
    const juliet = await someone();
    const metadata = `<iq type='get' id='q'><metadata xmlns='${mam}'/></iq>`;
    const answer = (content: string) =>
      `<iq type='result' id='q' to='${juliet.jid}'><metadata xmlns='${mam}'>${content}</metadata></iq>`;
    await stage.play([juliet, 'sends', metadata], [juliet, 'receives', answer('')]);
    const ids = await talk(juliet, 3);
    const edge = (name: string, id: string) => `<${name} id='${id}' timestamp='${new Date(timeOfId(id)).toISOString()}'/>`;
    await stage.play([juliet, 'sends', metadata], [juliet, 'receives', answer(edge('start', ids[0]!) + edge('end', ids[2]!))]);
  });

  for (const [what, attributes, children, isKept] of [
    ['a body', `type='chat'`, '<body/>', true],
    ['a body of type normal', '', '<body/>', true],
    ['an encrypted body', `type='chat'`, `<encrypted xmlns='eu.siacs.conversations.axolotl'/>`, true],
    ['a receipt', `type='chat'`, `<received xmlns='urn:xmpp:receipts' id='1'/>`, true],
    ['a chat state', `type='chat'`, `<composing xmlns='http://jabber.org/protocol/chatstates'/><thread>1</thread>`, false],
    ['nothing', `type='chat'`, '', false],
    ['a headline', `type='headline'`, '<body/>', false],
    ['a headline to be stored', `type='headline'`, `<body/><store xmlns='urn:xmpp:hints'/>`, true],
    ['an error', `type='error'`, `<body/><store xmlns='urn:xmpp:hints'/>`, false],
    ['groupchat', `type='groupchat'`, '<body/>', false],
    ['no-store', `type='chat'`, `<body/><no-store xmlns='urn:xmpp:hints'/>`, false],
    ['no-permanent-store', `type='chat'`, `<body/><no-permanent-store xmlns='urn:xmpp:hints'/>`, false],
    [
      'no-permanent-store and store',
      `type='chat'`,
      `<no-permanent-store xmlns='urn:xmpp:hints'/><store xmlns='urn:xmpp:hints'/>`,
      false,
    ],
    [
      'a chat state to be stored',
      `type='chat'`,
      `<active xmlns='http://jabber.org/protocol/chatstates'/><store xmlns='urn:xmpp:hints'/>`,
      true,
    ],
  ] as const) {
    test(`§5.1.1, XEP-0334: ${what} is ${isKept ? '' : 'not '}archived on either side, and has a stanza-id only if it is`, async () => {
      const [juliet, nurse] = [await someone(), await someone()];
      await juliet.send(`<message to='${nurse.jid}' ${attributes}>${children}</message>`);
      const arrived = await nurse.next();
      assert.equal(arrived.includes('stanza-id'), isKept);
      for (const actor of [juliet, nurse]) assert.equal((await ask(actor, query(''))).ids.length, isKept ? 1 : 0, `${actor.jid}`);
    });
  }

  test('§5.1: what was refused is in the sender’s archive only', async () => {
    const [juliet, nurse] = [await someone(), await someone()];
    await juliet.send(`<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='${nurse.jid.bare}'/></block></iq>`);
    await nurse.send(`<message to='${juliet.jid}' type='chat'><body>!</body></message>`);
    await nurse.send(`<message to='${juliet.jid.bare}/nowhere'><body>!</body></message>`);
    assert.equal((await ask(juliet, query(''))).ids.length, 0);
    assert.equal((await ask(nurse, query(''))).ids.length, 2);
  });

  test('§7.1: nobody reads another’s archive, nor learns whether there is one', async () => {
    const juliet = await someone();
    await talk(juliet, 2);
    const reply = (to: string) => `<iq from='${to}' to='${romeo.jid}' id='q' type='error'><error type='cancel'>
      <service-unavailable xmlns='${stanzas}'/></error></iq>`;
    for (const to of [juliet.jid.bare.toString(), 'nobody@a.example']) {
      for (const [type, payload] of [
        ['set', 'query'],
        ['get', 'query'],
        ['get', 'metadata'],
        ['get', 'prefs'],
        ['set', 'prefs'],
      ]) {
        await stage.play(
          [romeo, 'sends', `<iq type='${type}' id='q' to='${to}'><${payload} xmlns='${mam}' default='never'/></iq>`],
          [romeo, 'receives', reply(to)],
          [romeo, 'receives nothing'],
        );
      }
    }
  });

  test('§7.2: results that a client makes up reach nobody; those of a room reach who asked', async () => {
    const juliet = await someone();
    const forged = `<result xmlns='${mam}' id='1'><forwarded xmlns='urn:xmpp:forward:0'/></result>`;
    await stage.play(
      [romeo, 'sends', `<message to='${juliet.jid}'>${forged}<x xmlns='urn:y'/></message>`],
      [
        juliet,
        'receives',
        `<message from='${romeo.jid}' to='${juliet.jid}'><x xmlns='urn:y'/><stanza-id xmlns='urn:xmpp:sid:0' by='{any}' id='{any}'/></message>`,
      ],
    );
    const room = 'verona@conference.b.example';
    await stage.arrive('a.example', `<message from='${room}' to='${juliet.jid}'>${forged}</message>`);
    assert.ok((await juliet.next()).includes(forged));
    assert.equal((await ask(juliet, query(form({ with: room })))).ids.length, 0);
    for (const [from, to] of [
      ['nurse@a.example/x', juliet.jid],
      [room, juliet.jid.bare],
    ]) {
      await juliet.send('<presence/>');
      await stage.arrive('a.example', `<message from='${from}' to='${to}'>${forged}<body/></message>`);
      assert.ok(!juliet.inbox.splice(0).join('').includes('<result'));
    }
  });

  const epoch = 1_600_000_000_000;

  async function accountOf({ jid, sid }: Actor): Promise<Account> {
    const tenant = (await stage.parts.tenants.find(jid.domain))!;
    return new Account(new Turn(stage.parts), tenant, jid.local, { node: 'n.stage.1', sid, resource: jid.resource });
  }

  interface Kept {
    readonly ms: number;
    readonly peer?: string;
    readonly direction?: 'in' | 'out';
    readonly size?: number;
    readonly archived?: boolean;
  }

  async function fill(account: Account, list: readonly Kept[]): Promise<string[]> {
    const fresh = new Account(new Turn(stage.parts), account.tenant, account.local);
    const ids = list.map(({ ms, peer = 'romeo@b.example/x', direction = 'in', size = 0, archived = true }, index) => {
      const id = `${firstIdAt(epoch + ms)}0000${String(index).padStart(4, '0')}`;
      const [from, to] = direction === 'in' ? [peer, account.jid] : [account.fullJid, peer];
      const stanza = Stanza.parse(`<message from='${from}' to='${to}' type='chat'><body>${'.'.repeat(size)}</body></message>`);
      keepEntry(fresh, id, stanza, direction, archived);
      return id;
    });
    await fresh.turn.finish();
    return ids;
  }

  test('pages in either direction, of any size, together are the one listing, for any query', async () => {
    const peers = [
      'a@b.example',
      'a@b.example/x',
      'a@b.example/y',
      'a@b.example!',
      'b.example',
      `${'l'.repeat(1_000)}@b.example/x`,
    ];
    const kept = fc.record({
      ms: fc.integer({ min: 0, max: 40 }),
      peer: fc.constantFrom(...peers.filter((peer) => !peer.endsWith('!'))),
      direction: fc.constantFrom('in' as const, 'out' as const),
      archived: fc.boolean(),
    });
    const position = fc.option(fc.nat(100), { nil: undefined });
    const wanted = fc.record({
      with: fc.option(fc.constantFrom(...peers.filter((peer) => !peer.endsWith('!'))), { nil: undefined }),
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
          const account = await accountOf(await someone());
          const sorted = list.toSorted((one, two) => one.ms - two.ms);
          const ids = await fill(account, sorted);
          const archived = ids.filter((_, index) => sorted[index]!.archived);
          const at = (index: number | undefined) => (index === undefined ? undefined : archived[index % archived.length]);
          const jid = peer === undefined ? undefined : Jid.parse(peer);
          const query: ArchiveQuery = {
            with: jid,
            startMs: startMs === undefined ? undefined : epoch + startMs,
            endMs: endMs === undefined ? undefined : epoch + endMs,
            afterId: at(a),
            beforeId: at(b),
          };
          const expected = ids.filter((id, index) => {
            const { ms, peer: address, archived: isArchived } = sorted[index]!;
            const other = Jid.parse(address);
            return (
              isArchived &&
              (jid === undefined || (jid.isBare ? other.bare.equals(jid) : other.equals(jid))) &&
              (startMs === undefined || ms >= startMs) &&
              (endMs === undefined || ms <= endMs) &&
              (query.afterId === undefined || id > query.afterId) &&
              (query.beforeId === undefined || id < query.beforeId)
            );
          });
          const forward: string[] = [];
          for (let page: ArchivePage | undefined; !page?.isComplete; ) {
            page = await queryArchive(account, query, { max, after: forward.at(-1) });
            assert.ok(page.items.length <= max);
            forward.push(...page.items.map(({ id }) => id));
          }
          assert.deepEqual(forward, expected);
          const backward: string[] = [];
          for (let page: ArchivePage | undefined; !page?.isComplete; ) {
            page = await queryArchive(account, query, { max, before: backward[0] ?? '' });
            backward.unshift(...page.items.map(({ id }) => id));
          }
          assert.deepEqual(backward, expected);
        },
      ),
      { numRuns: 60 },
    );
  });
});
