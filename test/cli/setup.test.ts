/** `skylark setup`, the file of settings that it writes, and the commands that read it. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { commands } from '../../services/cli/commands.ts';
import { settingOptions, startOptions } from '../../services/cli/compose/start-options.ts';
import { readArguments } from '../../services/cli/core/arguments.ts';
import * as shared from '../../services/cli/core/options.ts';
import { keyOf, parseSettings, readSettings } from '../../services/cli/core/settings-file.ts';
import { questions } from '../../services/cli/setup/questions.ts';
import { settingsText } from '../../services/cli/setup/settings-text.ts';
import { anyPorts, removeFolder, Service, skylark, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
after(() => removeFolder(folder));
const main = fileURLToPath(new URL('../../services/main.ts', import.meta.url));

function newFolder(name: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
}

describe('the file', () => {
  for (const [text, said] of [
    ['domian = "a.example"', "f: 'domian' is an unknown setting; see: skylark help start"],
    ['c2s_port = 5222', "f: 'c2s_port' is an unknown setting; 'c2s-port' is one; see: skylark help start"],
    ['json = true', "f: 'json' is an unknown setting; see: skylark help start"],
    ['[start]\ndomain = "a.example"', "f: 'start' is an unknown setting; see: skylark help start"],
    ['domain = a.example', /^f: line 1 is not TOML \(.+\); write it as in: domain = "example.org"$/],
    ['\ndomain = "a.example"\ndomain = "b.example"', /^f: line 3 is not TOML \(.+\); /],
    ['http-port = 1.5', "f: 'http-port' takes a port: 1 to 65535, or 0 for any free one, as text or a number"],
    ['domain = []', "f: 'domain' takes a domain name, such as example.org, as text or a number"],
    ['domain = 2026-11-30', "f: 'domain' takes a domain name, such as example.org, as text or a number"],
    ['__proto__ = "x"', /^f: (?:'__proto__' is an unknown setting|line 1 is not TOML)/],
  ] as const) {
    test(`is refused: ${text}`, () => {
      assert.throws(() => parseSettings(text, 'f', settingOptions), { name: 'UsageError', message: said });
    });
  }

  test('may write a list, a number or a text', () => {
    const given = parseSettings(
      's2s-networks = ["10.0.0.0/8", "fd00::/8"]\nhttp-port = 80\nhttps-port = "81"',
      'f',
      settingOptions,
    );
    assert.deepEqual([...given.values()].map(({ text }) => text).toSorted(), ['10.0.0.0/8,fd00::/8', '80', '81']);
  });

  test('a flag wins over a variable, that over the file, and the file over the preset', () => {
    const path = join(newFolder('order'), 'skylark.toml');
    writeFileSync(path, 'domain = "file.example"\nhttp-port = 1\nhttps-port = 2\nc2s-port = 3\n');
    const { values } = readArguments(
      'start',
      startOptions,
      ['--http-port=8', '--settings', path],
      { SKYLARK_HTTPS_PORT: '9', SKYLARK_HTTP_PORT: '7' },
      (named, options) => readSettings(named, options, settingOptions),
    );
    const { domain, httpPort, httpsPort, c2sPort, c2sTlsPort, settings } = values;
    assert.deepEqual(
      { domain, httpPort, httpsPort, c2sPort, c2sTlsPort, settings },
      { domain: 'file.example', httpPort: 8, httpsPort: 9, c2sPort: 3, c2sTlsPort: 5223, settings: path },
    );
  });

  test('a value that is not allowed is named with the file and its key', () => {
    const path = join(newFolder('value'), 'skylark.toml');
    writeFileSync(path, 'c2s-port = 99999\n');
    assert.throws(
      () =>
        readArguments('start', startOptions, [], { SKYLARK_SETTINGS: path }, (one, of) => readSettings(one, of, settingOptions)),
      { message: `${path}: c2s-port: '99999' is not allowed; it takes a port: 1 to 65535, or 0 for any free one` },
    );
  });

  test('one that is not there, or is far too large, is named', () => {
    const here = newFolder('absent');
    const read = (path: string) => () => readSettings(path, settingOptions, settingOptions);
    assert.throws(read(join(here, 'x')), {
      message: `the settings in '${join(here, 'x')}' cannot be read: no such file or folder`,
    });
    writeFileSync(join(here, 'large'), `#${'x'.repeat(70_000)}`);
    assert.throws(read(join(here, 'large')), { message: /has more than 65536 bytes, so it cannot be a file of settings$/ });
  });

  test('one that is found by its place alone, and that others can write, is refused until it is named', () => {
    const path = join(newFolder('foreign'), 'skylark.toml');
    writeFileSync(path, 'domain = "evil.example"\n');
    chmodSync(path, 0o666);
    assert.throws(() => readSettings(undefined, settingOptions, settingOptions, [path]), /^Refusal: others than you can write /);
    assert.equal(readSettings(path, settingOptions, settingOptions).given.size, 1);
    assert.equal(readSettings('none', settingOptions, settingOptions, [path]).path, undefined);
    chmodSync(path, 0o644);
    assert.equal(readSettings(undefined, settingOptions, settingOptions, [join(folder, 'none'), path]).path, path);
  });

  test('each command on a data folder reads it, and takes what means the same to it', () => {
    const readers = commands.filter(({ options }) => options.settings === shared.settings).map(({ name }) => name);
    assert.deepEqual(
      readers,
      commands.filter(({ options }) => options.data === shared.data).map(({ name }) => name),
    );
    assert.ok(readers.includes('start') && readers.includes('user add') && readers.includes('backup'));
    assert.ok(!readers.includes('serve') && !readers.includes('setup'));
    const path = join(newFolder('shared'), 'skylark.toml');
    writeFileSync(path, 'data = "/somewhere"\ndomain = "a.example"\nregion = "us-east-1"\n');
    const list = commands.find(({ name }) => name === 'user list')!;
    assert.deepEqual([...readSettings(path, list.options, settingOptions).given.keys()], ['data']);
  });

  test('what is written says each setting once, set or as a comment, and reads back as it was given', () => {
    const given = {
      ...{ domain: 'a.example', data: `/var/o'neill "x" \\ 日本`, httpsPort: '443', s2sNetworks: '10.0.0.0/8,fd00::/8' },
      ...{ processes: '2', registration: 'closed' },
    };
    const text = settingsText(given, settingOptions);
    const read = [...parseSettings(text, 'f', settingOptions)].map(([name, { text: said }]) => [name, said]);
    assert.deepEqual(Object.fromEntries(read), given);
    for (const name of Object.keys(settingOptions))
      assert.equal(text.split('\n').filter((line) => line.replace(/^# /, '').startsWith(`${keyOf(name)} = `)).length, 1, name);
  });
});

describe('skylark setup', { concurrency: 2 }, () => {
  test('without a terminal it says what to give', async () => {
    const cwd = newFolder('piped');
    const { out, err, code } = await skylark(['setup', '--domain', 'a.example'], { cwd, input: 'a.example\n' });
    assert.match(err, /^skylark: setup asks on a terminal, and standard input is none: give --yes for what it would propose, /);
    assert.deepEqual([out, code, existsSync(join(cwd, 'skylark.toml'))], ['', 2, false]);
  });

  test('flags alone write a file; the service and commands on its data use it, from another folder too', async () => {
    const cwd = newFolder('flags');
    const file = join(cwd, 'skylark.toml');
    const ports = anyPorts.map((flag) => flag);
    const made = await skylark(
      ['setup', '--yes', '--settings', file, '--domain', 'a.example', '--data', './kept', '--reach', 'here', ...ports],
      { cwd },
    );
    assert.deepEqual([made.err, made.code], ['', 0]);
    assert.match(made.out, /^Wrote .*skylark\.toml\nStart it: +skylark start\n/);
    const service = await Service.start(['start'], 'listening', { cwd });
    const { domain, folder: data } = service.events.find(({ event }) => event === 'listening')!;
    assert.deepEqual([domain, data], ['a.example', join(cwd, 'kept')]);
    const variables = { SKYLARK_SETTINGS: file };
    const elsewhere = await skylark(['tenant', 'add', 'b.example'], { cwd: folder, variables });
    assert.deepEqual([elsewhere.err, elsewhere.code], ['', 0]);
    assert.equal(await service.stop(), 0);
    const list = await skylark(['tenant', 'list', '--json'], { cwd });
    assert.deepEqual(
      list.out
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { domain: string }).domain),
      ['a.example', 'b.example'],
    );
    const other = await skylark(['tenant', 'list', '--data', join(folder, 'nowhere')], { cwd });
    assert.match(other.err, /there is no folder '.*nowhere'/);
  });

  test('a file that is there stays, until --replace keeps it beside', async () => {
    const cwd = newFolder('again');
    const file = join(cwd, 'skylark.toml');
    writeFileSync(file, 'domain = "old.example"\n');
    const again = ['setup', '--yes', '--domain', 'new.example', '--settings', file];
    const refused = await skylark(again);
    assert.match(refused.err, /^skylark: '.*' is there already: edit it, or start anew with --replace, /);
    assert.equal(readFileSync(file, 'utf8'), 'domain = "old.example"\n');
    assert.equal((await skylark([...again, '--replace'])).code, 0);
    assert.equal(readFileSync(`${file}.old`, 'utf8'), 'domain = "old.example"\n');
    assert.equal(parseSettings(readFileSync(file, 'utf8'), file, settingOptions).get('domain')?.text, 'new.example');
  });

  test('what start would refuse is not written', async () => {
    const file = join(newFolder('refused'), 'skylark.toml');
    for (const [flag, said] of [
      ['--http-port=5222', /^skylark: --http-port: '5222' is the port of --c2s-port already/],
      ['--cert=x.pem', /^skylark: --cert and --key belong together/],
      ['--bind=x', /^skylark: --bind: 'x' is not allowed/],
    ] as const) {
      const { err, code } = await skylark(['setup', '--yes', '--settings', file, flag]);
      assert.match(err, said);
      assert.deepEqual([code, existsSync(file)], [2, false]);
    }
  });

  test('--show prints what start would take, and from where', async () => {
    const file = join(newFolder('shown'), 'skylark.toml');
    writeFileSync(file, 'domain = "a.example"\n');
    const { out } = await skylark(['setup', '--show', '--settings', file], { variables: { SKYLARK_HTTP_PORT: '80' } });
    assert.match(out, new RegExp(`^domain +a\\.example +${file}$`, 'm'));
    assert.match(out, /^http-port +80 +SKYLARK_HTTP_PORT$/m);
    assert.match(out, /^c2s-port +5222 +preset$/m);
  });
});

const hasScript = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0;

/** Types a line when each question has come. @returns what the terminal showed */
async function typeAnswers(file: string, answers: readonly string[]): Promise<{ shown: string; code: number | null }> {
  const command = `${process.execPath} ${main} setup --settings ${file}`;
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: 'pipe' });
  const waiting = [...answers];
  let [shown, seen] = ['', 0];
  child.stdout.on('data', (chunk) => {
    shown += chunk;
    const prompts = shown.match(/\[[^\]\n]*\] /g)?.length ?? 0;
    for (; seen < prompts; seen++) child.stdin.write(waiting.shift() ?? '');
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { shown: shown.replaceAll('\r\n', '\n'), code };
}

