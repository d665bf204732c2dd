/** XEP-0049: Private XML Storage. One item per namespace and element, as the client wrote it. */
import { collection } from '../../../lib/runtime/collection.ts';
import { Element, parseElement, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Account } from '../account.ts';
import type { AccountFeature } from '../feature.ts';

const NS = 'jabber:iq:private';
const stored = collection<{ readonly xml: string }>('private');
const elementBytesMax = 200_000;
const elementsMax = 100;
const keyBytesMax = 800;

export const privateXml: AccountFeature = {
  spec: 'XEP-0049',
  version: '1.2',
  title: 'Private XML Storage',
  disco: { host: [NS] },
  iq: [
    { type: 'get', ns: NS, name: 'query', to: 'self', handle: read },
    { type: 'set', ns: NS, name: 'query', to: 'self', handle: write },
  ],
};

/** §2.2: exactly one element, of another namespace than ours. */
function check(element: Element | undefined): string {
  const ns = element?.getNS();
  if (!element || !ns || ns === NS || ns === 'jabber:client')
    throw new StanzaError('bad-request', 'name an element in a namespace of its own');
  const key = `${element.getName()} ${ns}`;
  if (Buffer.byteLength(key) > keyBytesMax) throw new StanzaError('not-acceptable', 'the namespace is too long');
  return key;
}

function elements(request: Element): Element[] {
  return request.children.filter((child): child is Element => child instanceof Element);
}

async function read(request: Element, account: Account): Promise<Element> {
  const [asked, ...more] = elements(request);
  if (more.length > 0) throw new StanzaError('bad-request', 'one element at a time');
  const row = await account.get(stored, check(asked));
  return xml('query', { xmlns: NS }, row ? parseElement(row.xml) : asked);
}

async function write(request: Element, account: Account): Promise<undefined> {
  const list = elements(request);
  if (list.length === 0) throw new StanzaError('bad-request', 'there is nothing to store');
  const there = new Set((await account.list(stored, { limit: elementsMax })).map(({ key }) => key));
  for (const element of list) {
    const key = check(element);
    const bytes = Buffer.byteLength(element.toString());
    if (bytes > elementBytesMax) throw new StanzaError('not-acceptable', `${bytes} bytes; at most ${elementBytesMax}`);
    if (there.add(key).size > elementsMax)
      throw new StanzaError('resource-constraint', `at most ${elementsMax} elements are kept`);
    account.put(stored, key, { xml: element.toString() });
  }
}
