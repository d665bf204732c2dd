/**
 * Totals that parts of the program keep of what they do, since the process began, each by its tenant and by labels of few values. Prometheus
 * reads them. They are kept for the process, and nothing is decided by them.
 */

/** The tenant of those that have no label of their own. A tenant's domain has a dot, or is `localhost`. */
export const otherTenants = 'other';

/**
 * Which tenants have a label of their own: those that are counted first, up to a bound. The busiest are met first, soon after the process has
 * begun. None loses its label later, because a total that moved from one line to another would look like new events.
 */
class TenantLabels {
  #max = 0;
  readonly #domains = new Set<string>();

  get max(): number {
    return this.#max;
  }

  /** @param max 0: none has one. To be called before anything is counted */
  limit(max: number): void {
    this.#max = max;
    this.#domains.clear();
  }

  of(domain: string): string {
    if (this.#domains.has(domain)) return domain;
    if (this.#domains.size >= this.#max) return otherTenants;
    this.#domains.add(domain);
    return domain;
  }
}

export const tenantLabels = new TenantLabels();

/** One line of a figure: the values of its labels, and its total. */
export interface CountLine {
  readonly values: readonly string[];
  readonly total: number;
}

interface TenantLine extends CountLine {
  readonly tenant: string;
  total: number;
}

export class Count {
  /** In Prometheus, after `skylark_`. */
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly #lines = new Map<string, TenantLine>();

  constructor(name: string, help: string, labels: readonly string[]) {
    this.name = name;
    this.help = help;
    this.labels = labels;
  }

  get byTenant(): readonly (CountLine & { readonly tenant: string })[] {
    return [...this.#lines.values()];
  }

  /** Those of all tenants together. */
  get lines(): readonly CountLine[] {
    const sums = new Map<string, { readonly values: readonly string[]; total: number }>();
    for (const { values, total } of this.#lines.values()) {
      const key = values.join(' ');
      sums.set(key, { values, total: (sums.get(key)?.total ?? 0) + total });
    }
    return [...sums.values()];
  }

  /**
   * @param domain of a tenant that there is
   * @param values of the labels in their order; none of them may be what somebody outside has chosen, because each makes a line
   */
  add(domain: string, count: number, ...values: string[]): void {
    const tenant = tenantLabels.of(domain);
    const key = `${tenant} ${values.join(' ')}`;
    const line = this.#lines.get(key);
    if (line === undefined) this.#lines.set(key, { tenant, values, total: count });
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
