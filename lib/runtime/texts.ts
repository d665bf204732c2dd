/** What pages say, in the languages for which there is a file. What a file lacks is said in English. */
export interface TextTree {
  readonly [name: string]: string | TextTree;
}

/** By the code of the language; English is always there. */
export type TextTrees<Language extends string> = Readonly<Record<Language | 'en', TextTree>>;

export class Texts<Language extends string> {
  readonly language: Language;
  readonly #trees: TextTrees<Language>;

  constructor(trees: TextTrees<Language>, language: Language) {
    this.#trees = trees;
    this.language = language;
  }

  /** @param key such as `nav.overview`. @param values for what stands in braces */
  of(key: string, values: Readonly<Record<string, string | number>> = {}): string {
    const text = this.find(key) ?? key;
    return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => (Object.hasOwn(values, name) ? `${values[name]}` : whole));
  }

  /** @returns undefined when no file has it */
  find(key: string): string | undefined {
    return this.own(key) ?? lookUp(this.#trees.en, key);
  }

  /** What the own file says, without falling back to English. */
  own(key: string): string | undefined {
    return lookUp(this.#trees[this.language], key);
  }

  /** A moment, to the second, in UTC. */
  moment(iso: string): string {
    const date = new Date(iso);
    if (Number.isNaN(date.getTime())) return iso;
    const format = new Intl.DateTimeFormat(this.#locale, { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC' });
    return `${format.format(date)} UTC`;
  }

  number(value: number): string {
    return new Intl.NumberFormat(this.#locale, { maximumFractionDigits: 1 }).format(value);
  }

  get #locale(): string {
    return this.language === 'zh' ? 'zh-CN' : 'en-GB';
  }
}

function lookUp(tree: TextTree, key: string): string | undefined {
  let at: string | TextTree | undefined = tree;
  for (const part of key.split('.')) {
    if (typeof at !== 'object' || !Object.hasOwn(at, part)) return undefined;
    at = at[part];
  }
  return typeof at === 'string' ? at : undefined;
}

/**
 * The first language of `Accept-Language` (RFC 9110 §12.5.4) for which there is a file. Weights are taken to be in order, as browsers send
 * them.
 */
export function languageOf<Language extends string>(
  accept: string | undefined,
  isKnown: (text: string) => text is Language,
): Language | 'en' {
  const wanted = (accept ?? '').split(',').map((part) => part.trim().slice(0, 2).toLowerCase());
  return wanted.find(isKnown) ?? 'en';
}
