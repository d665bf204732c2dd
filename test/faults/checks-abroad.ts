/**
 * What a round has to show for what was said to people at other servers: delivered there or bounced, in order, twice only where a stream
 * broke with it unconfirmed, and every pair up again soon after all is healed.
 */
import { type Evidence, isKept } from './evidence.ts';
import type { Got, Said } from './journal.ts';

export const upMaxMs = 60_000;
/** A break is written down a moment after it. */
const noticeMs = 1_000;

/** A stream between servers has broken. What was sent on it may be sent again. */
export interface Break {
  /** The domains that sent on it, and the one that got it; undefined: all. */
  readonly hosts: readonly string[];
  readonly peer?: string;
  readonly atMs: number;
  /** Stanzas that were not confirmed; undefined: whoever knew is dead, or stood still. */
  readonly unconfirmed?: number;
}

export interface EvidenceAbroad extends Evidence {
  readonly breaks: readonly Break[];
  /** Everything works again. */
  readonly healedMs: number;
  /** Who talks with whom at another server, one entry for each direction. */
  readonly pairs: readonly (readonly [from: string, to: string])[];
  /** What each was to see of the other at the end, and what it has seen. */
  readonly shown: readonly {
    readonly who: string;
    readonly of: string;
    readonly due: string;
    readonly seen: string | undefined;
  }[];
}

export interface FindingsAbroad {
  readonly said: number;
  readonly delivered: number;
  /** Came back to its sender as an error. */
  readonly bounced: number;
  /** How many of these were bounced by somebody else's server, whose people had sent them. */
  readonly bouncedByThem: number;
  /** How often each condition was the reason. */
  readonly conditions: Readonly<Record<string, number>>;
  /** How many of these had been delivered all the same. */
  readonly bouncedAndDelivered: number;
  /** What somebody else's server has lost of what it had confirmed, or was to deliver. */
  readonly lostByThem: number;
  /** Doubled although no stream had broken with it. */
  readonly unexplained: string[];
  readonly doubled: number;
  /** What was not confirmed when streams broke; where nobody knew, nothing is counted. */
  readonly unconfirmed: number;
  readonly breaks: number;
  /** How long after healing the last pair was up again, ms. */
  readonly upMs: number;
  readonly down: string[];
  readonly notShown: string[];
}

export function checkAbroad(evidence: EvidenceAbroad): FindingsAbroad {
  const { journal, round, breaks } = evidence;
  const said = journal.ofRound(round).filter(({ isAbroad }) => isAbroad);
  const arrivals = said.map((each) => arrivalsOf(each, evidence));
  const isThere = (index: number) => arrivals[index]!.length > 0;
  const theirs = said.filter((each, index) => isKept(each) && evidence.isTheirs?.(each) === true && !isThere(index));
  const doubles = findDoubles(evidence, said, arrivals);
  const ups = evidence.pairs.map(([from, to]) => upAfter(evidence, from, to));
  return {
    said: said.length,
    delivered: arrivals.filter((each) => each.length > 0).length,
    bounced: said.filter(({ refused }) => refused !== undefined).length,
    bouncedByThem: said.filter((each) => each.refused !== undefined && evidence.unread?.has(each.from)).length,
    conditions: countBy(said.flatMap(({ refused }) => refused ?? [])),
    bouncedAndDelivered: said.filter(({ refused }, index) => refused !== undefined && isThere(index)).length,
    lostByThem: theirs.length,
    ...doubles,
    unconfirmed: breaks.reduce((sum, { unconfirmed = 0 }) => sum + unconfirmed, 0),
    breaks: breaks.length,
    upMs: Math.max(0, ...ups.map(({ ms }) => ms ?? 0)),
    down: ups.flatMap(({ fault }) => fault ?? []),
    notShown: evidence.shown
      .filter(({ due, seen }) => seen !== due)
      .map(({ who, of, due, seen }) => `${who} sees ${seen ?? 'nothing'} of ${of}, who says ${due}`),
  };
}

