/** The load: pairs who write to each other, and rooms. */
import type { Random } from '../simulator/random.ts';
import { Journal } from './journal.ts';
import { Person } from './person.ts';
import type { Place } from './session-link.ts';
import { register } from './sign-in.ts';

const groupShare = 0.4;
const pauseMs = { least: 400, most: 1_400 };
const roomsEach = 2;

export class People {
  readonly journal = new Journal();
  readonly all: readonly Person[];
  readonly rooms: readonly string[];
  readonly #random: Random;
  #timers = new Set<NodeJS.Timeout>();
  round = 0;

  constructor(
    deployment: { readonly domain: string; readonly ports: readonly number[] },
    random: Random,
    counts: { readonly people: number; readonly rooms: number },
  ) {
    const { domain } = deployment;
    const place: Place = { journal: this.journal, random, round: () => this.round, ports: () => deployment.ports };
    this.#random = random;
    this.rooms = Array.from({ length: counts.rooms }, (_, index) => `room${index + 1}@conference.${domain}`);
    this.all = Array.from(
      { length: counts.people },
      (_, index) => new Person(place, { local: `p${index + 1}`, domain, password: 'pencil' }),
    );
  }

  /** Signed in, and in their rooms. */
  async start(port: number): Promise<void> {
    for (const person of this.all) {
      await register(port, person.credentials);
      await person.link.start();
    }
    for (const [index, person] of this.all.entries()) {
      for (let step = 0; step < roomsEach; step++) {
        const room = this.rooms[(index + step * Math.ceil(this.rooms.length / roomsEach)) % this.rooms.length]!;
        const isFirst = this.membersOf(room).length === 0;
        const seat = person.seat(room);
        await seat.enter();
        if (isFirst) await seat.configure();
      }
    }
  }

  membersOf(room: string): Person[] {
    return this.all.filter(({ seats }) => seats.has(room));
  }

  /** Everybody talks until `hush`. */
  talk(): void {
    for (const [index, person] of this.all.entries()) {
      const partner = this.all[index ^ 1];
      const next = () => {
        const timer = setTimeout(
          () => {
            this.#timers.delete(timer);
            const rooms = [...person.seats.keys()];
            person.say(partner === undefined || this.#random.chance(groupShare) ? this.#random.pick(rooms) : partner.jid);
            next();
          },
          this.#random.between(pauseMs.least, pauseMs.most),
        );
        this.#timers.add(timer);
      };
      next();
    }
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
