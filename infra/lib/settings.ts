/**
 * What an operator says of a cell: `cdk deploy -c NAME=VALUE …`, or the same names in a `cdk.context.json` of their own.
 *
 * Everything is said here and nothing is looked up in an account, so that synthesis works offline and twice alike. A name that is none
 * of these is an error: a misspelt `retentionDays` must not be a bucket that keeps files for ever.
 */
import type { Node } from 'constructs';

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

/** More are added with `skylark tenant add`; these have two outputs each, of the 200 that a stack may have. */
const domainsMax = 50;

function parseDomains(given: string): readonly string[] | undefined {
  const domains = given.split(',').map((each) => each.trim());
  const isGood = domains.every((each) => domainPattern.test(each)) && new Set(domains).size === domains.length;
  return isGood && domains.length <= domainsMax ? domains : undefined;
}

/** DynamoDB refuses less than what a new table takes anyway. */
function warm(text: string, least: number): Setting<number> {
  const { parse, ...rest } = whole(text, least, 10_000_000, 0);
  return { ...rest, allowed: `0 or ${rest.allowed}`, parse: (given) => (given === '0' ? 0 : parse(given)) };
}

const aDomain = 'a domain name in lower case, such as example.org';
const small = (ofSmall: number, ofCell: number) => (shape: Shape) => (shape === 'small' ? ofSmall : ofCell);

/** Without a preset are `shape`, `domains` and `budgetEmail`. */
const settings = {
  name: textWith(
    'of the deployment',
    '1 to 20 lower-case letters, digits and hyphens, beginning with a letter',
    /^[a-z][a-z0-9-]{0,19}$/,
    'skylark',
  ),
  host: textWith('that the load balancer gets in DNS; xmpp.FIRST-DOMAIN when not given', aDomain, domainPattern, undefined),
  image: textWith(
    'URI of an image, instead of one built from dist/skylark',
    'an image with its tag or digest, such as 1.dkr.ecr.eu-central-1.amazonaws.com/skylark:1',
    /^[a-z0-9][\w.:/-]{0,400}(?::[\w][\w.-]{0,127}|@sha256:[0-9a-f]{64})$/,
    undefined,
  ),
  bundles: textWith('folder with what `npm run bundle` has made', 'a path', /^[^\0]{1,1000}$/, '../dist'),
  certificates: oneOf('where certificates come from', ['acme', 'pem'], 'acme'),
  acmeEmail: textWith('account of the certificate authority', 'an e-mail address', emailPattern, undefined),
  acmeDirectory: textWith(
    'of the certificate authority',
    'an https:// URL',
    /^https:\/\/[^\s]{1,500}$/,
    'https://acme-v02.api.letsencrypt.org/directory',
  ),
  challengeZoneId: textWith(
    'hosted zone that the _acme-challenge names point into',
    'the id of a hosted zone, such as Z0123456789ABC',
    /^Z[A-Z0-9]{1,31}$/,
    undefined,
  ),
  challengeZoneName: textWith('its name', aDomain, domainPattern, undefined),
  hostedZoneId: textWith(
    'hosted zone that gets the names of the cell itself, as far as they are in it; the records of domains are printed by `skylark dns`',
    'the id of a hosted zone, such as Z0123456789ABC',
    /^Z[A-Z0-9]{1,31}$/,
    undefined,
  ),
  hostedZoneName: textWith('its name', aDomain, domainPattern, undefined),
  filesDomain: textWith('where uploaded files are read; a name of the CDN when not given', aDomain, domainPattern, undefined),
  filesCertificate: textWith(
    'for filesDomain',
    'the ARN of a certificate in us-east-1 (the CDN takes no other)',
    /^arn:aws:acm:us-east-1:\d{12}:certificate\/[0-9a-f-]{36}$/,
    undefined,
  ),
  webDomain: textWith('of the pages; a name of the HTTP API when not given', aDomain, domainPattern, undefined),
  webCertificate: textWith(
    'for webDomain',
    'the ARN of a certificate in the Region of the cell',
    /^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate\/[0-9a-f-]{36}$/,
    undefined,
  ),
  retentionDays: whole('that uploaded files are kept; 0: for ever', 0, 36_500, 365),
  logDays: oneOf('that logs are kept', [1, 3, 5, 7, 14, 30, 60, 90, 180, 365], 30),
  budgetUsd: whole('a month, of the whole account', 1, 10_000_000, small(100, 1_000)),
  natGateways: whole('0: tasks have public addresses and take nothing that comes from outside', 0, 3, small(0, 3)),
  streamsPerTask: whole('that a connection task shall hold', 1_000, 20_000, 12_000),
  connectionTasksMin: whole('tasks at least', 2, 500, 3),
  connectionTasksMax: whole('tasks at most', 2, 1_000, 30),
  routerTasksMin: whole('tasks at least', 2, 500, 3),
  routerTasksMax: whole('tasks at most', 2, 500, 20),
  mucTasksMin: whole('tasks at least', 2, 200, 2),
  mucTasksMax: whole('tasks at most', 2, 200, 10),
  warmReads: warm('a second that the tables take from the first moment; 0: what new tables take', 12_000),
  warmWrites: warm('a second that the tables take from the first moment; 0: what new tables take', 4_000),
} satisfies Record<
  string,
  Setting<never> | Setting<string | undefined> | Setting<number> | Setting<Certificates> | Setting<string>
>;

