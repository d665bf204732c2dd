/** Presence of contacts: everybody in a circle changes status repeatedly, and all others in it receive each change. */
import type { Client } from '../generator/client.ts';
import { watchLosses } from '../generator/crowd.ts';
import { readMark, Tally, writeMark } from '../generator/tally.ts';
import { pause, until } from '../pause.ts';
import { beginCpu, ModeFailed, type Outcome } from './outcome.ts';

export interface PresenceOptions {
  /** Adjacent clients form a circle; each has all others of it in the roster. */
  readonly circle: number;
  readonly seconds: number;
}

/** Prosody writes a file for each change of a roster, which takes minutes on a busy machine. */
const waitMsMax = 300_000;
const befriendMsMax = 600_000;
const befriendPollMsMax = 5_000;
const quietMs = 500;
const warmUpS = 1;
/** Circles must be smaller. */
const circleMax = 1_000;

export async function presence(clients: readonly Client[], pid: number | undefined, options: PresenceOptions): Promise<Outcome> {
  const { circle } = options;
  if (clients.length % circle !== 0 || circle > circleMax || circle < 2) {
    throw new ModeFailed(`${clients.length} users do not make circles of ${circle}`);
  }
  const losses = watchLosses(clients);
  await befriend(clients, circle);
  await quiet(clients);
  await announce(clients, undefined, circle, Math.min(warmUpS, options.seconds));
  const outcome = await announce(clients, pid, circle, options.seconds);
  if (losses.count() > 0) throw new ModeFailed(`${losses.count()} streams ended, such as ${losses.first()}`);
  return outcome;
}

/** Everybody asks for everybody's presence and grants it (RFC 6121 §3). Rosters that are already full are left alone. */
async function befriend(clients: readonly Client[], circle: number): Promise<void> {
  if ((await strangerOf(clients, circle)) === undefined) return;
  for (const client of clients) {
    client.onStanza = (bytes, start, end) => {
      const text = bytes.toString('utf8', start, end);
      if (!text.startsWith('<presence') || !/\stype=['"]subscribe['"]/.test(text)) return;
      const from = /\sfrom=['"]([^'"/]+)/.exec(text)?.[1];
      if (from) client.send(`<presence to='${from}' type='subscribed'/>`);
    };
  }
  for (const [index, client] of clients.entries()) {
    const first = index - (index % circle);
    for (let other = first; other < first + circle; other++) {
      if (other !== index) client.send(`<presence to='${bare(clients[other]!)}' type='subscribe'/>`);
    }
    if (index % 10 === 9) await pause(20);
  }
  const endMs = performance.now() + befriendMsMax;
  for (let pauseMs = 250; ; pauseMs = Math.min(pauseMs * 2, befriendPollMsMax)) {
    await pause(pauseMs); // constant roster requests would keep the server from filling them
    const stranger = await strangerOf(clients, circle);
    if (stranger === undefined) return;
    if (performance.now() > endMs) throw new ModeFailed(`${stranger}, not ${circle - 1}`);
  }
}

/** Clients that lack others in the roster. Asking also makes a client interested in roster pushes (RFC 6121 §2.2). */
async function strangerOf(clients: readonly Client[], circle: number): Promise<string | undefined> {
  const counts = await Promise.all(clients.map(friendsOf));
  const index = counts.findIndex((count) => count !== circle - 1);
  return index < 0 ? undefined : `${clients[index]!.jid} has ${counts[index]} contacts`;
}

function bare(client: Client): string {
  return client.jid.slice(0, client.jid.indexOf('/'));
}

let asked = 0;

function friendsOf(client: Client): Promise<number> {
  const id = `roster${asked++}`;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new ModeFailed(`${client.jid}: no roster`)), waitMsMax);
    const before = client.onStanza;
    client.onStanza = (bytes, start, end) => {
      const text = bytes.toString('utf8', start, end);
      if (!text.startsWith('<iq') || !text.includes(id)) {
        before?.(bytes, start, end);
        return;
      }
      clearTimeout(timer);
      client.onStanza = before;
      resolve(text.match(/subscription=['"]both['"]/g)?.length ?? 0);
    };
    client.send(`<iq type='get' id='${id}'><query xmlns='jabber:iq:roster'/></iq>`);
  });
}

async function quiet(clients: readonly Client[]): Promise<void> {
  let lastMs = performance.now();
  for (const client of clients) {
    client.onStanza = () => {
      lastMs = performance.now();
    };
  }
  if (!(await until(() => performance.now() - lastMs > quietMs, waitMsMax))) throw new ModeFailed('presence never becomes quiet');
}

async function announce(clients: readonly Client[], pid: number | undefined, circle: number, seconds: number): Promise<Outcome> {
  const tally = new Tally();
  const sequences = clients.map(() => 0);
  const missing = clients.map(() => 0);
  let [expected, isOver] = [0, false];
  const change = (index: number) => {
    missing[index] = circle - 1;
    expected += circle - 1;
    const status = writeMark(index, sequences[index]!++, performance.now());
    clients[index]!.send(`<presence><show>away</show><status>${status}</status></presence>`);
  };
  clients.forEach((client, index) => {
    client.onStanza = (bytes, start, end) => {
      const mark = readMark(bytes, start, end);
      if (mark === undefined || mark.stream === index) return; // a user's own resources receive it too
      if (!tally.take(mark.stream * circleMax + (index % circle), mark.sequence)) return;
      if (--missing[mark.stream]! === 0 && !isOver) change(mark.stream);
    };
  });
  const cpu = beginCpu(pid);
  for (const index of clients.keys()) change(index);
  await pause(seconds * 1000);
  isOver = true;
  await until(() => tally.delivered >= expected, waitMsMax);
  const { seconds: elapsedS, serverMicrosEach, generatorMicrosEach } = cpu(tally.delivered);
  await pause(50);
  return {
    unit: 'presences',
    count: tally.delivered,
    cpuMicrosEach: serverMicrosEach,
    ...tally.counts(expected),
    figures: { perSecond: tally.delivered / elapsedS, generatorMicrosEach },
  };
}
