/**
 * The stream of a remote server to one of our domains: one of its own, proved by dialback, or one of ours that carries stanzas both ways; with
 * what waits, and what we have confirmed of it.
 */
import { attribute, tagOf } from '../stanza-text.ts';
import type { FarEnd, Pipe } from './pipe.ts';
import type { RemoteServer } from './remote-server.ts';
import { XmlSplitter } from './xml-splitter.ts';

const NS_SM = 'urn:xmpp:sm:3';
const patienceMs = 12_000;

interface Waiting {
  readonly text: string;
  /** Runs when it is written to a stream. */
  readonly written: (() => void) | undefined;
  /** Its place on the stream of now; 0: it was not sent on it. */
  place: number;
}

function headerOf(domain: string, host: string): string {
  const namespaces = `xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback'`;
  return `<?xml version='1.0'?><stream:stream ${namespaces} from='${domain}' to='${host}' version='1.0'>`;
}

export class OutboundFromRemote {
  readonly #server: RemoteServer;
  readonly #host: string;
  #waiting: Waiting[] = [];
  #pipe: Pipe | undefined;
  #attempt = 0;
  #isReady = false;
  #sent = 0;
  #askedMs: number | undefined;
  #pings = 0;
  #pingPlaces = new Map<string, number>();
  #isRetrying = false;
  /** On streams of its own; and on the one of now. */
  readonly #ownAcks: boolean;
  #hasAcks: boolean;

  constructor(server: RemoteServer, host: string) {
    this.#server = server;
    this.#host = host;
    this.#ownAcks = server.options.random.chance(0.7);
    this.#hasAcks = this.#ownAcks;
    this.#watch();
  }

