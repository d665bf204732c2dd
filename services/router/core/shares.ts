/**
 * Bounds on the load that all accounts put on a router together, each with a share per account or network in front of it. They
 * are kept in memory: when a router stops, its load is gone too.
 */
import type { Clock } from '../../../lib/ports/clock.ts';
import { FairQueue } from '../../../lib/runtime/fair-queue.ts';
import { isOwnMachine } from '../../../lib/runtime/networks.ts';
import { RateLimit } from '../../../lib/runtime/rate-limit.ts';
import { routerLimits } from '../limits.ts';
import { FamiliarNetworks } from './familiar-networks.ts';
import { KeptMessages } from './kept-messages.ts';
import { archiveSearchRate, askingLimits, guestRates, noticeRate, retractionRate } from './limits.ts';
import { RemoteShares } from './remote-shares.ts';

export class Shares {
  /** Queues the derivation of keys for sign-ins, by tenant, network and account. */
  readonly passwords = new FairQueue({
    atOnceMax: routerLimits.passwordDerivationsMax,
    waitingMax: routerLimits.passwordDerivationsWaitingMax,
    waitingPerPathMax: routerLimits.passwordDerivationsPerAccountMax,
  });
  /** Queues the derivation of keys of new passwords, by tenant and by network or account. */
  readonly newPasswords = new FairQueue({
    atOnceMax: routerLimits.newPasswordsMax,
    waitingMax: routerLimits.newPasswordsWaitingMax,
    waitingPerPathMax: routerLimits.newPasswordsPerNetworkMax,
  });
  /** Queues questions to the systems of tenants, by tenant, network and account. */
  readonly asking = new FairQueue({
    atOnceMax: askingLimits.atOnceMax,
    waitingMax: askingLimits.waitingMax,
    waitingPerPathMax: askingLimits.waitingPerAccountMax,
  });
  readonly keptMessages = new KeptMessages();
  /** Limits lines in the log about failed sign-ins, by network. */
  readonly failureLines: RateLimit;
  /** Limits wrong passwords that could not be written to the store, by account. */
  readonly unrecordedGuesses: RateLimit;
  readonly familiar: FamiliarNetworks;
  /** Limits pages of archives, by account: each page reads hundreds of rows. */
  readonly archiveQueries: RateLimit;
  /** Limits searches in archives, by account, beside those. */
  readonly archiveSearches: RateLimit;
  /** Limits searches for messages that are taken back, by account and by who takes them back. */
  readonly retractions: RateLimit;
  /** Limits messages of operators, by tenant. */
  readonly notices: RateLimit;
  readonly remote: RemoteShares;
  readonly #signIns = new Map<string, FairQueue>();
  readonly #registrations: RateLimit;
  readonly #registrationsPerNetwork: RateLimit;
  readonly #guests: RateLimit;
  readonly #guestsPerNetwork: RateLimit;
  readonly #inviteLooks: RateLimit;

  constructor(clock: Clock) {
    this.remote = new RemoteShares(clock);
    this.familiar = new FamiliarNetworks(clock);
    const { registrationsPerSecond: perSecond, registrationBucketsMax } = routerLimits;
    this.#registrations = new RateLimit(clock, { perSecond, burst: perSecond }, registrationBucketsMax);
    const perNetwork = {
      perSecond: routerLimits.registrationsPerNetworkPerSecond,
      burst: routerLimits.registrationsPerNetworkBurst,
    };
    this.#registrationsPerNetwork = new RateLimit(clock, perNetwork, registrationBucketsMax);
    const { perNetworkPerSecond, perNetworkBurst, ...perTenant } = guestRates;
    const ofNetwork = { perSecond: perNetworkPerSecond, burst: perNetworkBurst };
    this.#guests = new RateLimit(clock, perTenant, registrationBucketsMax);
    this.#guestsPerNetwork = new RateLimit(clock, ofNetwork, registrationBucketsMax);
    const looks = { perSecond: routerLimits.inviteLooksPerSecond, burst: routerLimits.inviteLooksBurst };
    this.#inviteLooks = new RateLimit(clock, looks, registrationBucketsMax);
    const lines = { perSecond: routerLimits.failureLinesPerSecond, burst: routerLimits.failureLinesBurst };
    this.failureLines = new RateLimit(clock, lines, routerLimits.failureLineNetworksMax);
    const queries = { perSecond: routerLimits.archiveQueriesPerSecond, burst: routerLimits.archiveQueriesBurst };
    this.archiveQueries = new RateLimit(clock, queries, routerLimits.keptAccountsMax);
    this.archiveSearches = new RateLimit(clock, archiveSearchRate, routerLimits.keptAccountsMax);
    this.retractions = new RateLimit(clock, retractionRate, routerLimits.keptAccountsMax);
    this.notices = new RateLimit(clock, noticeRate, routerLimits.registrationBucketsMax);
    const guesses = { perSecond: routerLimits.furtherGuessesPerSecond, burst: routerLimits.furtherGuessesBurst };
    this.unrecordedGuesses = new RateLimit(clock, guesses, routerLimits.unrecordedGuessesMax);
  }

  /** Checks the passwords of one account one after the other, so that each check sees the results of those before it. */
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

  /** Takes one registration from the share of the network, and then from that of the tenant. @returns false if one is used up */
  mayRegister(domain: string, network: string): boolean {
    const hasShare = isOwnMachine(network) || this.#registrationsPerNetwork.take(`${domain} ${network}`);
    return hasShare && this.#registrations.take(domain);
  }

  /** Takes one guest from the share of the network, and then from that of the tenant. @returns false if one is used up */
  mayBeGuest(domain: string, network: string): boolean {
    const hasShare = isOwnMachine(network) || this.#guestsPerNetwork.take(`${domain} ${network}`);
    return hasShare && this.#guests.take(domain);
  }

  /** Takes one look at an invite from the share of whoever shows it: a network, or the address of somebody who has an account. */
  mayLookAtInvite(domain: string, who: string): boolean {
    return isOwnMachine(who) || this.#inviteLooks.take(`${domain} ${who}`);
  }
}
