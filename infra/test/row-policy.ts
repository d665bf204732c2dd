/** What the policy of a role, as it stands in the template, says to a call of DynamoDB: as IAM evaluates it, for the operators we use. */
import type { Json } from './context.ts';
import { shape } from './synthesis.ts';

export interface Call {
  readonly action: string;
  readonly table: string;
  /** Of the row; of all rows, when the request is for several. */
  readonly partition: string | readonly string[];
}

interface Statement {
  readonly Action: string | string[];
  readonly Resource: Json;
  readonly Condition: Json;
}

const roles: Readonly<Record<string, readonly ['app' | 'web', RegExp]>> = {
  all: ['app', /^AllTaskRoleDefaultPolicy/],
  connection: ['app', /^ConnectionTaskRoleDefaultPolicy/],
  router: ['app', /^RouterTaskRoleDefaultPolicy/],
  muc: ['app', /^MucTaskRoleDefaultPolicy/],
  web: ['web', /^PagesRoleDefaultPolicy/],
  certificates: ['web', /^CertificatesRenewalRoleDefaultPolicy/],
};

/** Services of a cell; `all` is those of the shape `small` in one. */
export const tiers = Object.keys(roles).filter((tier) => tier !== 'all');

function statementsOf(tier: string): Statement[] {
  const [stack, pattern] = roles[tier]!;
  const policies = shape(tier === 'all' ? 'small' : 'cell')
    .resources(stack, 'AWS::IAM::Policy')
    .filter(([id]) => pattern.test(id));
  if (policies.length !== 1) throw new Error(`${policies.length} policies of ${tier}`);
  const statements: Statement[] = policies[0]![1].Properties.PolicyDocument.Statement;
  return statements.filter(({ Action }) => [Action].flat().some((action) => action.startsWith('dynamodb:')));
}

/** `*` is any text, slashes and nothing included. */
function isLike(text: string, pattern: string): boolean {
  const escaped = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`, 's').test(text);
}

const operators: Readonly<Record<string, (patterns: readonly string[], key: string) => boolean>> = {
  'ForAllValues:StringLike': (patterns, key) => patterns.some((pattern) => isLike(key, pattern)),
  'ForAllValues:StringNotLike': (patterns, key) => !patterns.some((pattern) => isLike(key, pattern)),
  Null: (patterns) => patterns[0] === 'false',
};

/** Tables are outputs of another stack, named after the construct. */
function isTable(resource: Json, table: string): boolean {
  return JSON.stringify(resource).includes(`GetAtt${table[0]!.toUpperCase()}${table.slice(1)}`);
}

/** One statement has to allow all keys of a request (`ForAllValues`). */
export function allows(tier: string, { action, table, partition }: Call): boolean {
  const keys = [partition].flat();
  return statementsOf(tier).some(({ Action, Resource, Condition }) => {
    if (![Action].flat().includes(`dynamodb:${action}`) || !isTable(Resource, table)) return false;
    return Object.entries(Condition as Record<string, Json>).every(([operator, { 'dynamodb:LeadingKeys': patterns }]) => {
      const holds = operators[operator];
      if (holds === undefined) throw new Error(`the operator ${operator} is not known here`);
      return keys.every((key) => holds([patterns].flat(), key));
    });
  });
}

/** Whether anything at all of a table is allowed. */
export function touches(tier: string, table: string): boolean {
  return statementsOf(tier).some(({ Resource }) => isTable(Resource, table));
}
