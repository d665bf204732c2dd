/** Debian's slixmpp against a Skylark of its own: see people.py for what it does. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { Skylark } from '../support/skylark.ts';

const script = new URL('./people.py', import.meta.url).pathname;
const debianPython = '/usr/bin/python3'; // python3-slixmpp is installed for this one

let skylark: Skylark;

before(async () => {
  skylark = await Skylark.start();
  skylark.addUser('juliet@localhost', 'capulet');
  skylark.addUser('romeo@localhost', 'montague');
});

after(() => skylark.stop());

test('slixmpp does what people do, from sign-in to a room', async () => {
  const { code, output } = await run(debianPython, [script, String(skylark.ports.c2s), 'localhost']);
  assert.equal(code, 0, output);
  const seen = output.split('\n').filter((line) => line.startsWith('ok '));
  assert.ok(seen.length >= 15, `only ${seen.length} things were seen:\n${output}`);
});

function run(command: string, args: string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 120_000 });
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
