/** What the roles of services may do: named actions on named things, rows by their partition. */
import { Stack } from 'aws-cdk-lib';
import { Effect, PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { acknowledge } from './acknowledge.ts';
import { type DataStack, filesBucketName } from './data-stack.ts';
import { type RowRight, rowStatements } from './rights.ts';
import type { Settings } from './settings.ts';

/** `Null` refuses requests without any key, which `ForAllValues` alone would let pass. */
export function grantRows(role: Role, tables: DataStack['tables'], rights: readonly RowRight[]): void {
  for (const { table, actions, partitions, except } of rowStatements(rights))
    allow(role, actions, [tables[table].tableArn], {
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [...partitions] },
      ...(except.length > 0 && { 'ForAllValues:StringNotLike': { 'dynamodb:LeadingKeys': [...except] } }),
      Null: { 'dynamodb:LeadingKeys': 'false' },
    });
}

/** For as long as a task holds streams, ECS must not choose it for the next deployment or scale-in. */
export function grantTaskProtection(role: Role, { name }: Settings): void {
  const stack = Stack.of(role);
  const cluster = stack.formatArn({ service: 'ecs', resource: 'cluster', resourceName: name });
  const tasks = stack.formatArn({ service: 'ecs', resource: 'task', resourceName: `${name}/*` });
  allow(role, ['ecs:GetTaskProtection', 'ecs:UpdateTaskProtection'], [tasks], { ArnEquals: { 'ecs:cluster': cluster } });
  acknowledge(role, {
    [`IAM5[Resource::arn:<AWS::Partition>:ecs:<AWS::Region>:<AWS::AccountId>:task/${name}/*]`]:
      'a task learns its id when it runs; the cluster is named, and holds nothing but this deployment',
  });
}

/**
 * A slot is signed with the router's own rights, so it needs the right to put; files go with their account or tenant, so it lists and
 * deletes. It reads nothing.
 */
export function grantUploads(role: Role, settings: Settings): void {
  const stack = Stack.of(role);
  const files = stack.formatArn({
    service: 's3',
    region: '',
    account: '',
    resource: filesBucketName(stack, settings),
    resourceName: '*',
  });
  const bucket = stack.formatArn({ service: 's3', region: '', account: '', resource: filesBucketName(stack, settings) });
  allow(role, ['s3:DeleteObject', 's3:PutObject'], [files]);
  allow(role, ['s3:ListBucket'], [bucket]);
  acknowledge(role, {
    [`IAM5[Resource::arn:<AWS::Partition>:s3:::${settings.name}-files-<AWS::AccountId>-<AWS::Region>/*]`]:
      'files get their names when they are uploaded; the bucket holds nothing else',
  });
}

/** To open what is sealed for a domain; what is sealed for the deployment itself (`#acme`) is another's. */
export function grantUnseal(role: Role, key: IKey): void {
  allow(role, ['kms:Decrypt'], [key.keyArn], {
    StringNotLike: { 'kms:EncryptionContext:domain': '#*' },
    Null: { 'kms:EncryptionContext:domain': 'false' },
  });
}

export function grantSeal(role: Role, key: IKey): void {
  allow(role, ['kms:Decrypt', 'kms:GenerateDataKey'], [key.keyArn], { Null: { 'kms:EncryptionContext:domain': 'false' } });
}

export function allow(
  role: Role,
  actions: readonly string[],
  resources: readonly string[],
  conditions?: Record<string, Record<string, string | string[]>>,
): void {
  const statement = { effect: Effect.ALLOW, actions: [...actions], resources: [...resources] };
  role.addToPolicy(new PolicyStatement({ ...statement, ...(conditions && { conditions }) }));
}
