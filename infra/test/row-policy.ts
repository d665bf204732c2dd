/** Decides what a role's policy in the template says to a call of DynamoDB, as IAM does, for the operators that we use. */
import type { Json } from './context.ts';
import { holds } from './policy-conditions.ts';
import { shape } from './synthesis.ts';

export interface Call {
  readonly action: string;
  readonly table: string;
  /** The partition of the row, or of each row if the request has several. */
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
  peers: ['app', /^PeersTaskRoleDefaultPolicy/],
  router: ['app', /^RouterTaskRoleDefaultPolicy/],
  muc: ['app', /^MucTaskRoleDefaultPolicy/],
  federation: ['app', /^FederationTaskRoleDefaultPolicy/],
  api: ['app', /^ApiTaskRoleDefaultPolicy/],
  web: ['web', /^PagesRoleDefaultPolicy/],
  certificates: ['web', /^CertificatesRenewalRoleDefaultPolicy/],
  scaleIn: ['app', /^ScaleInFunctionRoleDefaultPolicy/],
};

/** The services of a cell. `all` is left out: it is the one task of the shape `small`. */
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

/** Tables are outputs of another stack, named after the construct. */
function isTable(resource: Json, table: string): boolean {
  return JSON.stringify(resource).includes(`GetAtt${table[0]!.toUpperCase()}${table.slice(1)}`);
}

/** One statement must allow all keys of a request (`ForAllValues`). */
export function allows(tier: string, { action, table, partition }: Call): boolean {
  const keys = [partition].flat();
  return statementsOf(tier).some(({ Action, Resource, Condition }) => {
    if (![Action].flat().includes(`dynamodb:${action}`) || !isTable(Resource, table)) return false;
    return Object.entries(Condition as Record<string, Json>).every(([operator, { 'dynamodb:LeadingKeys': patterns }]) =>
      holds(operator, patterns, keys),
    );
  });
}

/** Whether anything of a table is allowed. */
export function touches(tier: string, table: string): boolean {
  return statementsOf(tier).some(({ Resource }) => isTable(Resource, table));
}
