/**
 * The BOSH sessions of a node, by sid.
 *
 * Behind a load balancer each request of a session may come to another node, because clients open new connections. The sid names the node
 * that has the session, and the request is passed on to it over the bus. A node that is gone has taken its sessions with it: then the
 * client is told `item-not-found`, begins anew, and resumes by XEP-0198.
 */
import type { Logger } from 'pino';
import type { Bus } from '../../../lib/ports/bus.ts';
import type { Clock } from '../../../lib/ports/clock.ts';
import { Unavailable } from '../../../lib/ports/store.ts';
import { type BoshReply, type BoshRequest, boshAnswer } from '../../../lib/runtime/bosh-wire.ts';
import { ask } from '../../../lib/runtime/faults.ts';
import { encodeFrame } from '../../../lib/runtime/frame.ts';
import { handOverSubject } from '../../../lib/runtime/nodes.ts';
import type { Admission } from '../door/admission.ts';
import type { BoshExchange } from '../door/bosh.ts';
import { connectionLimits } from '../limits.ts';
import type { Cork } from '../stream/cork.ts';
import { bodyOf, refuse, terminal } from './answers.ts';
import { BindingError, type BoshBody, readBody } from './body.ts';
import { BoshTransport } from './bosh-transport.ts';

export interface BoshHost {
  /** `n.<node>.<incarnation>`. */
  readonly subject: string;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly isDraining: boolean;
  /** Lets the transport in, or destroys it. */
  accept(transport: BoshTransport): void;
  readonly admission: Pick<Admission, 'mayConnect'>;
}

/** The shape of a sid: a secret, and the node. */
const ours = /^([\w-]{24,64})\.([a-z0-9-]{1,64})\.([A-Za-z0-9]{1,128})$/;
const secretBytes = 24;

export class BoshSessions {
  readonly #host: BoshHost;
  readonly #cork: Cork;
  readonly #sessions = new Map<string, BoshTransport>();
  /** Requests that other nodes are asked for. */
  #underWay = 0;

  constructor(host: BoshHost, cork: Cork) {
    this.#host = host;
    this.#cork = cork;
  }

  /** Whether a request that names this sid may have the full length. Another node's sessions are unknown here. */
  mayBeLong(sid: string): boolean {
    const node = nodeOf(sid);
    return node === this.#host.subject ? this.#sessions.get(sid)?.isTrusted === true : node !== undefined;
  }

  /** A request that has come to this node. Never throws. */
  take(bytes: Buffer, address: string, exchange: BoshExchange): void {
    this.#checked(exchange, () => {
      const body = readBody(bytes);
      const { sid } = body;
      const node = sid === undefined ? undefined : nodeOf(sid);
      if (sid === undefined) this.#begin(body, address, exchange);
      else if (node === undefined || node === this.#host.subject) this.#give(sid, body, exchange);
      else void this.#passOn(node, bytes, exchange);
    });
  }

  /** A request that has come to another node. @returns the frame of its answer */
  takePassedOn({ isSecure, shown = '', waitMs }: BoshRequest, [bytes]: readonly Buffer[]): Promise<Buffer> {
    return new Promise((resolve) => {
      let isOpen = true;
      let gone: (() => void) | undefined;
      const done = (reply: Buffer) => {
        timer.cancel();
        if (isOpen) resolve(reply);
        isOpen = false;
      };
      const timer = this.#host.clock.after(waitMs, () => {
        exchange.drop();
        gone?.();
      });
      const exchange: BoshExchange = {
        isSecure,
        chain: [],
        shown,
        get isOpen() {
          return isOpen;
        },
        answer(status, body, written) {
          done(encodeFrame({ status } satisfies BoshReply, [body]));
          if (written !== undefined) setImmediate(written);
        },
        drop: () => done(encodeFrame({ status: 0 } satisfies BoshReply)),
        onGone(run) {
          gone = run;
        },
      };
      this.#checked(exchange, () => {
        const body = readBody(bytes!);
        this.#give(body.sid ?? '', body, exchange);
      });
    });
  }

  #checked(exchange: BoshExchange, run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof BindingError)) this.#host.log.error({ err: error }, 'a request of BOSH failed');
      refuse(exchange, terminal(error instanceof BindingError ? error.condition : 'internal-server-error'));
    }
  }

  #begin(first: BoshBody, address: string, exchange: BoshExchange): void {
    const { clock, subject, isDraining } = this.#host;
    if (isDraining) throw new BindingError('system-shutdown');
    if (first.to === undefined || first.to === '') throw new BindingError('improper-addressing');
    const sid = `${clock.randomBytes(secretBytes).toString('base64url')}.${subject.slice('n.'.length)}`;
    const { isSecure, chain } = exchange;
    const transport = new BoshTransport({ clock, cork: this.#cork, sid, address, isSecure, chain, first });
    const closing: (() => void)[] = [];
    const mayConnect = this.#host.admission.mayConnect(address, (gone) => closing.push(gone));
    if (mayConnect === false) {
      refuse(exchange, terminal('policy-violation', first.version === undefined));
      return;
    }
    this.#sessions.set(sid, transport);
    transport.onClosed(() => {
      for (const gone of closing) gone();
      // Whoever asks for the last answers again gets them, and whoever asks for more is told why there is none.
      clock.after(connectionLimits.boshLingerMs, () => this.#sessions.delete(sid));
    });
    transport.take(first, exchange);
    if (mayConnect === true) this.#host.accept(transport);
    else void mayConnect.then((may) => (may ? this.#host.accept(transport) : transport.destroy()));
  }

  #give(sid: string, body: BoshBody, exchange: BoshExchange): void {
    const session = this.#sessions.get(sid);
    if (session === undefined) throw new BindingError('item-not-found');
    // §19.1: the session is not ended, because then anybody who has seen the sid could end it.
    if (session.isSecure && !exchange.isSecure) exchange.drop();
    else session.take(body, exchange);
  }

  async #passOn(node: string, bytes: Buffer, exchange: BoshExchange): Promise<void> {
    if (this.#underWay >= connectionLimits.boshForwardsMax) {
      exchange.answer(200, bodyOf({ type: 'error' })); // §17.3: the client may ask again
      return;
    }
    this.#underWay++;
    const waitMs = connectionLimits.boshForwardMs;
    const request: BoshRequest = { kind: 'bosh', isSecure: exchange.isSecure, shown: exchange.shown, waitMs };
    try {
      const payload = encodeFrame(request, [bytes]);
      const answer = await ask(
        this.#host.bus,
        boshAnswer,
        handOverSubject(node),
        payload,
        waitMs + connectionLimits.boshForwardSlackMs,
      );
      const [body] = answer.bodies;
      const status = answer.take('status');
      if (body === undefined) exchange.drop();
      else exchange.answer(status, body);
    } catch (error) {
      if (!(error instanceof Unavailable)) this.#host.log.error({ err: error, node }, 'a request of BOSH was not passed on');
      refuse(exchange, terminal('item-not-found'));
    } finally {
      this.#underWay--;
    }
  }
}

/** The node that a sid names, if it is one of ours. */
function nodeOf(sid: string): string | undefined {
  const [, , node, incarnation] = ours.exec(sid) ?? [];
  return node === undefined ? undefined : `n.${node}.${incarnation}`;
}
