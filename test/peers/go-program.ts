/** Programs in Go, built from their sources here and run, and two tenants with certificates of their own for them. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makePem } from '../support/pem.ts';
import { Skylark } from '../support/skylark.ts';

const patienceMs = 40_000;

export const passwords = { 'juliet@one.example': 'capulet', 'romeo@two.example': 'montague' } as const;
export type Address = keyof typeof passwords;

/** The certificates that clients trust. */
export function authoritiesIn(folder: string): string {
  return join(folder, 'authorities.pem');
}

/** Key and certificate of a domain, as files. */
export function pairIn(folder: string, domain: string): { cert: string; key: string } {
  return { cert: join(folder, `${domain}.pem`), key: join(folder, `${domain}.key`) };
}

/** The accounts are those of `passwords`. @param folder where the certificates are written */
export async function startTwoTenants(folder: string): Promise<Skylark> {
  const skylark = await Skylark.start('one.example', ['--certificates', 'store']);
  skylark.command('tenant', 'add', 'two.example');
  let trusted = '';
  for (const domain of ['one.example', 'two.example']) {
    const { cert, key } = await makePem(domain);
    const files = pairIn(folder, domain);
    writeFileSync(files.cert, cert);
    writeFileSync(files.key, key, { mode: 0o600 });
    skylark.command('certificate', 'add', domain, '--cert', files.cert, '--key', files.key);
    trusted += cert;
  }
  writeFileSync(authoritiesIn(folder), trusted);
  for (const [jid, password] of Object.entries(passwords)) skylark.addUser(jid, password);
  return skylark;
}

/** @returns why what needs Go 1.`minor` is skipped; false if it is not */
export function tooOld(what: string, minor: number): string | false {
  const [, there = '0'] = / go1\.(\d+)/.exec(execFileSync('go', ['version'], { encoding: 'utf8' })) ?? [];
  return Number(there) < minor ? `Go 1.${there} is too old for ${what}` : false;
}

/** @param source its folder, beside this file */
export function buildGo(source: string, program: string): void {
  execFileSync('go', ['build', '-o', program, '.'], {
    cwd: new URL(source, import.meta.url).pathname,
    env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly -buildvcs=false' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** A program that runs, and all that it prints. */
export class Running {
  output = '';
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  #wake = (): void => {};

  /** @param input all that it has to read; undefined: its input stays open until `endInput` */
  constructor(command: string, args: readonly string[], input?: string) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], timeout: patienceMs });
    this.#child.stdin!.on('error', () => undefined);
    if (input !== undefined) this.#child.stdin!.end(input);
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
        this.#wake();
      });
    }
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', (code) => {
        resolve(code);
        this.#wake();
      });
    });
  }

  async says(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.output)) {
      assert.equal(this.#child.exitCode, null, `it ended without saying ${pattern}:\n${this.output}`);
      assert.equal(this.#child.signalCode, null, `it waited in vain for ${pattern}:\n${this.output}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** It has no more to read. */
  endInput(): void {
    this.#child.stdin!.end();
  }

  kill(): void {
    this.#child.kill();
  }
}
