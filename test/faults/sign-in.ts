/** From a TCP port to an authenticated stream: RFC 6120, SASL PLAIN, XEP-0077 for the account itself. */
import type { Door } from './door.ts';
import { childOf, type XmlNode, XmlStream } from './xml-stream.ts';

const connectTimeoutMs = 5_000;
const answerTimeoutMs = 15_000;

export interface Credentials {
  readonly local: string;
  readonly domain: string;
  readonly password: string;
}

/** Reads elements one at a time until `release`, after which they go to `onElement`. */
export class Dialogue {
  readonly stream: XmlStream;
  readonly #queue: XmlNode[] = [];
  #wake: () => void = () => {};
  #isOver: string | undefined;

  constructor(stream: XmlStream) {
    this.stream = stream;
    stream.onElement = (element) => {
      this.#queue.push(element);
      this.#wake();
    };
    void stream.closed.then((why) => {
      this.#isOver = why;
      this.#wake();
    });
  }

  /** The next element with one of these names; others in between are dropped. @throws when none comes in time */
  async next(...names: string[]): Promise<XmlNode> {
    const until = performance.now() + answerTimeoutMs;
    for (;;) {
      for (let node = this.#queue.shift(); node !== undefined; node = this.#queue.shift()) {
        if (names.includes(node.name)) return node;
        if (node.name === 'stream:error') throw new Error(`stream error: ${node.children.map(({ name }) => name).join(' ')}`);
      }
      if (this.#isOver !== undefined) throw new Error(this.#isOver);
      const leftMs = until - performance.now();
      if (leftMs <= 0) throw new Error(`no ${names.join(' or ')} in time`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** The answer to an iq. */
  async ask(id: string, iq: string): Promise<XmlNode> {
    this.stream.send(iq);
    for (;;) {
      const answer = await this.next('iq');
      if (answer.attributes.id === id) return answer;
    }
  }

  release(onElement: (element: XmlNode) => void): void {
    this.stream.onElement = onElement;
    for (const element of this.#queue.splice(0)) onElement(element);
  }
}

/** @throws when it does not work out; the stream is closed then */
export async function signIn(door: Door, { local, domain, password }: Credentials): Promise<Dialogue> {
  const dialogue = await openStream(door, domain);
  try {
    const token = Buffer.from(`\0${local}\0${password}`).toString('base64');
    dialogue.stream.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${token}</auth>`);
    const answer = await dialogue.next('success', 'failure');
    if (answer.name === 'failure') throw new Error(`sign-in failed: ${answer.children.map(({ name }) => name).join(' ')}`);
    dialogue.stream.open();
    await dialogue.next('stream:features');
    return dialogue;
  } catch (error) {
    dialogue.stream.cut('sign-in did not succeed');
    throw error;
  }
}

/** @returns the full JID. @throws */
export async function bind(dialogue: Dialogue, resource: string): Promise<string> {
  const request = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind>`;
  const answer = await dialogue.ask('bind', `<iq type='set' id='bind'>${request}</iq>`);
  const jid = childOf(childOf(answer, 'bind'), 'jid')?.text;
  if (answer.attributes.type !== 'result' || jid === undefined) throw new Error('bind was refused');
  return jid;
}

/** Until there is such an account: the service takes only so many a second. */
export async function register(door: Door, { local, domain, password }: Credentials): Promise<void> {
  const fields = `<username>${local}</username><password>${password}</password>`;
  const iq = `<iq type='set' id='register'><query xmlns='jabber:iq:register'>${fields}</query></iq>`;
  for (let tries = 1; ; tries++) {
    const dialogue = await openStream(door, domain);
    const answer = await dialogue.ask('register', iq);
    dialogue.stream.end();
    const condition = childOf(answer, 'error')?.children[0]?.name;
    if (answer.attributes.type === 'result' || condition === 'conflict') return;
    if (tries >= 20) throw new Error(`${local} cannot be registered: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function openStream(door: Door, domain: string): Promise<Dialogue> {
  const dialogue = new Dialogue(await XmlStream.connect(door, domain, connectTimeoutMs));
  dialogue.stream.open();
  try {
    await dialogue.next('stream:features');
  } catch (error) {
    dialogue.stream.cut('no stream');
    throw error;
  }
  return dialogue;
}
