/**
 * Totals that parts of the program keep of what they do, since the process began, each by labels of few values. Prometheus reads them. They
 * are kept for the process, not for a tenant, and nothing is decided by them.
 */

/** One line of a figure: the values of its labels, and its total. */
export interface CountLine {
  readonly values: readonly string[];
  total: number;
}

export class Count {
  /** In Prometheus, after `skylark_`. */
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly #lines = new Map<string, CountLine>();

  constructor(name: string, help: string, labels: readonly string[]) {
    this.name = name;
    this.help = help;
    this.labels = labels;
  }

  get lines(): readonly CountLine[] {
    return [...this.#lines.values()];
  }

  /** @param values of the labels in their order; none of them may be what somebody outside has chosen, because each makes a line */
  add(count: number, ...values: string[]): void {
    const key = values.join(' ');
    const line = this.#lines.get(key);
    if (line === undefined) this.#lines.set(key, { values, total: count });
    else line.total += count;
  }
}

export const signIns = new Count(
  'sign_ins_total',
  'Attempts to sign in that have ended, by mechanism and result: `success`, `slowed` after wrong passwords, or the condition of the failure',
  ['mechanism', 'result'],
);
export const stanzas = new Count(
  'stanzas_total',
  'Stanzas that routers were given, by kind and by who sent them: a client, another server, a component, or another part of the service',
  ['kind', 'source'],
);
export const catchUps = new Count(
  'catch_up_pages_total',
  'Pages of messages that sessions were to be given from the archive',
  [],
);
export const pushes = new Count('pushes_total', 'Notifications to app servers, and the errors that these have answered', [
  'result',
]);
export const pubsubNotifications = new Count(
  'pubsub_notifications_total',
  'Notifications of pubsub services, by where they go: this deployment, a component, or another server',
  ['destination'],
);
export const fanOuts = new Count(
  'pubsub_fan_outs_total',
  'Events of pubsub services: `done` when all subscribers were told, `taken over` when another router had begun to tell them',
  ['result'],
);

export const hookPosts = new Count(
  'webhook_posts_total',
  'Events that were posted to webhooks of tenants: `sent`, `failed` and tried again later, or `dropped` after three days',
  ['result'],
);

export const announcementMessages = new Count(
  'announcement_messages_total',
  'Messages of announcements, by whom they are for: `online` or `all` accounts of a tenant',
  ['target'],
);

export const counts: readonly Count[] = [
  ...[signIns, stanzas, catchUps, pushes, pubsubNotifications, fanOuts, hookPosts],
  announcementMessages,
];
