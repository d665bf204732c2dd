/** A stream that we have opened to a remote server, at its end: it lets us in, takes stanzas, and confirms them sooner or later. */
import { attribute, isStanza, tagOf } from '../stanza-text.ts';
import { verifyBack } from './outbound-from-remote.ts';
import type { FarEnd, Pipe } from './pipe.ts';
import type { RemoteServer } from './remote-server.ts';
import { XmlSplitter } from './xml-splitter.ts';

const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const NS_SM = 'urn:xmpp:sm:3';
const NS_BIDI = 'urn:xmpp:bidi';
const NS_TLS = 'urn:ietf:params:xml:ns:xmpp-tls';

interface Received {
  readonly text: string;
  isTaken: boolean;
}

export class InboundToRemote implements FarEnd {
  readonly #server: RemoteServer;
  readonly #pipe: Pipe;
  readonly #splitter = new XmlSplitter();
  readonly #openedMs: number;
  /** What came on this stream, in order. */
  readonly #received: Received[] = [];
  #streamId = '';
  /** Ours. */
  #host = '';
  /** We have asked for XEP-0288. */
  #isBothWays = false;
  #isSecure: boolean;
  #isIn = false;
  #hasAcks = false;
  #isOver = false;
  #confirmedMs = 0;

  constructor(server: RemoteServer, pipe: Pipe) {
    this.#server = server;
    this.#pipe = pipe;
    this.#isSecure = server.options.isDirectTls;
    this.#openedMs = server.options.world.nowMs;
  }

  data(text: string): void {
    for (const part of this.#splitter.push(text)) if (!this.#isOver) this.#handle(part);
  }

  closed(): void {
    if (!this.#isOver) this.#server.options.history.counts.broken++;
    this.#isOver = true;
    this.#server.release(this.#pipe);
    this.#server.leave(this);
    this.#server.to(this.#host).gone(this.#pipe);
  }

  #handle(part: string): void {
    const { mood, options } = this.#server;
    const tag = tagOf(part);
    if (part.startsWith('<stream:stream')) this.#open(part);
    else if (part.startsWith('</stream:stream')) this.#close();
    else if (tag === 'starttls') {
      this.#isSecure = true;
      this.#pipe.send(`<proceed xmlns='${NS_TLS}'/>`);
    } else if (tag === 'auth') {
      this.#letIn();
      this.#pipe.send(`<success xmlns='${NS_SASL}'/>`);
    } else if (tag === 'db:result') this.#prove(part);
    else if (tag === 'db:verify') this.#vouch(part);
    else if (tag === 'enable') {
      this.#hasAcks = options.confirms === 'acks';
      this.#pipe.send(`<${this.#hasAcks ? 'enabled' : 'failed'} xmlns='${NS_SM}'/>`);
      this.#sendBack();
    } else if (tag === 'bidi') this.#isBothWays = this.#isSecure && !this.#isIn && part.includes(`'${NS_BIDI}'`);
    else if (tag === 'a') {
      this.#server.to(this.#host).acknowledged(this.#pipe, Number(attribute(part, 'h')));
    } else if (tag === 'r') this.#confirm(() => this.#acknowledge(this.#received.length));
    else if (isStanza(part) && this.#isIn) {
      if (mood.resetsAfterAuth) {
        this.#isOver = true;
        this.#pipe.reset(true);
      } else this.#receive(part);
    }
  }

  #letIn(): void {
    this.#isIn = true;
    this.#server.options.history.counts.streams++;
  }

  /** What its accounts say goes out on this stream, unless there is another one. */
  #sendBack(): void {
    if (this.#isBothWays && this.#isIn && !this.#isOver) this.#server.to(this.#host).adopt(this.#pipe, this.#hasAcks);
  }

