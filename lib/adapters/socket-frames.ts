/**
 * The frames that the processes of one machine and their hub exchange over a socket pair:
 *
 *     u32 big-endian: length of the rest | u8 kind | u32 id | u32 extra | u16 bytes of the subject | subject | payload
 */
import type { Socket } from 'node:net';
import { portLimits } from '../ports/limits.ts';
import { adapterLimits } from './limits.ts';

export const kinds = {
  /** The process serves `subject`; the payload is the queue's name, and `id` identifies it from now on. The answer is `done`. */
  serve: 1,
  stop: 2,
  /** `extra` is the time limit in milliseconds. The answer is `reply` or `refused`. */
  request: 3,
  publish: 4,
  done: 5,
  reply: 6,
  /** The payload is the reason. */
  refused: 7,
  /** A message for the handler `extra`. The answer is `answer` or `silence`. */
  call: 8,
  answer: 9,
  silence: 10,
} as const;

export interface SocketFrame {
  readonly kind: number;
  readonly id: number;
  readonly extra: number;
  readonly subject: string;
  /** A view of the socket's chunk. */
  readonly payload: Buffer;
}

const headBytes = 15;
const none = Buffer.alloc(0);
const frameBytesMax = headBytes + portLimits.busSubjectCharactersMax + portLimits.busPayloadBytesMax;

/** Writes frames, joining all of one turn, and reads them. */
export class FrameSocket {
  readonly #socket: Socket;
  readonly #take: (frame: SocketFrame) => void;
  #kept: Buffer = none;
  #isCorked = false;

  /** @param gone called when the other side has gone, or sent something that is not a frame */
  constructor(socket: Socket, take: (frame: SocketFrame) => void, gone: () => void) {
    this.#socket = socket;
    this.#take = take;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', gone);
  }

  /** @returns false when the frame is lost, because the other side has gone or reads too slowly */
  send(kind: number, id: number, extra = 0, subject = '', payload: Uint8Array = none): boolean {
    if (!this.#socket.writable || this.#socket.writableLength > adapterLimits.busHeldBytesMax) return false;
    const frame = Buffer.allocUnsafe(headBytes + subject.length + payload.length);
    frame.writeUInt32BE(frame.length - 4);
    frame.writeUInt8(kind, 4);
    frame.writeUInt32BE(id, 5);
    frame.writeUInt32BE(extra, 9);
    frame.writeUInt16BE(subject.length, 13);
    frame.write(subject, headBytes, 'latin1');
    frame.set(payload, headBytes + subject.length);
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      setImmediate(() => {
        this.#isCorked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(frame);
    return true;
  }

  /** Resolves when everything is written, and closes the socket. */
  end(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.end(resolve);
      this.#socket.once('close', () => resolve());
    });
  }

  #read(chunk: Buffer): void {
    const bytes = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk]);
    let at = 0;
    while (bytes.length - at >= 4) {
      const end = at + 4 + bytes.readUInt32BE(at);
      if (end - at > frameBytesMax || end - at < headBytes) {
        this.#socket.destroy();
        return;
      }
      if (end > bytes.length) break;
      const payloadAt = at + headBytes + bytes.readUInt16BE(at + 13);
      if (payloadAt > end) {
        this.#socket.destroy();
        return;
      }
      this.#take({
        kind: bytes.readUInt8(at + 4),
        id: bytes.readUInt32BE(at + 5),
        extra: bytes.readUInt32BE(at + 9),
        subject: bytes.toString('latin1', at + headBytes, payloadAt),
        payload: bytes.subarray(payloadAt, end),
      });
      at = end;
    }
    this.#kept = at === bytes.length ? none : bytes.subarray(at);
  }
}
