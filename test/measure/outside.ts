/** Another server beside a cell, and the owner of the streams to it, with meters on what passes between the two. */
import { join } from 'node:path';
import { openFileKeys } from '../../lib/adapters/file-keys.ts';
import type { Ports } from '../../services/cli/compose/connection-part.ts';
import { startOnlyFederation } from '../../services/cli/compose/federation-part.ts';
import type { TlsSource } from '../../services/connection/door/tls.ts';
import type { Federation } from '../../services/federation/federation.ts';
import { Ground } from '../federation/deployments.ts';
import { FakePeer, NS_SM, type PeerClient } from '../federation/fake-peer.ts';
import { until } from '../support/until.ts';
import { startWireMeter, type WireMeter } from './wire-meter.ts';

interface Parts {
  readonly ground: Ground;
  readonly peer: FakePeer;
  readonly federation: Federation;
  /** Streams to the other server, and from it. */
  readonly to: WireMeter;
  readonly from: WireMeter;
}

export class Outside {
  readonly #parts: Parts;
  #stream: PeerClient | undefined;
  #sent = 0;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** @param port where the cell takes streams of other servers */
  static async open(ports: Ports, domain: string, tls: TlsSource, port: number): Promise<Outside> {
    const ground = await Ground.open();
    const peer = await FakePeer.start(ground, { domain });
    const record = ground.dns.records.find(({ type, name }) => type === 'SRV' && name.endsWith(`.${domain}`));
    if (record?.type !== 'SRV') throw new Error(`nobody says where ${domain} is`);
    const [to, from] = await Promise.all([startWireMeter(record.data.port), startWireMeter(port)]);
    ground.publish(domain, { s2sTls: to.port });
    const federation = await startOnlyFederation({
      ...ports,
      ...{ tls, proof: undefined, ownAddresses: () => [] },
      keys: openFileKeys({ path: join(ground.folder, 'keys'), clock: ports.clock }),
      values: { s2sNetworks: '127.0.0.0/8', s2sResolver: ground.dns.address },
    });
    return new Outside({ ground, peer, federation, to, from });
  }

  get activity(): number {
    const { to, from, peer } = this.#parts;
    return to.activity + from.activity + peer.received.length;
  }

  get peerBytesIn(): number {
    return this.#parts.from.bytesIn + this.#parts.to.bytesOut;
  }

  get peerBytesOut(): number {
    return this.#parts.from.bytesOut + this.#parts.to.bytesIn;
  }

  reset(): void {
    this.#parts.to.reset();
    this.#parts.from.reset();
  }

  /** Does something that leaves so many stanzas. Resolves when the other server has them and has confirmed them. */
  async leaving(count: number, work: () => void): Promise<void> {
    const { peer, federation } = this.#parts;
    const before = peer.received.length;
    work();
    const isDone = () => peer.received.length - before >= count && federation.stats.waiting === 0;
    await until(
      isDone,
      () => `${count} stanzas to leave; ${peer.received.length - before} have, ${federation.stats.waiting} rows wait`,
    );
  }

  /** Sends these together, from the other server to this domain. Resolves when all are acknowledged. */
  async arriving(to: string, stanzas: readonly string[]): Promise<void> {
    this.#stream ??= await this.#open(to);
    this.#sent += stanzas.length;
    this.#stream.send(`${stanzas.join('')}<r xmlns='${NS_SM}'/>`);
    for (let said = ''; !said.includes(`h='${this.#sent}'`); ) {
      said = await this.#stream.next();
      if (said === 'closed' || said.includes('stream:error')) throw new Error(`the cell does not take them: ${said}`);
    }
  }

  async #open(to: string): Promise<PeerClient> {
    const { peer, from } = this.#parts;
    const stream = await peer.dial({ ports: { s2sTls: from.port } }, to);
    await stream.open();
    const verdict = await stream.prove();
    if (!verdict.includes("type='valid'")) throw new Error(`the cell does not let it in: ${verdict}`);
    stream.send(`<enable xmlns='${NS_SM}'/>`);
    await stream.next();
    return stream;
  }

  async close(): Promise<void> {
    const { ground, federation, to, from } = this.#parts;
    await federation.stop();
    for (const meter of [to, from]) meter.close();
    await ground[Symbol.asyncDispose]();
  }
}
