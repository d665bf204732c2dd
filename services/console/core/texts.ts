/** What the console says, in the languages for which there is a file. What a file lacks is said in English. */
import en from '../texts/en.json' with { type: 'json' };
import zh from '../texts/zh.json' with { type: 'json' };

type Tree = { readonly [name: string]: string | Tree };

const languages = { en: { name: 'English', tree: en as Tree }, zh: { name: '中文', tree: zh as Tree } } as const;

export type Language = keyof typeof languages;

export const languageNames = Object.entries(languages).map(([code, { name }]) => ({ code: code as Language, name }));

export class Texts {
  readonly language: Language;

  constructor(language: Language) {
    this.language = language;
  }

  /** @param key such as `nav.overview`. @param values for what stands in braces */
  of(key: string, values: Readonly<Record<string, string | number>> = {}): string {
    const text = this.find(key) ?? key;
    return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => (Object.hasOwn(values, name) ? `${values[name]}` : whole));
  }

  /** @returns undefined when no file has it: then the list of operations says it, in English */
  find(key: string): string | undefined {
    return lookUp(languages[this.language].tree, key) ?? lookUp(languages.en.tree, key);
  }

  /** What the own file says, without falling back to English. */
  own(key: string): string | undefined {
    return lookUp(languages[this.language].tree, key);
  }

  /** A moment, to the second, in UTC. */
  moment(iso: string): string {
    const date = new Date(iso);
    if (Number.isNaN(date.getTime())) return iso;
    const format = new Intl.DateTimeFormat(this.language === 'zh' ? 'zh-CN' : 'en-GB', {
      dateStyle: 'medium',
      timeStyle: 'medium',
      timeZone: 'UTC',
    });
    return `${format.format(date)} UTC`;
  }

  number(value: number): string {
    return new Intl.NumberFormat(this.language === 'zh' ? 'zh-CN' : 'en-GB', { maximumFractionDigits: 1 }).format(value);
  }
}

function lookUp(tree: Tree, key: string): string | undefined {
  let at: string | Tree | undefined = tree;
  for (const part of key.split('.')) {
    if (typeof at !== 'object' || !Object.hasOwn(at, part)) return undefined;
    at = at[part];
  }
  return typeof at === 'string' ? at : undefined;
}

export function isLanguage(text: string | undefined): text is Language {
  return text !== undefined && Object.hasOwn(languages, text);
}

/** The first language of `Accept-Language` (RFC 9110 §12.5.4) for which there is a file. Weights are taken to be in order, as browsers send them. */
export function languageOf(accept: string | undefined): Language {
  const wanted = (accept ?? '').split(',').map((part) => part.trim().slice(0, 2).toLowerCase());
  return wanted.find(isLanguage) ?? 'en';
}
