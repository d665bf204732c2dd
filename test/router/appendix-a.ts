/** RFC 6121 Appendix A, as data: what each subscription stanza does in each of the nine states. */
import type { SubscriptionState, SubscriptionType } from '../../services/router/roster/subscription-state.ts';

export const states = {
  None: { subscription: 'none' },
  'None + Pending Out': { subscription: 'none', isAsked: true },
  'None + Pending In': { subscription: 'none', isPending: true },
  'None + Pending Out+In': { subscription: 'none', isAsked: true, isPending: true },
  To: { subscription: 'to' },
  'To + Pending In': { subscription: 'to', isPending: true },
  From: { subscription: 'from' },
  'From + Pending Out': { subscription: 'from', isAsked: true },
  Both: { subscription: 'both' },
} as const satisfies Record<string, SubscriptionState>;

export type StateName = keyof typeof states;

export interface Table {
  readonly section: string;
  readonly direction: 'outbound' | 'inbound';
  readonly type: SubscriptionType;
  /** The state that was; whether the stanza is routed (outbound) or delivered (inbound); the new state, if it is another. */
  readonly rows: readonly (readonly [StateName, 'MUST' | 'MUST NOT', StateName?])[];
}

export const tables: readonly Table[] = [
  {
    section: 'A.2.1',
    direction: 'outbound',
    type: 'subscribe',
    rows: [
      ['None', 'MUST', 'None + Pending Out'],
      ['None + Pending Out', 'MUST'],
      ['None + Pending In', 'MUST', 'None + Pending Out+In'],
      ['None + Pending Out+In', 'MUST'],
      ['To', 'MUST'],
      ['To + Pending In', 'MUST'],
      ['From', 'MUST', 'From + Pending Out'],
      ['From + Pending Out', 'MUST'],
      ['Both', 'MUST'],
    ],
  },
  {
    section: 'A.2.2',
    direction: 'outbound',
    type: 'unsubscribe',
    rows: [
      ['None', 'MUST'],
      ['None + Pending Out', 'MUST', 'None'],
      ['None + Pending In', 'MUST'],
      ['None + Pending Out+In', 'MUST', 'None + Pending In'],
      ['To', 'MUST', 'None'],
      ['To + Pending In', 'MUST', 'None + Pending In'],
      ['From', 'MUST'],
      ['From + Pending Out', 'MUST', 'From'],
      ['Both', 'MUST', 'From'],
    ],
  },
  {
    section: 'A.2.3',
    direction: 'outbound',
    type: 'subscribed',
    rows: [
      ['None', 'MUST NOT'],
      ['None + Pending Out', 'MUST NOT'],
      ['None + Pending In', 'MUST', 'From'],
      ['None + Pending Out+In', 'MUST', 'From + Pending Out'],
      ['To', 'MUST NOT'],
      ['To + Pending In', 'MUST', 'Both'],
      ['From', 'MUST NOT'],
      ['From + Pending Out', 'MUST NOT'],
      ['Both', 'MUST NOT'],
    ],
  },
  {
    section: 'A.2.4',
    direction: 'outbound',
    type: 'unsubscribed',
    rows: [
      ['None', 'MUST NOT'],
      ['None + Pending Out', 'MUST NOT'],
      ['None + Pending In', 'MUST', 'None'],
      ['None + Pending Out+In', 'MUST', 'None + Pending Out'],
      ['To', 'MUST NOT'],
      ['To + Pending In', 'MUST', 'To'],
      ['From', 'MUST', 'None'],
      ['From + Pending Out', 'MUST', 'None + Pending Out'],
      ['Both', 'MUST', 'To'],
    ],
  },
  {
    section: 'A.3.1',
    direction: 'inbound',
    type: 'subscribe',
    rows: [
      ['None', 'MUST', 'None + Pending In'],
      ['None + Pending Out', 'MUST', 'None + Pending Out+In'],
      ['None + Pending In', 'MUST NOT'],
      ['None + Pending Out+In', 'MUST NOT'],
      ['To', 'MUST', 'To + Pending In'],
      ['To + Pending In', 'MUST NOT'],
      ['From', 'MUST NOT'],
      ['From + Pending Out', 'MUST NOT'],
      ['Both', 'MUST NOT'],
    ],
  },
  {
    section: 'A.3.2',
    direction: 'inbound',
    type: 'unsubscribe',
    rows: [
      ['None', 'MUST NOT'],
      ['None + Pending Out', 'MUST NOT'],
      ['None + Pending In', 'MUST', 'None'],
      ['None + Pending Out+In', 'MUST', 'None + Pending Out'],
      ['To', 'MUST NOT'],
      ['To + Pending In', 'MUST', 'To'],
      ['From', 'MUST', 'None'],
      ['From + Pending Out', 'MUST', 'None + Pending Out'],
      ['Both', 'MUST', 'To'],
    ],
  },
  {
    section: 'A.3.3',
    direction: 'inbound',
    type: 'subscribed',
    rows: [
      ['None', 'MUST NOT'],
      ['None + Pending Out', 'MUST', 'To'],
      ['None + Pending In', 'MUST NOT'],
      ['None + Pending Out+In', 'MUST', 'To + Pending In'],
      ['To', 'MUST NOT'],
      ['To + Pending In', 'MUST NOT'],
      ['From', 'MUST NOT'],
      ['From + Pending Out', 'MUST', 'Both'],
      ['Both', 'MUST NOT'],
    ],
  },
  {
    section: 'A.3.4',
    direction: 'inbound',
    type: 'unsubscribed',
    rows: [
      ['None', 'MUST NOT'],
      ['None + Pending Out', 'MUST', 'None'],
      ['None + Pending In', 'MUST NOT'],
      ['None + Pending Out+In', 'MUST', 'None + Pending In'],
      ['To', 'MUST', 'None'],
      ['To + Pending In', 'MUST', 'None + Pending In'],
      ['From', 'MUST NOT'],
      ['From + Pending Out', 'MUST', 'From'],
      ['Both', 'MUST', 'From'],
    ],
  },
];
