/**
 * Smack's own integration tests (`smack-integration-test`), one class in one Java process: everything they do is told by log lines, which
 * are read as they come. Smack then waits for the streams of the accounts that it removed, long after the last result: we end it there.
 */
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Skylark } from '../support/skylark.ts';

const domain = 'smack.test';
const classMsMax = 120_000;
/** How long Smack waits for an answer, milliseconds. It is also what a test that must not hear something waits. */
const replyTimeoutMs = 10_000;
/** The framework cannot be told a port, and asks the domain's port 443 where the WebSocket is. */
const ports = { c2s: 5222, https: 443 };
const trustPassword = 'capulet';

export interface Outcome {
  readonly passed: string[];
  /** Name of the test, and what Smack said. */
  readonly failed: Map<string, string>;
  /** Why no test of the class ran, or not all did. */
  readonly aborted: string | undefined;
  /** How many classes the framework knows and was not asked for. */
  readonly others: number;
  readonly log: string;
}

export class Smack {
  readonly #skylark: Skylark;
  readonly #jars: string;
  readonly #address: string;

  private constructor(skylark: Skylark, jars: string, address: string) {
    this.#skylark = skylark;
    this.#jars = jars;
    this.#address = address;
  }

  /** @param jars the folder of `.ci/smack` */
  static async start(jars: string): Promise<Smack> {
    const address = await freeAddress();
    const listen = ['--bind', address, '--c2s-port', `${ports.c2s}`, '--https-port', `${ports.https}`, '--registration', 'open'];
    const files = ['--files-url', `https://${domain}/files/`];
    const skylark = await Skylark.start(domain, [...listen, ...files]);
    const smack = new Smack(skylark, jars, address);
    const certificate = join(skylark.data, 'tls', 'certificate.pem');
    const imported = ['-importcert', '-noprompt', '-alias', 'skylark', '-file', certificate, '-keystore', smack.#trust];
    const { status, stdout, stderr } = spawnSync('keytool', [...imported, '-storetype', 'PKCS12', '-storepass', trustPassword], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`keytool: ${stdout}${stderr}`);
    writeFileSync(smack.#hosts, `${address} ${domain} rooms.${domain} upload.${domain}\n`);
    return smack;
  }

  stop(): Promise<void> {
    return this.#skylark.stop();
  }

  get #trust(): string {
    return join(this.#skylark.data, 'trust.p12');
  }

  get #hosts(): string {
    return join(this.#skylark.data, 'hosts');
  }

  /** @param connections nicknames, of those of Smack's connections that are to be used; most classes use `tcp` whatever it says */
  run(name: string, connections: readonly string[]): Promise<Outcome> {
    const properties = {
      'jdk.net.hosts.file': this.#hosts,
      'javax.net.ssl.trustStore': this.#trust,
      'javax.net.ssl.trustStorePassword': trustPassword,
      'java.util.logging.SimpleFormatter.format': '%4$s: %5$s%6$s%n',
      'user.home': this.#skylark.data,
      'sinttest.service': domain,
      'sinttest.host': this.#address,
      'sinttest.dnsResolver': 'javax',
      'sinttest.debugger': 'none',
      'sinttest.replyTimeout': `${replyTimeoutMs}`,
      'sinttest.enabledTests': name,
      'sinttest.enabledConnections': connections.join(','),
    };
    // The second compiler would only begin to pay when the tests are over.
    const options = ['-Xshare:auto', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx256m', '-cp', join(this.#jars, '*')];
    const child = spawn(
      'java',
      [
        ...options,
        ...Object.entries(properties).map(([key, value]) => `-D${key}=${value}`),
        `${framework}.SmackIntegrationTestFramework`,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], cwd: this.#skylark.data },
    );
    const reader = new Reader();
    const end = () => child.kill('SIGKILL');
    const timer = setTimeout(() => {
      reader.aborted ??= `it did not end within ${classMsMax} ms`;
      end();
    }, classMsMax);
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        if (reader.read(line)) end();
      });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', () => {
        clearTimeout(timer);
        if (!reader.isComplete) reader.aborted ??= 'it ended before its last test';
        resolve(reader);
      });
    });
  }
}

const framework = 'org.igniterealtime.smack.inttest';
const logCharsMax = 60_000;

class Reader implements Outcome {
  readonly passed: string[] = [];
  readonly failed = new Map<string, string>();
  aborted: string | undefined;
  others = 0;
  log = '';
  #available = Number.POSITIVE_INFINITY;
  #isAborting = false;
  #failing: string | undefined;

  get isComplete(): boolean {
    return this.passed.length + this.failed.size >= this.#available && this.#failing === undefined;
  }

  /** @returns whether nothing more is to come that counts */
  read(line: string): boolean {
    this.log = `${this.log + line}\n`.slice(-logCharsMax);
    if (this.#isAborting) {
      this.aborted ??= line;
      return true;
    }
    this.#isAborting = line.includes('Unexpected abort');
    const available = /^Available tests: (\d+) \(Disabled (\d+) classes/.exec(line);
    if (available) {
      this.#available = Number(available[1]);
      this.others = Number(available[2]);
    }
    const ended = /^\w+: \w+\.(\w+) \((?:\w+, )?([\w-]+)\) (Success|Failed|is not possible)/.exec(line);
    if (ended) {
      const [, test, kind, how] = ended;
      const title = kind === 'Normal' || kind === 'SpecificLowLevel' ? test! : `${test} over ${kind}`;
      if (how === 'Success') this.passed.push(title);
      else this.failed.set(title, how!);
      if (how === 'Failed') this.#failing = title;
    }
    const cause = /^Caused by: (?:[\w$]+\.)*(.*)/.exec(line);
    if (cause && this.#failing !== undefined) {
      this.failed.set(this.#failing, cause[1]!);
      this.#failing = undefined;
    }
    return this.isComplete;
  }
}

/** One of the loopback's, with both ports free: a server of the machine's own may sit on the first. */
async function freeAddress(): Promise<string> {
  for (let last = 9; last < 30; last += 1) {
    const address = `127.0.0.${last}`;
    if ((await isFree(address, ports.c2s)) && (await isFree(address, ports.https))) return address;
  }
  throw new Error(`no loopback address has its ports ${ports.c2s} and ${ports.https} free for us (port 443 needs root)`);
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port }, () => server.close(() => resolve(true)));
  });
}
