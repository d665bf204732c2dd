/** A deployment with two tenants and somebody of each, and other servers that a test makes: what many tests of this folder begin with. */
import assert from 'node:assert/strict';
import type { TcpClient } from '../support/tcp-client.ts';
import { type Deployment, Ground } from './deployments.ts';
import { FakePeer, type PeerClient } from './fake-peer.ts';

export class TwoTenants {
  readonly ground: Ground;
  readonly skylark: Deployment;
  readonly juliet: TcpClient;
  readonly romeo: TcpClient;
  #peers = 0;

  private constructor(ground: Ground, skylark: Deployment, juliet: TcpClient, romeo: TcpClient) {
    this.ground = ground;
    this.skylark = skylark;
    this.juliet = juliet;
    this.romeo = romeo;
  }

  static async open(): Promise<TwoTenants> {
    const ground = await Ground.open();
    const skylark = await ground.deploy({ domains: ['a.example', 'b.example'] });
    const juliet = await skylark.join('juliet@a.example/balcony');
    return new TwoTenants(ground, skylark, juliet, await skylark.join('romeo@b.example/orchard'));
  }

  close(): Promise<void> {
    return this.ground[Symbol.asyncDispose]();
  }

  /** A server of a domain that nobody has used. */
  newPeer(isCertified = false): Promise<FakePeer> {
    return FakePeer.start(this.ground, { domain: `peer${++this.#peers}.example`, isCertified });
  }

  /** An open stream on which the peer has proved its domain. */
  proven(peer: FakePeer, to?: string): Promise<PeerClient> {
    return proven(this.skylark, peer, to);
  }
}

export async function proven(skylark: Deployment, peer: FakePeer, to = 'a.example'): Promise<PeerClient> {
  const stream = await peer.dial(skylark, to);
  await stream.open();
  assert.match(await stream.prove(), /type='valid'/);
  return stream;
}

export async function endsWith(stream: PeerClient, condition: string): Promise<void> {
  let heard = '';
  while (!heard.includes('stream:error') && heard !== 'closed') heard = await stream.next();
  assert.match(heard, new RegExp(`<${condition} `), stream.heard.join('\n'));
}
