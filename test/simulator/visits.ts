/**
 * People who come to a tenant of their own: guests (RFC 4505), of whom it has room for two, and people who ask for a subscription with an invite
 * (XEP-0379) that is good for one of them. Others ask the server by BOSH. What must hold of all.
 */
import type { Put, Store } from '../../lib/ports/store.ts';
import type { Tenants } from '../../lib/runtime/tenants.ts';
import { createAccount } from '../../services/router/core/accounts.ts';
import type { Dependencies } from '../../services/router/core/dependencies.ts';
import { createInvite } from '../../services/router/invites/invites.ts';
import type { Door } from './client-parts.ts';
import type { Random } from './random.ts';
import { scramKeys } from './scram-client.ts';
import { SimBosh } from './sim-bosh.ts';
import type { HttpDoor } from './sim-http.ts';
import type { StoreRows } from './store-rows.ts';
import { Visitor, type VisitorDoor } from './visitor.ts';
import type { World } from './world.ts';

const visited = 'd.example';
const inviters = ['hall', 'gate', 'yard'];
const askers = ['paris', 'tybalt', 'rosaline'];
const askingByBosh = ['benvolio', 'abram'];
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
  readonly boshDoors: () => readonly HttpDoor[];
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

  /** How many requests by BOSH were answered. */
  get answers(): number {
    return this.#visitors.reduce((sum, { answers }) => sum + answers, 0);
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
    for (const local of [...inviters, ...askers, ...askingByBosh])
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
      const own = random.fork(`guest ${number}`);
      // One of them comes by BOSH.
      const ways = number > 1 ? doors : () => [this.#boshDoor(own)];
      const visitor = new Visitor({ world, random: own, doors: ways, domain: visited, name: `guest${number}` });
      this.#visitors.push(visitor);
      visitor.onOnline = () => {
        visitor.message(`${random.pick(inviters)}@${visited}`);
        world.after(random.between(50, 6_000), () => visitor.leave());
      };
      visitor.onGone = () => void (world.nowMs < untilMs && world.after(random.between(50, 3_000), () => visitor.come()));
      world.after(random.between(0, 3_000), () => visitor.come());
    }
    for (const local of askingByBosh) this.#scheduleBosh(local);
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
          if (askers.includes(visitor.local ?? '')) world.after(random.between(0, 30), () => this.#ask(visitor, inviter));
      });
  }

  /** Asks the server again and again, several times at once now and then. */
  #scheduleBosh(local: string): void {
    const { world, untilMs, ...parts } = this.#parts;
    const random = parts.random.fork(`bosh ${local}`);
    const visitor = new Visitor({ world, random, doors: () => [this.#boshDoor(random)], domain: visited, name: local, local });
    this.#visitors.push(visitor);
    visitor.onFault = (fault) => this.faults.push(`answers: ${fault}`);
    visitor.onOnline = () => {
      const leaveMs = random.between(500, 12_000);
      for (let atMs = 0; atMs < leaveMs; atMs += random.pick([0, 5, 100, 700])) world.after(atMs++, () => visitor.ping());
      world.after(leaveMs, () => visitor.leave());
    };
    visitor.onGone = () => void (world.nowMs < untilMs && world.after(random.between(50, 1_000), () => visitor.come()));
    world.after(random.between(0, 2_000), () => visitor.come());
  }

  #boshDoor(random: Random): VisitorDoor {
    const { world, boshDoors } = this.#parts;
    return { connect: (reader) => new SimBosh({ world, random, doors: boshDoors }, reader) };
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
