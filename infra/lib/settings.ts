/**
 * The settings of a cell: `cdk deploy -c NAME=VALUE …`, or the same names in the operator's own `cdk.context.json`.
 *
 * All settings are given here and nothing is looked up in an account, so that synthesis works offline and always gives the same
 * result. An unknown name is an error: a misspelt `retentionDays` must not become a bucket that keeps files for ever.
 */
import type { Node } from 'constructs';
import { missingBundles } from './bundle-folders.ts';
import { quotaFaults } from './quotas.ts';

interface Setting<Value> {
  readonly text: string;
  /** Completes "it takes …" in an error. */
  readonly allowed: string;
  /** @returns undefined when the text is not allowed */
  readonly parse: (text: string) => Value | undefined;
  readonly preset: Value | ((shape: Shape) => Value);
}

export type Shape = 'small' | 'cell';

const domainPattern = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/;
const emailPattern = /^[^\s@<>"]{1,64}@[^\s@<>"]{1,255}$/;

function textWith<Value extends string | undefined>(text: string, allowed: string, pattern: RegExp, preset: Value) {
  return { text, allowed, parse: (given: string) => (pattern.test(given) ? given : undefined), preset } satisfies Setting<
    string | Value
  > as Setting<string | Value>;
}

function whole(text: string, min: number, max: number, preset: number | ((shape: Shape) => number)): Setting<number> {
  const parse = (given: string) => {
    const value = /^\d{1,9}$/.test(given) ? Number(given) : Number.NaN;
    return value >= min && value <= max ? value : undefined;
  };
  return { text, allowed: `a whole number from ${min} to ${max}`, parse, preset };
}

function oneOf<Value extends string | number>(text: string, values: readonly Value[], preset: Value): Setting<Value> {
  const parse = (given: string) => values.find((value) => `${value}` === given);
  return { text, allowed: `one of ${values.join(', ')}`, parse, preset };
}

/** More domains are added with `skylark tenant add`. Each of these takes two outputs of the 200 that a stack may have. */
const domainsMax = 50;

function parseDomains(given: string): readonly string[] | undefined {
  const domains = given.split(',').map((each) => each.trim());
  const isGood = domains.every((each) => domainPattern.test(each)) && new Set(domains).size === domains.length;
  return isGood && domains.length <= domainsMax ? domains : undefined;
}

function flag(text: string): Setting<boolean> {
  const parse = (given: string) => (given === 'true' || given === 'false' ? given === 'true' : undefined);
  return { text, allowed: 'true or false', parse, preset: false };
}

/** DynamoDB refuses values below the capacity of a new table. */
function warm(text: string, least: number): Setting<number> {
  const { parse, ...rest } = whole(text, least, 10_000_000, 0);
  return { ...rest, allowed: `0 or ${rest.allowed}`, parse: (given) => (given === '0' ? 0 : parse(given)) };
}

const aDomain = 'a domain name in lower case, such as example.org';
const small = (ofSmall: number, ofCell: number) => (shape: Shape) => (shape === 'small' ? ofSmall : ofCell);

