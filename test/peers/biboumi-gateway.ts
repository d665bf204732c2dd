/** Debian's biboumi as a component, ngircd as the IRC network behind it, and somebody on that network. */
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { until } from '../support/until.ts';
import { ServerProcess } from './other-server.ts';

export interface Gateway {
  /** Its log, and the network's. */
  readonly output: string;
  /** Somebody joins a channel by IRC. */
  join(nick: string, channel: string): Promise<IrcClient>;
  stop(): Promise<void>;
}

export interface GatewayOptions {
  readonly folder: string;
  /** On the loopback, for the IRC network alone: biboumi takes the standard port. */
  readonly address: string;
  readonly domain: string;
  readonly secret: string;
  readonly componentPort: number;
}

export async function startGateway({ folder, address, domain, secret, componentPort }: GatewayOptions): Promise<Gateway> {
  const at = (name: string) => join(folder, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    at('ngircd.conf'),
    `[Global]
Name = irc.network.example
Info = a network for a test
Listen = ${address}
Ports = 6667
MotdPhrase = "welcome"
[Limits]
MaxConnectionsIP = 0
[Options]
DNS = no
Ident = no
PAM = no
`,
  );
  writeFileSync(
    at('biboumi.cfg'),
    `hostname=${domain}
password=${secret}
xmpp_server_ip=127.0.0.1
port=${componentPort}
db_name=${at('biboumi.sqlite')}
fixed_irc_server=${address}
identd_port=0
log_level=0
`,
  );
  const network = new ServerProcess(['ngircd', '--nodaemon', '--config', at('ngircd.conf')], [{ host: address, port: 6667 }]);
  await network.start();
  const gateway = new ServerProcess(['biboumi', at('biboumi.cfg')], []);
  await gateway.start();
  const people: IrcClient[] = [];
  return {
    get output() {
      return `${gateway.output}\n${network.output}`;
    },
    async join(nick, channel) {
      const client = await IrcClient.join(address, nick, channel);
      people.push(client);
      return client;
    },
    async stop() {
      for (const client of people) client.close();
      await gateway.kill('SIGTERM');
      await network.kill('SIGTERM');
    },
  };
}

/** A client of IRC (RFC 2812), as small as can be. */
export class IrcClient {
  readonly #socket: Socket;
  readonly #channel: string;
  readonly #lines: string[] = [];
  #rest = '';

  private constructor(socket: Socket, channel: string) {
    this.#socket = socket;
    this.#channel = channel;
    socket.setEncoding('utf8');
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const lines = (this.#rest + String(chunk)).split('\r\n');
      this.#rest = lines.pop()!;
      for (const line of lines) {
        if (line.startsWith('PING')) socket.write(`PONG${line.slice(4)}\r\n`);
        else this.#lines.push(line);
      }
    });
  }

  static async join(host: string, nick: string, channel: string): Promise<IrcClient> {
    const socket = connect(6667, host);
    await once(socket, 'connect');
    const client = new IrcClient(socket, channel);
    socket.write(`NICK ${nick}\r\nUSER ${nick} 0 * :${nick}\r\n`);
    await client.sees(/ 001 /);
    socket.write(`JOIN ${channel}\r\n`);
    await client.sees(/ 366 /);
    return client;
  }

  say(text: string): void {
    this.#socket.write(`PRIVMSG ${this.#channel} :${text}\r\n`);
  }

  /** @param to a nick */
  whisper(to: string, text: string): void {
    this.#socket.write(`PRIVMSG ${to} :${text}\r\n`);
  }

  /** The next line that matches; those before it are forgotten. */
  async sees(pattern: RegExp): Promise<string> {
    const find = () => this.#lines.findIndex((line) => pattern.test(line));
    await until(
      () => find() >= 0,
      () => `${pattern} on IRC; there is: ${this.#lines.join('\n')}`,
      20_000,
    );
    return this.#lines.splice(0, find() + 1).at(-1)!;
  }

  close(): void {
    this.#socket.destroy();
  }
}
