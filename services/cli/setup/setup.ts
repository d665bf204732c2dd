/** `skylark setup`: asks five questions, or takes flags for answers, and writes the file of settings that `skylark start` reads. */
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { dirname, resolve } from 'node:path';
import { createInterface, type Interface } from 'node:readline/promises';
import { checkPorts, settingOptions, startOptions } from '../compose/start-options.ts';
import { flagOf, readArguments, variableOf } from '../core/arguments.ts';
import { isLoopback } from '../core/options.ts';
import { quote, Refusal, reasonOf, say, UsageError } from '../core/report.ts';
import { keyOf, readSettings } from '../core/settings-file.ts';
import { tableOf } from '../core/table.ts';
import { type Answers, type Machine, type Question, questions, reachSettings } from './questions.ts';
import { settingsText } from './settings-text.ts';
import { type SetupValues, typedSettings } from './setup-options.ts';

export async function setup(values: SetupValues, positionals: readonly string[]): Promise<number> {
  if (positionals.length > 0) throw new UsageError(`'${positionals[0]}' is an unexpected argument; see: skylark help setup`);
  if (values.show) return show(values.settings);
  const machine = thisMachine();
  const path = resolve(values.settings ?? (machine.isRoot ? '/etc/skylark/skylark.toml' : './skylark.toml'));
  if (existsSync(path) && !values.replace)
    throw new Refusal(`'${path}' is there already: edit it, or start anew with --replace, which keeps it as ${path}.old`);
  const given = givenSettings(values);
  if (values.reach !== undefined) Object.assign(given, { ...reachSettings(values.reach, machine), ...given });
  const open = questions.filter((question) => !question.isAnswered(given, values.reach));
  if (open.length > 0 && !values.yes && !process.stdin.isTTY)
    throw new UsageError(
      'setup asks on a terminal, and standard input is none: give --yes for what it would propose, and flags such as --domain for the rest',
    );
  const answers = values.yes ? propose(open, given, machine) : await askAll(open, given, machine);
  checkTogether(answers);
  write(path, settingsText(answers, settingOptions));
  say(...nextSteps(path, answers, machine));
  return 0;
}

function givenSettings(values: SetupValues): Answers {
  const given: Answers = {};
  for (const [name, { placeholder }] of Object.entries(typedSettings)) {
    const value = values[name];
    if (typeof value === 'string') given[name] = placeholder === 'FILE' || placeholder === 'FOLDER' ? resolve(value) : value;
  }
  return given;
}

function propose(open: readonly Question[], given: Answers, machine: Machine): Answers {
  const answers = { ...given };
  for (const question of open) {
    const found = question.settings(question.proposal(answers, machine), answers, machine);
    Object.assign(answers, { ...found, ...given });
  }
  return answers;
}

/** @throws {Refusal} when the person leaves */
async function askAll(open: readonly Question[], given: Answers, machine: Machine): Promise<Answers> {
  if (open.length === 0) return given;
  const answers = { ...given };
  const left = new AbortController();
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  terminal.once('close', () => left.abort());
  try {
    let number = questions.length - open.length;
    for (const question of open) {
      number++;
      const waiting: [Question, string][] = [[question, `${number}/${questions.length}  `]];
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [asked, lead] = next;
        const answer = await ask(terminal, asked, `${lead}${asked.text}`, asked.proposal(answers, machine), left.signal);
        Object.assign(answers, { ...asked.settings(answer, answers, machine), ...given });
        waiting.push(...(asked.more?.(answer) ?? []).map((one): [Question, string] => [one, '     ']));
      }
    }
    return answers;
  } catch (error) {
    if (left.signal.aborted) throw new Refusal('given up; nothing was written');
    throw error;
  } finally {
    terminal.close();
  }
}

async function ask(terminal: Interface, { about, refuse }: Question, text: string, proposal: string, signal: AbortSignal) {
  say(text, ...about.map((line) => `       ${line}`));
  for (;;) {
    const typed = (await terminal.question(`     [${proposal}] `, { signal })).trim();
    const answer = typed === '' ? proposal : typed;
    const refusal = refuse(answer);
    if (refusal === undefined) return answer;
    say(`     '${answer}' is not taken: ${refusal}`);
  }
}

/** Reads the settings as `skylark start` will. @throws {UsageError} when it would refuse them */
function checkTogether(answers: Answers): void {
  const args = Object.entries(answers).map(([name, value]) => `${flagOf(name)}=${value}`);
  const { values } = readArguments('start', startOptions, args, {});
  checkPorts(values);
  if ((values.cert === undefined) !== (values.key === undefined))
    throw new UsageError('--cert and --key belong together: give both, or none');
}

/** The file appears whole or not at all. @throws {Refusal} */
function write(path: string, text: string): void {
  const draft = `${path}.new`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(draft, text, { mode: 0o644, flush: true });
    if (existsSync(path)) renameSync(path, `${path}.old`);
    renameSync(draft, path);
  } catch (error) {
    throw new Refusal(`'${path}' cannot be written: ${reasonOf(error)}`);
  }
}

function nextSteps(
  path: string,
  { domain = 'localhost', bind = '', cert, certificates }: Answers,
  { isRoot }: Machine,
): string[] {
  const usual = ['/etc/skylark/skylark.toml', resolve('./skylark.toml')].includes(path);
  const steps = [`Start it:        skylark start${usual ? '' : ` --settings ${quote(path)}`}`];
  if (isRoot) steps.push(`As a service:    skylark service install${usual ? '' : ` --settings ${quote(path)}`}`);
  if (!isLoopback(bind)) steps.push(`DNS records:     skylark dns ${domain}`);
  if (certificates === 'store' && cert === undefined)
    steps.push(
      `Certificate:     skylark certificate add ${domain}, or skylark certificate renew; clients cannot connect without one`,
    );
  return [`Wrote ${quote(path)}`, ...steps];
}

function thisMachine(): Machine {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return {
    hostName: hostname().toLowerCase(),
    isRoot: process.getuid?.() === 0,
    hasIpv6: addresses.some(({ family, internal, address }) => family === 'IPv6' && !internal && !address.startsWith('fe80')),
  };
}

/** Prints each setting that `skylark start` would take here, with what gives it. Variables of this shell count, too. */
function show(named: string | undefined): number {
  const { path, given } = readSettings(named ?? process.env[variableOf('settings')], settingOptions, settingOptions);
  const rows = Object.entries(settingOptions).flatMap(([name, { preset }]) => {
    const variable = process.env[variableOf(name)];
    if (variable) return [[keyOf(name), variable, variableOf(name)]];
    const { text } = given.get(name) ?? {};
    if (text !== undefined) return [[keyOf(name), text, path!]];
    return preset === undefined ? [] : [[keyOf(name), preset, 'preset']];
  });
  say(...tableOf(['SETTING', 'VALUE', 'FROM'], rows));
  return 0;
}
