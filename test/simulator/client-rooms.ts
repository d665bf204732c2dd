/** The rooms that a model client is in, as far as it knows. */
const patienceMs = 5_000;

export class ClientRooms {
  readonly #rooms: readonly string[];
  readonly #joined = new Set<string>();
  readonly #askedMs = new Map<string, number>();

  constructor(rooms: readonly string[]) {
    this.#rooms = rooms;
  }

  get all(): readonly string[] {
    return this.#rooms;
  }

  has(room: string): boolean {
    return this.#rooms.includes(room);
  }

  get joined(): readonly string[] {
    return [...this.#joined];
  }

  isIn(room: string): boolean {
    return this.#joined.has(room);
  }

  clear(): void {
    this.#joined.clear();
    this.#askedMs.clear();
  }

  leave(room: string): void {
    this.#joined.delete(room);
  }

  /** @returns whether it was not asked just now */
  ask(room: string, nowMs: number): boolean {
    if ((this.#askedMs.get(room) ?? Number.NEGATIVE_INFINITY) > nowMs - patienceMs) return false;
    this.#askedMs.set(room, nowMs);
    return true;
  }

  presence(room: string, type: string | undefined, isSelf: boolean): void {
    if (type === 'unavailable' ? isSelf : type === 'error') this.#joined.delete(room);
    else if (isSelf && type === undefined) this.#joined.add(room);
  }
}
