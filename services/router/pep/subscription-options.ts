/**
 * XEP-0060 §6.3: what a subscriber may say of a subscription: that it sleeps, and when it ends (§12.19). Left out: digests, message bodies, and
 * deliveries by presence.
 */
import { findForm, readSubmission, renderForm, type Submission } from '../../../lib/xmpp/data-form.ts';
import { parseMoment } from '../../../lib/xmpp/date-time.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { pubsubError, pubsubNs } from './pubsub-error.ts';
import { defaultOptions, type SubscriptionOptions } from './subscriptions.ts';

const formType = `${pubsubNs}#subscribe_options`;

export function optionsForm(
  { isDelivered, endsAt }: SubscriptionOptions = defaultOptions,
  type: 'form' | 'result' = 'form',
): Element {
  return renderForm({
    type,
    formType,
    fields: [
      { var: 'pubsub#deliver', type: 'boolean', label: 'Notifications are sent', values: [isDelivered ? '1' : '0'] },
      {
        var: 'pubsub#expire',
        type: 'text-single',
        label: 'When the subscription ends',
        values: endsAt === undefined ? [] : [new Date(endsAt).toISOString()],
      },
    ],
  });
}

/** Options that ask for nothing have only one possible value. */
const settled: ReadonlyMap<string, readonly string[]> = new Map([
  ['pubsub#digest', ['0', 'false']],
  ['pubsub#include_body', ['0', 'false']],
  ['pubsub#subscription_type', ['items']],
  ['pubsub#subscription_depth', ['1']],
]);

/**
 * Reads a submitted form. What it leaves out stays as it is.
 * @param wrapper `<options/>`
 * @param now ms since the epoch
 * @throws {StanzaError} bad-request with `invalid-options` (§6.3.7.2)
 */
export function readOptions(wrapper: Element, before: SubscriptionOptions, now: number): SubscriptionOptions {
  const form = findForm(wrapper);
  if (form === undefined) throw invalid('options are a data form');
  try {
    return optionsIn(readSubmission(form, { formType }), before, now);
  } catch (error) {
    throw error instanceof StanzaError && error.extra === undefined ? invalid(error.text) : error;
  }
}

function optionsIn(form: Submission, before: SubscriptionOptions, now: number): SubscriptionOptions {
  for (const [name, only] of settled) {
    const field = form.get(name);
    if (field && !field.isEmpty) field.choice(only);
  }
  const expiry = form.get('pubsub#expire');
  return {
    isDelivered: form.get('pubsub#deliver')?.flag() ?? before.isDelivered,
    endsAt: expiry === undefined ? before.endsAt : expiry.isEmpty ? undefined : momentIn(expiry.text(), now),
  };
}

function momentIn(text: string, now: number): number {
  const moment = parseMoment(text.trim());
  if (moment === undefined) throw invalid('a subscription ends at a date and time');
  if (moment <= now) throw invalid('a subscription cannot have ended already');
  return Math.floor(moment);
}

function invalid(text?: string): StanzaError {
  return pubsubError('bad-request', 'invalid-options', text === undefined ? {} : { text });
}
