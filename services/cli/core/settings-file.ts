/**
 * The file of settings: TOML, with one key for each option of `skylark start`, by the name of its flag. What it says is checked by the same
 * tables as flags and variables, which win over it.
 */
import { readFileSync, statSync } from 'node:fs';
import { parse, TomlError } from 'smol-toml';
import { programLimits } from '../limits.ts';
import { flagOf, type Given, type Options, type Settings } from './arguments.ts';
import { Refusal, reasonOf, UsageError } from './report.ts';

/** Where the file is looked for when nothing names one. */
const usualPaths: readonly string[] = ['./skylark.toml', '/etc/skylark/skylark.toml'];

/** The key of an option in the file: `c2s-port`. */
export const keyOf = (name: string): string => flagOf(name).slice(2);

/**
 * @param named the file that is asked for; 'none' for none
 * @param known what the file may say. A command is given those that mean the same to it, which are the same object in `options`.
 * @throws {UsageError | Refusal} with one line that names the file, and the key where there is one
 */
export function readSettings(named: string | undefined, options: Options, known: Options, usual = usualPaths): Settings {
  const path = named === undefined ? usual.find(isOurs) : named;
  if (path === undefined || path === 'none') return { path: undefined, given: new Map() };
  const given = parseSettings(readText(path), path, known);
  return { path, given: new Map([...given].filter(([name]) => options[name] === known[name])) };
}

/** @throws {UsageError} for what is not TOML, for an unknown key, and for a value that no option can take */
export function parseSettings(text: string, path: string, known: Options): ReadonlyMap<string, Given> {
  const names = new Map(Object.keys(known).map((name) => [keyOf(name), name]));
  const given = new Map<string, Given>();
  for (const [key, value] of Object.entries(readToml(text, path))) {
    const name = names.get(key);
    if (name === undefined) {
      const meant = names.has(key.replaceAll('_', '-')) ? `; '${key.replaceAll('_', '-')}' is one` : '';
      throw new UsageError(`${path}: '${key}' is an unknown setting${meant}; see: skylark help start`);
    }
    const said = textOf(value);
    if (said === undefined) throw new UsageError(`${path}: '${key}' takes ${known[name]!.allowed}, as text or a number`);
    given.set(name, { text: said, by: `${path}: ${key}` });
  }
  return given;
}

function readToml(text: string, path: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason] = error.message.replace('Invalid TOML document: ', '').split('\n');
    throw new UsageError(`${path}: line ${error.line} is not TOML (${reason}); write it as in: domain = "example.org"`);
  }
}

/** @returns the value as one would type it behind a flag; undefined for what has no such form */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string' || typeof value === 'boolean') return `${value}`;
  if (Number.isSafeInteger(value)) return `${value}`;
  if (Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string')) return value.join(',');
  return undefined;
}

function readText(path: string): string {
  try {
    const { size } = statSync(path);
    if (size <= programLimits.settingsBytesMax) return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Refusal(`the settings in '${path}' cannot be read: ${reasonOf(error)}`);
  }
  throw new Refusal(`'${path}' has more than ${programLimits.settingsBytesMax} bytes, so it cannot be a file of settings`);
}

/** @throws {Refusal} for a file that somebody else can write, in a folder where the command happens to be run */
function isOurs(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || process.getuid === undefined) return found !== undefined;
  if ((found.uid === 0 || found.uid === process.getuid()) && (found.mode & 0o022) === 0) return true;
  throw new Refusal(
    `others than you can write '${path}': take that right from them (chmod go-w), or say --settings ${path} if you trust it`,
  );
}
