/**
 * People who come to a tenant of their own: guests (RFC 4505), of whom it has room for two, and people who ask for a subscription with an invite
 * (XEP-0379) that is good for one of them. What must hold of both.
 */
import type { Put, Store } from '../../lib/ports/store.ts';
import type { Tenants } from '../../lib/runtime/tenants.ts';
import { createAccount } from '../../services/router/core/accounts.ts';
import type { Dependencies } from '../../services/router/core/dependencies.ts';
import { createInvite } from '../../services/router/invites/invites.ts';
import type { Door } from './client-parts.ts';
import type { Random } from './random.ts';
import { scramKeys } from './scram-client.ts';
import type { StoreRows } from './store-rows.ts';
import { Visitor } from './visitor.ts';
import type { World } from './world.ts';

const visited = 'd.example';
const inviters = ['hall', 'gate', 'yard'];
const askers = ['paris', 'tybalt', 'rosaline'];
const guestVisitors = 5;
const guestsMax = 2;
const monthMs = 30 * 24 * 60 * 60 * 1_000;
/** In the directory and among the tenant's rows; archives of others keep their name. */
const isNamed = /^(?:account|look|guest)\/guest-/;
const isOfGuest = /^d\.example\/a\/(guest-[0-9a-f]+)$/;

interface VisitsParts {
  readonly world: World;
  readonly random: Random;
  readonly rows: StoreRows;
  readonly doors: () => readonly Door[];
  readonly untilMs: number;
}

export class Visits {
  readonly faults: string[] = [];
  readonly #parts: VisitsParts;
  readonly #tokens = new Map<string, string>();
  readonly #visitors: Visitor[] = [];
  /** Guests whose account was made. */
  readonly #made = new Set<string>();

  constructor(parts: VisitsParts) {
    this.#parts = parts;
  }

  /** How often a guest was let in. */
  get guests(): number {
    return this.#made.size;
  }

  async prepare(store: Store, tenants: Tenants): Promise<void> {
    const { world, random } = this.#parts;
    const policy = { signIn: ['password', 'anonymous'], guestsMax, guestsPerAddress: 10, invites: 'members' } as const;
    const tenant = await tenants.add(visited, { registration: 'closed', retentionDays: 0, ...policy });
    const scram = { 'SHA-1': scramKeys, 'SHA-256': scramKeys };
    for (const local of [...inviters, ...askers])
      await createAccount(store, visited, local, { createdAt: new Date(world.epochMs).toISOString(), scram });
    const clock = { now: () => world.epochMs, randomBytes: (length: number) => random.bytes(length) };
    for (const local of inviters) {
      const wanted = { by: { local, incarnation: undefined }, befriends: true, usesMax: 1, lastsMs: monthMs } as const;
      const { token } = await createInvite({ store, clock } as unknown as Dependencies, tenant, wanted);
      this.#tokens.set(local, token);
    }
  }

  schedule(): void {
    const { world, random, doors, untilMs } = this.#parts;
    for (let number = 1; number <= guestVisitors; number++) {
      const visitor = new Visitor({
        world,
        random: random.fork(`guest ${number}`),
        doors,
        domain: visited,
        name: `guest${number}`,
      });
      this.#visitors.push(visitor);
      visitor.onOnline = () => {
        visitor.message(`${random.pick(inviters)}@${visited}`);
        world.after(random.between(50, 6_000), () => visitor.leave());
      };
      visitor.onGone = () => void (world.nowMs < untilMs && world.after(random.between(50, 3_000), () => visitor.come()));
      world.after(random.between(0, 3_000), () => visitor.come());
    }
    const asked = new Set<string>();
    for (const local of askers) {
      const visitor = new Visitor({ world, random: random.fork(local), doors, domain: visited, name: local, local });
      this.#visitors.push(visitor);
      visitor.onOnline = () => {
        for (const inviter of asked) this.#ask(visitor, inviter);
      };
      visitor.onGone = () => void world.after(random.between(50, 3_000), () => visitor.come());
      world.after(random.between(0, 2_000), () => visitor.come());
    }
    for (const inviter of inviters)
      world.after(random.between(3_000, untilMs), () => {
        asked.add(inviter);
        for (const visitor of this.#visitors)
          if (visitor.local !== undefined) world.after(random.between(0, 30), () => this.#ask(visitor, inviter));
      });
  }

  #ask(visitor: Visitor, inviter: string): void {
    visitor.subscribe(`${inviter}@${visited}`, this.#tokens.get(inviter)!);
  }

  /** Everything works again: guests go, and the others come and ask once more. */
  settle(): void {
    for (const visitor of this.#visitors) visitor.leave();
  }

  /** Looks at each row that is written. */
  put({ table, partition, sort }: Put): void {
    const local = table === 'core' && sort === 'account/' ? isOfGuest.exec(partition)?.[1] : undefined;
    if (local === undefined) return;
    this.#made.add(local);
    const present = this.#present();
    if (present.length > guestsMax) this.faults.push(`guests: ${present.join(', ')} are there together, and ${guestsMax} may be`);
  }

  /** Guests who have an account, and have not ended. */
  #present(): readonly string[] {
    const { rows } = this.#parts;
    return [...this.#made].filter((local) => {
      const row = rows.get({ table: 'core', partition: `${visited}/t`, sort: `guest/${local}` });
      return row !== undefined && !`${row.value}`.includes('"endedMs"');
    });
  }

  check(): readonly string[] {
    return [...new Set(this.faults), ...this.#checkGone(), ...this.#checkInvites()];
  }

  /** Nothing is left of a guest. */
  #checkGone(): readonly string[] {
    const { rows } = this.#parts;
    return (['core', 'live', 'archive'] as const).flatMap((table) =>
      rows
        .all(table)
        .filter(({ partition, sort }) => isOfGuest.test(partition) || isNamed.test(sort) || partition === '#guests')
        .map(({ partition, sort }) => `guests: ${table} ${partition} ${sort} is still there`),
    );
  }

  /** One, and no more, who has asked with the invite is a contact. */
  #checkInvites(): readonly string[] {
    const { rows } = this.#parts;
    return inviters.flatMap((inviter) => {
      const brought = askers.filter((local) => {
        const key = { table: 'core', partition: `${visited}/a/${inviter}`, sort: `roster/${local}@${visited}` } as const;
        return /"subscription":"(?:both|from)"/.test(`${rows.get(key)?.value}`);
      });
      return brought.length === 1 ? [] : [`invites: that of ${inviter} has brought ${brought.length} (${brought.join(', ')})`];
    });
  }
}
