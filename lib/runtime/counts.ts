/**
 * Totals that parts of the program keep of what they do, since the process began, each by its tenant and by labels of few values. Prometheus
 * reads them. They are kept for the process, and nothing is decided by them.
 *
 * Whoever counts declares its figure beside the code that counts, and names it in its declaration (`figures` of a feature) or in the list of its
 * service. A figure that is in none is found by test/monitoring/declared.test.ts.
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

/** One line of a figure: its tenant, the values of its labels, and its total. */
export class CountLine {
  readonly tenant: string;
  readonly values: readonly string[];
  total = 0;

  constructor(tenant: string, values: readonly string[]) {
    this.tenant = tenant;
    this.values = values;
  }

  add(count: number): void {
    this.total += count;
  }
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

  get byTenant(): readonly CountLine[] {
    return [...this.#lines.values()];
  }

  /** Those of all tenants together. */
  get lines(): readonly Pick<CountLine, 'values' | 'total'>[] {
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
    this.line(domain, ...values).add(count);
  }

  /**
   * The line itself, for whoever adds to it often. It is shown from now on, with 0 if nothing is added.
   * @param domain as above; undefined: not known, so that what is added stands with the tenants that have no label
   */
  line(domain: string | undefined, ...values: string[]): CountLine {
    const tenant = domain === undefined ? otherTenants : tenantLabels.of(domain);
    const key = `${tenant} ${values.join(' ')}`;
    let line = this.#lines.get(key);
    if (line === undefined) {
      line = new CountLine(tenant, values);
      this.#lines.set(key, line);
    }
    return line;
  }
}
