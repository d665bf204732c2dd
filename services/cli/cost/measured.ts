/**
 * What an action costs, as `npm run measure` has counted it on the real services. When an action was measured in several sizes
 * (`sign-in, 5 contacts`), other sizes lie on the straight line through the smallest and the largest.
 */
import measured from './measured.json' with { type: 'json' };

export interface Use {
  /** Requests to the store. CPU time is estimated from their number. */
  readonly calls: number;
  readonly readUnits: number;
  readonly writeUnits: number;
  /** Bytes by which the archive grows. */
  readonly archiveBytes: number;
  readonly wireBytesIn: number;
  readonly wireBytesOut: number;
  /** From other servers, and to them. */
  readonly peerBytesIn: number;
  readonly peerBytesOut: number;
  readonly busBytes: number;
}

export type Service = 'connection' | 'router' | 'muc';
export type Micros = Readonly<Record<Service, number>>;

type Raw = Omit<Use, 'calls'> & { readonly requests: Readonly<Record<string, number | undefined>> };

export const { date: measuredDate, commit: measuredCommit } = measured;
/** CPU time, microseconds. It is noisy: the machine did other work, too. */
export const cpu: { readonly signInMicros: Micros; readonly messageMicros: Micros; readonly roomDeliveryMicros: Micros } =
  measured.cpu;

/** What one connection, one router and one muc process together use in an hour when they serve nobody. */
export const processesHour = {
  readUnits: measured.processesHour.readUnits,
  writeUnits: measured.processesHour.writeUnits,
};

function toUse({ requests, ...raw }: Raw): Use {
  return { ...raw, calls: Object.values(requests).reduce<number>((sum, count) => sum + (count ?? 0), 0) };
}

const actions = new Map(
  Object.entries(measured.actions as Readonly<Record<string, Raw>>).map(([name, raw]) => [name, toUse(raw)]),
);

export const nothing: Use = {
  calls: 0,
  readUnits: 0,
  writeUnits: 0,
  archiveBytes: 0,
  wireBytesIn: 0,
  wireBytesOut: 0,
  peerBytesIn: 0,
  peerBytesOut: 0,
  busBytes: 0,
};
const kinds = Object.keys(nothing) as readonly (keyof Use)[];

/** Combines each amount of `one` with the same amount of `other`. */
export function combine(one: Use, other: Use, how: (a: number, b: number) => number): Use {
  return Object.fromEntries(kinds.map((kind) => [kind, how(one[kind], other[kind])])) as unknown as Use;
}

export function add(one: Use, other: Use, times = 1): Use {
  return combine(one, other, (a, b) => a + b * times);
}

/** @throws {Error} when the action has not been measured */
export function action(name: string): Use {
  const use = actions.get(name);
  if (use === undefined) throw new Error(`'${name}' has not been measured; there is: ${[...actions.keys()].join(', ')}`);
  return use;
}

/**
 * What an action costs at any size.
 * @param what `contacts` or `occupants`
 * @throws {Error} when fewer than two sizes were measured
 */
export function actionFor(name: string, count: number, what: string): Use {
  const sizes = [...actions.keys()]
    .filter((key) => key.startsWith(`${name}, `) && key.endsWith(` ${what}`))
    .map((key) => Number(key.slice(name.length + 2, -what.length - 1)))
    .sort((a, b) => a - b);
  const [least, most] = [sizes[0], sizes.at(-1)];
  if (least === undefined || most === undefined || least === most) throw new Error(`'${name}' needs two sizes of ${what}`);
  const [few, many] = [action(`${name}, ${least} ${what}`), action(`${name}, ${most} ${what}`)];
  return combine(few, many, (a, b) => Math.max(0, a + ((b - a) / (most - least)) * (count - least)));
}
