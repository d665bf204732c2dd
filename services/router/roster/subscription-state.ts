/**
 * RFC 6121 Appendix A: how the four subscription stanzas change the state between an account and a contact, and whether a stanza
 * is passed on to the contact (outbound) or to the account's resources (inbound).
 *
 * The nine states of the RFC are `subscription` together with `isAsked` ("Pending Out") and `isPending` ("Pending In").
 */

export type Subscription = 'none' | 'to' | 'from' | 'both';
export type SubscriptionType = 'subscribe' | 'subscribed' | 'unsubscribe' | 'unsubscribed';

export interface SubscriptionState {
  readonly subscription: Subscription;
  /** The account has asked the contact for a subscription: `ask='subscribe'` on the wire. */
  readonly isAsked?: boolean;
  /** The contact has asked the account for a subscription, and the account has not answered. */
  readonly isPending?: boolean;
  /** The account has approved a subscription before the contact asks for it (§3.4). */
  readonly isApproved?: boolean;
}

export interface Transition {
  readonly state: SubscriptionState;
  /** True if the stanza is routed (outbound) or delivered (inbound). */
  readonly passes: boolean;
  /** True if the server answers `subscribed` in the name of the account (§3.1.3). */
  readonly isGranted?: boolean;
}

const types: ReadonlySet<string> = new Set(['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed']);

export function isSubscriptionType(type: string | undefined): type is SubscriptionType {
  return type !== undefined && types.has(type);
}

/** The account gets the contact's presence. */
export function hasTo({ subscription }: SubscriptionState): boolean {
  return subscription === 'to' || subscription === 'both';
}

/** The contact gets the account's presence. */
export function hasFrom({ subscription }: SubscriptionState): boolean {
  return subscription === 'from' || subscription === 'both';
}

/** A.2: a resource of the account sends the stanza. */
export function sendSubscriptionStep(type: SubscriptionType, state: SubscriptionState): Transition {
  const [to, from] = [hasTo(state), hasFrom(state)];
  switch (type) {
    case 'subscribe': // A.2.1
      return { state: to ? state : { ...state, isAsked: true }, passes: true };
    case 'unsubscribe': // A.2.2
      return { state: { ...state, subscription: named(false, from), isAsked: false }, passes: true };
    case 'subscribed': // A.2.3
      if (state.isPending) return { state: { ...state, subscription: named(to, true), isPending: false }, passes: true };
      return { state: from ? state : { ...state, isApproved: true }, passes: false };
    case 'unsubscribed': // A.2.4
      return {
        state: { ...state, subscription: named(to, false), isPending: false, isApproved: false },
        passes: from || state.isPending === true,
      };
  }
}

/** A.3: the stanza arrives from the contact. */
export function arriveSubscriptionStep(type: SubscriptionType, state: SubscriptionState): Transition {
  const [to, from] = [hasTo(state), hasFrom(state)];
  switch (type) {
    case 'subscribe': // A.3.1
      if (from) return { state, passes: false, isGranted: true };
      if (state.isApproved) return { state: { ...state, subscription: named(to, true) }, passes: false, isGranted: true };
      return { state: { ...state, isPending: true }, passes: !state.isPending };
    case 'unsubscribe': // A.3.2
      return { state: { ...state, subscription: named(to, false), isPending: false }, passes: from || state.isPending === true };
    case 'subscribed': // A.3.3
      if (!state.isAsked) return { state, passes: false };
      return { state: { ...state, subscription: named(true, from), isAsked: false }, passes: true };
    case 'unsubscribed': // A.3.4
      return { state: { ...state, subscription: named(false, from), isAsked: false }, passes: to || state.isAsked === true };
  }
}

function named(to: boolean, from: boolean): Subscription {
  if (to) return from ? 'both' : 'to';
  return from ? 'from' : 'none';
}
