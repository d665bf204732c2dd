/** The compose file and its image: names that the program knows, and the program as both say that it is started. No container is run. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { peerPortsOf } from '../../services/cli/compose/federation-options.ts';
import { settingOptions, startOptions } from '../../services/cli/compose/start-options.ts';
import { readArguments, variableOf } from '../../services/cli/core/arguments.ts';
import { programLimits } from '../../services/cli/limits.ts';
import { freePorts } from '../support/free-ports.ts';
import { removeFolder, Service, skylark, temporaryFolder } from './skylark-command.ts';

const here = fileURLToPath(new URL('../../infra/compose', import.meta.url));
const file = join(here, 'compose.yaml');
const image = readFileSync(join(here, 'Dockerfile'), 'utf8').split('\n');
const folder = temporaryFolder();
after(() => removeFolder(folder));

interface Compose {
  readonly services: {
    readonly skylark: {
      readonly build: { readonly context: string; readonly dockerfile: string };
      readonly environment: Readonly<Record<string, string>>;
      readonly ports: readonly string[];
      readonly volumes: readonly string[];
      readonly ulimits: { readonly nofile: number };
    };
  };
}
const service = (parse(readFileSync(file, 'utf8')) as Compose).services.skylark;
const instruction = (name: string): string => image.find((line) => line.startsWith(`${name} `))!.slice(name.length + 1);
const imageVariables = Object.fromEntries(
  instruction('ENV')
    .split(' ')
    .map((word) => word.split('=') as [string, string]),
);

/** What the service gets from both, with the values that people would have given. */
const environment: Readonly<Record<string, string>> = {
  ...imageVariables,
  ...service.environment,
  SKYLARK_DOMAIN: 'a.example',
  SKYLARK_REGISTRATION: 'closed',
};

test('each variable is one that the program knows', () => {
  const known = [...Object.keys(settingOptions).map(variableOf), 'SKYLARK_SETTINGS', 'SKYLARK_LOG_LEVEL'];
  for (const name of Object.keys(environment)) if (name.startsWith('SKYLARK_')) assert.ok(known.includes(name), name);
});

test('the ports that are published are those that it listens on, but for those without TLS', () => {
  const { values } = readArguments('start', startOptions, [], environment);
  const { c2sPort, c2sTlsPort, httpsPort } = values;
  const listens = [c2sPort, c2sTlsPort, httpsPort, ...(Object.values(peerPortsOf(values)!) as number[])].map(
    (port) => `${port}:${port}`,
  );
  assert.deepEqual(service.ports.toSorted(), listens.toSorted());
});

test('volume, open files and image are the ones that belong together', () => {
  const [, target] = service.volumes[0]!.split(':');
  assert.deepEqual([target, instruction('VOLUME')], [environment.SKYLARK_DATA, environment.SKYLARK_DATA]);
  assert.equal(service.ulimits.nofile, programLimits.serviceFilesMax);
  assert.equal(join(here, service.build.context, service.build.dockerfile), join(here, 'Dockerfile'));
  const other = readFileSync(join(here, '../image/Dockerfile'), 'utf8');
  assert.ok(other.includes(`FROM ${instruction('FROM')}\n`), 'both images begin with the same Node');
});

test('with these variables it serves, and what looks after its health says so', async () => {
  const [health] = await freePorts(1);
  const ports = Object.fromEntries(
    ['C2S', 'C2S_TLS', 'HTTP', 'HTTPS', 'S2S', 'S2S_TLS', 'COMPONENT'].map((port) => [`SKYLARK_${port}_PORT`, '0']),
  );
  const variables = {
    ...environment,
    ...ports,
    SKYLARK_DATA: join(folder, 'data'),
    SKYLARK_BIND: '127.0.0.1',
    SKYLARK_HEALTH_PORT: `${health}`,
    SKYLARK_LOG_LEVEL: 'info',
  };
  const running = await Service.start(JSON.parse(instruction('CMD')) as string[], 'listening', { variables });
  const check = JSON.parse(/CMD (\[.*\])$/.exec(instruction('HEALTHCHECK'))![1]!) as string[];
  const args = check.slice(1).map((word) => word.replace(environment.SKYLARK_HEALTH_PORT!, `${health}`));
  const healthy = async () => (await once(spawn(process.execPath, args), 'exit'))[0];
  try {
    assert.equal(check[0], 'node');
    assert.equal(await healthy(), 0);
    assert.equal((await skylark(['tenant', 'add', 'b.example'], { variables })).code, 0);
  } finally {
    assert.equal(await running.stop(), 0);
  }
  assert.equal(await healthy(), 1);
});

const hasCompose = spawnSync('docker-compose', ['--version']).status === 0;
test("the file is one of compose's schema", { skip: !hasCompose && 'there is no docker-compose' }, () => {
  const config = (env: Record<string, string>) =>
    spawnSync('docker-compose', ['-f', file, 'config'], { encoding: 'utf8', env: { PATH: process.env.PATH, ...env } });
  const { stdout, stderr, status } = config({ SKYLARK_DOMAIN: 'a.example' });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /SKYLARK_DOMAIN: a\.example/);
  const nameless = config({});
  assert.notEqual(nameless.status, 0);
  assert.match(nameless.stderr, /which domain are the accounts at/);
});
