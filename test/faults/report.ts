/** One line a round, and the sum of all. */
import type { Findings } from './checks.ts';
import { countBy, type FindingsAbroad } from './checks-abroad.ts';
import type { Journal } from './journal.ts';
import { newSession } from './person.ts';

const recoverMaxMs = 60_000;
const recoveredShareMin = 0.99;

export interface RoundReport {
  readonly round: number;
  readonly kind: string;
  readonly said: number;
  readonly acknowledged: number;
  readonly refused: number;
  /** Neither acknowledged nor refused at the end. */
  readonly open: number;
  readonly lost: number;
  /** Messages to rooms that somebody inside did not hear. */
  readonly unheard: number;
  readonly duplicated: number;
  readonly resentTwice: number;
  readonly reordered: number;
  readonly late: number;
  readonly dropped: number;
  readonly resumed: number;
  readonly rebound: number;
  readonly failed: number;
  /** Although the session went on; after a new session. */
  readonly rejoined: number;
  readonly rejoinedAnew: number;
  readonly recoverMs: readonly number[];
  readonly slowestAckMs: number;
  readonly tookMs: number;
  /** With other servers. */
  readonly abroad: Figures;
  /** In words, each a reason to fail. */
  readonly faults: readonly string[];
}

/** What is counted of the messages to other servers. */
export type Figures = Omit<FindingsAbroad, 'unexplained' | 'down' | 'notShown'>;

interface Circumstances {
  readonly kind: string;
  readonly journal: Journal;
  readonly round: number;
  readonly tookMs: number;
  readonly faults: readonly string[];
}

export function reportRound(
  findings: Findings,
  { unexplained, down, notShown, ...abroad }: FindingsAbroad,
  about: Circumstances,
): RoundReport {
  const { lost, unheard, duplicated, resentTwice, reordered, late } = findings;
  const { kind, journal, round, tookMs } = about;
  const said = journal.ofRound(round);
  const losses = journal.losses.filter((loss) => loss.round === round);
  const recoverMs = losses.flatMap(({ backMs, lostMs }) => (backMs === undefined ? [] : [backMs - lostMs]));
  const inTime = losses.filter(({ backMs, lostMs }) => backMs !== undefined && backMs - lostMs <= recoverMaxMs);
  const rejoins = journal.rejoins.filter((rejoin) => rejoin.round === round);
  const bad = rejoins.filter(({ why }) => why !== newSession);
  const open = said.filter(({ ackedMs, refused }) => ackedMs === undefined && refused === undefined);
  return {
    round,
    kind,
    said: said.length,
    acknowledged: said.filter(({ ackedMs, refused }) => ackedMs !== undefined && refused === undefined).length,
    refused: said.filter(({ refused }) => refused !== undefined).length,
    open: open.length,
    lost: lost.length,
    unheard: unheard.length,
    duplicated: duplicated.length,
    resentTwice,
    reordered: reordered.length,
    late,
    dropped: losses.length,
    resumed: inTime.filter(({ outcome }) => outcome === 'resumed').length,
    rebound: inTime.filter(({ outcome }) => outcome === 'rebound').length,
    failed: losses.length - inTime.length,
    rejoined: bad.length,
    rejoinedAnew: rejoins.length - bad.length,
    recoverMs,
    slowestAckMs: Math.max(0, ...said.map(({ ackedMs, saidMs }) => (ackedMs ?? saidMs) - saidMs)),
    tookMs,
    abroad,
    faults: [
      ...unexplained.map((what) => `doubled: ${what}`),
      ...down.map((what) => `not up: ${what}`),
      ...notShown.map((what) => `presence: ${what}`),
      ...lost.map((what) => `lost: ${what}`),
      ...unheard.map((what) => `unheard: ${what}`),
      ...duplicated.map((what) => `duplicated: ${what}`),
      ...reordered.map((what) => `reordered: ${what}`),
      ...bad.map(({ who, room, why }) => `rejoined: ${who} had to enter ${room} again (${why})`),
      ...open.map(({ id }) => `open: ${id} was neither acknowledged nor refused`),
      ...about.faults,
    ],
  };
}

const columns = [
  ['round', 5],
  ['fault', 21],
  ['said', 5],
  ['acked', 5],
  ['refused', 7],
  ['lost', 4],
  ['unheard', 7],
  ['dupl.', 5],
  ['re-sent', 7],
  ['reord.', 6],
  ['late', 4],
  ['dropped', 7],
  ['resumed', 7],
  ['re-bound', 8],
  ['failed', 6],
  ['rejoined', 8],
  ['median s', 8],
  ['max s', 6],
  ['slowest ack s', 13],
  ['took s', 6],
] as const;

export function headLine(): string {
  return columns.map(([name, width]) => name.padStart(width)).join('  ');
}

export function roundLine(report: RoundReport): string {
  const { rejoined, rejoinedAnew } = report;
  return line(report, `${report.round}`, report.kind, rejoinedAnew === 0 ? `${rejoined}` : `${rejoined} (${rejoinedAnew})`);
}

