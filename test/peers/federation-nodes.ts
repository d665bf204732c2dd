/** What two people on two servers do with a node of a pubsub service (XEP-0060) of one of them. */
import assert from 'node:assert/strict';
import type { Received } from '../support/tcp-client.ts';
import type { Person } from './federation-people.ts';

const ns = 'http://jabber.org/protocol/pubsub';

/** One makes a node at its server, the other subscribes to it, and is told. Nothing is left behind. */
export async function shareNode(owner: Person, reader: Person): Promise<void> {
  const ask = async (who: Person, type: 'get' | 'set', content: string, space = '') => {
    const { attributes, xml } = await who.ask(type, owner.nodes, `<pubsub xmlns='${ns}${space}'>${content}</pubsub>`);
    assert.equal(attributes.type, 'result', xml);
    return xml;
  };
  const isTold =
    (pattern: RegExp) =>
    ({ name, attributes, xml }: Received) =>
      name === 'message' && attributes.from === owner.nodes && xml.includes(`${ns}#event`) && pattern.test(xml);
  const publish = (id: string) =>
    ask(owner, 'set', `<publish node='news'><item id='${id}'><x xmlns='urn:x'>${id} of ${owner.bare}</x></item></publish>`);
  await ask(owner, 'set', `<create node='news'/>`);
  assert.match(
    await ask(reader, 'set', `<subscribe node='news' jid='${reader.bare}'/>`),
    /<subscription [^>]*subscription="subscribed"/,
  );
  for (const id of ['one', 'two', 'three']) await publish(id);
  for (const id of ['one', 'two', 'three'])
    await reader.client.next(isTold(new RegExp(`<item [^>]*id="${id}".*of ${owner.bare}<`)));
  assert.match(await ask(reader, 'get', `<items node='news' max_items='1'/>`), /<item [^>]*id="three"/);
  await ask(owner, 'set', `<retract node='news' notify='true'><item id='three'/></retract>`);
  await reader.client.next(isTold(/<retract [^>]*id="three"/));
  await ask(reader, 'set', `<unsubscribe node='news' jid='${reader.bare}'/>`);
  await publish('four');
  await ask(owner, 'set', `<delete node='news'/>`, '#owner');
  await reader.ask('get', owner.host, `<ping xmlns='urn:xmpp:ping'/>`);
  assert.deepEqual((await reader.settle()).filter(isTold(/four/)), []);
}