/** All settings except `shape`, `domains` and `budgetEmail`, which have no default. */
const settings = {
  name: textWith(
    'the name of the deployment',
    '1 to 20 lower-case letters, digits and hyphens, beginning with a letter',
    /^[a-z][a-z0-9-]{0,19}$/,
    'skylark',
  ),
  host: textWith('the DNS name of the load balancer; xmpp.FIRST-DOMAIN by default', aDomain, domainPattern, undefined),
  serversHost: textWith(
    'the DNS name where other servers connect; s2s.FIRST-DOMAIN by default',
    aDomain,
    domainPattern,
    undefined,
  ),
  image: textWith(
    'the URI of an image, instead of one built from dist/skylark',
    'an image with its tag or digest, such as 1.dkr.ecr.eu-central-1.amazonaws.com/skylark:1',
    /^[a-z0-9][\w.:/-]{0,400}(?::[\w][\w.-]{0,127}|@sha256:[0-9a-f]{64})$/,
    undefined,
  ),
  bundles: textWith('the folder with the output of `npm run bundle`', 'a path', /^[^\0]{1,1000}$/, 'dist'),
  certificates: oneOf<Certificates>('where certificates come from', ['acme', 'pem'], 'acme'),
  acmeEmail: textWith('the account at the certificate authority', 'an e-mail address', emailPattern, undefined),
  acmeDirectory: textWith(
    'the directory of the certificate authority',
    'an https:// URL',
    /^https:\/\/[^\s]{1,500}$/,
    'https://acme-v02.api.letsencrypt.org/directory',
  ),
  challengeZoneId: textWith(
    'the hosted zone that the _acme-challenge names point into',
    'the id of a hosted zone, such as Z0123456789ABC',
    /^Z[A-Z0-9]{1,31}$/,
    undefined,
  ),
  challengeZoneName: textWith('its name', aDomain, domainPattern, undefined),
  hostedZoneId: textWith(
    'the hosted zone for those names of the cell that are in it; `skylark dns` prints the records of domains',
    'the id of a hosted zone, such as Z0123456789ABC',
    /^Z[A-Z0-9]{1,31}$/,
    undefined,
  ),
  hostedZoneName: textWith('its name', aDomain, domainPattern, undefined),
  filesDomain: textWith('the domain of uploaded files; a name of the CDN by default', aDomain, domainPattern, undefined),
  filesCertificate: textWith(
    'the certificate for filesDomain',
    'the ARN of a certificate in us-east-1, which the CDN requires',
    /^arn:aws:acm:us-east-1:\d{12}:certificate\/[0-9a-f-]{36}$/,
    undefined,
  ),
  webDomain: textWith('the domain of the pages; a name of the CDN by default', aDomain, domainPattern, undefined),
  webCertificate: textWith(
    'the certificate for webDomain',
    'the ARN of a certificate in us-east-1, which the CDN requires',
    /^arn:aws:acm:us-east-1:\d{12}:certificate\/[0-9a-f-]{36}$/,
    undefined,
  ),
  uploads: oneOf<Uploads>(
    'the way of uploads: through a CDN, so that a slot is used once; or straight to the bucket',
    ['cdn', 'bucket'],
    'cdn',
  ),
  canary: textWith(
    'the account of the first domain with which a function signs in every five minutes, or none',
    'the part before the @ of an address, or none',
    /^[a-z0-9][a-z0-9._-]{0,62}$/,
    'canary',
  ),
  retentionDays: whole('days that uploaded files are kept; 0: for ever', 0, 36_500, 365),
  auditDays: whole('days that entries of the audit log of the deployment are kept; 0: for ever', 0, 36_500, 0),
  logDays: oneOf('days that logs are kept', [1, 3, 5, 7, 14, 30, 60, 90, 180, 365], 30),
  budgetUsd: whole('US dollars a month for the whole account', 1, 10_000_000, small(100, 1_000)),
  natGateways: whole(
    'the number of NAT gateways; 0: tasks have public addresses but accept no connections from outside',
    0,
    3,
    small(0, 3),
  ),
  streamsPerTask: whole('streams that a connection task should hold', 1_000, 20_000, 12_000),
  connectionTasksMin: whole('the least number of tasks', 2, 500, 3),
  connectionTasksMax: whole('the largest number of tasks', 2, 1_000, 30),
  routerTasksMin: whole('the least number of tasks', 2, 500, 3),
  routerTasksMax: whole('the largest number of tasks', 2, 500, 20),
  mucTasksMin: whole('the least number of tasks', 2, 200, 2),
  mucTasksMax: whole('the largest number of tasks', 2, 200, 10),
  peersTasksMin: whole('the least number of tasks', 2, 200, 2),
  peersTasksMax: whole('the largest number of tasks', 2, 500, 10),
  federationTasksMin: whole('the least number of tasks', 2, 200, 2),
  federationTasksMax: whole('the largest number of tasks', 2, 200, 10),
  apiTasksMin: whole('the least number of tasks', 2, 200, 2),
  apiTasksMax: whole('the largest number of tasks', 2, 200, 4),
  frontKey: whole('a number: another one makes another key by which the tasks of the console know the CDN', 1, 1_000_000, 1),
  balancerTargetsMax: whole('the quota of targets for each load balancer', 500, 10_000, 500),
  vcpuMax: whole('how many vCPU of Fargate the account may have in the Region; new accounts begin with 6', 6, 100_000, 150),
  tableUnitsMax: whole('the quota of units a second of each table, of reading and of writing', 40_000, 10_000_000, 40_000),
  proveDomains: flag('a TXT record has to prove the domains of tenants that are added, unless whoever adds one says otherwise'),
  paused: flag('no task of a service runs, and nothing that touches tables is called by schedule, as while they are restored'),
  warmReads: warm('reads a second that the tables can take at once; 0: the capacity of new tables', 12_000),
  warmWrites: warm('writes a second that the tables can take at once; 0: the capacity of new tables', 4_000),
} satisfies Record<
  string,
  | Setting<never>
  | Setting<string | undefined>
  | Setting<number>
  | Setting<boolean>
  | Setting<Certificates>
  | Setting<Uploads>
  | Setting<string>