/** The second line of a round, and of the sum. */
export function abroadLine(figures: Figures): string {
  const { said, delivered, bounced, conditions, bouncedAndDelivered, lostByThem, doubled, unconfirmed, breaks, upMs } = figures;
  const { bouncedByThem } = figures;
  const byThem = bouncedByThem === 0 ? [] : [`${bouncedByThem} by Prosody`];
  const why = Object.entries(conditions).map(([condition, count]) => `${count} ${condition}`);
  const bounces =
    bounced === 0 ? '0' : `${bounced} (${[...byThem, ...why, `${bouncedAndDelivered} delivered all the same`].join(', ')})`;
  const theirs = lostByThem === 0 ? '' : `, ${lostByThem} lost by Prosody`;
  const doubles = `${doubled} doubled (${unconfirmed} unconfirmed in ${breaks} streams that broke)`;
  const counts = `${said} said, ${delivered} delivered, ${bounces} bounced${theirs}`;
  return `${' '.repeat(7)}other servers: ${counts}, ${doubles}, all up after ${(upMs / 1000).toFixed(1)} s`;
}

export function sumAbroad(reports: readonly RoundReport[]): Figures {
  const sum = (of: (figures: Figures) => number) => reports.reduce((total, { abroad }) => total + of(abroad), 0);
  return {
    said: sum(({ said }) => said),
    delivered: sum(({ delivered }) => delivered),
    bounced: sum(({ bounced }) => bounced),
    bouncedByThem: sum(({ bouncedByThem }) => bouncedByThem),
    conditions: countBy(
      reports.flatMap(({ abroad }) =>
        Object.entries(abroad.conditions).flatMap(([name, count]) => Array<string>(count).fill(name)),
      ),
    ),
    bouncedAndDelivered: sum(({ bouncedAndDelivered }) => bouncedAndDelivered),
    lostByThem: sum(({ lostByThem }) => lostByThem),
    doubled: sum(({ doubled }) => doubled),
    unconfirmed: sum(({ unconfirmed }) => unconfirmed),
    breaks: sum(({ breaks }) => breaks),
    upMs: Math.max(0, ...reports.map(({ abroad: { upMs } }) => upMs)),
  };
}

function line(
  report: Omit<RoundReport, 'round' | 'kind' | 'faults' | 'abroad'>,
  name: string,
  kind: string,
  rejoined: string,
): string {
  const { said, acknowledged, refused, lost, unheard, duplicated, resentTwice, reordered, late } = report;
  const { dropped, resumed, rebound, failed, recoverMs, slowestAckMs, tookMs } = report;
  const counts = [
    said,
    acknowledged,
    refused,
    lost,
    unheard,
    duplicated,
    resentTwice,
    reordered,
    late,
    dropped,
    resumed,
    rebound,
    failed,
  ];
  const times = [median(recoverMs), Math.max(0, ...recoverMs), slowestAckMs, tookMs].map((ms) => (ms / 1000).toFixed(1));
  return [name, kind, ...counts.map(String), rejoined, ...times]
    .map((text, index) => text.padStart(columns[index]![1]))
    .join('  ');
}

export function sumLine(reports: readonly RoundReport[]): string {
  const sum = (of: (report: RoundReport) => number) => reports.reduce((total, report) => total + of(report), 0);
  const total = {
    said: sum(({ said }) => said),
    acknowledged: sum(({ acknowledged }) => acknowledged),
    refused: sum(({ refused }) => refused),
    open: sum(({ open }) => open),
    lost: sum(({ lost }) => lost),
    unheard: sum(({ unheard }) => unheard),
    duplicated: sum(({ duplicated }) => duplicated),
    resentTwice: sum(({ resentTwice }) => resentTwice),
    reordered: sum(({ reordered }) => reordered),
    late: sum(({ late }) => late),
    dropped: sum(({ dropped }) => dropped),
    resumed: sum(({ resumed }) => resumed),
    rebound: sum(({ rebound }) => rebound),
    failed: sum(({ failed }) => failed),
    rejoined: sum(({ rejoined }) => rejoined),
    rejoinedAnew: sum(({ rejoinedAnew }) => rejoinedAnew),
    recoverMs: reports.flatMap(({ recoverMs }) => recoverMs),
    slowestAckMs: Math.max(0, ...reports.map(({ slowestAckMs }) => slowestAckMs)),
    tookMs: sum(({ tookMs }) => tookMs),
  };
  const { rejoined, rejoinedAnew } = total;
  return line(total, 'all', '', rejoinedAnew === 0 ? `${rejoined}` : `${rejoined} (${rejoinedAnew})`);
}

/** In words; none: it passes. */
export function verdict(reports: readonly RoundReport[]): string[] {
  const dropped = reports.reduce((total, report) => total + report.dropped, 0);
  const failed = reports.reduce((total, report) => total + report.failed, 0);
  const share = dropped === 0 ? 1 : 1 - failed / dropped;
  const faults = reports
    .filter((report) => report.faults.length > 0)
    .map(({ round, faults: { length } }) => `round ${round}: ${length} faults`);
  const isLow = share < recoveredShareMin;
  return [
    ...faults,
    ...(isLow ? [`only ${(share * 100).toFixed(1)} % of the dropped sessions came back within ${recoverMaxMs / 1000} s`] : []),
  ];
}

function median(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
