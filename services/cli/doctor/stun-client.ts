/** Asks a STUN or TURN server, over UDP, TCP or TLS. No npm library that is kept up does that, and it is little. */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { isIPv6, type Socket } from 'node:net';
import type { CallServer } from '../../../lib/runtime/policy/call-servers.ts';
import { programLimits } from '../limits.ts';
import type { Deadline } from './deadline.ts';
import { shown } from './findings.ts';
import { BadPeer, connectSecurely, connectTcp } from './peer-stream.ts';
import {
  attributeOf,
  attributes,
  classes,
  decodeStun,
  encodeStun,
  isSigned,
  longTermKey,
  methods,
  readErrorCode,
  readXoredAddress,
  type StunMessage,
  stunBytes,
} from './stun-message.ts';

/** Sends a message and waits for the answer to it, however often it has to be sent. */
interface Link {
  ask(message: Buffer, transaction: Buffer): Promise<Buffer>;
  close(): void;
}

export interface TurnCredentials {
  readonly username: string;
  readonly password: string;
}

export class StunClient {
  readonly #link: Link;
  readonly #deadline: Deadline;

  private constructor(link: Link, deadline: Deadline) {
    this.#link = link;
    this.#deadline = deadline;
  }

  /** @param address of the server's host. @throws {TooSlow | Error} */
  static async connect({ type, host, port, transport }: CallServer, address: string, deadline: Deadline): Promise<StunClient> {
    if (transport === 'udp') return new StunClient(udpLink(address, port), deadline);
    const place = { host, address, port };
    const raw = await connectTcp(place, deadline);
    const isTls = type.endsWith('s');
    return new StunClient(tcpLink(isTls ? await connectSecurely({ socket: raw, servername: host }, deadline) : raw), deadline);
  }

  close(): void {
    this.#link.close();
  }

  /** @returns our address as the server sees it. @throws {BadPeer | TooSlow | Error} */
  async bind(): Promise<string> {
    const { message } = await this.#ask(methods.binding, []);
    const mapped = attributeOf(message, attributes.mapped);
    const address = mapped && readXoredAddress(mapped, message.transaction);
    if (message.type !== (methods.binding | classes.success) || address === undefined)
      throw new BadPeer('the server does not say which address it sees');
    return address;
  }

  /** Allocates a relay and gives it back. @returns its address. @throws {BadPeer | TooSlow | Error} */
  async allocate({ username, password }: TurnCredentials): Promise<string> {
    const udp: readonly [number, Buffer] = [attributes.transport, Buffer.from([17, 0, 0, 0])];
    const { message: challenge } = await this.#ask(methods.allocate, [udp]);
    const [realm, nonce] = [attributes.realm, attributes.nonce].map((type) => attributeOf(challenge, type));
    if (challenge.type === (methods.allocate | classes.success))
      throw new BadPeer('the server relays for everybody, without a password');
    if (realm === undefined || nonce === undefined) throw new BadPeer(`the server refuses: ${refusalOf(challenge)}`);
    const key = longTermKey(username, realm.toString(), password);
    const proof: (readonly [number, Buffer])[] = [
      [attributes.username, Buffer.from(username)],
      [attributes.realm, realm],
      [attributes.nonce, nonce],
    ];
    const { message, bytes } = await this.#ask(methods.allocate, [udp, ...proof], key);
    if (message.type !== (methods.allocate | classes.success))
      throw new BadPeer(`the server does not take the password: ${refusalOf(message)}`);
    if (!isSigned(bytes, key)) throw new BadPeer('the server does not know the secret itself: its answer is not signed');
    const relayed = attributeOf(message, attributes.relayed);
    const address = relayed && readXoredAddress(relayed, message.transaction);
    if (address === undefined) throw new BadPeer('the server does not say which address it relays from');
    await this.#ask(methods.refresh, [[attributes.lifetime, Buffer.alloc(4)], ...proof], key).catch(() => {}); // it ends by itself, too
    return address;
  }

  async #ask(
    method: number,
    list: readonly (readonly [number, Buffer])[],
    key?: Buffer,
  ): Promise<{ readonly message: StunMessage; readonly bytes: Buffer }> {
    const transaction = randomBytes(12);
    const request = encodeStun({ type: method | classes.request, transaction, attributes: list }, key);
    const bytes = await this.#deadline.step('the answer', this.#link.ask(request, transaction), () => this.close());
    const message = decodeStun(bytes);
    if (message === undefined) throw new BadPeer('the server does not speak STUN');
    return { message, bytes };
  }
}

function refusalOf(message: StunMessage): string {
  const { code, reason } = readErrorCode(attributeOf(message, attributes.errorCode));
  return shown(`${code} ${reason}`.trim());
}

function isAnswer(bytes: Buffer, transaction: Buffer): boolean {
  return bytes.length >= 20 && bytes.subarray(8, 20).equals(transaction);
}

/** RFC 8489 §6.2.1: asks again after a pause that doubles. The caller's deadline ends it. */
function udpLink(address: string, port: number): Link {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  socket.on('error', () => {}); // told to who asks
  let timer: NodeJS.Timeout | undefined;
  return {
    ask(message, transaction) {
      return new Promise((resolve, reject) => {
        const settle = () => {
          clearTimeout(timer);
          socket.removeListener('message', take);
          socket.removeListener('error', fail);
        };
        const take = (bytes: Buffer) => {
          if (!isAnswer(bytes, transaction)) return;
          settle();
          resolve(bytes);
        };
        const fail = (error: Error) => {
          settle();
          reject(error);
        };
        const send = (pauseMs: number) => {
          socket.send(message, port, address);
          timer = setTimeout(() => send(2 * pauseMs), pauseMs);
        };
        socket.on('message', take);
        socket.on('error', fail);
        send(programLimits.doctorStunPauseMs);
      });
    },
    close() {
      clearTimeout(timer);
      socket.close();
    },
  };
}

function tcpLink(socket: Socket): Link {
  return {
    ask(message) {
      return new Promise((resolve, reject) => {
        let received: Buffer = Buffer.alloc(0);
        const settle = () => {
          socket.removeListener('data', take);
          socket.removeListener('close', end);
        };
        const take = (chunk: Buffer) => {
          received = Buffer.concat([received, chunk]);
          const bytes = stunBytes(received);
          if (bytes === undefined || bytes > received.length) return;
          settle();
          resolve(received.subarray(0, bytes));
        };
        const end = () => {
          settle();
          reject(new BadPeer('the server closes the connection'));
        };
        socket.on('data', take);
        socket.on('close', end);
        socket.write(message);
      });
    },
    close() {
      socket.destroy();
    },
  };
}
