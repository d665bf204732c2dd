/** Decides what the statements of a role say to a call of AWS, as IAM does. */
import type { Json } from '../../infra/test/context.ts';
import { holds, isLike } from '../../infra/test/policy-conditions.ts';

export interface Call {
  /** `dynamodb:PutItem` */
  readonly action: string;
  /** The ARN. */
  readonly resource: string;
  /** Keys of conditions, such as `dynamodb:LeadingKeys`. */
  readonly context: Readonly<Record<string, readonly string[]>>;
  /** Partitions of which BatchWriteItem deletes rows. IAM does not see it. */
  readonly deleted?: readonly string[];
}

/** As in the template, with all values filled in. */
export interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Json>>;
}

/** One statement must allow the whole call. @throws for a statement that denies: none of ours does */
export function allows(statements: readonly Statement[], { action, resource, context }: Call): boolean {
  return statements.some(({ Effect, Action, Resource, Condition = {} }) => {
    if (Effect !== 'Allow') throw new Error(`the effect ${Effect} is unknown here`);
    if (![Action].flat().some((pattern) => isLike(action, pattern))) return false;
    if (![Resource].flat().some((pattern) => isLike(resource, pattern))) return false;
    return Object.entries(Condition).every(([operator, keys]) =>
      Object.entries(keys as Record<string, string | string[]>).every(([key, patterns]) =>
        holds(operator, patterns, context[key]),
      ),
    );
  });
}
