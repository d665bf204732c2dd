/** Debian's slixmpp against Skylark: each script under `slixmpp/` on a domain of its own, all on one instance. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { Skylark } from '../support/skylark.ts';

const debianPython = '/usr/bin/python3'; // python3-slixmpp is installed for this one
const scriptTimeoutMs = 60_000;

/** Script, what it is about, and how many things it must have seen. */
const scripts = [
  ['roster', 'roster with versions, and the four subscription presences', 20],
] as const;

let skylark: Skylark;

before(async () => {
  skylark = await Skylark.start();
});

after(() => skylark.stop());

for (const [script, title, count] of scripts) {
  test(`slixmpp: ${title}`, async () => {
    const domain = `${script.replace('_', '-')}.test`;
    skylark.command('tenant', 'add', domain);
    for (const [local, password] of [
      ['juliet', 'capulet'],
      ['romeo', 'montague'],
      ['nurse', 'angelica'],
    ]) {
      skylark.addUser(`${local}@${domain}`, password!);
    }
    const path = new URL(`./slixmpp/${script}.py`, import.meta.url).pathname;
    const { code, output } = await run(debianPython, [path, String(skylark.ports.c2s), String(skylark.ports.c2sTls), domain]);
    assert.equal(code, 0, output);
    const seen = output.split('\n').filter((line) => line.startsWith('ok '));
    assert.equal(seen.length, count, output);
  });
}

function run(command: string, args: string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: scriptTimeoutMs,
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    });
    let output = '';
    const read = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-20_000);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', (code) => resolve({ code, output }));
    child.once('error', (error) => resolve({ code: 127, output: `${error}` }));
  });
}
