/** What the roles of services may do: named actions on named resources, and rows by their partition. */
import { Stack } from 'aws-cdk-lib';
import { Effect, PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { acknowledge } from './acknowledge.ts';
import { type DataStack, filesBucketName } from './data-stack.ts';
import { type RowRight, rowStatements } from './rights.ts';
import type { Settings } from './settings.ts';

/** The first word of what such secrets are sealed for. */
const dialback = 'dialback';
const tokens = 'tokens';

/** `Null` refuses requests without any key, which `ForAllValues` alone would allow. */
export function grantRows(role: Role, tables: DataStack['tables'], rights: readonly RowRight[]): void {
  for (const { table, actions, partitions, except } of rowStatements(rights))
    allow(role, actions, [tables[table].tableArn], {
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [...partitions] },
      ...(except.length > 0 && { 'ForAllValues:StringNotLike': { 'dynamodb:LeadingKeys': [...except] } }),
      Null: { 'dynamodb:LeadingKeys': 'false' },
    });
}

/** While a task holds streams, ECS must not choose it for the next deployment or scale-in. */
export function grantTaskProtection(role: Role, { name }: Settings): void {
  const stack = Stack.of(role);
  const cluster = stack.formatArn({ service: 'ecs', resource: 'cluster', resourceName: name });
  const tasks = stack.formatArn({ service: 'ecs', resource: 'task', resourceName: `${name}/*` });
  allow(role, ['ecs:GetTaskProtection', 'ecs:UpdateTaskProtection'], [tasks], { ArnEquals: { 'ecs:cluster': cluster } });
  acknowledge(role, {
    [`IAM5[Resource::arn:<AWS::Partition>:ecs:<AWS::Region>:<AWS::AccountId>:task/${name}/*]`]:
      "a task's id is known only when it runs; the cluster is named, and holds only this deployment",
  });
}

/**
 * A slot is signed with the router's own rights, so the router needs the right to put. Files are removed with their account or
 * tenant, so it lists and deletes. It does not read files.
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
      'files are named when they are uploaded; the bucket holds nothing else',
  });
}

/** What is sealed for the domain of a tenant alone: keys of certificates. */
const ofCertificates = {
  StringNotLike: { 'kms:EncryptionContext:domain': ['#*', `${dialback} *`, `${tokens} *`] },
  Null: { 'kms:EncryptionContext:domain': 'false' },
};

/** Opens keys of certificates. What is sealed for the deployment itself (`#acme`), for other servers or for tokens belongs to others. */
export function grantUnseal(role: Role, key: IKey): void {
  allow(role, ['kms:Decrypt'], [key.keyArn], ofCertificates);
}

/** Seals keys of certificates that somebody gives, and cannot open them again. */
export function grantSealCertificates(role: Role, key: IKey): void {
  allow(role, ['kms:GenerateDataKey'], [key.keyArn], ofCertificates);
}

/** Makes and opens the secrets of tenants towards other servers (lib/s2s/dialback-secrets.ts). */
export function grantDialback(role: Role, key: IKey): void {
  allow(role, ['kms:Decrypt', 'kms:GenerateDataKey'], [key.keyArn], {
    StringLike: { 'kms:EncryptionContext:domain': `${dialback} *` },
  });
}

/** Makes and opens what the sign-in tokens of tenants are made of (services/router/sasl/tokens.ts). */
export function grantTokens(role: Role, key: IKey): void {
  allow(role, ['kms:Decrypt', 'kms:GenerateDataKey'], [key.keyArn], {
    StringLike: { 'kms:EncryptionContext:domain': `${tokens} *` },
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
