/** What the command line says about arguments that are wrong, and which of flag, variable and preset counts. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { commands } from '../../services/cli/commands.ts';
import { keepSelfSigned } from '../../services/cli/compose/certificate.ts';
import { clusterOptions } from '../../services/cli/compose/cluster-options.ts';
import { registrationOf, startOptions } from '../../services/cli/compose/start-options.ts';
import { type Options, readArguments } from '../../services/cli/core/arguments.ts';
import { UsageError } from '../../services/cli/core/report.ts';
import { anyPorts, removeFolder, skylark, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
after(() => removeFolder(folder));

function refusal(command: string, options: Options, args: readonly string[], environment: NodeJS.ProcessEnv = {}): string {
  try {
    readArguments(command, options, args, environment);
  } catch (error) {
    assert.ok(error instanceof UsageError, `${error}`);
    return error.message;
  }
  assert.fail(`${args.join(' ')} was taken`);
}

describe('a wrong argument is named with its flag, its value and what is allowed', () => {
  for (const [args, said] of [
    [['--http-port', '99999'], "--http-port: '99999' is not allowed; it takes a port: 1 to 65535, or 0 for any free one"],
    [['--c2s-port=x'], "--c2s-port: 'x' is not allowed; it takes a port: 1 to 65535, or 0 for any free one"],
    [['--c2s-tls-port=-1'], "--c2s-tls-port: '-1' is not allowed; it takes a port: 1 to 65535, or 0 for any free one"],
    [['--https-port= 5'], "--https-port: ' 5' is not allowed; it takes a port: 1 to 65535, or 0 for any free one"],
    [['--s2s-port=1e3'], "--s2s-port: '1e3' is not allowed; it takes a port: 1 to 65535, or 0 for none"],
    [['--component-port=65536'], "--component-port: '65536' is not allowed; it takes a port: 1 to 65535, or 0 for none"],
    [
      ['--bind=example'],
      "--bind: 'example' is not allowed; it takes an IP address of this machine, such as 127.0.0.1, 0.0.0.0 or ::",
    ],
    [['--domain=a..b'], "--domain: 'a..b' is not allowed; it takes a domain name, such as example.org"],
    [
      ['--domain', 'juliet@example.org'],
      "--domain: 'juliet@example.org' is not allowed; it takes a domain name, such as example.org",
    ],
    [['--registration=maybe'], "--registration: 'maybe' is not allowed; it takes 'open' or 'closed'"],
    [['--bogus'], "unknown option '--bogus' of 'skylark start'; see: skylark help start"],
    [['-p', '5'], "unknown option '-p' of 'skylark start'; see: skylark help start"],
    [['--cert'], '--cert has no value; it takes the path of a file'],
    [['--domain', '--json'], '--domain has no value; it takes a domain name, such as example.org'],
    [['--data='], '--data has no value; it takes the path of a folder'],
    [['--json=yes'], "--json takes no value, but has 'yes'"],
  ] as const) {
    test(args.join(' '), () => assert.equal(refusal('start', startOptions, args), said));
  }

  test('a variable by its own name', () => {
    assert.match(
      refusal('start', startOptions, [], { SKYLARK_C2S_TLS_PORT: 'tls' }),
      /^SKYLARK_C2S_TLS_PORT: 'tls' is not allowed; /,
    );
  });

  for (const [args, said] of [
    [['--connections=0'], /^--connections: '0' is not allowed; it takes a number from 1 to 16$/],
    [['--routers=17'], /^--routers: '17' is not allowed; it takes a number from 1 to 16$/],
    [['--nats=example'], /^--nats: 'example' is not allowed; it takes a URL that starts with nats:\/\/ or tls:\/\/$/],
    [
      ['--dynamodb=ftp://x'],
      /^--dynamodb: 'ftp:\/\/x' is not allowed; it takes a URL that starts with http:\/\/ or https:\/\/, or 'aws'$/,
    ],
  ] as const) {
    test(`cluster ${args.join(' ')}`, () => assert.match(refusal('cluster', clusterOptions, args), said));
  }
});

describe('where a setting comes from', () => {
  const read = (args: readonly string[], environment: NodeJS.ProcessEnv = {}) =>
    readArguments('start', startOptions, args, environment).values;

  test('presets make a service of this machine alone', () => {
    const { domain, bind, data, c2sPort, c2sTlsPort, httpPort, httpsPort, s2sPort, componentPort, componentBind } = read([]);
    assert.deepEqual(
      { domain, bind, data, ports: [c2sPort, c2sTlsPort, httpPort, httpsPort, s2sPort, componentPort], componentBind },
      {
        ...{ domain: 'localhost', bind: '127.0.0.1', data: './data', componentBind: '127.0.0.1' },
        ports: [5222, 5223, 5280, 5443, undefined, undefined],
      },
    );
  });
  test('a variable wins over a preset, and a flag over a variable', () => {
    const variables = { SKYLARK_DOMAIN: 'a.example', SKYLARK_HTTP_PORT: '8080', SKYLARK_JSON: 'true' };
    assert.equal(read([], variables).domain, 'a.example');
    assert.equal(read([], variables).json, true);
    assert.equal(read(['--domain', 'b.example'], variables).domain, 'b.example');
    assert.equal(read(['--domain', 'b.example'], variables).httpPort, 8080);
  });
  test('an empty variable counts as none', () => assert.equal(read([], { SKYLARK_DOMAIN: '' }).domain, 'localhost'));
  test('a domain is prepared as addresses are', () => assert.equal(read(['--domain=EXAMPLE.org']).domain, 'example.org'));
  test('what follows -- is not read as an option', () => {
    assert.deepEqual(readArguments('start', startOptions, ['--json', '--', '--bogus'], {}).positionals, ['--bogus']);
  });
  test('an id that begins with a hyphen is not read as an option', () => {
    const id = '-3dCw9x_Zk-Q1vR0aYtLmB';
    assert.deepEqual(readArguments('start', startOptions, ['a.example', id], {}).positionals, ['a.example', id]);
    assert.match(refusal('start', startOptions, ['-p', '5222']), /unknown option '-p'/);
  });
  for (const [args, expected] of [
    [[], 'open'],
    [['--bind=127.8.0.1'], 'open'],
    [['--bind=::1'], 'open'],
    [['--bind=0.0.0.0'], 'closed'],
    [['--bind=192.0.2.1'], 'closed'],
    [['--bind=::'], 'closed'],
    [['--bind=0.0.0.0', '--registration=open'], 'open'],
    [['--registration=closed'], 'closed'],
  ] as const) {
    test(`registration is ${expected} with ${args.join(' ') || 'presets'}`, () => {
      assert.equal(registrationOf(read(args)), expected);
    });
  }
});

/** The words of commands at one place, each once, as the program lists them. @param first of those that begin with this */
function words(place: number, first: string): string {
  const all = commands.map(({ name }) => name.split(' ')).filter((name) => first === '' || name[0] === first);
  return [...new Set(all.map((name) => name[place]!))].join(', ');
}

