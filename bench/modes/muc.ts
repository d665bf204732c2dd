/**
 * One room: what a delivery costs, the time until the last occupant has a message, and how it affects two people in another room.
 */
import type { Client } from '../generator/client.ts';
import { forEach, watchLosses } from '../generator/crowd.ts';
import { readMark, writeMark } from '../generator/tally.ts';
import { pause, until } from '../pause.ts';
import { heard, join, waitMsMax } from './enter-room.ts';
import { beginCpu, ModeFailed, type Outcome, percentile } from './outcome.ts';
import { SmallRoom } from './small-room.ts';

export interface RoomOptions {
  readonly address: string;
  readonly seconds: number;
  /** Messages on their way; the next is sent when all occupants have one. */
  readonly window: number;
}

const joinsAtOnce = 8;
const quietMs = 500;
const messagesMax = 20_000;
const warmUpS = 1;

/**
 * Only moderators' presence is broadcast, as the owner of a big room would set it: otherwise joining costs the square of the
 * occupants.
 */
const configuration = [
  ['muc#roomconfig_publicroom', '0'],
  ['muc#roomconfig_maxusers', '10000'],
  ['muc#roomconfig_presencebroadcast', 'moderator'],
];

/** @param everybody the last two clients go into the other room */
export async function room(everybody: readonly Client[], pid: number | undefined, options: RoomOptions): Promise<Outcome> {
  const losses = watchLosses(everybody);
  const clients = everybody.slice(0, -2);
  const beside = await SmallRoom.enter(everybody.at(-2)!, everybody.at(-1)!, `beside-${options.address}`);
  const joining = beginCpu(pid);
  await join(clients[0]!, options.address, 0);
  await configure(clients[0]!, options.address);
  await forEach(clients.slice(1), joinsAtOnce, (client, index) => join(client, options.address, index + 1));
  await quiet(clients);
  const joined = joining(clients.length);
  await talk(clients, undefined, options, Math.min(warmUpS, options.seconds));
  beside.begin();
  const outcome = await talk(clients, pid, options, options.seconds);
  const noticed = await beside.end();
  for (const [index, client] of clients.entries())
    client.send(`<presence type='unavailable' to='${options.address}/o${index}'/>`);
  if (losses.count() > 0) throw new ModeFailed(`${losses.count()} streams ended, such as ${losses.first()}`);
  await quiet(clients);
  const figures = { ...outcome.figures, ...noticed };
  return { ...outcome, figures: { ...figures, ...(joined.serverMicrosEach && { joinMicrosEach: joined.serverMicrosEach }) } };
}

async function configure(client: Client, address: string): Promise<void> {
  const fields = configuration.map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`).join('');
  const form = `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>${fields}</x>`;
  const answered = heard(client, 'answer to the configuration', (text) => text.startsWith('<iq') && text.includes('config'));
  client.send(
    `<iq type='set' id='config' to='${address}'><query xmlns='http://jabber.org/protocol/muc#owner'>${form}</query></iq>`,
  );
  const answer = await answered;
  if (!/type=['"]result/.test(answer)) throw new ModeFailed(`the room cannot be configured: ${answer}`);
}

/** Waits until nothing comes any more. */
async function quiet(clients: readonly Client[]): Promise<void> {
  let lastMs = performance.now();
  for (const client of clients) {
    client.onStanza = () => {
      lastMs = performance.now();
    };
  }
  if (!(await until(() => performance.now() - lastMs > quietMs, waitMsMax))) throw new ModeFailed('the room never becomes quiet');
}

async function talk(
  clients: readonly Client[],
  pid: number | undefined,
  options: RoomOptions,
  seconds: number,
): Promise<Outcome> {
  const { address, window } = options;
  const size = clients.length;
  const lasts: number[] = [];
  /** All occupants see the same order, which is that of the first to see each message. */
  const order: number[] = [];
  const seen = clients.map(() => new Uint8Array(messagesMax));
  const positions = clients.map(() => 0);
  const missing: number[] = [];
  let [deliveries, duplicated, reordered, isOver] = [0, 0, 0, false];
  const say = () => {
    const sequence = missing.push(size) - 1;
    const body = `${writeMark(size, sequence, performance.now())} What's in a name? That which we call a rose.`;
    clients[sequence % size]!.send(`<message type='groupchat' to='${address}' id='r${sequence}'><body>${body}</body></message>`);
  };
  clients.forEach((client, index) => {
    client.onStanza = (bytes, start, end) => {
      const mark = readMark(bytes, start, end);
      if (mark === undefined || mark.sequence >= missing.length) return;
      const { sequence } = mark;
      if (seen[index]![sequence]) {
        duplicated++;
        return;
      }
      seen[index]![sequence] = 1;
      deliveries++;
      const position = positions[index]!++;
      if (position === order.length) order.push(sequence);
      else if (order[position] !== sequence) reordered++;
      if (--missing[sequence]! > 0) return;
      lasts.push(performance.now() - mark.sentMs);
      if (!isOver && missing.length < messagesMax) say();
    };
  });
  const cpu = beginCpu(pid);
  for (let index = 0; index < window; index++) say();
  await pause(seconds * 1000);
  isOver = true;
  await until(() => deliveries >= missing.length * size, waitMsMax);
  const { seconds: elapsedS, serverMicrosEach, generatorMicrosEach } = cpu(deliveries);
  await pause(50); // duplicates may come late
  lasts.sort((a, b) => a - b);
  return {
    unit: 'deliveries',
    count: deliveries,
    cpuMicrosEach: serverMicrosEach,
    lost: missing.length * size - deliveries,
    duplicated,
    reordered,
    figures: {
      perSecond: deliveries / elapsedS,
      ...(serverMicrosEach && { perCpuSecond: 1e6 / serverMicrosEach }),
      messages: missing.length,
      lastP50Ms: percentile(lasts, 0.5),
      lastMaxMs: percentile(lasts, 1),
      generatorMicrosEach,
    },
  };
}
