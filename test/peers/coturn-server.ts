/** Debian's coturn with a shared secret, on loopback unless it is given another address. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../support/free-ports.ts';
import { until } from '../support/until.ts';

export class Coturn {
  readonly host: string;
  readonly port: number;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, host: string, port: number) {
    this.#process = process;
    this.host = host;
    this.port = port;
  }

  /** @param folder where it may write */
  static async start(folder: string, secret: string, address = '127.0.0.1'): Promise<Coturn> {
    const [port] = (await freePorts(1)) as [number];
    const config = [
      ...[`listening-port=${port}`, `listening-ip=${address}`, `relay-ip=${address}`, 'realm=turn.example.org'],
      ...['use-auth-secret', `static-auth-secret=${secret}`, 'no-tls', 'no-dtls', 'no-cli', 'log-file=stdout', 'simple-log'],
      ...['allow-loopback-peers', 'min-port=49152', 'max-port=49252'],
      ...[`pidfile=${join(folder, 'pid')}`, `userdb=${join(folder, 'db')}`],
    ];
    writeFileSync(join(folder, 'turnserver.conf'), `${config.join('\n')}\n`);
    const coturn = spawn('turnserver', ['-c', join(folder, 'turnserver.conf')], { stdio: ['ignore', 'pipe', 'pipe'] });
    let log = '';
    for (const stream of [coturn.stdout!, coturn.stderr!]) {
      stream.on('data', (chunk: Buffer) => {
        log += chunk;
      });
    }
    await until(
      () => /listener opened|Listener/i.test(log),
      () => `coturn to listen: ${log}`,
    );
    return new Coturn(coturn, address, port);
  }

  stop(): void {
    this.#process.kill('SIGKILL');
  }
}
