/** The command line of the benchmark. */
import { parseArgs } from 'node:util';
import { type Transport, transports } from './generator/endpoint.ts';
import { type Mechanism, mechanisms } from './generator/scram.ts';

export const modes = ['signin', 'idle', 'chat', 'muc', 'presence', 'mam', 'churn', 's2s', 's2s-storm'] as const;
export type Mode = (typeof modes)[number];

/** Seconds when no mode is given: short for everything, or as long as the targets need. */
const shortModes: readonly Mode[] = ['signin', 'chat', 'muc', 'presence', 'mam', 'churn'];
const comparedModes: readonly Mode[] = ['signin', 'chat', 'muc', 'presence', 'mam', 'churn', 'idle'];

/** From the measured server to another one, or from there. */
const ways = ['leaving', 'arriving'] as const;
export type BetweenServers = (typeof ways)[number];

const chosenByName = ['skylark', 'prosody', 'ejabberd'] as const;
/** `before` is Skylark as another checkout has it. */
export type Make = (typeof chosenByName)[number] | 'before';

export const usage = `npm run bench                                    a short look at all of it, Skylark alone
npm run bench -- MODE… [options]                 ${modes.join(' ')}
npm run bench -- [MODE…] --peers                 beside Debian's prosody and ejabberd, in turns
npm run bench -- [MODE…] --against FOLDER        beside Skylark of another checkout, with its packages installed
npm run bench -- cluster                         processes apart, over NATS and a DynamoDB-compatible store
  --servers skylark,prosody    these                      --rounds 1         medians of so many
  --transport tls|starttls|tcp                            --mechanism SCRAM-SHA-1|SCRAM-SHA-256
  --sm                         with XEP-0198              --seconds 4        each measurement
  --archive on|off|both        of peers, for chat and s2s: Skylark's is its queue, and always on
  chat:  --users 500 --window 2 (closed loop) or --rate 2000 (open loop, messages a second)
  muc:   --occupants 500,5000 --rooms 20x25               presence: --circle 41 --users 82
  mam:   --messages 500 --page 50                         signin:   --sign-ins 500
  idle:  --streams 10000 --settle 40 (seconds)            churn:    --users 100 --times 3
  s2s:   --way leaving|arriving|both --pairs 10 --burst 20 --users 10
                      s2s-storm: --dead 1000 --rate 200 --seconds 15
  --json FILE                  keep the results there; other measurements in it stay (bench/pages.ts makes pages of it)
  --cpu-prof                   where Skylark's time goes, by file
of another server:  --target host:port --domain D --accounts-file F (lines 'local password') [--pid P]`;

export interface Settings {
  readonly modes: readonly Mode[];
  readonly isCluster: boolean;
  readonly makes: readonly Make[];
  /** The other checkout, when one is compared. */
  readonly against: string | undefined;
  readonly rounds: number;
  readonly transport: Transport;
  readonly mechanism: Mechanism;
  readonly sm: boolean;
  readonly archives: readonly boolean[];
  readonly seconds: number;
  readonly users: number | undefined;
  readonly window: number;
  readonly rate: number | undefined;
  /** How many 1:1 messages a second; undefined: as many as the server takes. */
  readonly rates: readonly (number | undefined)[];
  readonly occupants: readonly number[];
  /** Several rooms at a time. */
  readonly rooms: { readonly count: number; readonly occupants: number };
  readonly circle: number;
  readonly messages: number;
  readonly page: number;
  readonly signIns: number;
  readonly streams: number;
  readonly settleSeconds: number;
  readonly times: number;
  /** Other servers that live, and those that are dead. */
  readonly pairs: number;
  readonly dead: number;
  /** Messages that a sender sends at once. */
  readonly burst: number;
  readonly ways: readonly BetweenServers[];
  readonly json: string | undefined;
  readonly cpuProf: boolean;
  readonly target: { readonly host: string; readonly port: number; readonly domain: string } | undefined;
  readonly accountsFile: string | undefined;
  readonly pid: number | undefined;
}

/** A second: what a server costs that has little to do. */
const fewMessages = 1_000;

export class WrongUsage extends Error {
  override name = 'WrongUsage';
}

const text = (preset: string) => ({ type: 'string', default: preset }) as const;
const word = { type: 'string' } as const;
const flag = { type: 'boolean', default: false } as const;