describe('the process that is given wrong arguments ends with 2 and one line', { concurrency: 4 }, () => {
  const here = join(folder, 'certificates');
  mkdirSync(here);
  const pem = (name: string) => join(here, name);
  before(async () => {
    for (const name of ['a', 'b']) {
      const { files } = await keepSelfSigned(join(here, name), 'localhost', systemClock);
      copyFileSync(files.cert, pem(`${name}.crt`));
      copyFileSync(files.key, pem(`${name}.key`));
    }
  });
  writeFileSync(pem('garbage'), 'no certificate');
  const data = ['--data', join(folder, 'never')];
  for (const [what, args, said] of [
    ['no such command', ['begin'], `unknown command 'begin'; the commands are: ${words(0, '')}; see: skylark --help`],
    ['half a command', ['user'], `'skylark user' needs one of: ${words(1, 'user')}`],
    ['half a command, wrongly', ['tenant', 'make'], "'skylark tenant' needs one of: add, prove, remove, list, set, show, index"],
    ['no argument', ['user', 'add', ...data], "'skylark user add' needs a JID; see: skylark help user add"],
    ['too many', ['start', 'now', ...data], "'now' is an unexpected argument; see: skylark help start"],
    [
      'two purposes of a port',
      ['start', ...data, '--http-port', '5222'],
      "--http-port: '5222' is the port of --c2s-port already; each takes one of its own",
    ],
    [
      'a certificate alone',
      ['start', ...data, '--cert', 'x.pem'],
      "--cert: 'x.pem' needs --key with the private key that belongs to it",
    ],
    ['a key alone', ['start', ...data, '--key', 'x.pem'], "--key: 'x.pem' needs --cert with the certificate that belongs to it"],
    [
      'a missing certificate',
      ['start', ...data, '--cert', 'x.crt', '--key', 'x.key'],
      "--cert: 'x.crt' cannot be read: no such file or folder",
    ],
    [
      'no certificate',
      ['start', ...data, '--cert', pem('garbage'), '--key', pem('a.key')],
      `--cert: '${pem('garbage')}' is not a certificate in PEM`,
    ],
    [
      'no key',
      ['start', ...data, '--cert', pem('a.crt'), '--key', pem('garbage')],
      `--key: '${pem('garbage')}' is not a private key in PEM without a passphrase`,
    ],
    [
      'the key of another',
      ['start', ...data, '--cert', pem('a.crt'), '--key', pem('b.key')],
      `--key: '${pem('b.key')}' does not belong to the certificate in '${pem('a.crt')}'`,
    ],
    [
      'no service',
      ['serve', 'everything'],
      "unknown service 'everything'; 'skylark serve' takes one of: connection, peers, router, muc, federation, api, web, all, dynamodb, nats",
    ],
    [
      'no bus',
      ['serve', 'router', '--dynamodb', 'http://127.0.0.1:1'],
      '--nats is needed; it takes the URL of a NATS server, such as nats://127.0.0.1:4222',
    ],
    [
      'no store',
      ['serve', 'router', '--nats', 'nats://127.0.0.1:1'],
      "--dynamodb is needed; it takes the URL of a DynamoDB, or 'aws' for that of the region",
    ],
  ] as const) {
    test(what, async () => {
      const { out, err, code } = await skylark(args);
      assert.deepEqual({ out, err, code }, { out: '', err: `skylark: ${said}\n`, code: 2 });
    });
  }

  test('a log level that is none', async () => {
    const { err, code } = await skylark(['start', ...data, ...anyPorts], { variables: { SKYLARK_LOG_LEVEL: 'loud' } });
    assert.match(err, /^skylark: SKYLARK_LOG_LEVEL: 'loud' is not allowed; it takes fatal, error, .*\n$/);
    assert.equal(code, 2);
  });
});

describe('a command with several arguments names all of them when one is missing, and the one that is too many', () => {
  const several = commands.filter(({ positionals }) => positionals.filter((name) => /^[A-Z]+$/.test(name)).length > 1);
  assert.ok(several.length >= 20, `${several.length} commands were seen`);
  for (const { name, options, positionals, run } of several) {
    test(name, async () => {
      const needed = positionals.filter((one) => /^[A-Z]+$/.test(one));
      const takesMore = needed.length < positionals.length;
      const { values } = readArguments(name, options, ['--data', join(folder, 'never')], {});
      const said = (count: number) =>
        run(
          values,
          Array.from({ length: count }, (_, at) => `x${at}`),
        ).then(
          () => 'nothing',
          (error: unknown) => (error instanceof UsageError ? error.message : `${error}`),
        );
      const wanted = `'skylark ${name}' needs ${needed.slice(0, -1).join(', ')} and ${needed.at(-1)}; see: skylark help ${name}`;
      for (let count = 0; count < needed.length; count++) assert.equal(await said(count), wanted);
      if (!takesMore)
        assert.equal(await said(needed.length + 1), `'x${needed.length}' is an unexpected argument; see: skylark help ${name}`);
    });
  }
});
