/**
 * What people do, played once each on a cell, and what DynamoDB, bus and network carry because of it.
 *
 * One action at a time, so nothing is shared with the next one: under load, calls of one moment share requests (not units), and
 * several messages to one client share one write of its cursor. What is measured here is the most that an action costs, but for a row
 * that two who talk write once in some 17 minutes (decision 7).
 */
import { befriend, type ManagedClient } from '../support/managed-client.ts';
import { type Cell, type CellOptions, domain, openCell, type Use } from './cell.ts';
import type { StoreUse } from './store-meter.ts';

export type Actions = Readonly<Record<string, Use>>;

/** Bytes of text in a message: a sentence. */
const bodyCharacters = 120;
export const bare = (local: string) => `${local}@${domain}`;
const muc = 'http://jabber.org/protocol/muc';

export function chat(to: string, id: string): string {
  return `<message type='chat' to='${to}' id='${id}'><body>${'x'.repeat(bodyCharacters)}</body></message>`;
}

function typingTo(to: string): string {
  const inside = "<composing xmlns='http://jabber.org/protocol/chatstates'/><no-store xmlns='urn:xmpp:hints'/>";
  return `<message type='chat' to='${to}'>${inside}</message>`;
}

/** The newest entries of an archive (XEP-0313), as an app that opens a conversation asks for them. */
function newest(id: string, to = ''): string {
  const page = "<set xmlns='http://jabber.org/protocol/rsm'><max>20</max><before/></set>";
  return `<iq type='set' id='${id}'${to}><query xmlns='urn:xmpp:mam:2'>${page}</query></iq>`;
}

async function ask(client: ManagedClient, id: string, xml: string): Promise<void> {
  client.send(xml);
  await client.until(() => client.stanzas.some(({ name, attributes }) => name === 'iq' && attributes.id === id), `answer ${id}`);
}

/** Signs in as an app does: binds, asks for the roster, sends presence. */
export async function appear(cell: Cell, local: string, resource?: string): Promise<ManagedClient> {
  const client = await cell.signIn(local, resource);
  await ask(client, 'roster', "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>");
  client.send('<presence/>');
  return client;
}

async function leave(client: ManagedClient): Promise<void> {
  client.send("<presence type='unavailable'/>");
  await client.client.close();
}

async function send(client: ManagedClient, xml: string): Promise<void> {
  client.send(xml);
}

export async function people(cell: Cell, prefix: string, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, index) => `${prefix}${index}`);
  for (const name of names) await cell.account(name);
  return names;
}

/** Sign-in, presence and sign-out of somebody with so many contacts, who are all there. */
async function presenceActions(cell: Cell, prefix: string, count: number): Promise<Actions> {
  const [self = '', ...others] = await people(cell, prefix, count + 1);
  const friends: ManagedClient[] = [];
  let client = await cell.during(appear(cell, self));
  for (const other of others) {
    const friend = await cell.during(appear(cell, other));
    await cell.during(befriend(client, friend));
    friends.push(friend);
  }
  await cell.during(leave(client));
  const signIn = await cell.measure(async () => {
    client = await appear(cell, self);
  });
  const presence = await cell.measure(() => send(client, '<presence><show>away</show></presence>'));
  const signOut = await cell.measure(() => leave(client));
  for (const friend of friends) await cell.during(leave(friend));
  return {
    [`sign-in, ${count} contacts`]: signIn,
    [`presence, ${count} contacts`]: presence,
    [`sign-out, ${count} contacts`]: signOut,
  };
}

