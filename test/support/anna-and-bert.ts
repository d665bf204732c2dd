/** Bert writes to Anna, who is away or comes, and reads pages of archives: for tests of what clocks do to the order of messages. */
import assert from 'node:assert/strict';
import { TcpClient } from './tcp-client.ts';

const NS_MAM = 'urn:xmpp:mam:2';
export const room = 'garden@conference.localhost';

export interface Entry {
  readonly id: string;
  readonly body: string;
  readonly stamp: string;
}

/** A page of 100 of an archive: the account's own, or that of `to`. */
export async function readPage(client: TcpClient, filter: Readonly<Record<string, string>>, rsm = '', to = ''): Promise<Entry[]> {
  const fields = Object.entries({ FORM_TYPE: NS_MAM, ...filter });
  const form = fields.map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`).join('');
  const entries: Entry[] = [];
  client.onElement = ({ name, xml }) => {
    const id = name === 'message' && /<result [^>]*\bid="([^"]+)"/.exec(xml)?.[1];
    const body = /<body>([^<]*)</.exec(xml)?.[1];
    if (id && body) entries.push({ id, body, stamp: /stamp="([^"]+)"/.exec(xml)![1]! });
  };
  const query = `<query xmlns='${NS_MAM}'><x xmlns='jabber:x:data' type='submit'>${form}</x><set xmlns='http://jabber.org/protocol/rsm'><max>100</max>${rsm}</set></query>`;
  const { xml } = await client.ask('page', `<iq type='set' id='page'${to && ` to='${to}'`}>${query}</iq>`);
  client.onElement = undefined;
  assert.match(xml, /complete="true"/);
  return entries;
}

export const bodies = (entries: readonly Entry[]) => entries.map(({ body }) => body);
export const bodyOf = (xml: string) => /<body>([^<]*)</.exec(xml)?.[1] ?? '';
const soonMs = 120_000;
export const isNow = (stamp: string) => Math.abs(Date.parse(stamp) - Date.now()) < soonMs;

/** Comes, and takes so many messages. */
export async function come(
  port: number,
  count: number,
): Promise<{ readonly client: TcpClient; readonly got: readonly string[] }> {
  const client = await TcpClient.signIn(port, 'anna@localhost/phone', 'secret');
  client.send('<presence/>');
  const got: string[] = [];
  for (let index = 0; index < count; index++) got.push((await client.next('message')).xml);
  return { client, got };
}

export async function say(client: TcpClient, ...texts: string[]): Promise<void> {
  for (const text of texts) client.send(`<message type='chat' to='anna@localhost'><body>${text}</body></message>`);
  await client.ask('said', `<iq type='get' id='said'><ping xmlns='urn:xmpp:ping'/></iq>`);
  assert.deepEqual(
    client.received.filter(({ attributes }) => attributes.type === 'error').map(({ xml }) => xml),
    [],
  );
}

/** When all that she was sent has left the server for sure: it may send again what it is not sure of. */
export async function go(client: TcpClient): Promise<void> {
  await client.ask('go', `<iq type='get' id='go'><ping xmlns='urn:xmpp:ping'/></iq>`);
  await client.close();
}
