/** Two people who chat while others attack: if either's stream suffered, the next `chat` fails. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import type { Skylark } from './skylark.ts';
import { TcpClient } from './tcp-client.ts';

export class Bystanders {
  readonly juliet: TcpClient;
  readonly romeo: TcpClient;
  #turn = 0;

  private constructor(juliet: TcpClient, romeo: TcpClient) {
    this.juliet = juliet;
    this.romeo = romeo;
  }

  /** Both accounts must exist, with the password `secret`. */
  static async signIn({ ports }: Skylark): Promise<Bystanders> {
    const juliet = await TcpClient.signIn(ports.c2sTls, 'juliet@localhost/balcony', 'secret');
    const romeo = await TcpClient.signIn(ports.c2sTls, 'romeo@localhost/orchard', 'secret');
    for (const client of [juliet, romeo]) {
      client.send('<presence/>');
      await client.next('presence');
    }
    return new Bystanders(juliet, romeo);
  }

  /** A message each way, on the sessions that were there from the start. */
  async chat(): Promise<void> {
    const turn = ++this.#turn;
    await say(this.juliet, this.romeo, 'romeo@localhost/orchard', `there-${turn}`);
    await say(this.romeo, this.juliet, 'juliet@localhost/balcony', `back-${turn}`);
    for (const client of [this.juliet, this.romeo]) {
      assert.equal(client.received.filter(({ name }) => name === 'stream:error').length, 0);
    }
  }

  async leave(): Promise<void> {
    await this.juliet.close();
    await this.romeo.close();
  }
}

async function say(from: TcpClient, to: TcpClient, address: string, id: string): Promise<void> {
  from.send(`<message type='chat' to='${address}' id='${id}'><body>${id}</body></message>`);
  const { xml } = await to.next(({ name, attributes }) => name === 'message' && attributes.id === id);
  assert.match(xml, new RegExp(`<body>${id}</body>`));
}

/** A cluster is more than one process. */
export const canLookInside = process.platform === 'linux' && !process.env.SKYLARK_TEST_CLUSTER;

/** Resident memory, bytes. */
export function memoryOf({ pid }: Skylark): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) * 1024;
}

/** Files and sockets it has open. */
export function descriptorsOf({ pid }: Skylark): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** The last lines of the log that tell of a fault of ours. */
export function faultsOf({ output }: Skylark): string[] {
  return output.split('\n').filter((line) => /"level":(?:50|60)/.test(line));
}
