/** One room: the time until the last occupant has a message, and what a delivery costs. */
import { pause } from './chat.ts';
import type { LoadClient } from './load-client.ts';

export interface RoomResult {
  readonly occupants: number;
  readonly joinS: number;
  readonly deliveries: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  /** From the write of a message until the last occupant has read it, milliseconds: median and worst. */
  readonly lastMedianMs: number;
  readonly lastMaxMs: number;
  /** Seconds between first write and last read of all messages. */
  readonly spanS: number;
}

const joinsAtOnce = 16;
const waitMsMax = 120_000;

/** Presence goes out for moderators only, as a big room's owner would set it: with everybody's, joining costs the square of the occupants. */
const configuration = [
  ['muc#roomconfig_publicroom', '0'],
  ['muc#roomconfig_maxusers', '10000'],
  ['muc#roomconfig_presencebroadcast', 'moderator'],
];

export async function room(
  clients: readonly LoadClient[],
  address: string,
  messages: number,
  onJoined: () => void,
): Promise<RoomResult> {
  const started = performance.now();
  await join(clients[0]!, address, 0);
  await configure(clients[0]!, address);
  let next = 1;
  const worker = async () => {
    while (next < clients.length) {
      const index = next++;
      await join(clients[index]!, address, index);
    }
  };
  await Promise.all(Array.from({ length: joinsAtOnce }, worker));
  const joinS = (performance.now() - started) / 1000;
  await pause(1_000);
  onJoined();
  return { ...(await talk(clients, address, messages)), occupants: clients.length, joinS };
}

/** Resolves with the stanza that `matches`; other stanzas pass. */
function heard(client: LoadClient, what: string, matches: (text: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${client.jid}: no ${what} within ${waitMsMax} ms`)), waitMsMax);
    client.onStanza = (text) => {
      if (!matches(text)) return;
      clearTimeout(timer);
      client.onStanza = undefined;
      resolve(text);
    };
  });
}

async function join(client: LoadClient, address: string, index: number): Promise<void> {
  // the empty subject is what a room says last (XEP-0045 §7.2.15)
  const entered = heard(client, 'subject of the room', (text) => text.startsWith('<message') && text.includes('<subject'));
  client.send(
    `<presence to='${address}/o${index}'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>`,
  );
  await entered;
}

async function configure(client: LoadClient, address: string): Promise<void> {
  const fields = configuration.map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`).join('');
  const form = `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>${fields}</x>`;
  const answered = heard(client, 'answer to the configuration', (text) => text.startsWith('<iq') && text.includes('config'));
  client.send(
    `<iq type='set' id='config' to='${address}'><query xmlns='http://jabber.org/protocol/muc#owner'>${form}</query></iq>`,
  );
  const answer = await answered;
  if (!/type=['"]result/.test(answer)) throw new Error(`the room cannot be configured: ${answer}`);
}

async function talk(clients: readonly LoadClient[], address: string, messages: number) {
  const lasts: number[] = [];
  const latest = clients.map(() => -1);
  let [deliveries, duplicated, reordered, lost] = [0, 0, 0, 0];
  let [missing, current, arrived] = [0, -1, () => {}];
  clients.forEach((client, index) => {
    client.onStanza = (text) => {
      const found = text.startsWith('<message') && /<body>room (\d+)</.exec(text);
      if (!found) return;
      const sequence = Number(found[1]);
      deliveries++;
      if (sequence === latest[index]) duplicated++;
      else if (sequence < latest[index]!) reordered++;
      latest[index] = sequence;
      if (sequence === current && --missing === 0) arrived();
    };
  });
  const started = performance.now();
  for (current = 0; current < messages; current++) {
    missing = clients.length;
    const sent = performance.now();
    const all = new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), waitMsMax);
      arrived = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
    clients[current % clients.length]!.send(
      `<message type='groupchat' to='${address}' id='r${current}'><body>room ${current}</body></message>`,
    );
    if (!(await all)) lost += missing;
    lasts.push(performance.now() - sent);
  }
  const spanS = (performance.now() - started) / 1000;
  lasts.sort((a, b) => a - b);
  return {
    deliveries,
    lost,
    duplicated,
    reordered,
    spanS,
    lastMedianMs: lasts[Math.floor(lasts.length / 2)] ?? Number.NaN,
    lastMaxMs: lasts.at(-1) ?? Number.NaN,
  };
}
