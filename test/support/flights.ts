/** Counts flights on a connection with TLS 1.3, from outside. */

const headerBytes = 5;
const applicationData = 23;

/**
 * How often the client has begun to speak behind the handshake: first with its stream header, then each time that the server had spoken. The first
 * record of the client that is sealed ends the handshake (RFC 8446 §4.4.4); the server's tickets, which may come behind it, change nothing.
 */
export class Flights {
  count = 0;
  #unread = Buffer.alloc(0);
  #isFinished = false;
  #isServersTurn = true;

  fromClient(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk]);
    while (this.#unread.length >= headerBytes) {
      const bytes = headerBytes + this.#unread.readUInt16BE(3);
      if (this.#unread.length < bytes) return;
      if (this.#unread[0] === applicationData) this.#sealed();
      this.#unread = this.#unread.subarray(bytes);
    }
  }

  fromServer(): void {
    this.#isServersTurn = true;
  }

  #sealed(): void {
    if (!this.#isFinished) this.#isFinished = true;
    else {
      if (this.#isServersTurn) this.count++;
      this.#isServersTurn = false;
    }
  }
}
