/**
 * An operator announces something to all accounts of a tenant, in pages, while routers die. Whatever happens, each account is told once of each
 * announcement that was begun.
 */

import type { Store } from '../../lib/ports/store.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import type { Tenants } from '../../lib/runtime/tenants.ts';
import { routerSubject } from '../../lib/runtime/wire.ts';
import { createAccount } from '../../services/router/core/accounts.ts';
import type { Cluster } from './cluster.ts';
import type { Random } from './random.ts';
import { scramKeys } from './scram-client.ts';
import type { World } from './world.ts';

const domain = 'e.example';
const people = Array.from({ length: 9 }, (_, at) => `person${at}`);
const announcementsMax = 3;
const answerMs = 10_000;

type State = 'unsure' | 'confirmed';

interface AnnouncedParts {
  readonly world: World;
  readonly random: Random;
  readonly cluster: Cluster;
  readonly untilMs: number;
}

export class Announced {
  readonly #parts: AnnouncedParts;
  readonly #states = new Map<string, State>();

  constructor(parts: AnnouncedParts) {
    this.#parts = parts;
  }

  /** How many announcements an operator was told of. */
  get count(): number {
    return [...this.#states.values()].filter((state) => state === 'confirmed').length;
  }

  async prepare(store: Store, tenants: Tenants): Promise<void> {
    const { world } = this.#parts;
    await tenants.add(domain, { registration: 'closed', retentionDays: 0 });
    const scram = { 'SHA-1': scramKeys, 'SHA-256': scramKeys };
    for (const local of people)
      await createAccount(store, domain, local, { createdAt: new Date(world.epochMs).toISOString(), scram });
  }

  schedule(): void {
    const { world, random, untilMs } = this.#parts;
    for (let number = 1; number <= announcementsMax; number++)
      world.after(random.between(2_000, untilMs - 5_000), () => this.#announce(`announcement ${number}`));
  }

  /** The operator is where some process of the cluster is, and asks once: to ask again would be to announce it again. */
  #announce(text: string): void {
    const { world, random, cluster } = this.#parts;
    const { bus } = random.pick(cluster.slots.filter(({ kind }) => kind === 'connection'));
    if (bus === undefined) return;
    this.#states.set(text, 'unsure');
    const request = { kind: 'admin', operation: 'announcement-send', arguments: { domain, target: 'all', text } };
    bus.request(routerSubject, encodeFrame(request), { timeoutMs: answerMs }).then(
      (reply) => {
        const { ok } = decodeFrame<{ readonly ok: boolean }>(reply).header;
        // What has failed may have been begun, by a router that could not say so.
        if (ok) this.#states.set(text, 'confirmed');
        world.note('announced', text, `${ok}`);
      },
      () => {},
    );
  }

  check(): readonly string[] {
    return [...this.#states].flatMap(([text, state]) => {
      const begun = this.#begun(text);
      const lost = begun === 0 && state === 'confirmed' ? [`announced: '${text}' was confirmed, and there is nothing of it`] : [];
      const wrong = people.flatMap((local) => {
        const copies = this.#copies(local, text);
        return copies === begun ? [] : [`announced: ${local} was told '${text}' ${copies} times, and not ${begun}`];
      });
      return [...lost, ...wrong];
    });
  }

  /** How often it was begun: the bus may double what the operator asks. */
  #begun(text: string): number {
    const { rows } = this.#parts.cluster;
    const made = rows
      .all('live')
      .filter(({ partition, sort }) => partition === `${domain}/t` && sort.startsWith('announcement/'));
    return made.filter(({ value }) => `${value}`.includes(JSON.stringify(text))).length;
  }

  #copies(local: string, text: string): number {
    const { rows } = this.#parts.cluster;
    const own = rows
      .all('archive')
      .filter(({ partition, sort }) => partition === `${domain}/a/${local}` && sort.startsWith('m/'));
    return own.filter(({ value }) => `${value}`.includes(`<body>${text}</body>`)).length;
  }
}