describe('on a terminal', { skip: !hasScript && 'there is no script of util-linux' }, () => {
  test('five questions, of which a wrong answer is asked again, make the file', async () => {
    const here = newFolder('terminal');
    const file = join(here, 'skylark.toml');
    for (const name of ['cert.pem', 'key.pem']) writeFileSync(join(here, name), '');
    const { shown, code } = await typeAnswers(file, [
      ...['a..b\n', 'chat.example.org\n', '/srv/xmpp\n', 'files\n', 'no.pem\n', `${here}/cert.pem\n`, `${here}/key.pem\n`],
      ...['\n', 'web\n'],
    ]);
    assert.equal(code, 0, shown);
    assert.equal(questions.length, 5);
    for (const [index, { text }] of questions.entries()) assert.ok(shown.includes(`${index + 1}/5  ${text}`), shown);
    assert.match(shown, /'a\.\.b' is not taken: it takes a domain name/);
    assert.match(shown, /'no\.pem' is not taken: there is no file 'no\.pem'/);
    const given = parseSettings(readFileSync(file, 'utf8'), file, settingOptions);
    const said = Object.fromEntries([...given].map(([name, { text }]) => [name, text]));
    const { bind, ...rest } = said;
    assert.ok(bind === '::' || bind === '0.0.0.0');
    assert.deepEqual(rest, {
      ...{ domain: 'chat.example.org', data: '/srv/xmpp', cert: `${here}/cert.pem`, key: `${here}/key.pem` },
      ...{ registration: 'closed', httpsPort: '443' },
    });
  });

  test('who leaves in the middle has written nothing', async () => {
    const file = join(newFolder('left'), 'skylark.toml');
    const { shown, code } = await typeAnswers(file, ['a.example\n', '\u0004']);
    assert.match(shown, /skylark: given up; nothing was written/);
    assert.deepEqual([code, existsSync(file)], [1, false]);
  });
});
