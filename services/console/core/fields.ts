/** The fields of a form, made of the schema of an operation's input, and what somebody has filled in, as that schema takes it. */
import { z } from 'zod';
import { choosable, mayGive } from '../../../lib/runtime/field-rights.ts';
import type { OperationDescription } from '../../../lib/runtime/operation.ts';
import { allRights, type Right } from '../../../lib/runtime/rights.ts';
import type { Texts } from './texts.ts';

/** Fields that only the command line's way of waiting needs. */
const hidden: ReadonlySet<string> = new Set(['waitMs', 'again']);

export type FieldKind = 'text' | 'secret' | 'number' | 'choice' | 'flag' | 'lines' | 'pairs' | 'document';

export interface FormField {
  readonly name: string;
  readonly kind: FieldKind;
  readonly label: string;
  /** What it is for, in a sentence. */
  readonly hint: string | undefined;
  readonly isRequired: boolean;
  readonly choices: readonly string[];
  readonly preset: string;
  readonly min: number | undefined;
  readonly max: number | undefined;
  /** It says what somebody has seen: a page gives it, and nobody fills it in. */
  readonly isVersion: boolean;
}

interface JsonSchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly isSecret?: boolean;
  /** It may have several lines, such as a certificate. */
  readonly isDocument?: boolean;
}

/** @param rights of whoever fills it in: what they may not give is left out */
export function fieldsOf(
  { input, name: operation, http }: OperationDescription,
  texts: Texts,
  rights: readonly Right[] = allRights,
): readonly FormField[] {
  const { shape } = input as z.ZodObject;
  return Object.entries(shape)
    .filter(([name, schema]) => !hidden.has(name) && mayGive(schema as z.ZodType, rights))
    .map(([name, schema]) => {
      const field = fieldOf(operation, name, schema as z.ZodType, texts);
      const isVersion = 'version' in http && http.version === name;
      return { ...field, isVersion, choices: choosable(schema as z.ZodType, rights, field.choices) };
    });
}

function fieldOf(operation: string, name: string, schema: z.ZodType, texts: Texts): Omit<FormField, 'isVersion'> {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const label = texts.find(`labels.${operation}.${name}`) ?? texts.find(`fields.${name}.label`) ?? spelledOut(name);
  return {
    ...{ name, label, kind: kindOf(json) },
    hint: sentence(
      texts.find(`hints.${operation}.${name}`) ??
        texts.own(`fields.${name}.hint`) ??
        json.description ??
        texts.find(`fields.${name}.hint`),
    ),
    isRequired: !schema.safeParse(undefined).success,
    choices: (json.enum ?? []).map(String),
    preset: typeof json.default === 'object' || json.default === undefined ? '' : `${json.default as string}`,
    min: json.minimum,
    max: json.maximum,
  };
}

function kindOf({ type, enum: choices, isSecret, isDocument }: JsonSchema): FieldKind {
  if (choices !== undefined) return 'choice';
  if (isDocument) return 'document'; // a field for passwords would drop its line breaks
  if (isSecret) return 'secret';
  if (type === 'boolean') return 'flag';
  if (type === 'array') return 'lines';
  if (type === 'object') return 'pairs';
  return type === 'number' || type === 'integer' ? 'number' : 'text';
}

function sentence(text: string | undefined): string | undefined {
  return text && text.charAt(0).toUpperCase() + text.slice(1);
}

/** `overlapHours` → `Overlap hours`. */
function spelledOut(name: string): string {
  const words = name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What a field shows of a value of the schema. */
export function shownValue(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return value.map(String).join('\n');
  if (typeof value === 'object')
    return Object.entries(value)
      .map(([name, one]) => `${name}=${one as string}`)
      .join('\n');
  return String(value);
}

/**
 * What was filled in, as the schema takes it. What is empty is not given, but an empty list is; the router says what is wrong with the rest.
 * @param submitted fields that are absent were not in the form
 */
export function readForm(fields: readonly FormField[], submitted: URLSearchParams): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    fields.flatMap((field): [string, unknown][] => {
      const text = submitted.get(field.name);
      if (field.kind === 'flag')
        return text === null && !submitted.has(`_has_${field.name}`) ? [] : [[field.name, text === 'true']];
      if (text === null) return [];
      if (field.kind === 'lines') return [[field.name, linesOf(text)]];
      if (text === '') return [];
      return [[field.name, typedValue(field.kind, text)]];
    }),
  );
}

function linesOf(text: string): string[] {
  return text
    .split(/[\n,]/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function typedValue(kind: FieldKind, text: string): unknown {
  if (kind === 'number') return /^-?\d{1,15}(?:\.\d{1,9})?$/.test(text.trim()) ? Number(text) : text;
  if (kind === 'document') return text.replaceAll('\r\n', '\n');
  if (kind !== 'pairs') return text;
  const pairs = linesOf(text).map((line) => [
    line.slice(0, Math.max(line.lastIndexOf('='), 0)),
    line.slice(line.lastIndexOf('=') + 1),
  ]);
  return Object.fromEntries(pairs) as unknown;
}
