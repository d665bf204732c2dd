/** What a hostile peer does in one exchange, and how to tell that the server is done with it. */
import { connect } from 'node:net';
import { type Client, type InProcessServer, open } from '../in-process.ts';
import { list, type Request } from './requests.ts';
import type { Work } from './table.ts';

/** How an answer stands in the table that says to come again later: the request was not handled. */
export const tooFast = 'too fast';

const roomsService = 'conference.localhost';
const room = `hall@${roomsService}`;
const header =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>";
const caps = 'http://jabber.org/protocol/caps';
const info = 'http://jabber.org/protocol/disco#info';

/** The stream ends after one exchange, so that a growing count of failures does not slow the next one. */
const abort = (inside: string): string => `<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${inside}</abort>`;

export class Exchanges {
  readonly #server: InProcessServer;
  readonly #sender: Client;
  readonly #receiver: Client;
  #ids = 0;

  private constructor(server: InProcessServer, sender: Client, receiver: Client) {
    this.#server = server;
    this.#sender = sender;
    this.#receiver = receiver;
  }

  /** A session with a room that it owns. */
  static async start(server: InProcessServer): Promise<Exchanges> {
    const sender = await server.enter('mallory', false);
    const muc = 'http://jabber.org/protocol/muc';
    await sender.ask(`<presence xmlns='jabber:client' to='${room}/m'><x xmlns='${muc}'/></presence>`, /<subject/);
    const instant = `<query xmlns='${muc}#owner'><x xmlns='jabber:x:data' type='submit'/></query>`;
    await sender.ask(`<iq xmlns='jabber:client' type='set' id='room' to='${room}'>${instant}</iq>`, /id='room'/);
    return new Exchanges(server, sender, await server.enter('romeo', false));
  }

  before(inside: string): Work {
    const element = abort(inside);
    const run = async (): Promise<void> => {
      const client = await this.#server.connect('nobody');
      await client.ask(open, /features/);
      await client.ask(element, /<failure|<stream:error/);
      client.terminate();
    };
    return { bytes: Buffer.byteLength(element), run };
  }

  beforeTls(inside: string): Work {
    const element = abort(inside);
    const run = (): Promise<void> =>
      new Promise((resolve, reject) => {
        let got = '';
        const socket = connect(this.#server.port, '127.0.0.1', () => socket.write(header));
        socket
          .setEncoding('utf8')
          .on('error', reject)
          .on('close', () => resolve());
        socket.on('data', (text: string) => {
          const isGreeted = got.includes('</stream:features>');
          got += text;
          if (!isGreeted && got.includes('</stream:features>')) socket.write(element);
          if (/<failure|<stream:error/.test(got)) socket.destroy();
        });
      });
    return { bytes: Buffer.byteLength(element), run };
  }

  message(inside: string): Work {
    return this.#toReceiver((id, to) => `<message xmlns='jabber:client' ${to} id='${id}' type='chat'>${inside}</message>`);
  }

  presence(inside: string): Work {
    return this.#toReceiver((id, to) => `<presence xmlns='jabber:client' ${to} id='${id}'>${inside}</presence>`);
  }

  /** Waits until the receiver has the stanza, or the sender is told that it will not arrive. */
  #toReceiver(write: (id: string, to: string) => string): Work {
    const to = `to='${this.#receiver.jid}'`;
    const run = async (): Promise<void> => {
      const id = `h${this.#ids++}`;
      const arrived = new Promise<void>((resolve) => {
        this.#receiver.onStanza = (text) => {
          if (text.includes(`id='${id}'`)) resolve();
        };
      });
      await Promise.race([arrived, this.#sender.ask(write(id, to), new RegExp(`id='${id}'`))]);
    };
    return { bytes: Buffer.byteLength(write('h0', to)), run };
  }

  /**
   * XEP-0115: a presence with an unknown hash, the server's question, and the answer. A ping follows, whose result says that all
   * is done.
   */
  capabilities(bytes: number): Work {
    const features = list(bytes, (index) => `<feature var='f${index}'/>`);
    const run = async (): Promise<void> => {
      const id = `h${this.#ids++}`;
      const presence = `<presence xmlns='jabber:client'><c xmlns='${caps}' hash='sha-1' node='urn:n' ver='${id}'/></presence>`;
      const question = await this.#sender.ask(presence, /<iq[^>]* type=.get.[\s\S]*disco#info/);
      const [, asked] = /^<iq[^>]* id=['"]([^'"]+)/.exec(question)!;
      const [, from] = /^<iq[^>]* from=['"]([^'"]+)/.exec(question) ?? [];
      const to = from === undefined ? '' : ` to='${from}'`;
      const query = `<query xmlns='${info}' node='urn:n#${id}'><identity category='client' type='pc'/>${features}</query>`;
      this.#sender.write(`<iq xmlns='jabber:client' type='result' id='${asked}'${to}>${query}</iq>`);
      await this.#sender.ask(
        `<iq xmlns='jabber:client' type='get' id='${id}'><ping xmlns='urn:xmpp:ping'/></iq>`,
        new RegExp(`id='${id}'`),
      );
    };
    return { bytes: Buffer.byteLength(features), run };
  }

  request(request: Request, bytes: number): Work {
    const answers = new Set<string>();
    const run = async (): Promise<void> => {
      const id = `h${this.#ids++}`;
      const { type, child, to } = request(bytes, this.#ids);
      const address = to === undefined ? '' : ` to='${to === 'room' ? room : roomsService}'`;
      const answer = await this.#sender.ask(
        `<iq xmlns='jabber:client' type='${type}' id='${id}'${address}>${child}</iq>`,
        new RegExp(`id='${id}'`),
      );
      const [, errorType, condition = 'result'] = /<error[^>]* type=['"](\w+)['"][^>]*>\s*<([a-z-]+)/.exec(answer) ?? [];
      answers.add(errorType === 'wait' && condition === 'policy-violation' ? tooFast : condition);
    };
    return { bytes: Buffer.byteLength(request(bytes, 0).child), run, answers };
  }
}
