/**
 * Options of commands are tables. Parsing, checks, defaults, `SKYLARK_…` variables and the help text come from the same table.
 */
import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { UsageError } from './report.ts';

export interface Option<Value> {
  /** The text that stands for the value in the help; '' for a switch. */
  readonly placeholder: string;
  readonly text: string;
  /** What is allowed. It completes "it takes …" in an error. */
  readonly allowed: string;
  readonly schema: z.ZodType<Value>;
  /** The default value, as one would type it. */
  readonly preset?: string;
  /** No variable stands for it: it changes something, and a variable would be there for other commands. */
  readonly isFlagOnly?: true;
}

/** Options by their names in camel case: `c2sPort` is `--c2s-port` and `SKYLARK_C2S_PORT`. */
export type Options = Readonly<Record<string, Option<unknown>>>;
export type Values<Of extends Options> = { readonly [Name in keyof Of]: Of[Name] extends Option<infer Value> ? Value : never };

/** The flag of an option, as people type it: `--c2s-port`. */
export function flagOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

export function variableOf(name: string): string {
  return `SKYLARK_${flagOf(name).slice(2).replaceAll('-', '_').toUpperCase()}`;
}

export interface Given {
  readonly text: string;
  /** What gave the value: the flag `--bind`, the variable `SKYLARK_BIND`, or a file and its key. */
  readonly by: string;
}

/** What a file of settings says. */
export interface Settings {
  /** The file; undefined when there is none. */
  readonly path: string | undefined;
  /** By the names of options. */
  readonly given: ReadonlyMap<string, Given>;
}

/** Reads the file of settings for a command. @param path as a flag or a variable names it @throws {UsageError | Refusal} */
export type ReadSettings = (path: string | undefined, options: Options) => Settings;

/**
 * Reads the arguments of a command. Flags win over variables, variables over the file of settings, and that over defaults. An empty
 * variable counts as absent.
 * @throws {UsageError} with one line that names the flag or variable, the value, and what is allowed
 */
export function readArguments<Of extends Options>(
  command: string,
  options: Of,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  readSettings?: ReadSettings,
): { readonly values: Values<Of>; readonly positionals: readonly string[] } {
  const { flags, positionals } = readFlags(command, options, args);
  const said = (name: string, { isFlagOnly }: Option<unknown>): Given | undefined => {
    const variable = isFlagOnly ? undefined : environment[variableOf(name)];
    return flags.get(name) ?? (variable ? { text: variable, by: variableOf(name) } : undefined);
  };
  const file = options.settings === undefined ? undefined : readSettings?.(said('settings', options.settings)?.text, options);
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(options)) {
    values[name] = check(option, said(name, option) ?? file?.given.get(name) ?? preset(option, flagOf(name)));
  }
  if (file !== undefined) values.settings = file.path;
  return { values: values as Values<Of>, positionals };
}

function preset(option: Option<unknown>, by: string): Given | undefined {
  return option.preset === undefined ? undefined : { text: option.preset, by };
}

/** @throws {UsageError} with one line that names what gave the value, the value, and what is allowed */
function check<Value>(option: Option<Value>, given: Given | undefined): Value {
  const result = option.schema.safeParse(given?.text);
  if (result.success) return result.data;
  throw new UsageError(
    given === undefined
      ? `a required option is missing; it takes ${option.allowed}`
      : `${given.by}: '${given.text}' is not allowed; it takes ${option.allowed}`,
  );
}

function readFlags(command: string, options: Options, args: readonly string[]) {
  const byFlag = new Map(Object.keys(options).map((name) => [flagOf(name).slice(2), name]));
  const isSwitch = (name: string) => options[name]!.placeholder === '';
  const { tokens } = parseArgs({
    args: args.map((arg) => (mayBeId.test(arg) ? `${shield}${arg}` : arg)),
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries([...byFlag].map(([flag, name]) => [flag, { type: isSwitch(name) ? 'boolean' : 'string' }])),
  });
  const flags = new Map<string, Given>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(unshielded(token.value));
    if (token.kind !== 'option') continue;
    const name = token.rawName.startsWith('--') ? byFlag.get(token.name) : undefined;
    if (name === undefined) {
      throw new UsageError(`unknown option '${token.rawName}' of 'skylark ${command}'; see: skylark help ${command}`);
    }
    const { rawName: by, value } = token;
    if (isSwitch(name)) {
      if (value !== undefined) throw new UsageError(`${by} takes no value, but has '${value}'`);
      flags.set(name, { text: 'true', by });
    } else {
      // The next flag is not taken for a value. A value that starts with a hyphen is given as --flag=value.
      if (value === undefined || value === '' || (!token.inlineValue && value.startsWith('--'))) {
        throw new UsageError(`${by} has no value; it takes ${options[name]!.allowed}`);
      }
      flags.set(name, { text: unshielded(value), by });
    }
  }
  return { flags, positionals };
}

/** Ids of invites, sessions and devices are base64url, and may begin with a hyphen. There are no options of one letter. */
const mayBeId = /^-\w[\w-]{14,}$/;
/** Stands before an argument that is not to be taken for an option. No argument of a program contains it. */
const shield = '\0';

