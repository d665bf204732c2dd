/**
 * The shape of one key of a tenant's policy. A key is one file here and one line in tenant-policy.ts: from those come the check of the row, the
 * operations `tenant-set` and `tenant-show`, and the options of `skylark tenant set`.
 */
import { z } from 'zod';
import { Jid } from '../../xmpp/jid.ts';
import { runtimeLimits } from '../limits.ts';
import type { Right } from '../rights.ts';

export interface PolicyKey<Value = unknown> {
  /** As it stands in the row, and as operations take and give it: JSON. */
  readonly schema: z.ZodType<Value, Value>;
  /** What holds where the row does not say. */
  readonly preset: Value;
  /** What holds where the row says what this program cannot read, as a newer one may have written it. */
  readonly strictest: Value;
  /** Where the row does not say, or says what this program cannot read, what holds of this key holds here, too. */
  readonly follows?: string;
  /** Stands for the value in the help. */
  readonly placeholder: string;
  /** For the help of the option. */
  readonly text: string;
  /** Completes "it takes …" in an error. */
  readonly allowed: string;
  /** The row has it sealed (services/router/core/policy-secrets.ts). Whoever asks is told whether there is one, and never what it is. */
  readonly isSecret?: true;
  /** Who may set it needs this right beside that over the policy. */
  readonly needs?: Right;
  /** On the command line, `@FILE` stands for what is in the file: its text, or its bytes in base64. */
  readonly isFile?: 'text' | 'base64';
  /** What was typed, as the schema takes it. Anything that it does not take is refused. */
  readonly fromText: (text: string) => unknown;
}

type Keys = Readonly<Record<string, object>>;

function needing<Of extends Keys>(needs: Right, keys: Of) {
  const entries = Object.entries(keys).map(([name, key]) => [name, { ...key, needs }] as const);
  return Object.fromEntries(entries) as { readonly [Name in keyof Of]: Of[Name] & { readonly needs: Right } };
}

/** Whoever sets these could get into any account, so they are for those who own the tenant. */
export const owners = <Of extends Keys>(keys: Of) => needing('tenant.own', keys);

/** What a tenant may use of the deployment is for those who run it. */
export const operators = <Of extends Keys>(keys: Of) => needing('deployment.run', keys);

export function choiceKey<const Choice extends string>(
  choices: readonly [Choice, ...Choice[]],
  text: string,
  { preset, strictest }: { readonly preset: Choice; readonly strictest: Choice },
): PolicyKey<Choice> {
  const allowed = choices.map((choice) => `'${choice}'`).join(' or ');
  const schema = z.enum(choices) as unknown as z.ZodType<Choice, Choice>;
  return { schema, preset, strictest, placeholder: choices.join('|'), text, allowed, fromText: (typed) => typed };
}

export function numberKey(placeholder: string, text: string, preset: number, max: number): PolicyKey<number> {
  return wholeNumber(placeholder, text, preset, { min: 0, max });
}

/** The same for what cannot be none. */
export function countKey(placeholder: string, text: string, preset: number, max: number): PolicyKey<number> {
  return wholeNumber(placeholder, text, preset, { min: 1, max });
}

function wholeNumber(
  placeholder: string,
  text: string,
  preset: number,
  { min, max }: { readonly min: number; readonly max: number },
): PolicyKey<number> {
  return {
    schema: z.int().min(min).max(max),
    ...{ preset, strictest: preset, placeholder, text },
    allowed: `a whole number from ${min} to ${max}`,
    fromText: (typed) => (/^\d{1,9}$/.test(typed) ? Number(typed) : typed),
  };
}

/** A secret that the tenant shares with another service. The empty text: there is none. */
export function secretKey(text: string): PolicyKey<string> {
  const max = runtimeLimits.policySecretCharactersMax;
  return {
    schema: z.string().max(max),
    ...{ preset: '', strictest: '', placeholder: 'SECRET', text, isSecret: true },
    allowed: `at most ${max / 4} characters, or 'none'`,
    fromText: (typed) => (typed === 'none' ? '' : typed),
  };
}

/** Domains in U-labels, as they stand in addresses. Typed with commas between them; `none` empties the list. */
export function domainsKey(text: string): PolicyKey<readonly string[]> {
  const { policyDomainsMax } = runtimeLimits;
  const domain = z.string({ error: 'a list of domains takes text' }).transform((given, context) => {
    const prepared = Jid.tryDomain(given);
    if (prepared !== undefined) return prepared;
    context.addIssue(`'${given}' is not a domain name`);
    return z.NEVER;
  });
  const schema = z.array(domain).max(policyDomainsMax, { error: `a list has at most ${policyDomainsMax} domains` });
  return {
    schema: schema as unknown as z.ZodType<readonly string[], readonly string[]>,
    ...{ preset: [], strictest: [], placeholder: 'DOMAIN,…', text },
    allowed: `at most ${policyDomainsMax} domains with commas between them, or 'none'`,
    fromText: (typed) => (typed === 'none' ? [] : typed.split(',').map((one) => one.trim())),
  };
}
