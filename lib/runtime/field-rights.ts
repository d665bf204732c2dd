/** What single fields of an operation's input need beyond the right of the operation. They say it in the schema, so that forms know it, too. */
import type { z } from 'zod';
import { covers, type Right, type Role, rightsOf, roleNames } from './rights.ts';

/** Marks a field that only those may give who have a right. The mark comes last, behind `optional` and `default`. */
export function needing(right: Right) {
  return { needs: right } as const;
}

/** Marks a field that is a role to be given: nobody gives one with a right that they lack. */
export const givenRole = { isGivenRole: true } as const;

interface Mark {
  readonly needs?: Right;
  readonly isGivenRole?: true;
}

function markOf(field: z.ZodType | undefined): Mark {
  return (field?.meta() ?? {}) as Mark;
}

/** May somebody with these rights fill in the field at all? */
export function mayGive(field: z.ZodType, rights: readonly Right[]): boolean {
  const { needs } = markOf(field);
  return needs === undefined || rights.includes(needs);
}

/** The values of a field that somebody with these rights may choose. */
export function choosable(field: z.ZodType, rights: readonly Right[], values: readonly string[]): readonly string[] {
  if (!markOf(field).isGivenRole) return values;
  return values.filter((value) => covers(rights, rightsOf({ role: value as Role })));
}

/** @param given the input, as the schema gives it. @returns what of it somebody with these rights may not give, as text for people */
export function tooMuchIn(input: z.ZodType, given: object, rights: readonly Right[]): string | undefined {
  const { shape } = input as z.ZodObject;
  for (const [name, value] of Object.entries(given)) {
    const field = shape[name] as z.ZodType | undefined;
    if (value === undefined || value === false || field === undefined) continue;
    if (!mayGive(field, rights)) return `'${name}'`;
    if (isRole(value) && choosable(field, rights, [value]).length === 0) return `the role '${value}'`;
  }
  return undefined;
}

function isRole(value: unknown): value is Role {
  return (roleNames as readonly unknown[]).includes(value);
}