  #open(header: string): void {
    const { domain, mood, options } = this.#server;
    this.#host = attribute(header, 'from') ?? '';
    this.#streamId = options.random.bytes(8).toString('hex');
    const namespaces = `xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback'`;
    const addresses = `from='${domain}' to='${attribute(header, 'from')}'`;
    this.#pipe.send(`<?xml version='1.0'?><stream:stream ${namespaces} ${addresses} id='${this.#streamId}' version='1.0'>`);
    if (mood.refuses === 'host-unknown') {
      this.#pipe.send(`<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`);
      this.#isOver = true;
      this.#pipe.close();
      return;
    }
    const external = `<mechanisms xmlns='${NS_SASL}'><mechanism>EXTERNAL</mechanism></mechanisms>`;
    const dialback = `<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>`;
    const acks = options.confirms === 'acks' ? `<sm xmlns='${NS_SM}'/>` : '';
    const isExternal = !options.verifies && mood.refuses === undefined && !this.#isIn;
    const bothWays = options.isBothWays && !this.#isIn ? `<bidi xmlns='urn:xmpp:features:bidi'/>` : '';
    const features = this.#isSecure ? (isExternal ? external : '') + dialback + bothWays + acks : `<starttls xmlns='${NS_TLS}'/>`;
    this.#pipe.send(`<stream:features>${features}</stream:features>`);
    if (options.confirms !== 'acks') this.#sendBack();
  }

  #prove(part: string): void {
    const { domain, mood, options } = this.#server;
    const host = attribute(part, 'from') ?? '';
    const answer = (type: string, content = ''): void =>
      this.#pipe.send(`<db:result from='${domain}' to='${host}' type='${type}'>${content}</db:result>`);
    if (mood.refuses === 'not-allowed') {
      answer('error', `<error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`);
      return;
    }
    const accept = (isValid: boolean): void => {
      if (this.#isOver) return;
      if (isValid) this.#letIn();
      answer(isValid ? 'valid' : 'invalid');
      if (options.confirms !== 'acks') this.#sendBack();
    };
    const key = />([^<]*)</.exec(part)?.[1] ?? '';
    if (options.verifies) verifyBack(this.#server, { host, streamId: this.#streamId, key }, accept);
    else this.#server.later(5, () => accept(true));
  }

  #vouch(part: string): void {
    const [host, id] = [attribute(part, 'from'), attribute(part, 'id')];
    const key = />([^<]*)</.exec(part)?.[1] ?? '';
    const type = this.#server.keys.has(`${host} ${id} ${key}`) ? 'valid' : 'invalid';
    this.#server.later(5, () =>
      this.#pipe.send(`<db:verify from='${this.#server.domain}' to='${host}' id='${id}' type='${type}'/>`),
    );
  }

  #receive(text: string): void {
    const { confirms, isEager } = this.#server.options;
    const isPing = tagOf(text) === 'iq' && text.includes('urn:xmpp:ping') && attribute(text, 'to') === this.#server.domain;
    const received: Received = { text, isTaken: isPing };
    this.#received.push(received);
    const place = this.#received.length;
    if (isEager) this.#take(place);
    if (isPing && confirms !== 'closing') this.#confirm(() => this.#pong(text, place));
  }

  /** In order, at some time from now. */
  #confirm(run: () => void): void {
    const { mood, options } = this.#server;
    const { world, random } = options;
    this.#confirmedMs = Math.max(this.#confirmedMs, world.nowMs + random.between(1, mood.confirmMs));
    this.#server.later(this.#confirmedMs - world.nowMs, () => {
      if (!this.#isOver) run();
    });
  }

  /** The accounts have all that has come. */
  takeAll(): void {
    if (!this.#isOver && this.#isIn) this.#take(this.#received.length);
  }

  get host(): string {
    return this.#host;
  }

  /** The accounts have the stanzas up to this one, and what came on earlier streams. */
  #take(place: number): void {
    for (const earlier of this.#server.streamsBefore(this)) earlier.takeAll();
    for (const received of this.#received.slice(0, place)) {
      if (received.isTaken) continue;
      received.isTaken = true;
      this.#server.take(received.text, this.#openedMs, this.#pipe.process.name);
    }
  }

  #acknowledge(place: number): void {
    if (this.#pipe.isOver) return;
    this.#take(place);
    const { history, world } = this.#server.options;
    const ids = this.#received.slice(0, place).map(({ text }) => attribute(text, 'id') ?? '');
    const heard = (): void => {
      for (const id of ids) {
        const message = history.lastOf(id);
        if (message !== undefined) message.heard ??= { process: this.#pipe.process.name, atMs: world.nowMs };
      }
    };
    this.#pipe.send(`<a xmlns='${NS_SM}' h='${place}'/>`, heard);
    if (this.#server.mood.doubles) this.#pipe.send(`<a xmlns='${NS_SM}' h='${place}'/>`);
  }

  #pong(ping: string, place: number): void {
    const { domain, mood } = this.#server;
    const [host, id] = [attribute(ping, 'from') ?? '', attribute(ping, 'id')];
    const pong = `<iq type='result' id='${id}' from='${domain}' to='${host}'/>`;
    this.#server.to(host).push(pong, () => this.#take(place));
    if (mood.doubles) this.#server.to(host).push(pong);
  }

  #close(): void {
    this.#confirm(() => {
      this.#take(this.#received.length);
      this.#pipe.send('</stream:stream>');
      this.#isOver = true;
      this.#pipe.close();
      this.#server.release(this.#pipe);
      this.#server.to(this.#host).gone(this.#pipe);
    });
  }
}