const options = {
  ...{
    peers: flag,
    servers: word,
    against: word,
    rounds: word,
    transport: text('tls'),
    mechanism: text('SCRAM-SHA-1'),
    sm: flag,
  },
  ...{ archive: text('both'), seconds: word, users: word, window: text('2'), rate: word, occupants: word, rooms: text('20x25') },
  ...{ circle: text('41'), messages: text('500'), page: text('50'), 'sign-ins': text('500'), streams: text('10000') },
  ...{ settle: text('40'), times: text('3'), pairs: text('10'), burst: text('20'), dead: text('1000'), way: text('both') },
  ...{ json: word, 'cpu-prof': flag },
  ...{ target: word, domain: text('localhost'), 'accounts-file': word, pid: word, help: flag },
} as const;

/** @returns undefined when help is wanted. @throws {WrongUsage} */
export function readSettings(args: readonly string[]): Settings | undefined {
  const { values, positionals } = parse(args);
  if (values.help) return undefined;
  const isCluster = positionals.includes('cluster');
  const isAlone = positionals.length === 0 && !values.peers && !values.servers && !values.against;
  const chosen = positionals.filter((name) => name !== 'cluster').map((name) => oneOf('mode', modes, name));
  const pick = <Value extends string>(name: string, choices: readonly Value[], value: string) =>
    oneOf(`--${name}`, choices, value);
  const rate = values.rate === undefined ? undefined : count('rate', values.rate, 1_000_000);
  const named = values.servers?.split(',').map((make) => pick('servers', chosenByName, make));
  const own: readonly Make[] = named ?? (values.peers ? chosenByName : ['skylark']);
  const chosenMakes: readonly Make[] = values.against === undefined ? own : [...own, 'before'];
  return {
    modes: chosen.length > 0 ? chosen : chosenMakes.length > 1 ? comparedModes : shortModes,
    isCluster,
    makes: chosenMakes,
    against: values.against,
    rounds: count('rounds', values.rounds ?? (values.peers || values.against ? '3' : '1'), 50),
    transport: pick('transport', transports, values.transport),
    mechanism: pick('mechanism', mechanisms, values.mechanism),
    sm: values.sm,
    archives: { on: [true], off: [false], both: [false, true] }[pick('archive', ['on', 'off', 'both'], values.archive)],
    seconds: count('seconds', values.seconds ?? (isAlone ? '2' : '4'), 3_600),
    users: values.users === undefined ? undefined : count('users', values.users, 15_000),
    window: count('window', values.window, 1_000),
    rate,
    rates: rate === undefined && chosen.length === 0 && chosenMakes.length > 1 ? [undefined, fewMessages] : [rate],
    occupants: (values.occupants ?? (positionals.includes('muc') && !values.peers ? '500,5000' : '300'))
      .split(',')
      .map((size) => count('occupants', size, 6_000)),
    rooms: readRooms(values.rooms),
    circle: count('circle', values.circle, 500),
    messages: count('messages', values.messages, 100_000),
    page: count('page', values.page, 1_000),
    signIns: count('sign-ins', values['sign-ins'], 15_000),
    streams: count('streams', values.streams, 18_000),
    settleSeconds: count('settle', values.settle, 3_600),
    times: count('times', values.times, 1_000),
    pairs: count('pairs', values.pairs, 100),
    dead: count('dead', values.dead, 5_000),
    burst: count('burst', values.burst, 200),
    ways: { leaving: ways.slice(0, 1), arriving: ways.slice(1), both: ways }[pick('way', [...ways, 'both'], values.way)],
    json: values.json,
    cpuProf: values['cpu-prof'],
    target: values.target === undefined ? undefined : readTarget(values.target, values.domain),
    accountsFile: values['accounts-file'],
    pid: values.pid === undefined ? undefined : count('pid', values.pid, 2 ** 31),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    throw new WrongUsage((error as Error).message);
  }
}

function oneOf<Value extends string>(what: string, choices: readonly Value[], value: string): Value {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw new WrongUsage(`${what}: '${value}' is not one of ${choices.join(', ')}`);
  return found;
}

function count(name: string, value: string, max: number): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > max) {
    throw new WrongUsage(`--${name}: '${value}' is not a whole number from 1 to ${max}`);
  }
  return number;
}

/** @param value such as 20x25 */
function readRooms(value: string): Settings['rooms'] {
  const [, rooms, occupants] = /^(\d+)x(\d+)$/.exec(value) ?? [];
  if (rooms === undefined || occupants === undefined) throw new WrongUsage(`--rooms: '${value}' is not like 20x25`);
  return { count: count('rooms', rooms, 500), occupants: count('rooms', occupants, 500) };
}

function readTarget(target: string, domain: string): Settings['target'] {
  const [, host, port] = /^(.+):(\d+)$/.exec(target) ?? [];
  if (!host || !port) throw new WrongUsage(`--target: '${target}' is not host:port`);
  return { host, port: Number(port), domain };
}
