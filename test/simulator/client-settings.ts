/**
 * What a model client keeps at the server with requests of which the last one counts: an element of its own (XEP-0049), the account's
 * vCard, which another client of the account writes as well, and the name of a contact. Each value is a new one, `<client>.<number>`, and
 * the id of its request.
 */
import type { Random } from './random.ts';
import type { Settings } from './settings.ts';
import { attribute } from './stanza-text.ts';

const kinds = ['private', 'vcard', 'roster'] as const;
type Kind = (typeof kinds)[number];

function request(type: 'get' | 'set', id: string, child: string): string {
  return `<iq xmlns='jabber:client' type='${type}' id='${id}'>${child}</iq>`;
}

const say = {
  private: (name: string, value: string) =>
    `<query xmlns='jabber:iq:private'><own xmlns='urn:own:${name}'>${value}</own></query>`,
  vcard: (_name: string, value: string) => `<vCard xmlns='vcard-temp'><FN>${value}</FN></vCard>`,
  roster: (name: string, value: string) =>
    `<query xmlns='jabber:iq:roster'><item jid='${name}@c.example' name='${value}'/></query>`,
} as const;

const ask = {
  private: (name: string) => `<query xmlns='jabber:iq:private'><own xmlns='urn:own:${name}'/></query>`,
  vcard: () => `<vCard xmlns='vcard-temp'/>`,
  roster: () => `<query xmlns='jabber:iq:roster'/>`,
} as const;

export class ClientSettings {
  readonly #name: string;
  readonly #settings: Settings;
  /** By kind: the last number that the server has confirmed. */
  readonly #confirmed = new Map<Kind, number>();
  /** By the id of a question: what its answer must have, or something later. */
  readonly #asked = new Map<string, { readonly kind: Kind; readonly least: number }>();
  readonly #kinds = new Map<string, Kind>();
  /** Acknowledged, and not answered yet. */
  readonly #owed = new Set<string>();
  readonly #answered = new Set<string>();
  #number = 0;

  constructor(name: string, settings: Settings) {
    this.#name = name;
    this.#settings = settings;
    settings.atEnd(() => {
      for (const id of this.#owed) settings.fault(`${id} was acknowledged and never answered`);
    });
  }

  /** @returns a request */
  next(random: Random): string {
    const kind = random.pick(kinds);
    if (random.chance(0.25)) {
      const id = `ask.${this.#name}.${++this.#number}`;
      this.#asked.set(id, { kind, least: this.#confirmed.get(kind) ?? 0 });
      return request('get', id, ask[kind](this.#name));
    }
    const value = `${this.#name}.${++this.#number}`;
    this.#kinds.set(value, kind);
    return request('set', value, say[kind](this.#name, value));
  }

  /** A new session: of what the one before was owed nobody knows any more. */
  begin(): void {
    this.#owed.clear();
    this.#answered.clear();
  }

  acknowledged(text: string): void {
    const id = attribute(text, 'id') ?? '';
    if ((this.#kinds.has(id) || this.#asked.has(id)) && !this.#answered.has(id)) this.#owed.add(id);
  }

  heard(text: string): void {
    const id = attribute(text, 'id') ?? '';
    const type = attribute(text, 'type');
    if (type !== 'result' && type !== 'error') return;
    this.#answered.add(id);
    this.#owed.delete(id);
    if (type === 'error') return;
    const kind = this.#kinds.get(id);
    if (kind !== undefined) {
      this.#confirmed.set(kind, Number(id.slice(this.#name.length + 1)));
      this.#settings.confirmed(id);
    }
    const asked = this.#asked.get(id);
    if (asked === undefined || asked.kind === 'vcard') return;
    const found = Number(new RegExp(`${this.#name}\\.(\\d+)`).exec(text.slice(text.indexOf('>')))?.[1] ?? 0);
    if (found < asked.least) this.#settings.fault(`${this.#name} read ${asked.kind} ${found}, and had written ${asked.least}`);
  }
}
