/** The load: pairs who write to each other, rooms, and pairs of which one is at another server. */
import type { Random } from '../simulator/random.ts';
import type { Door } from './door.ts';
import { Journal } from './journal.ts';
import type { Resident } from './neighbourhood.ts';
import { Person } from './person.ts';
import type { Place } from './session-link.ts';
import { register } from './sign-in.ts';

const groupShare = 0.4;
/** How much goes to another server of what somebody says who knows somebody there. */
const abroadShare = 0.5;
/** What is said there comes in bursts, so that a stream breaks with something on it. */
const burstMax = 3;
/** Whoever speaks in bursts speaks less often. */
const burstPause = 3;
const pauseMs = { least: 400, most: 1_400 };
const roomsEach = 2;
const password = 'pencil';
const friendsMaxMs = 90_000;

/** What people need to know of the deployment and of the servers around it. */
export interface Homes {
  /** The first has the rooms. */
  readonly domains: readonly string[];
  doorsOf(domain: string): readonly Door[];
  /** At other servers. */
  readonly residents: readonly Resident[];
}

export class People {
  readonly journal = new Journal();
  /** Those at other servers are the last. */
  readonly all: readonly Person[];
  /** Pairs of which one is at another server, both ways. */
  readonly abroad: readonly (readonly [from: Person, to: Person])[];
  readonly rooms: readonly string[];
  readonly #random: Random;
  readonly #locals: readonly Person[];
  /** Those who have an account already. */
  readonly #registered: ReadonlySet<Person>;
  #timers = new Set<NodeJS.Timeout>();
  round = 0;

  constructor(homes: Homes, random: Random, counts: { readonly people: number; readonly rooms: number }) {
    const { domains, residents } = homes;
    const place = (domain: string): Place => ({
      ...{ journal: this.journal, random, round: () => this.round },
      doors: () => homes.doorsOf(domain),
    });
    const live = (local: string, domain: string, secret = password) =>
      new Person(place(domain), { local, domain, password: secret });
    const [domain, ...others] = domains as [string, ...string[]];
    this.#random = random;
    this.rooms = Array.from({ length: counts.rooms }, (_, index) => `room${index + 1}@conference.${domain}`);
    this.#locals = Array.from({ length: counts.people }, (_, index) => live(`p${index + 1}`, domain));
    const strangers = residents.map((resident) => live(resident.local, resident.domain, resident.password));
    // Every other one knows somebody of the first tenant, who is in rooms, too; the others each somebody of another tenant.
    const hosts = strangers.map((_, index) =>
      index % 2 === 0 || others.length === 0
        ? this.#locals[(index * 3) % this.#locals.length]!
        : live(`q${index + 1}`, others[(index >> 1) % others.length]!),
    );
    for (const [index, stranger] of strangers.entries()) {
      stranger.partnerAbroad = hosts[index]!;
      hosts[index]!.partnerAbroad = stranger;
    }
    this.abroad = strangers.flatMap((stranger, index) => [
      [stranger, hosts[index]!] as const,
      [hosts[index]!, stranger] as const,
    ]);
    this.all = [...new Set([...this.#locals, ...hosts, ...strangers])];
    this.#registered = new Set(strangers.filter((_, index) => !residents[index]!.isNew));
  }

  /** Signed in, in their rooms, and shown each other's presence across servers. */
  async start(): Promise<void> {
    for (const person of this.all) {
      if (!this.#registered.has(person)) await register(person.doors[0]!, person.credentials);
      await person.link.start();
    }
    for (const [index, person] of this.#locals.entries()) {
      for (let step = 0; step < roomsEach; step++) {
        const room = this.rooms[(index + step * Math.ceil(this.rooms.length / roomsEach)) % this.rooms.length]!;
        const isFirst = this.membersOf(room).length === 0;
        const seat = person.seat(room);
        await seat.enter();
        if (isFirst) await seat.configure();
      }
    }
    for (const [from, to] of this.abroad) from.subscribe(to.jid);
    await this.#friends();
  }

  /** Until all see each other across servers: a subscription that a server loses is not asked for again. */
  async #friends(): Promise<void> {
    const end = performance.now() + friendsMaxMs;
    const strange = () => this.abroad.filter(([from, to]) => !to.shown.has(from.jid));
    while (strange().length > 0) {
      if (performance.now() > end)
        throw new Error(`not shown in time: ${strange().map(([from, to]) => `${from.jid} to ${to.jid}`)}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  membersOf(room: string): Person[] {
    return this.all.filter(({ seats }) => seats.has(room));
  }

  /** Everybody talks until `hush`. */
  talk(): void {
    for (const person of this.all) {
      const next = () => {
        const timer = setTimeout(
          () => {
            this.#timers.delete(timer);
            this.#speak(person);
            next();
          },
          this.#random.between(pauseMs.least, pauseMs.most) * (this.#locals.includes(person) ? 1 : burstPause),
        );
        this.#timers.add(timer);
      };
      next();
    }
  }

  #speak(person: Person): void {
    const random = this.#random;
    const { partnerAbroad } = person;
    const index = this.#locals.indexOf(person);
    if (partnerAbroad !== undefined && (index < 0 || random.chance(abroadShare))) {
      for (let count = 1 + random.below(burstMax); count > 0; count--) person.say(partnerAbroad.jid);
      return;
    }
    const partner = this.#locals[index ^ 1];
    person.say(partner === undefined || random.chance(groupShare) ? random.pick([...person.seats.keys()]) : partner.jid);
  }

  hush(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  async stop(): Promise<void> {
    this.hush();
    await Promise.all(this.all.map(({ link }) => link.stop()));
  }
}
