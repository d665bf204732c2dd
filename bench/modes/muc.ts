/**
 * Rooms: what a delivery costs, and the time until the last occupant has a message. With one room, also how it affects two people in another
 * room.
 */
import type { Client } from '../generator/client.ts';
import { forEach, watchLosses } from '../generator/crowd.ts';
import { readMark, writeMark } from '../generator/tally.ts';
import { pause, until } from '../pause.ts';
import { heard, join, waitMsMax } from './enter-room.ts';
import { beginCpu, ModeFailed, type Outcome, percentile } from './outcome.ts';
import { SmallRoom } from './small-room.ts';

export interface RoomOptions {
  /** The room's; with several, what the addresses of all end with. */
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
  await fill(clients, options.address);
  const joined = joining(clients.length);
  const rooms = [{ address: options.address, clients }];
  await talk(rooms, undefined, options.window, Math.min(warmUpS, options.seconds));
  beside.begin();
  const outcome = await talk(rooms, pid, options.window, options.seconds);
  const noticed = await beside.end();
  leave(rooms);
  if (losses.count() > 0) throw new ModeFailed(`${losses.count()} streams ended, such as ${losses.first()}`);
  await quiet(clients);
  const figures = { ...outcome.figures, ...noticed };
  return { ...outcome, figures: { ...figures, ...(joined.serverMicrosEach && { joinMicrosEach: joined.serverMicrosEach }) } };
}

interface Room {
  readonly address: string;
  readonly clients: readonly Client[];
}

/** @param everybody as many in each room */
export async function manyRooms(
  everybody: readonly Client[],
  pid: number | undefined,
  { address, window, seconds, rooms: count }: RoomOptions & { readonly rooms: number },
): Promise<Outcome> {
  const losses = watchLosses(everybody);
  const size = everybody.length / count;
  const rooms = Array.from({ length: count }, (_, index) => ({
    address: `${index}-${address}`,
    clients: everybody.slice(index * size, (index + 1) * size),
  }));
  for (const { clients, address } of rooms) await fill(clients, address);
  await talk(rooms, undefined, window, Math.min(warmUpS, seconds));
  const outcome = await talk(rooms, pid, window, seconds);
  leave(rooms);
  if (losses.count() > 0) throw new ModeFailed(`${losses.count()} streams ended, such as ${losses.first()}`);
  await quiet(everybody);
  return outcome;
}

/** The first makes the room. Returns when nothing comes any more. */
async function fill(clients: readonly Client[], address: string): Promise<void> {
  await join(clients[0]!, address, 0);
  await configure(clients[0]!, address);
  await forEach(clients.slice(1), joinsAtOnce, (client, index) => join(client, address, index + 1));
  await quiet(clients);
}

function leave(rooms: readonly Room[]): void {
  for (const { address, clients } of rooms)
    for (const [index, client] of clients.entries()) client.send(`<presence type='unavailable' to='${address}/o${index}'/>`);
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

/** Some messages are under way in each room at a time. */
async function talk(rooms: readonly Room[], pid: number | undefined, window: number, seconds: number): Promise<Outcome> {
  const cpu = beginCpu(pid);
  const talks = rooms.map((room) => new Talk(room));
  for (const one of talks) one.begin(window);
  await pause(seconds * 1000);
  for (const one of talks) one.end();
  await until(() => talks.every(({ isHeard }) => isHeard), waitMsMax);
  const sum = (figure: (one: Talk) => number) => talks.reduce((total, one) => total + figure(one), 0);
  const deliveries = sum((one) => one.deliveries);
  const { seconds: elapsedS, serverMicrosEach, generatorMicrosEach } = cpu(deliveries);
  await pause(50); // duplicates may come late
  const lasts = talks.flatMap((one) => one.lasts).sort((a, b) => a - b);
  return {
    unit: 'deliveries',
    count: deliveries,
    cpuMicrosEach: serverMicrosEach,
    lost: sum((one) => one.expected) - deliveries,
    duplicated: sum((one) => one.duplicated),
    reordered: sum((one) => one.reordered),
    figures: {
      perSecond: deliveries / elapsedS,
      ...(serverMicrosEach && { perCpuSecond: 1e6 / serverMicrosEach }),
      messages: sum((one) => one.messages),
      lastP50Ms: percentile(lasts, 0.5),
      lastMaxMs: percentile(lasts, 1),
      generatorMicrosEach,
    },
  };
}

/** What is said in one room. Speakers take turns, and the next message is sent when all occupants have one. */
class Talk {
  readonly #room: Room;
  readonly #size: number;
  /** Occupants that have not got a message yet, by message. */
  readonly #missing: number[] = [];
  #isOver = false;
  deliveries = 0;
  duplicated = 0;
  reordered = 0;
  /** How long it took until the last occupant had a message, ms. */
  readonly lasts: number[] = [];

  constructor(room: Room) {
    this.#room = room;
    this.#size = room.clients.length;
  }

  get messages(): number {
    return this.#missing.length;
  }

  get expected(): number {
    return this.messages * this.#size;
  }

  get isHeard(): boolean {
    return this.deliveries >= this.expected;
  }

  begin(window: number): void {
    /** All occupants see the same order, which is that of the first to see each message. */
    const order: number[] = [];
    const { clients } = this.#room;
    const seen = clients.map(() => new Uint8Array(messagesMax));
    const positions = clients.map(() => 0);
    clients.forEach((client, index) => {
      client.onStanza = (bytes, start, end) => {
        const mark = readMark(bytes, start, end);
        if (mark === undefined || mark.sequence >= this.messages) return;
        const { sequence } = mark;
        if (seen[index]![sequence]) {
          this.duplicated++;
          return;
        }
        seen[index]![sequence] = 1;
        this.deliveries++;
        const position = positions[index]!++;
        if (position === order.length) order.push(sequence);
        else if (order[position] !== sequence) this.reordered++;
        if (--this.#missing[sequence]! > 0) return;
        this.lasts.push(performance.now() - mark.sentMs);
        if (!this.#isOver && this.messages < messagesMax) this.#say();
      };
    });
    for (let index = 0; index < window; index++) this.#say();
  }

  end(): void {
    this.#isOver = true;
  }

  #say(): void {
    const { address, clients } = this.#room;
    const sequence = this.#missing.push(this.#size) - 1;
    const body = `${writeMark(this.#size, sequence, performance.now())} What's in a name? That which we call a rose.`;
    clients[sequence % this.#size]!.send(
      `<message type='groupchat' to='${address}' id='r${sequence}'><body>${body}</body></message>`,
    );
  }
}