type Certificates = 'acme' | 'pem';
type Table = typeof settings;
type Given = { readonly [Name in keyof Table]: Table[Name] extends Setting<infer Value> ? Value : never };

export interface Settings extends Omit<Given, 'host'> {
  readonly shape: Shape;
  /** The first is the one that pages are of when nothing else is said; outputs tell what to run for each. */
  readonly domains: readonly [string, ...string[]];
  /** That the load balancer gets in DNS. */
  readonly host: string;
  /** Hears of costs and alarms. */
  readonly budgetEmail: string;
  /** Of the tables, and the dimension `Deployment` of the metrics. */
  readonly tablePrefix: string;
}

/** Of `certificates=acme`: `readSettings` has seen that there is one. */
export function challengeZone({ challengeZoneId, challengeZoneName, hostedZoneId, hostedZoneName }: Settings) {
  return { id: challengeZoneId ?? hostedZoneId!, name: challengeZoneName ?? hostedZoneName! };
}

export class SettingError extends Error {}

/** Of the CDK itself: feature flags and what the CLI adds. */
const isForeign = (name: string) => /[:/]/.test(name) || name === 'cli-telemetry' || name === 'acknowledged-issue-numbers';

/** @throws {SettingError} one line that names the setting, quotes its value, and says what is allowed */
export function readSettings(node: Node): Settings {
  const context = node.getAllContext() as Record<string, unknown>;
  const known = new Set(['shape', 'domains', 'budgetEmail', ...Object.keys(settings)]);
  for (const name of Object.keys(context)) {
    if (!known.has(name) && !isForeign(name))
      throw new SettingError(`-c ${name}: there is no such setting; there are: ${[...known].join(', ')}`);
  }
  const text = (name: string) => (context[name] === undefined || context[name] === '' ? undefined : `${context[name]}`);
  const shape = read('shape', text('shape'), 'one of small, cell', (given) =>
    given === 'small' || given === 'cell' ? given : undefined,
  );
  const domains = read(
    'domains',
    text('domains'),
    `at most ${domainsMax} domain names with commas between, each once, such as example.org,example.net`,
    parseDomains,
  );
  const parseEmail = (given: string) => (emailPattern.test(given) ? given : undefined);
  const budgetEmail = read('budgetEmail', text('budgetEmail'), 'an e-mail address: costs and alarms go there', parseEmail);
  const found: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(settings as Record<string, Setting<unknown>>)) {
    const given = text(name);
    const { preset, allowed, parse } = setting;
    found[name] =
      given === undefined ? (typeof preset === 'function' ? preset(shape) : preset) : read(name, given, allowed, parse);
  }
  const given = found as unknown as Given;
  const [first, ...others] = domains;
  const host = given.host ?? `xmpp.${first}`;
  checkTogether(given);
  checkNames({ ...given, host }, domains);
  return {
    ...given,
    shape,
    budgetEmail,
    domains: [first!, ...others],
    host,
    tablePrefix: `${given.name}-`,
  };
}

function read<Value>(
  name: string,
  given: string | undefined,
  allowed: string,
  parse: (text: string) => Value | undefined,
): Value {
  if (given === undefined) throw new SettingError(`-c ${name}=… is missing; it takes ${allowed}`);
  const value = parse(given);
  if (value === undefined) throw new SettingError(`-c ${name}: '${given}' is not allowed; it takes ${allowed}`);
  return value;
}

function checkTogether(given: Given): void {
  const pairs = [
    ['hostedZoneId', 'hostedZoneName'],
    ['challengeZoneId', 'challengeZoneName'],
    ['filesDomain', 'filesCertificate'],
    ['webDomain', 'webCertificate'],
  ] as const;
  for (const [one, other] of pairs) {
    const missing = given[one] === undefined ? one : other;
    const there = missing === one ? other : one;
    if ((given[one] === undefined) !== (given[other] === undefined))
      throw new SettingError(`-c ${there} needs -c ${missing}, too`);
  }
  if (given.certificates === 'acme') {
    if (given.acmeEmail === undefined)
      throw new SettingError('-c certificates=acme needs -c acmeEmail=…; with -c certificates=pem you bring your own');
    if (given.challengeZoneId === undefined && given.hostedZoneId === undefined)
      throw new SettingError(
        '-c certificates=acme needs a hosted zone for its challenges: -c challengeZoneId=… -c challengeZoneName=…, or -c hostedZoneId=… -c hostedZoneName=…',
      );
  }
  for (const tier of ['connection', 'router', 'muc'] as const) {
    const [min, max] = [given[`${tier}TasksMin`], given[`${tier}TasksMax`]];
    if (min > max) throw new SettingError(`-c ${tier}TasksMin=${min} is more than ${tier}TasksMax=${max}`);
  }
}

/** Each is a name of something else: streams, files, pages; and the domains have web sites of their own. */
function checkNames({ host, filesDomain, webDomain }: Given & { readonly host: string }, domains: readonly string[]): void {
  const names = Object.entries({ host, filesDomain, webDomain }).filter(([, name]) => name !== undefined);
  for (const [index, [setting, name]] of names.entries()) {
    const other = names.slice(0, index).find(([, one]) => one === name);
    if (other !== undefined)
      throw new SettingError(`-c ${setting}: '${name}' is that of ${other[0]}; each needs a name of its own`);
  }
  if (filesDomain !== undefined && domains.includes(filesDomain))
    throw new SettingError(`-c filesDomain: '${filesDomain}' is one of the domains; files of strangers need a name of their own`);
}
