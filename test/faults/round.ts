/** One round: talk, a fault, its end, quiet, and the reckoning. */
import { type Archived, readArchives } from './archive-reader.ts';
import { check, isAllHeard } from './checks.ts';
import type { People } from './people.ts';
import { type RoundReport, reportRound } from './report.ts';
import { killPid } from './service-process.ts';

const warmMs = 2_000;
const afterMs = 3_000;
const quietMs = 1_200;
const quietMaxMs = 75_000;
const heardMaxMs = 20_000;
const pollMs = 100;
/** Clocks are the same; what is archived was said before it. */
const marginMs = 2_000;
const readTriesMax = 5;

/** Where people meet. */
export interface Ground {
  /** Where clients may connect. */
  readonly ports: readonly number[];
  /** Processes that live. */
  readonly members: readonly { readonly name: string; readonly pid: number }[];
}

export interface Event {
  readonly kind: string;
  /** Resolves when it is over, and says what was done. */
  readonly act: () => Promise<string>;
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
  const story = await act();
  await pause(afterMs);
  people.hush();
  const wrong: string[] = [];
  const isQuiet = () => people.all.every((person) => person.isQuiet) && performance.now() - journal.lastGotMs > quietMs;
  if (!(await until(isQuiet, quietMaxMs))) wrong.push(...restless(people));
  const hearersOf = (to: string) => (people.rooms.includes(to) ? people.membersOf(to).map(({ jid }) => jid) : [to]);
  await until(() => isAllHeard({ journal, round, hearersOf }), heardMaxMs);
  await pingSeats(people);
  const archives = await readAll(ground, people, sinceMs);
  for (const { name, pid } of ground.members) if (!killPid(pid, 0)) wrong.push(`${name} died by itself`);
  const findings = check({ journal, round, archives, hearersOf });
  wrong.push(...journal.violations.slice(violationsBefore));
  if (keepsStreams) {
    for (const { who, why } of journal.losses.filter((loss) => loss.round === round)) wrong.push(`${who} was dropped: ${why}`);
  }
  const report = reportRound(findings, { kind, journal, round, tookMs: performance.now() - begun, faults: wrong });
  return { report, story };
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

async function readAll({ ports }: Ground, people: People, sinceMs: number): Promise<Map<string, readonly Archived[]>> {
  const archives = new Map<string, readonly Archived[]>();
  const port = ports[0]!;
  for (const { jid, credentials } of people.all) {
    const mine = people.rooms.filter((room) => people.membersOf(room)[0]?.jid === jid);
    const [own, ...rooms] = await persist(() => readArchives(port, credentials, [undefined, ...mine], sinceMs));
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