  /** @param written runs each time that it is written to a stream */
  push(text: string, written?: () => void): void {
    this.#waiting.push({ text, written, place: 0 });
    if (this.#isReady) this.#pump();
    else this.#connect();
  }

  /** A stream of ours has let it in. */
  adopt(pipe: Pipe, hasAcks: boolean): void {
    if (this.#pipe !== undefined) return;
    this.#attempt++;
    this.#pipe = pipe;
    this.#hasAcks = hasAcks;
    this.#ready();
  }

  /** XEP-0198, on a stream that was adopted. */
  acknowledged(pipe: Pipe, h: number): void {
    if (pipe === this.#pipe) this.#confirmed(h);
  }

  gone(pipe: Pipe): void {
    if (pipe === this.#pipe) this.#lost();
  }

  /** The answer to a ping of ours has come, on their stream to us. */
  pong(id: string): void {
    const place = this.#pingPlaces.get(id);
    if (place === undefined) return;
    this.#pingPlaces.delete(id);
    this.#confirmed(place);
  }

  #connect(): void {
    if (this.#pipe !== undefined || this.#isRetrying || this.#waiting.length === 0) return;
    const attempt = ++this.#attempt;
    const { domain, options } = this.#server;
    const splitter = new XmlSplitter();
    let streamId = '';
    const far: FarEnd = {
      data: (text) => {
        for (const part of splitter.push(text)) {
          if (attempt !== this.#attempt) return;
          if (part.startsWith('<stream:stream')) streamId = attribute(part, 'id') ?? '';
          else this.#handle(part, streamId);
        }
      },
      closed: () => {
        if (attempt === this.#attempt) this.#lost();
      },
    };
    const pipe = this.#server.connect(far);
    if (pipe === undefined) {
      this.#retry();
      return;
    }
    this.#pipe = pipe;
    this.#hasAcks = this.#ownAcks;
    this.#isReady = false;
    this.#askedMs = options.world.nowMs;
    pipe.send(headerOf(domain, this.#host));
  }

  #handle(part: string, streamId: string): void {
    const { domain, keys, options } = this.#server;
    const tag = tagOf(part);
    if (tag === 'stream:features') {
      const key = options.random.bytes(6).toString('hex');
      keys.add(`${this.#host} ${streamId} ${key}`);
      this.#pipe!.send(`<db:result from='${domain}' to='${this.#host}'>${key}</db:result>`);
    } else if (tag === 'db:result') {
      if (attribute(part, 'type') !== 'valid') this.#breakOff();
      else if (this.#hasAcks) this.#pipe!.send(`<enable xmlns='${NS_SM}'/>`);
      else this.#ready();
    } else if (tag === 'enabled') this.#ready();
    else if (tag === 'a') this.#confirmed(Number(attribute(part, 'h')));
    else if (part.startsWith('</stream:stream') || tag === 'stream:error' || tag === 'failed') this.#breakOff();
  }

  #ready(): void {
    this.#isReady = true;
    this.#askedMs = undefined;
    this.#sent = 0;
    this.#pingPlaces.clear();
    this.#pump();
  }

  #pump(): void {
    const isNews = this.#waiting.some(({ text, place }) => place === 0 && !isAnswer(text));
    for (const waiting of this.#waiting) {
      if (waiting.place > 0) continue;
      waiting.place = ++this.#sent;
      const message = this.#server.options.history.sent.get(attribute(waiting.text, 'id') ?? '');
      if (message !== undefined) message.sent++;
      this.#pipe!.send(waiting.text);
      waiting.written?.();
    }
    // Whoever asks behind an answer to a ping is asked behind the answer to that, without end.
    this.#waiting = this.#waiting.filter(({ text }) => !isAnswer(text));
    if (isNews) this.#ask();
  }

  #ask(): void {
    if (this.#askedMs !== undefined) return;
    this.#askedMs = this.#server.options.world.nowMs;
    if (this.#hasAcks) {
      this.#pipe!.send(`<r xmlns='${NS_SM}'/>`);
      return;
    }
    const id = `remote-ping-${++this.#pings}`;
    this.#pingPlaces.set(id, this.#sent);
    this.#sent++;
    const addresses = `from='${this.#server.domain}' to='${this.#host}'`;
    this.#pipe!.send(`<iq type='get' id='${id}' ${addresses}><ping xmlns='urn:xmpp:ping'/></iq>`);
  }

  #confirmed(place: number): void {
    if (!this.#isReady) return;
    this.#askedMs = undefined;
    for (const { text } of this.#waiting.filter((one) => one.place > 0 && one.place <= place)) {
      const message = this.#server.options.history.sent.get(attribute(text, 'id') ?? '');
      if (message !== undefined) message.isConfirmed = true;
    }
    this.#waiting = this.#waiting.filter((one) => one.place === 0 || one.place > place);
    if (this.#waiting.some(({ text, place: sent }) => sent > 0 && !isAnswer(text))) this.#ask();
    this.#pump();
  }

  #breakOff(): void {
    const pipe = this.#pipe;
    this.#lost();
    pipe?.reset(true);
  }

  #lost(): void {
    this.#attempt++;
    if (this.#pipe !== undefined) this.#server.release(this.#pipe);
    this.#pipe = undefined;
    this.#isReady = false;
    this.#askedMs = undefined;
    for (const one of this.#waiting) one.place = 0;
    // An answer to a question that is over says nothing any more.
    this.#waiting = this.#waiting.filter(({ text }) => !text.startsWith('<iq'));
    this.#retry();
  }

  #retry(): void {
    if (this.#isRetrying) return;
    this.#isRetrying = true;
    this.#server.later(this.#server.options.random.between(300, 3_000), () => {
      this.#isRetrying = false;
      this.#connect();
    });
  }

  /** Gives up a stream that confirms nothing. */
  #watch(): void {
    this.#server.later(3_000, () => {
      const { nowMs } = this.#server.options.world;
      if (this.#askedMs !== undefined && nowMs - this.#askedMs > patienceMs) this.#breakOff();
      this.#watch();
    });
  }
}

interface Claim {
  readonly host: string;
  readonly streamId: string;
  readonly key: string;
}

/** Asks one of our nodes whether we have said a key (XEP-0220 §2.1.3). */
export function verifyBack(server: RemoteServer, { host, streamId, key }: Claim, told: (isValid: boolean) => void): void {
  const { domain } = server;
  const splitter = new XmlSplitter();
  let isTold = false;
  const tell = (isValid: boolean): void => {
    if (!isTold) told(isValid);
    isTold = true;
  };
  const pipe = server.connect({
    data(text) {
      for (const part of splitter.push(text)) {
        const tag = tagOf(part);
        const question = `<db:verify from='${domain}' to='${host}' id='${streamId}'>${key}</db:verify>`;
        if (tag === 'stream:features') pipe?.send(question);
        else if (tag === 'db:verify') {
          tell(attribute(part, 'type') === 'valid');
          pipe?.send('</stream:stream>');
        }
      }
    },
    closed: () => {
      if (pipe !== undefined) server.release(pipe);
      tell(false);
    },
  });
  pipe?.send(headerOf(domain, host));
  server.later(patienceMs, () => {
    tell(false);
    pipe?.reset(true);
  });
}

function isAnswer(text: string): boolean {
  return /^<iq [^>]*type='(?:result|error)'/.test(text);
}
