/**
 * Let's Encrypt's test CA with its DNS server (Debian's package `pebble`), on free ports of the loopback: every proof is really looked up.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './free-ports.ts';

const startMsMax = 20_000;
const pollMs = 50;

export const skipWithoutPebble =
  spawnSync('pebble-challtestsrv', ['-help']).error === undefined && spawnSync('pebble', ['-help']).error === undefined
    ? false
    : 'pebble is not installed';

export class Pebble {
  /** The URL of the directory. */
  readonly url: string;
  /** PEM file of what the directory's certificate is of. */
  readonly trusted: string;
  /** Where records are set. */
  readonly records: string;
  /** `127.0.0.1:port`. */
  readonly dns: string;
  readonly #folder: string;
  readonly #management: string;
  readonly #config: string;
  readonly #dnsServer: ChildProcess;
  #ca: ChildProcess | undefined;
  #said = '';

  private constructor(folder: string, [acme, management, dns, api]: readonly number[], dnsServer: ChildProcess) {
    this.#folder = folder;
    this.url = `https://127.0.0.1:${acme}/dir`;
    this.trusted = join(folder, 'cert.pem');
    this.records = `http://127.0.0.1:${api}`;
    this.dns = `127.0.0.1:${dns}`;
    this.#management = `https://127.0.0.1:${management}`;
    this.#config = join(folder, 'pebble.json');
    this.#dnsServer = dnsServer;
    writeFileSync(
      this.#config,
      JSON.stringify({
        pebble: {
          listenAddress: `127.0.0.1:${acme}`,
          managementListenAddress: `127.0.0.1:${management}`,
          certificate: this.trusted,
          privateKey: join(folder, 'key.pem'),
          httpPort: 1,
          tlsPort: 1,
          ocspResponderURL: '',
          externalAccountBindingRequired: false,
        },
      }),
    );
  }

  static async start(): Promise<Pebble> {
    const folder = mkdtempSync(join(tmpdir(), 'skylark-pebble-'));
    makeCertificate(folder);
    const [acme, management, dns, api] = (await freePorts(4)) as [number, number, number, number];
    const off = ['-http01', '', '-https01', '', '-tlsalpn01', ''];
    const dnsServer = run('pebble-challtestsrv', [...off, '-dns01', `127.0.0.1:${dns}`, '-management', `127.0.0.1:${api}`]);
    const pebble = new Pebble(folder, [acme, management, dns, api], dnsServer);
    await pebble.until('its DNS server', () => fetch(pebble.records));
    await pebble.startCa();
    return pebble;
  }

  /** Also again, after `stopCa`: it forgets accounts, orders and its root. */
  async startCa(): Promise<void> {
    const env = { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_AUTHZREUSE: '0' };
    const ca = run('pebble', ['-config', this.#config, '-dnsserver', this.dns], env);
    this.#ca = ca;
    for (const stream of [ca.stdout, ca.stderr]) {
      stream!.on('data', (chunk: Buffer) => {
        this.#said = `${this.#said}${chunk}`.slice(-20_000);
      });
    }
    const { port } = new URL(this.url);
    await this.until('pebble', () => this.#get(`https://127.0.0.1:${port}/dir`));
  }

  async stopCa(): Promise<void> {
    await end(this.#ca!);
  }

  /** What pebble has printed: it tells each look-up. */
  get said(): string {
    return this.#said;
  }

  /** PEM of its root. */
  root(): Promise<string> {
    return this.#get(`${this.#management}/roots/0`);
  }

  /** As a tenant does, once. */
  async delegate(name: string, zone: string): Promise<void> {
    await this.#set('/set-cname', { host: `_acme-challenge.${name}.`, target: `${name}.${zone}.` });
  }

  async undelegate(name: string): Promise<void> {
    await this.#set('/clear-cname', { host: `_acme-challenge.${name}.` });
  }

  async stop(): Promise<void> {
    await Promise.all([end(this.#ca!), end(this.#dnsServer)]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #set(path: string, body: object): Promise<void> {
    const answer = await fetch(`${this.records}${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  }

  async #get(url: string): Promise<string> {
    const { get } = await import('node:https');
    const ca = readFileSync(this.trusted);
    return new Promise((resolve, reject) => {
      const request = get(url, { ca }, (answer) => {
        let text = '';
        answer.on('data', (chunk) => {
          text += chunk;
        });
        answer.on('end', () => resolve(text));
      });
      request.on('error', reject);
    });
  }

  async until(what: string, isThere: () => Promise<unknown>): Promise<void> {
    const endMs = performance.now() + startMsMax;
    for (;;) {
      try {
        await isThere();
        return;
      } catch (error) {
        if (performance.now() > endMs) throw new Error(`${what} does not start: ${this.#said}`, { cause: error });
        await new Promise((resolve) => setTimeout(resolve, pollMs));
      }
    }
  }
}

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  child.stdout!.resume();
  child.stderr!.resume();
  process.once('exit', () => child.kill('SIGKILL'));
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

/** For pebble's own HTTPS, valid for its address. */
function makeCertificate(folder: string): void {
  const { status, stderr } = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', '/CN=pebble', '-addext', 'subjectAltName=IP:127.0.0.1'],
    ...['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')],
  ]);
  if (status !== 0) throw new Error(`openssl: ${stderr}`);
  void new X509Certificate(readFileSync(join(folder, 'cert.pem')));
}
