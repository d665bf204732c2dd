/** Two people on two servers, and what each of them waits for. */
import { bodyOf } from '../federation/deployments.ts';
import { client as capsOf, info } from '../router/pep-listener.ts';
import type { Received, TcpClient } from '../support/tcp-client.ts';
import { type Neighbours, ours, theirs } from './federation-neighbours.ts';

export interface Person {
  readonly client: TcpClient;
  readonly bare: string;
  readonly full: string;
  /** The domain of the account, and those of rooms and of nodes there. */
  readonly host: string;
  readonly rooms: string;
  readonly nodes: string;
  send(xml: string): void;
  /** Sends a request. @returns the answer, whatever it says */
  ask(type: 'get' | 'set', to: string | undefined, payload: string): Promise<Received>;
  /** The body of the next message that is not an error, and its sender. */
  hears(): Promise<readonly [from: string | undefined, body: string | undefined]>;
  /** The next presence from that address. @param type undefined: available */
  sees(from: string, type?: string, pattern?: RegExp): Promise<Received>;
  /** The next push of the roster about the contact. */
  pushed(contact: string, pattern: RegExp): Promise<Received>;
  /** Has read all that the own server has sent. What nobody waited for is thrown away, and returned. */
  settle(): Promise<Received[]>;
  quit(): Promise<void>;
}

let requests = 0;

/** @param account `local/resource`, such as `juliet/balcony` */
export async function here(neighbours: Neighbours, account: string): Promise<Person> {
  return person(await neighbours.here(account), account, ours, `conference.${ours}`);
}

export async function there(neighbours: Neighbours, account: string): Promise<Person> {
  return person(await neighbours.there(account), account, theirs, `rooms.${theirs}`);
}

function person(client: TcpClient, account: string, host: string, rooms: string): Person {
  const [local, resource] = account.split('/') as [string, string];
  const bare = `${local}@${host}`;
  const self: Person = {
    ...{ client, bare, full: `${bare}/${resource}`, host, rooms, nodes: `pubsub.${host}` },
    send: (xml) => client.send(xml),
    ask(type, to, payload) {
      const id = `${local}-${++requests}`;
      return client.ask(id, `<iq type='${type}' id='${id}'${to ? ` to='${to}'` : ''}>${payload}</iq>`);
    },
    async hears() {
      const { attributes, xml } = await client.next(isSaid);
      return [attributes.from, bodyOf(xml)];
    },
    sees: (from, type, pattern) => client.next(isPresence(from, type, pattern)),
    pushed: (contact, pattern) =>
      client.next(
        ({ name, attributes, xml }) =>
          name === 'iq' && attributes.type === 'set' && xml.includes(`jid="${contact}"`) && pattern.test(xml),
      ),
    async settle() {
      await self.ask('get', host, `<ping xmlns='urn:xmpp:ping'/>`);
      return client.received.splice(0);
    },
    quit: () => client.close(),
  };
  return self;
}

/** The client is available, wants to be told of the node (XEP-0163 §4.3.2), and says so to whoever asks. */
export function wants({ client, send }: Person, node: string): void {
  const { ver, features } = capsOf(node);
  client.onElement = ({ name, attributes: { type, from, id }, xml }) => {
    if (name !== 'iq' || type !== 'get' || !xml.includes(info)) return;
    const asked = / node="([^"]*)"/.exec(xml)?.[1];
    const vars = features.map((feature) => `<feature var='${feature}'/>`).join('');
    const query = `<query xmlns='${info}'${asked ? ` node='${asked}'` : ''}><identity category='client' type='pc' name='Balcony'/>${vars}</query>`;
    send(`<iq type='result' id='${id}'${from ? ` to='${from}'` : ''}>${query}</iq>`);
  };
  send(
    `<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://client.example' ver='${ver}'/></presence>`,
  );
}

function isSaid({ name, xml, attributes }: Received): boolean {
  return name === 'message' && attributes.type !== 'error' && bodyOf(xml) !== undefined;
}

export function isPresence(from: string, type?: string, pattern?: RegExp): (element: Received) => boolean {
  return ({ name, attributes, xml }) =>
    name === 'presence' && attributes.from === from && attributes.type === type && (pattern?.test(xml) ?? true);
}

export const isError = ({ name, attributes }: Received) => name === 'message' && attributes.type === 'error';
