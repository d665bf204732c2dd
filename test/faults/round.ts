/** One round: talk, a fault, its end, quiet, and the reckoning. */
import { type Archived, readArchives } from './archive-reader.ts';
import { check, isAllHeard } from './checks.ts';
import { type Break, checkAbroad, domainOf, upMaxMs } from './checks-abroad.ts';
import type { Said } from './journal.ts';
import type { People } from './people.ts';
import { type RoundReport, reportRound } from './report.ts';
import { killPid } from './service-process.ts';

const warmMs = 2_000;
const afterMs = 3_000;
const quietMs = 1_200;
const quietMaxMs = 75_000;
const heardMaxMs = 75_000;
const shownMaxMs = 30_000;
const pollMs = 100;
/** Clocks are the same; what is archived was said before it. */
const marginMs = 2_000;
/** Somebody else's server gives what it has confirmed to a client that is connected at once. */
const theirLossMs = 2_000;
const readTriesMax = 5;

/** Where people meet. */
export interface Ground {
  /** Processes that live. */
  readonly members: readonly { readonly name: string; readonly pid: number }[];
  /** Somebody else's server, which may lose what it has confirmed. */
  readonly theirDomain?: string;
  /** Streams between servers that broke since the last call. */
  takeBreaks?(): readonly Break[];
}

/** What was done. */
export interface Done {
  readonly story: string;
  /** When somebody else's server was killed: what it had confirmed just before may be lost. */
  readonly theirsKilledMs?: number;
}

export interface Event {
  readonly kind: string;
  /** Resolves when it is over, and says what was done. */
  readonly act: () => Promise<string | Done>;
  /** No client's stream may be dropped. */
  readonly keepsStreams: boolean;
}

export interface Ran {
  readonly report: RoundReport;
  /** What was done. */
  readonly story: string;
}

export async function runRound(ground: Ground, people: People, { kind, act, keepsStreams }: Event): Promise<Ran> {
  const begun = performance.now();
  const sinceMs = Date.now() - marginMs;
  const { journal, round } = people;
  const violationsBefore = journal.violations.length;
  people.talk();
  await pause(warmMs);
  const done = await act();
  const { story, theirsKilledMs }: Done = typeof done === 'string' ? { story: done } : done;
  const healedMs = performance.now();
  for (const [from, to] of people.abroad) {
    from.say(to.jid, true);
    from.show(`round ${round}`);
  }
  await pause(afterMs);
  people.hush();
  const wrong: string[] = [];
  const isQuiet = () => people.all.every((person) => person.isQuiet) && performance.now() - journal.lastGotMs > quietMs;
  if (!(await until(isQuiet, quietMaxMs))) wrong.push(...restless(people));
  const hearersOf = (to: string) => (people.rooms.includes(to) ? people.membersOf(to).map(({ jid }) => jid) : [to]);
  const isTheirs = (said: Said) => isUpToThem(said, ground.theirDomain, theirsKilledMs);
  await until(() => isAllHeard({ journal, round, hearersOf, isTheirs }), Math.max(heardMaxMs, upMaxMs));
  await until(() => shownOf(people, ground.theirDomain).every(({ due, seen }) => due === seen), shownMaxMs);
  await pingSeats(people);
  const unread = new Set(people.all.filter(({ jid }) => domainOf(jid) === ground.theirDomain).map(({ jid }) => jid));
  const archives = await readAll(people, unread, sinceMs);
  for (const { name, pid } of ground.members) if (!killPid(pid, 0)) wrong.push(`${name} died by itself`);
  const evidence = { journal, round, archives, hearersOf, isTheirs, unread };
  const findings = check(evidence);
  const pairs = people.abroad.map(([from, to]) => [from.jid, to.jid] as const);
  const abroad = checkAbroad({
    ...evidence,
    breaks: ground.takeBreaks?.() ?? [],
    healedMs,
    pairs,
    shown: shownOf(people, ground.theirDomain),
  });
  wrong.push(...journal.violations.slice(violationsBefore));
  if (keepsStreams) {
    for (const { who, why } of journal.losses.filter((loss) => loss.round === round)) wrong.push(`${who} was dropped: ${why}`);
  }
  const report = reportRound(findings, abroad, { kind, journal, round, tookMs: performance.now() - begun, faults: wrong });
  return { report, story };
}

/** Their people are told by them, and what they had confirmed when they were killed is theirs to keep. */
function isUpToThem({ from, to, saidMs }: Said, theirDomain: string | undefined, killedMs = Number.NEGATIVE_INFINITY): boolean {
  if (domainOf(from) === theirDomain) return true;
  return domainOf(to) === theirDomain && saidMs <= killedMs && saidMs > killedMs - theirLossMs;
}

/** What somebody else's server has lost of its people's presence is not ours. */
function shownOf({ abroad, round }: People, theirDomain: string | undefined) {
  const ours = abroad.filter(([from]) => domainOf(from.jid) !== theirDomain);
  return ours.map(([from, to]) => ({ who: to.jid, of: from.jid, due: `round ${round}`, seen: to.shown.get(from.jid) }));
}

function restless({ all }: People): string[] {
  const busy = all.filter((person) => !person.isQuiet);
  if (busy.length === 0) return [`messages went on for ${quietMaxMs} ms after everybody had stopped`];
  return busy.map(({ name, isLive, link, seats }) => {
    const outside = [...seats.values()].filter(({ isIn }) => !isIn).map(({ jid }) => jid);
    const state = isLive ? (link.hasUnacked ? 'waits for acknowledgements' : 'has something to say') : 'is away';
    return `${name} ${state}${outside.length > 0 ? ` and is not in ${outside.join(', ')}` : ''} ${quietMaxMs} ms after the fault`;
  });
}

/** Whoever is in no more although nobody has said so, enters again and is counted. */
async function pingSeats({ all }: People): Promise<void> {
  for (const person of all) {
    await Promise.all(
      [...person.seats.values()].map(async (seat) => {
        if (seat.isIn && (await seat.ping()) === 'out') await seat.settle('self-ping at the end of the round');
      }),
    );
  }
}

async function readAll(people: People, unread: ReadonlySet<string>, sinceMs: number): Promise<Map<string, readonly Archived[]>> {
  const archives = new Map<string, readonly Archived[]>();
  for (const { jid, credentials, doors } of people.all) {
    if (unread.has(jid)) continue;
    const mine = people.rooms.filter((room) => people.membersOf(room)[0]?.jid === jid);
    const [own, ...rooms] = await persist(() => readArchives(doors[0]!, credentials, [undefined, ...mine], sinceMs));
    archives.set(jid, own!);
    for (const [index, room] of mine.entries()) archives.set(room, rooms[index]!);
  }
  return archives;
}

/** Someone who reads the archive tries again too. */
async function persist<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries >= readTriesMax) throw error;
      await pause(1_000);
    }
  }
}

async function until(isSo: () => boolean, maxMs: number): Promise<boolean> {
  const end = performance.now() + maxMs;
  while (performance.now() < end) {
    if (isSo()) return true;
    await pause(pollMs);
  }
  return isSo();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
