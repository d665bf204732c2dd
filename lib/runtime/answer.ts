/**
 * What one service answers another, field by field. A field that one side says and the other does not hear is a fault although each side
 * reads right alone. So each field of an answer is taken by name and once, test/runtime/answer.test.ts names who takes it, and where it
 * depends on the reader's state what an answer can say, the reader looks whether anything is left.
 */
import type { Frame } from './frame.ts';
import { runtimeLimits } from './limits.ts';
import { added, nothing } from './short-lists.ts';

export interface Answer<Fields extends object> {
  readonly bodies: readonly Buffer[];
  /** @throws {Error} when it was taken before */
  take<Name extends keyof Fields>(name: Name): Fields[Name];
  /** Names of what it says and nobody has taken: in this state it cannot be used. Empty when all is well. */
  left(): readonly string[];
}

export interface AnswerKind<Fields extends object> {
  readonly name: string;
  readonly fields: readonly (keyof Fields & string)[];
  of(frame: Frame<Fields>): Answer<Fields>;
}

/** @param fields the value of each says nothing: the compiler sees that none is left out */
export function answerKind<Fields extends object>(
  name: string,
  fields: Readonly<Record<keyof Fields & string, true>>,
): AnswerKind<Fields> {
  const names = Object.keys(fields) as (keyof Fields & string)[];
  if (names.length > runtimeLimits.answerFieldsMax)
    throw new Error(`an answer has at most ${runtimeLimits.answerFieldsMax} fields, not ${names.length}`);
  return {
    name,
    fields: names,
    of: ({ header, bodies }) => new Taking(name, names, header, bodies),
  };
}

class Taking<Fields extends object> implements Answer<Fields> {
  readonly bodies: readonly Buffer[];
  readonly #kind: string;
  readonly #header: Fields;
  readonly #names: readonly (keyof Fields)[];
  /** A bit for each name. A list of names would cost as much as the rest of an answer. */
  #taken = 0;

  constructor(kind: string, names: readonly (keyof Fields)[], header: Fields, bodies: readonly Buffer[]) {
    this.#kind = kind;
    this.#names = names;
    this.#header = header;
    this.bodies = bodies;
  }

  take<Name extends keyof Fields>(name: Name): Fields[Name] {
    const bit = this.#bitOf(name);
    if ((this.#taken & bit) !== 0) throw new Error(`'${String(name)}' of an answer to '${this.#kind}' is read twice`);
    this.#taken |= bit;
    return this.#header[name];
  }

  left(): readonly string[] {
    let left: string[] | undefined;
    for (const name in this.#header) {
      if (name !== 'len' && (this.#taken & this.#bitOf(name)) === 0) left = added(left, name);
    }
    return left ?? nothing;
  }

  /** 0 for a name that the kind does not have: nobody can take it. */
  #bitOf(name: keyof Fields): number {
    const index = this.#names.indexOf(name);
    return index < 0 ? 0 : 1 << index;
  }
}