/** In the archive of an account at another server, per sender by number. First arrivals count. */
export function archivedOutOfOrder({ archives, journal, round, isTheirs }: Evidence): string[] {
  return [...archives].flatMap(([place, entries]) => {
    const highest = new Map<string, Said>();
    const seen = new Set<string>();
    return entries.flatMap(({ id }) => {
      const said = journal.said.get(id);
      const counts = said?.isAbroad && said.to === place && said.refused === undefined && isTheirs?.(said) !== true;
      if (!counts || seen.has(id)) return [];
      seen.add(id);
      const before = highest.get(said.from);
      if (before === undefined || before.number < said.number) highest.set(said.from, said);
      else if (said.round === round && said.copies <= 1) return [`${id} is behind ${before.id} in the archive of ${place}`];
      return [];
    });
  });
}

/** When each different submission came; one that only the archive knows came at an unknown time. */
function arrivalsOf({ id, to }: Said, { journal, archives }: Evidence): number[] {
  const first = new Map<string, Got>();
  for (const got of journal.got.get(to) ?? []) {
    const key = got.stanzaId ?? got.id;
    if (got.id === id && !first.has(key)) first.set(key, got);
  }
  const heard = [...first.values()].map(({ atMs }) => atMs).sort((a, b) => a - b);
  const kept = archives.get(to)?.filter((entry) => entry.id === id && !first.has(entry.stanzaId)).length ?? 0;
  return [...heard, ...Array.from({ length: kept }, () => Number.POSITIVE_INFINITY)];
}

/** Whoever sends again what no break explains has forgotten that it was confirmed. */
function findDoubles({ breaks, isTheirs }: EvidenceAbroad, said: readonly Said[], arrivals: readonly (readonly number[])[]) {
  const left = breaks.map(({ unconfirmed = Number.POSITIVE_INFINITY }) => unconfirmed);
  const unexplained: string[] = [];
  let doubled = 0;
  for (const [index, one] of said.entries()) {
    if (isTheirs?.(one)) continue;
    for (const atMs of arrivals[index]!.slice(one.copies)) {
      doubled++;
      const isIt = (each: Break, place: number) => left[place]! > 0 && explains(each, one, atMs);
      const found = breaks.findIndex((each, place) => each.unconfirmed === undefined && isIt(each, place));
      const place = found >= 0 ? found : breaks.findIndex(isIt);
      if (place >= 0) left[place]!--;
      else unexplained.push(`${one.id} came to ${one.to} ${arrivals[index]!.length}×, and no stream had broken with it`);
    }
  }
  return { doubled, unexplained };
}

function explains({ hosts, peer, atMs }: Break, { from, to, saidMs }: Said, againMs: number): boolean {
  const isOfPair = hosts.includes(domainOf(from)) && (peer === undefined || peer === domainOf(to));
  return isOfPair && saidMs <= atMs + noticeMs && againMs >= atMs - noticeMs;
}

/** The first that was said after healing has arrived. */
function upAfter(
  { journal, healedMs, round, isTheirs }: EvidenceAbroad,
  from: string,
  to: string,
): { ms?: number; fault?: string } {
  const probe = journal.ofRound(round).find((said) => said.from === from && said.to === to && said.saidMs >= healedMs);
  if (probe === undefined) return { fault: `${from} said nothing to ${to} after all was healed` };
  if (isTheirs?.(probe)) return {};
  const got = journal.got.get(to)?.find(({ id }) => id === probe.id);
  const ms = got && got.atMs - healedMs;
  if (ms !== undefined && ms <= upMaxMs) return { ms };
  const what = ms === undefined ? 'never' : `only after ${(ms / 1000).toFixed(1)} s`;
  return { ...(ms !== undefined && { ms }), fault: `${from} reached ${to} ${what} when all was healed` };
}

export function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

export function domainOf(jid: string): string {
  return jid.slice(jid.indexOf('@') + 1);
}
