/** The bundle as its image runs it: the Dockerfile's command and user, whose home is nowhere, on files that nobody may write. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { keepSelfSigned } from '../../services/cli/compose/certificate.ts';
import { imageCommand } from '../support/image.ts';
import { ManagedClient } from '../support/managed-client.ts';
import { TcpClient } from '../support/tcp-client.ts';
import { removeFolder, Service, temporaryFolder } from './skylark-command.ts';

const script = fileURLToPath(new URL('../../bin/bundle.ts', import.meta.url));
const folder = temporaryFolder();
const image = join(folder, 'image');
const { program, args, environment, user } = imageCommand(join(image, 'skylark'));
let engine: Service;
let files: { readonly cert: string; readonly key: string };

/** Only root may become another user, who has to reach this Node; whoever else runs this is without rights already. */
const becomesUser = process.getuid?.() === 0 && spawnSync(program, ['--version'], user).status === 0;

before(async () => {
  chmodSync(folder, 0o755);
  const { status, stderr } = spawnSync(process.execPath, [script, '--out', image, 'skylark'], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  engine = await Service.start(['serve', 'dynamodb', '--data', join(folder, 'rows')], 'listening', { json: false });
  ({ files } = await keepSelfSigned(join(folder, 'tls'), 'example.org', systemClock));
  if (becomesUser) for (const path of [join(folder, 'tls'), files.cert, files.key]) chownSync(path, user.uid, user.gid);
});

after(async () => {
  await engine?.stop();
  removeFolder(folder);
});

function run(variables: Readonly<Record<string, string>>): ChildProcess {
  return spawn(program, [...args, 'serve', 'all'], {
    cwd: '/',
    env: { ...environment, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(becomesUser && user),
  });
}

/** When Linux will send a keep-alive probe on a connection to that port, by the timer of its socket. */
async function probeSeconds(port: number): Promise<number> {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const [established, keepAlive, ticksPerSecond] = ['01', '02', 100];
  for (let step = 0; step < 100; step++) {
    const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n');
    const fields = rows.map((row) => row.trim().split(/\s+/)).find((row) => row[1] === local && row[3] === established);
    const [timer, ticks] = (fields?.[5] ?? '').split(':');
    if (timer === keepAlive) return Number.parseInt(ticks!, 16) / ticksPerSecond;
    await new Promise((resolve) => void setTimeout(resolve, 50));
  }
  throw new Error('no connection has a timer of keep-alive');
}

test('the user is nobody whom the system knows, and not root', () => {
  assert.ok(user.uid > 1_000 && user.gid > 1_000);
  if (existsSync('/etc/passwd')) assert.ok(!readFileSync('/etc/passwd', 'utf8').includes(`:${user.uid}:`));
});

test('what it is run with refuses to write', () => {
  const target = join(folder, 'written');
  mkdirSync(target, { mode: 0o777 });
  const attempt = `try { require('node:fs').writeFileSync(${JSON.stringify(join(target, 'x'))}, ''); } catch ({ code }) { console.log(code); }`;
  const flags = args.filter((word) => word.startsWith('--'));
  assert.equal(spawnSync(program, [...flags, '--eval', attempt], { encoding: 'utf8' }).stdout, 'ERR_ACCESS_DENIED\n');
});

test('serves accounts and messages, and stops in order', async () => {
  const ports = Object.fromEntries(['C2S', 'C2S_TLS', 'HTTP', 'HTTPS', 'HEALTH'].map((port) => [`SKYLARK_${port}_PORT`, '0']));
  const child = run({
    ...{ SKYLARK_DYNAMODB: `http://127.0.0.1:${engine.addresses.dynamodb!.port}`, SKYLARK_DOMAIN: 'example.org' },
    ...{ SKYLARK_REGISTRATION: 'open', SKYLARK_CERT: files.cert, SKYLARK_KEY: files.key, SKYLARK_METRICS: 'emf', ...ports },
  });
  try {
    let errors = '';
    child.stderr!.on('data', (chunk) => {
      errors += chunk;
    });
    const { promise, resolve, reject } = Promise.withResolvers<{ c2sTls: { port: number } }>();
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const said = JSON.parse(line);
      if (said.event === 'listening') resolve(said.addresses);
    });
    child.once('exit', () => reject(new Error(errors)));
    const { port } = (await promise).c2sTls;
    const newcomer = await TcpClient.connect(port, 'example.org');
    await newcomer.open();
    const query = `<query xmlns='jabber:iq:register'><username>juliet</username><password>pw</password></query>`;
    assert.equal((await newcomer.ask('r', `<iq type='set' id='r'>${query}</iq>`)).attributes.type, 'result');
    await newcomer.close();
    const juliet = await ManagedClient.signIn({ port }, 'juliet@example.org/balcony', 'pw');
    juliet.send('<presence/>');
    juliet.send("<message type='chat' to='juliet@example.org/balcony'><body>soliloquy</body></message>");
    await juliet.until(() => juliet.bodies.includes('soliloquy'), 'her own message');
    if (existsSync('/proc/net/tcp')) {
      const seconds = await probeSeconds(port);
      assert.ok(
        seconds > 200 && seconds <= 240,
        `a load balancer forgets a silent stream after 350 s; probed after ${seconds} s`,
      );
    }
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number | null];
    assert.equal(code, 0, errors);
    assert.doesNotMatch(errors, /EACCES|EROFS|ERR_ACCESS_DENIED|"level":[56]0/);
  } finally {
    child.kill('SIGKILL');
  }
});
