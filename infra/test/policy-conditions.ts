/** Conditions of IAM statements, judged as IAM does, for the operators that we use. */

/** `*` matches any text, slashes and the empty text included. */
export function isLike(text: string, pattern: string): boolean {
  const escaped = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`, 's').test(text);
}

type Values = readonly string[];

const isLikeAny = (value: string, patterns: Values) => patterns.some((pattern) => isLike(value, pattern));

/** `ForAllValues` holds where there is no value at all, and so do operators with a `Not`; the others do not. */
const operators: Readonly<Record<string, (patterns: Values, values: Values | undefined) => boolean>> = {
  'ForAllValues:StringLike': (patterns, values = []) => values.every((value) => isLikeAny(value, patterns)),
  'ForAllValues:StringNotLike': (patterns, values = []) => values.every((value) => !isLikeAny(value, patterns)),
  StringLike: (patterns, values = []) => values.some((value) => isLikeAny(value, patterns)),
  StringNotLike: (patterns, values = []) => values.every((value) => !isLikeAny(value, patterns)),
  ArnEquals: (patterns, values = []) => values.some((value) => isLikeAny(value, patterns)),
  Null: (patterns, values) => patterns[0] === `${values === undefined}`,
};

/**
 * @param patterns one or several, as the statement has them
 * @param values those of the request; undefined when it has none
 * @throws for an operator that is unknown here
 */
export function holds(operator: string, patterns: string | readonly string[], values: readonly string[] | undefined): boolean {
  const judge = operators[operator];
  if (judge === undefined) throw new Error(`the operator ${operator} is unknown here`);
  return judge([patterns].flat(), values);
}
