/** What `npm start` prints on a terminal: npm's own two lines and those of the command, and no line of the log, from start to Ctrl-C. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { quote } from '../../services/cli/core/report.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'skylark-terminal-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** `script` gives a program a terminal; util-linux has it, with these options. */
const hasScript = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0;

const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SKYLARK_')));

/** @returns all that the terminal showed, with Ctrl-C typed when the last line had come */
async function showUntilControlC(command: string): Promise<string> {
  const child = spawn('script', ['-qec', command, '/dev/null'], { cwd: root, env: environment, stdio: 'pipe' });
  let shown = '';
  let isStopped = false;
  child.stdout.on('data', (chunk) => {
    shown += chunk;
    if (isStopped || !shown.includes('Ctrl-C\r\n')) return;
    isStopped = true;
    child.stdin.write('\u0003');
  });
  await once(child, 'close');
  return shown.replaceAll('\r\n', '\n');
}

for (const which of ['first', 'second']) {
  test(`npm start prints its own lines only, on the ${which} start`, { skip: !hasScript }, async () => {
    const ports = ['--c2s-port', '--c2s-tls-port', '--http-port', '--https-port', '--component-port']
      .map((name) => `${name} 0`)
      .join(' ');
    const shown = await showUntilControlC(`npm start --no-update-notifier -- --data ${quote(join(folder, 'data'))} ${ports}`);
    const lines = shown.split('\n').filter((line) => line !== '' && !line.startsWith('> '));
    const wanted = [
      /^Skylark \S+ serves localhost; everything is kept in /,
      /^ {2}XMPP clients \(STARTTLS\) +127\.0\.0\.1:\d+$/,
      /^ {2}XMPP clients \(direct TLS\) +127\.0\.0\.1:\d+$/,
      /^ {2}web client and WebSocket +127\.0\.0\.1:\d+$/,
      /^ {2}the same over TLS +127\.0\.0\.1:\d+$/,
      /^Try it: +http:\/\/localhost:\d+\/$/,
      /^Add an account: +npx skylark user add you@localhost /,
      /^Console: +http:\/\/localhost:\d+\/console\/enter\/[\w-]{43} +\(opens once\)$/,
      /^Stop: +Ctrl-C$/,
    ];
    for (const [index, pattern] of wanted.entries()) assert.match(lines[index] ?? '', pattern);
    assert.deepEqual(
      lines.slice(wanted.length).filter((line) => line !== '^C'),
      [],
      'Ctrl-C ends it without a word',
    );
  });
}
