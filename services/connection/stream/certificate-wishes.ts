/**
 * Whether TLS asks a client for a certificate, where it begins before the stream names its domain (XEP-0178): the server name is the domain
 * (XEP-0368 §3, RFC 7590 §3.4), and a router says what the tenant wants, as it does to streams without TLS.
 *
 * It fails towards not asking: then EXTERNAL is not offered, and nothing else changes. Strangers can name any server, so little is asked at
 * once, and what is known is kept within a bound.
 */
import type { Logger } from 'pino';
import type { CertificateWish } from '../../../lib/runtime/client-hello.ts';
import type { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import type { IdMint } from '../../../lib/runtime/ids.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import { connectionLimits } from '../limits.ts';
import { finishAnswer, type RouterLink } from '../session/router-link.ts';
import { wantedDomain } from './opening.ts';

interface Host {
  readonly subject: string;
  readonly clock: DeploymentClock;
  readonly log: Logger;
  readonly ids: IdMint;
  readonly router: RouterLink;
}

export class CertificateWishes implements CertificateWish {
  readonly clock: DeploymentClock;
  readonly helloMs = connectionLimits.preauthTimeoutMs;
  readonly #host: Host;
  readonly #known = new Map<string, { readonly isAsked: boolean; readonly untilMs: number }>();
  readonly #asking = new Map<string, Promise<boolean>>();

  constructor(host: Host) {
    this.clock = host.clock;
    this.#host = host;
  }

  asks(servername: string): Promise<boolean> | boolean {
    const known = this.#known.get(servername);
    if (known !== undefined && known.untilMs > this.clock.monotonic()) return known.isAsked;
    const asking = this.#asking.get(servername);
    if (asking !== undefined) return asking;
    if (this.#asking.size >= connectionLimits.certificateWishesMax) return false;
    const begun = this.#learn(servername).finally(() => this.#asking.delete(servername));
    this.#asking.set(servername, begun);
    return begun;
  }

  async #learn(servername: string): Promise<boolean> {
    const isAsked = await this.#inTime(servername);
    if (this.#known.size >= connectionLimits.greetingsMax) this.#known.clear();
    this.#known.set(servername, { isAsked, untilMs: this.clock.monotonic() + connectionLimits.certificateWishKeepMs });
    return isAsked;
  }

  #inTime(servername: string): Promise<boolean> {
    return new Promise((resolve) => {
      let isLate = false;
      const timer = this.clock.after(connectionLimits.certificateWishMs, () => {
        isLate = true;
        resolve(false);
      });
      void this.#ask(servername, () => isLate).then((isAsked) => {
        timer.cancel();
        resolve(isAsked);
      });
    });
  }

  async #ask(servername: string, isOver: () => boolean): Promise<boolean> {
    const { subject: node, router, ids, log } = this.#host;
    const sid = ids.mint();
    const item = { kind: 'open', secure: false, binding: {} } as const;
    const once = { triesMax: () => 1, givenUpAtMs: 0, isOver };
    try {
      const domain = wantedDomain(servername);
      const request = { kind: 'step', node, sid, domain, address: '', session: '', items: [item], deadline: 0, at: 0 } as const;
      const answer = await router.step({ ...request }, [], once);
      if (answer === undefined) return false;
      const isAsked = answer.reply.take('asksCertificate') ?? false;
      answer.reply.take('session');
      answer.reply.take('keepMs');
      finishAnswer(log, answer, sid);
      return isAsked;
    } catch (error) {
      if (!(error instanceof StreamError)) log.error({ err: error, servername }, 'whether to ask for a certificate is not known');
      return false;
    }
  }
}