>;

type Certificates = 'acme' | 'pem';
type Uploads = 'cdn' | 'bucket';
type Table = typeof settings;
type Given = { readonly [Name in keyof Table]: Table[Name] extends Setting<infer Value> ? Value : never };

export interface Settings extends Omit<Given, 'host' | 'serversHost'> {
  readonly shape: Shape;
  /** The first domain is the default one of the pages. Outputs say what to run for each domain. */
  readonly domains: readonly [string, ...string[]];
  /** The DNS name of the load balancer. */
  readonly host: string;
  /** The DNS name that the records of all domains name for other servers, whichever load balancer these have. */
  readonly serversHost: string;
  /** Receives cost reports and alarms. */
  readonly budgetEmail: string;
  /** The prefix of the tables' names, and the dimension `Deployment` of the metrics. */
  readonly tablePrefix: string;
}

/** The zone for challenges with `certificates=acme`; `readSettings` has checked that there is one. */
export function challengeZone({ challengeZoneId, challengeZoneName, hostedZoneId, hostedZoneName }: Settings) {
  return { id: challengeZoneId ?? hostedZoneId!, name: challengeZoneName ?? hostedZoneName! };
}

/** Its message has a line for each fault. */
export class SettingError extends Error {
  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
  }
}

/** Names that belong to the CDK itself: feature flags and what its CLI adds. */
const isForeign = (name: string) => /[:/]/.test(name) || name === 'cli-telemetry' || name === 'acknowledged-issue-numbers';

const shapes = oneOf<Shape>('how the services are divided', ['small', 'cell'], 'cell');

/**
 * All faults are found before any is reported, so that an operator mends them in one go. A check that compares settings is left out
 * when one of them is at fault itself.
 *
 * @throws {SettingError} a line for each fault, which names the setting, quotes its value, and says what is allowed
 */
export function readSettings(node: Node): Settings {
  const context = node.getAllContext() as Record<string, unknown>;
  const faults = new Faults();
  const known = new Set(['shape', 'domains', 'budgetEmail', ...Object.keys(settings)]);
  for (const name of Object.keys(context)) {
    if (!known.has(name) && !isForeign(name))
      faults.add([name], `-c ${name}: unknown setting; it must be one of ${[...known].join(', ')}`);
  }
  const text = (name: string) => (context[name] === undefined || context[name] === '' ? undefined : `${context[name]}`);
  function read<Value>(name: string, allowed: string, parse: (text: string) => Value | undefined): Value | undefined {
    const given = text(name);
    const value = given === undefined ? undefined : parse(given);
    if (given === undefined) faults.add([name], `-c ${name}=… is missing; it takes ${allowed}`);
    else if (value === undefined) faults.add([name], `-c ${name}: '${given}' is not allowed; it takes ${allowed}`);
    return value;
  }
  const shape = read('shape', shapes.allowed, shapes.parse) ?? 'cell';
  const domains = read(
    'domains',
    `at most ${domainsMax} domain names with commas between, each once, such as example.org,example.net`,
    parseDomains,
  );
  const parseEmail = (given: string) => (emailPattern.test(given) ? given : undefined);
  const budgetEmail = read('budgetEmail', 'an e-mail address: costs and alarms go there', parseEmail);
  const found: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(settings as Record<string, Setting<unknown>>)) {
    const { preset, allowed, parse } = setting;
    const presetOfShape = typeof preset === 'function' ? preset(shape) : preset;
    found[name] = text(name) === undefined ? presetOfShape : read(name, allowed, parse);
  }
  const given = found as unknown as Given;
  const [first, ...others] = domains ?? [''];
  const host = given.host ?? `xmpp.${first}`;
  const serversHost = given.serversHost ?? `s2s.${first}`;
  checkTogether(given, faults);
  for (const { name, fault } of quotaFaults({ shape, ...given })) if (faults.areFree(name)) faults.add([name], fault);
  checkNames({ ...given, host, serversHost }, domains ?? [], faults);
  if (faults.areFree('bundles', 'image', 'certificates', 'canary'))
    faults.add(['bundles'], ...missingBundles({ ...given, shape }));
  faults.throwAny();
  return {
    ...given,
    shape,
    budgetEmail: budgetEmail!,
    domains: [first!, ...others],
    host,
    serversHost,
    tablePrefix: `${given.name}-`,
  };
}

