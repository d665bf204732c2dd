/** People with xmpp.js: they sign in through the load balancer, and wait for what comes. */
import { type Client, type Element, xml } from '@xmpp/client';
import { xmppjs } from '../support/xmppjs.ts';

const patienceMs = 20_000;

export class Person {
  readonly xmpp: Client;
  readonly domain: string;
  readonly #stanzas: Element[] = [];
  readonly #waiting = new Set<() => void>();

  private constructor(xmpp: Client, domain: string) {
    this.xmpp = xmpp;
    this.domain = domain;
    xmpp.on('error', () => undefined);
    xmpp.on('stanza', (stanza) => {
      this.#stanzas.push(stanza);
      for (const wake of this.#waiting) wake();
    });
  }

  /** @param service such as `xmpps://127.0.0.1:5223` */
  static async signIn(service: string, username: string, domain: string, password: string): Promise<Person> {
    const person = new Person(xmppjs({ service, domain, username, password, resource: 'test' }), domain);
    await person.xmpp.start().catch(async (error) => {
      await person.xmpp.stop(); // else it goes on trying
      throw error;
    });
    await person.xmpp.send(xml('presence'));
    return person;
  }

  next(matches: (stanza: Element) => boolean): Promise<Element> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`nothing matched among: ${this.#stanzas.join('\n')}`)), patienceMs);
      const look = () => {
        const found = this.#stanzas.find(matches);
        if (!found) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }

  hears(body: string): Promise<Element> {
    return this.next((stanza) => stanza.is('message') && stanza.getChildText('body') === body);
  }

  async says(to: string, body: string, type = 'chat'): Promise<void> {
    await this.xmpp.send(xml('message', { to, type }, xml('body', {}, body)));
  }

  /** @returns the affiliation and role in the room */
  async enters(room: string, nick: string): Promise<string> {
    await this.xmpp.send(xml('presence', { to: `${room}/${nick}` }, xml('x', { xmlns: 'http://jabber.org/protocol/muc' })));
    const presence = await this.next((stanza) => stanza.is('presence') && stanza.attrs.from === `${room}/${nick}`);
    const item = presence.getChild('x', 'http://jabber.org/protocol/muc#user')?.getChild('item');
    return `${item?.attrs.affiliation}/${item?.attrs.role}`;
  }

  /** XEP-0363. @returns the URL to get it from, and what was said, also to somebody who uses the slot once more for something else */
  async uploads(
    filename: string,
    type: string,
    body: Uint8Array<ArrayBuffer>,
  ): Promise<{ readonly url: string; readonly status: number; readonly again: number }> {
    const NS = 'urn:xmpp:http:upload:0';
    const asked = xml('request', { xmlns: NS, filename, size: `${body.length}`, 'content-type': type });
    const answer = await this.xmpp.iqCaller.request(xml('iq', { type: 'get', to: `upload.${this.domain}` }, asked));
    const slot = answer.getChild('slot', NS)!;
    const put = (bytes: Uint8Array<ArrayBuffer>) =>
      fetch(slot.getChild('put')!.attrs.url!, { method: 'PUT', headers: { 'content-type': type }, body: bytes });
    const { status } = await put(body);
    const { status: again } = await put(body.map((byte) => byte ^ 1));
    return { url: slot.getChild('get')!.attrs.url!, status, again };
  }
}
