/**
 * What a router lets many have at once, and the share in front of each: kept in memory, because it is about load and lost with it.
 */
import type { Clock } from '../../../lib/ports/clock.ts';
import { FairQueue } from '../../../lib/runtime/fair-queue.ts';
import { isOwnMachine } from '../../../lib/runtime/networks.ts';
import { RateLimit } from '../../../lib/runtime/rate-limit.ts';
import { routerLimits } from '../limits.ts';
import { KeptMessages } from './kept-messages.ts';

export class Shares {
  /** Derivations of keys for sign-ins, by tenant, network and account. */
  readonly passwords = new FairQueue({
    atOnceMax: routerLimits.passwordDerivationsMax,
    waitingMax: routerLimits.passwordDerivationsWaitingMax,
    waitingPerPathMax: routerLimits.passwordDerivationsPerAccountMax,
  });
  /** Keys of new passwords, by tenant and by network or account. */
  readonly newPasswords = new FairQueue({
    atOnceMax: routerLimits.newPasswordsMax,
    waitingMax: routerLimits.newPasswordsWaitingMax,
    waitingPerPathMax: routerLimits.newPasswordsPerNetworkMax,
  });
  readonly keptMessages = new KeptMessages();
  /** Lines in the log about failed sign-ins, by network. */
  readonly failureLines: RateLimit;
  /** Wrong passwords that could not be written, by account. */
  readonly unrecordedGuesses: RateLimit;
  /** Pages of archives, by account: each reads hundreds of rows. */
  readonly archiveQueries: RateLimit;
  readonly #signIns = new Map<string, FairQueue>();
  readonly #registrations: RateLimit;
  readonly #registrationsPerNetwork: RateLimit;

  constructor(clock: Clock) {
    const { registrationsPerSecond: perSecond, registrationBucketsMax } = routerLimits;
    this.#registrations = new RateLimit(clock, { perSecond, burst: perSecond }, registrationBucketsMax);
    const perNetwork = {
      perSecond: routerLimits.registrationsPerNetworkPerSecond,
      burst: routerLimits.registrationsPerNetworkBurst,
    };
    this.#registrationsPerNetwork = new RateLimit(clock, perNetwork, registrationBucketsMax);
    const lines = { perSecond: routerLimits.failureLinesPerSecond, burst: routerLimits.failureLinesBurst };
    this.failureLines = new RateLimit(clock, lines, routerLimits.failureLineNetworksMax);
    const queries = { perSecond: routerLimits.archiveQueriesPerSecond, burst: routerLimits.archiveQueriesBurst };
    this.archiveQueries = new RateLimit(clock, queries, routerLimits.keptAccountsMax);
    const guesses = { perSecond: routerLimits.furtherGuessesPerSecond, burst: routerLimits.furtherGuessesBurst };
    this.unrecordedGuesses = new RateLimit(clock, guesses, routerLimits.unrecordedGuessesMax);
  }

  /** Checks of passwords of one account come one after the other, so that those at once see what those before them have found. */
  async signIn<Result>(account: string, network: string, work: () => Promise<Result>): Promise<Result> {
    const options = {
      atOnceMax: 1,
      waitingMax: routerLimits.signInsWaitingMax,
      waitingPerPathMax: routerLimits.signInsPerNetworkMax,
    };
    const queue = this.#signIns.get(account) ?? new FairQueue(options);
    this.#signIns.set(account, queue);
    try {
      return await queue.run([network], work);
    } finally {
      if (queue.isIdle) this.#signIns.delete(account);
    }
  }

  /** One more try to register at a tenant: the network's share first, so that it does not use up the tenant's. */
  mayRegister(domain: string, network: string): boolean {
    const hasShare = isOwnMachine(network) || this.#registrationsPerNetwork.take(`${domain} ${network}`);
    return hasShare && this.#registrations.take(domain);
  }
}