class Faults {
  readonly #found: string[] = [];
  readonly #atFault = new Set<string>();

  add(names: readonly string[], ...faults: readonly string[]): void {
    if (faults.length === 0) return;
    for (const name of names) this.#atFault.add(name);
    this.#found.push(...faults);
  }

  /** Whether nothing has been found about these settings, so that they can be compared. */
  areFree(...names: readonly string[]): boolean {
    return names.every((name) => !this.#atFault.has(name));
  }

  throwAny(): void {
    if (this.#found.length > 0) throw new SettingError(this.#found);
  }
}

function checkTogether(given: Given, faults: Faults): void {
  const pairs = [
    ['hostedZoneId', 'hostedZoneName'],
    ['challengeZoneId', 'challengeZoneName'],
    ['filesDomain', 'filesCertificate'],
    ['webDomain', 'webCertificate'],
  ] as const;
  for (const [one, other] of pairs) {
    const missing = given[one] === undefined ? one : other;
    const there = missing === one ? other : one;
    if ((given[one] === undefined) !== (given[other] === undefined) && faults.areFree(one, other))
      faults.add([missing], `-c ${there} needs -c ${missing}, too`);
  }
  if (given.certificates === 'acme') checkAcme(given, faults);
  for (const tier of ['connection', 'peers', 'router', 'muc', 'federation', 'api'] as const) {
    const [min, max] = [given[`${tier}TasksMin`], given[`${tier}TasksMax`]];
    if (min > max) faults.add([`${tier}TasksMin`], `-c ${tier}TasksMin=${min} is more than ${tier}TasksMax=${max}`);
  }
}

function checkAcme(given: Given, faults: Faults): void {
  if (given.acmeEmail === undefined && faults.areFree('acmeEmail'))
    faults.add(['acmeEmail'], '-c certificates=acme needs -c acmeEmail=…; with -c certificates=pem you bring your own');
  if (
    given.challengeZoneId === undefined &&
    given.hostedZoneId === undefined &&
    faults.areFree('challengeZoneId', 'hostedZoneId')
  )
    faults.add(
      ['hostedZoneId'],
      '-c certificates=acme needs a hosted zone for its challenges: -c challengeZoneId=… -c challengeZoneName=…, or -c hostedZoneId=… -c hostedZoneName=…',
    );
}

/** Streams, files and pages need different names, and the domains themselves have web sites of their own. */
function checkNames(
  { host, serversHost, filesDomain, webDomain }: Given & { readonly host: string; readonly serversHost: string },
  domains: readonly string[],
  faults: Faults,
): void {
  const names = Object.entries({ host, serversHost, filesDomain, webDomain }).filter(([, name]) => name !== undefined);
  for (const [index, [setting, name]] of names.entries()) {
    const other = names.slice(0, index).find(([, one]) => one === name);
    if (other !== undefined)
      faults.add([setting], `-c ${setting}: '${name}' is already used for ${other[0]}; each needs its own name`);
  }
  if (filesDomain !== undefined && domains.includes(filesDomain))
    faults.add(
      ['filesDomain'],
      `-c filesDomain: '${filesDomain}' is one of the domains; files from strangers need their own name`,
    );
}