async function messageActions(cell: Cell): Promise<Actions> {
  const [a = '', b = ''] = await people(cell, 'm', 2);
  const juliet = await cell.during(appear(cell, a));
  let romeo = await cell.during(appear(cell, b));
  const say = (id: string) => () => send(juliet, chat(bare(b), id));
  await cell.measure(say('first'));
  const online = await cell.measure(say('second'));
  const typing = await cell.measure(() => send(juliet, typingTo(bare(b))));
  await cell.during(leave(romeo));
  await cell.measure(say('third'));
  const offline = await cell.measure(say('fourth'));
  romeo = await cell.during(appear(cell, b));
  await cell.settle();
  const again = await cell.measure(async () => {
    romeo.client.cut();
    await cell.resume(romeo);
  });
  await cell.during(leave(romeo));
  const nothing = await cell.measure(async () => {
    romeo = await appear(cell, b);
  });
  await cell.during(leave(romeo));
  const waiting = 20;
  for (let index = 0; index < waiting; index++) await cell.during(say(`waits-${index}`)());
  await cell.settle();
  const much = await cell.measure(async () => {
    romeo = await appear(cell, b);
    await romeo.until(() => romeo.bodies.length >= waiting, 'what waited');
  });
  const page = await cell.measure(() => ask(romeo, 'page', newest('page')));
  await cell.during(leave(romeo));
  await cell.during(leave(juliet));
  return {
    'message, recipient online': online,
    'message, recipient offline': offline,
    'chat state': typing,
    'stream resumed': again,
    'sign-in, nothing waits': nothing,
    [`sign-in, ${waiting} messages wait`]: much,
    'archive page of 20': page,
  };
}

async function roomActions(cell: Cell, sizes: readonly number[]): Promise<Actions> {
  const largest = Math.max(...sizes);
  const names = await people(cell, 'o', largest + 1);
  const clients: ManagedClient[] = [];
  for (const name of names) clients.push(await cell.during(appear(cell, name)));
  const measured: Record<string, Use> = {};
  for (const size of sizes) {
    const room = `room${size}@conference.${domain}`;
    const enter = (index: number) => send(clients[index]!, `<presence to='${room}/n${index}'><x xmlns='${muc}'/></presence>`);
    await cell.during(enter(0));
    await cell.quiet();
    await cell.during(
      ask(
        clients[0]!,
        `own-${size}`,
        `<iq type='set' id='own-${size}' to='${room}'><query xmlns='${muc}#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`,
      ),
    );
    for (let index = 1; index < size; index++) {
      await cell.during(enter(index));
      await cell.quiet();
    }
    const body = `<body>${'x'.repeat(bodyCharacters)}</body>`;
    const say = (id: string) => () => send(clients[0]!, `<message type='groupchat' to='${room}' id='${id}'>${body}</message>`);
    await cell.measure(say('first'));
    measured[`room message, ${size} occupants`] = await cell.measure(say('second'));
    measured[`enter a room, ${size} occupants`] = await cell.measure(() => enter(size));
    measured[`leave a room, ${size} occupants`] = await cell.measure(() =>
      send(clients[size]!, `<presence type='unavailable' to='${room}/n${size}'/>`),
    );
    if (size !== sizes[0]) continue;
    for (let index = 0; index < 20; index++) await cell.during(say(`page-${index}`)());
    measured['room archive page of 20'] = await cell.measure(() => ask(clients[0]!, 'page', newest('page', ` to='${room}'`)));
  }
  for (const client of clients) client.client.cut();
  return measured;
}

export async function onCell(measure: (cell: Cell) => Promise<Actions>, options?: CellOptions): Promise<Actions> {
  const cell = await openCell(options);
  try {
    return await measure(cell);
  } finally {
    await cell.close();
  }
}

export async function measureAccounts(): Promise<Actions> {
  return {
    ...(await onCell((cell) => presenceActions(cell, 'a', 0))),
    ...(await onCell((cell) => presenceActions(cell, 'b', 5))),
    ...(await onCell(messageActions)),
  };
}

export function measureRooms(): Promise<Actions> {
  return onCell((cell) => roomActions(cell, [3, 9]));
}

const heartbeatStepMs = 3_000;
const hourMs = 3_600_000;
/** A slice of an hour in which each process beats this often. */
const beats = 10;

/** A connection, a router and a muc process together, an hour of doing nothing. */
export async function measureHour(): Promise<StoreUse> {
  const cell = await openCell({ withHeartbeats: true });
  try {
    await cell.idle(heartbeatStepMs, heartbeatStepMs);
    const slice = await cell.idle(beats * heartbeatStepMs, heartbeatStepMs);
    const factor = hourMs / (beats * heartbeatStepMs);
    return {
      requests: Object.fromEntries(Object.entries(slice.requests).map(([name, count]) => [name, count * factor])),
      writeUnits: slice.writeUnits * factor,
      readUnits: slice.readUnits * factor,
      archiveBytes: slice.archiveBytes * factor,
    };
  } finally {
    await cell.close();
  }
}
