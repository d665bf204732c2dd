/** A stage with a client's door: a real connection node, router and worker of rooms. People come through WebSockets in memory. */
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { TlsSource } from '../../../services/connection/door/tls.ts';
import type { WebSocketPeer } from '../../../services/connection/door/websocket.ts';
import { type ConnectionNode, startConnectionNode } from '../../../services/connection/node.ts';
import type { AccountFeature } from '../../../services/router/core/feature.ts';
import { features as allFeatures } from '../../../services/router/features/index.ts';
import { type Router, startRouter } from '../../../services/router/router.ts';
import { deriveKeysWith } from '../../../services/router/sasl/passwords.ts';
import { MemorySocket } from './memory-socket.ts';
import { Newcomer } from './newcomer.ts';
import { type EmbeddedDependencies, embeddedDependencies } from './parts.ts';
import { Stage } from './stage.ts';
import { password, StreamActor } from './stream-actor.ts';

/** No socket is ever opened, so no certificate is ever shown. */
const noTls = {
  fallback: undefined,
  contextFor: () => undefined,
  identityFor: () => undefined,
  certificateFor: () => undefined,
  isForAnyName: true,
  onReload: () => () => {},
} satisfies TlsSource;

/** What is tested is not the cost of passwords. */
const cheapKeys = async () => ({
  'SHA-1': await deriveKeysWith(password, Buffer.from('salt'), 1, 'SHA-1'),
  'SHA-256': await deriveKeysWith(password, Buffer.from('salt'), 1, 'SHA-256'),
  'SHA-512': await deriveKeysWith(password, Buffer.from('salt'), 1, 'SHA-512'),
});
let keys: ReturnType<typeof cheapKeys> | undefined;

export class WholeStage extends Stage<StreamActor> {
  #node!: ConnectionNode;
  #router!: Router;

  static async open(dependencies: EmbeddedDependencies): Promise<WholeStage> {
    const stage = new WholeStage(dependencies);
    await stage.open();
    stage.#router = await startRouter(stage.dependencies);
    await stage.startRooms();
    await stage.startNode();
    return stage;
  }

  get node(): ConnectionNode {
    return this.#node;
  }

  /** Who joins from now on is at this node; those before stay at theirs. */
  async startNode(): Promise<ConnectionNode> {
    const { bus, store, clock, log } = this.dependencies;
    this.#node = await startConnectionNode({ bus, store, clock, log, node: 'stage', tls: noTls, listen: { bind: '127.0.0.1' } });
    return this.#node;
  }

  /** Another router takes over: what it knows, it has read. */
  async restartRouter(): Promise<void> {
    await this.#router.stop();
    this.#router = await startRouter(this.dependencies);
  }

  override async join(address: string): Promise<StreamActor> {
    await this.addAccount(address);
    return this.signIn(address);
  }

  /** Somebody whose account is there, with the password `secret`. */
  async signIn(address: string): Promise<StreamActor> {
    const actor = new StreamActor(Jid.parse(address));
    await actor.connect(this.#connect({}));
    this.actors.set(`${actor.jid}`, actor);
    return actor;
  }

  /** Makes an account whose password is `secret`. */
  async addAccount(address: string): Promise<void> {
    keys ??= cheapKeys();
    await this.register(address, await keys);
  }

  /** Somebody who has not even opened a stream. */
  newcomer(domain = 'a.example', peer: Partial<WebSocketPeer> = {}): Newcomer {
    return new Newcomer(domain, this.#connect(peer));
  }

  #connect(peer: Partial<WebSocketPeer>): (message: (text: string) => void) => MemorySocket {
    return (message) => {
      const socket = new MemorySocket(message);
      void this.#node.acceptWebSocket(socket.forNode, { address: '192.0.2.1', isSecure: true, binding: {}, ...peer });
      return socket;
    };
  }

  protected override async leave(actor: StreamActor): Promise<void> {
    await actor.end();
    this.actors.delete(`${actor.jid}`);
  }

  override async close(): Promise<void> {
    await this.#node.stop();
    await this.#router.stop();
    await super.close();
  }
}

/** Close it when the test ends: `t.after(() => stage.close())`. */
export async function openStage(
  options: {
    readonly features?: readonly AccountFeature[];
    /** Puts something between the services and what they are made of. */
    readonly wrap?: (dependencies: EmbeddedDependencies) => EmbeddedDependencies;
  } = {},
): Promise<WholeStage> {
  const dependencies = await embeddedDependencies({ features: options.features ?? allFeatures });
  return WholeStage.open(options.wrap?.(dependencies) ?? dependencies);
}