function unshielded(text: string): string {
  return text.startsWith(shield) ? text.slice(shield.length) : text;
}

export function switchOption(text: string): Option<boolean> {
  const schema = z
    .enum(['true', 'false'])
    .optional()
    .transform((value) => value === 'true');
  return { placeholder: '', text, allowed: "'true' or 'false'", schema };
}

export function textOption(placeholder: string, text: string, allowed: string): Option<string | undefined> {
  return { placeholder, text, allowed, schema: z.string().optional() };
}

export function pathOption(placeholder: string, text: string): Option<string | undefined> {
  return textOption(placeholder, text, 'the path of a file');
}

export function folderOption(text: string, preset: string): Option<string> {
  return { placeholder: 'FOLDER', text, allowed: 'the path of a folder', schema: z.string().min(1), preset };
}

const port = z
  .string()
  .regex(/^\d{1,5}$/)
  .transform(Number)
  .refine((number) => number <= 65_535);
const ports = { placeholder: 'PORT', allowed: 'a port: 1 to 65535, or 0 for any free one' };

export function portOption(text: string, preset: number): Option<number> {
  return { ...ports, text, schema: port, preset: `${preset}` };
}

/** A port on which nothing listens unless the option is given. */
export function extraPortOption(text: string): Option<number | undefined> {
  return { ...ports, text, schema: port.optional() };
}

/** A port that 0 closes. It has no default here: if it is not given, other options decide. */
export function closablePortOption(text: string): Option<number | undefined> {
  return { ...ports, allowed: 'a port: 1 to 65535, or 0 for none', text, schema: port.optional() };
}

function counts(max: number, min = 1) {
  const schema = z
    .string()
    .regex(/^\d{1,6}$/)
    .transform(Number)
    .refine((count) => count >= min && count <= max);
  return { placeholder: 'N', allowed: `a number from ${min} to ${max}`, schema };
}

export function countOption(text: string, max: number, preset: number): Option<number> {
  return { ...counts(max), text, preset: `${preset}` };
}

/** A count that may be 0. */
export function countFromZeroOption(text: string, max: number, preset: number): Option<number> {
  return { ...counts(max, 0), text, preset: `${preset}` };
}

/** A count that has no default. */
export function optionalCount(text: string, max: number): Option<number | undefined> {
  const { schema, ...rest } = counts(max);
  return { ...rest, text, schema: schema.optional() };
}

export function optionalText(placeholder: string, text: string, allowed: string, pattern: RegExp): Option<string | undefined> {
  return { placeholder, text, allowed, schema: z.string().regex(pattern).optional() };
}

const domainName = z.string().transform((text, context) => {
  const domain = Jid.tryDomain(text);
  if (domain !== undefined) return domain;
  context.addIssue('not a domain');
  return z.NEVER;
});
const domains = { placeholder: 'DOMAIN', allowed: 'a domain name, such as example.org' };

export function domainOption(text: string, preset: string): Option<string> {
  return { ...domains, text, schema: domainName, preset };
}

export function otherDomainOption(text: string): Option<string | undefined> {
  return { ...domains, text, schema: domainName.optional() };
}

export function bindOption(text: string, preset: string): Option<string> {
  const schema = z
    .string()
    .transform((address) => (address === 'localhost' ? '127.0.0.1' : address))
    .refine((address) => isIP(address) !== 0);
  const allowed = 'an IP address of this machine, such as 127.0.0.1, 0.0.0.0 or ::';
  return { placeholder: 'ADDRESS', text, allowed, schema, preset };
}

/** @param schemes the allowed schemes of the URL, such as `https:`. @param words values that are allowed instead of a URL */
export function urlOption(text: string, schemes: readonly string[], words: readonly string[] = []): Option<string | undefined> {
  const isUrl = (value: string) => words.includes(value) || schemes.includes(URL.parse(value)?.protocol ?? '');
  const allowed = [
    `a URL that starts with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}`,
    ...words.map((word) => `'${word}'`),
  ];
  return { placeholder: 'URL', text, allowed: allowed.join(', or '), schema: z.string().refine(isUrl).optional() };
}

/** The beginning of a URL, without a path. */
export function originOption(text: string): Option<string | undefined> {
  const schema = z
    .string()
    .refine((given) => URL.canParse(given) && /^https?:$/.test(new URL(given).protocol) && new URL(given).pathname === '/')
    .transform((given) => new URL(given).origin)
    .optional();
  return { placeholder: 'URL', text, allowed: 'the beginning of a URL without a path, such as https://chat.example.org', schema };
}

export function choiceOption<const Choice extends string>(
  placeholder: string,
  text: string,
  choices: readonly [Choice, ...Choice[]],
): Option<Choice | undefined> {
  return { placeholder, text, allowed: choices.map((choice) => `'${choice}'`).join(' or '), schema: z.enum(choices).optional() };
}

export function textWith(placeholder: string, text: string, allowed: string, pattern: RegExp, preset: string): Option<string> {
  return { placeholder, text, allowed, schema: z.string().regex(pattern), preset };
}
