/** A name server for the servers that are measured: it answers by a rule, at once, and with a TTL that outlasts the run. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type Answer, AUTHORITATIVE_ANSWER, decode, encode, RECURSION_AVAILABLE, RECURSION_DESIRED } from 'dns-packet';

const nameErrorCode = 3;

/** The records of a name. @returns undefined when there is no such name */
export type Rule = (name: string) => readonly Answer[] | undefined;

export class NameServer {
  readonly #recordsOf: Rule;
  /** For servers that can be told a port. */
  address = '';
  /** For servers that read /etc/resolv.conf, which knows no port: absent without the right to port 53. */
  addressOfPort53: string | undefined;

  private constructor(recordsOf: Rule) {
    this.#recordsOf = recordsOf;
  }

  static async start(recordsOf: Rule): Promise<NameServer> {
    const server = new NameServer(recordsOf);
    const { port } = (await server.#bind(0, '127.0.0.1')).address();
    server.address = `127.0.0.1:${port}`;
    const host = `127.53.${(process.pid >> 8) & 0xff}.${process.pid & 0xff || 1}`;
    try {
      await server.#bind(53, host);
      server.addressOfPort53 = host;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    }
    return server;
  }

  async #bind(port: number, host: string): Promise<Socket> {
    const socket = createSocket('udp4');
    socket.on('message', (message, { port, address }) => socket.send(this.#answer(message), port, address));
    socket.bind(port, host);
    await once(socket, 'listening'); // rejects with the error of the socket
    return socket;
  }

  #answer(message: Buffer): Buffer {
    const { id, flags: asked = 0, questions = [] } = decode(message);
    const [{ name, type } = { name: '', type: 'A' }] = questions;
    const records = this.#recordsOf(name.toLowerCase());
    const told = AUTHORITATIVE_ANSWER | RECURSION_AVAILABLE | (asked & RECURSION_DESIRED); // Erlang looks whether it is there again
    const flags = told | (records === undefined ? nameErrorCode : 0);
    const answers = (records ?? []).filter((record) => record.type === type);
    return encode({ type: 'response', id: id ?? 0, flags, questions, answers });
  }
}
