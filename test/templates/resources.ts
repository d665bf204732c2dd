/** Makes tables, bucket and key at moto as the templates say, and tells what came of it. */
import {
  CreateTableCommand,
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  UpdateContinuousBackupsCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { CreateKeyCommand, EnableKeyRotationCommand, KMSClient } from '@aws-sdk/client-kms';
import {
  CreateBucketCommand,
  PutBucketCorsCommand,
  PutBucketEncryptionCommand,
  PutPublicAccessBlockCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { Json } from '../../infra/test/context.ts';
import type { Templates } from './templates.ts';
import type { Place } from './values.ts';

/** One table, as the engine describes it. */
export interface TableState {
  readonly name: string;
  readonly expiresBy: string | undefined;
  readonly isRecoverable: boolean;
  readonly isProtected: boolean;
}

export interface Resources {
  readonly bucket: string;
  readonly tables: readonly TableState[];
}

/** Tells the templates' values of everything that it makes. @param endpoint that of moto itself */
export async function makeResources(templates: Templates, endpoint: string, { region, account }: Place): Promise<Resources> {
  const options = { region, endpoint, credentials: { accessKeyId: 'stacks', secretAccessKey: 'stacks' } };
  const { values } = templates;
  const dynamo = new DynamoDBClient(options);
  const tables = await Promise.all(
    templates.resources('data', 'AWS::DynamoDB::GlobalTable').map(([id, table]) => {
      values.made('data', id, 'Ref', table.TableName);
      values.made('data', id, 'Arn', `arn:aws:dynamodb:${region}:${account}:table/${table.TableName}`);
      return makeTable(dynamo, table);
    }),
  );
  dynamo.destroy();
  const kms = new KMSClient(options);
  for (const [id, key] of templates.resources('data', 'AWS::KMS::Key')) {
    const { KeyMetadata } = await kms.send(
      new CreateKeyCommand({ Description: key.Description, Policy: JSON.stringify(key.KeyPolicy) }),
    );
    if (key.EnableKeyRotation) await kms.send(new EnableKeyRotationCommand({ KeyId: KeyMetadata!.KeyId }));
    values.made('data', id, 'Ref', KeyMetadata!.KeyId!);
    values.made('data', id, 'Arn', KeyMetadata!.Arn!);
  }
  kms.destroy();
  const s3 = new S3Client({ ...options, forcePathStyle: true });
  const [[id, bucket]] = templates.resources('data', 'AWS::S3::Bucket') as [[string, Json]];
  await makeBucket(s3, bucket, region);
  s3.destroy();
  values.made('data', id, 'Ref', bucket.BucketName);
  values.made('data', id, 'Arn', `arn:aws:s3:::${bucket.BucketName}`);
  values.made('data', id, 'RegionalDomainName', `${bucket.BucketName}.s3.${region}.amazonaws.com`);
  return { bucket: bucket.BucketName, tables };
}

async function makeTable(dynamo: DynamoDBClient, table: Json): Promise<TableState> {
  const { TableName, AttributeDefinitions, KeySchema, BillingMode, TimeToLiveSpecification } = table;
  const [{ DeletionProtectionEnabled, PointInTimeRecoverySpecification }] = table.Replicas;
  await dynamo.send(
    new CreateTableCommand({ TableName, AttributeDefinitions, KeySchema, BillingMode, DeletionProtectionEnabled }),
  );
  await dynamo.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }));
  await dynamo.send(new UpdateContinuousBackupsCommand({ TableName, PointInTimeRecoverySpecification }));
  const { Table } = await dynamo.send(new DescribeTableCommand({ TableName }));
  const { TimeToLiveDescription: expiry } = await dynamo.send(new DescribeTimeToLiveCommand({ TableName }));
  const { ContinuousBackupsDescription: backups } = await dynamo.send(new DescribeContinuousBackupsCommand({ TableName }));
  return {
    name: TableName,
    expiresBy: expiry?.TimeToLiveStatus === 'ENABLED' ? expiry.AttributeName : undefined,
    isRecoverable: backups?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus === 'ENABLED',
    isProtected: Table?.DeletionProtectionEnabled === true,
  };
}

async function makeBucket(s3: S3Client, bucket: Json, LocationConstraint: string): Promise<void> {
  const { BucketName: Bucket, PublicAccessBlockConfiguration, CorsConfiguration, BucketEncryption } = bucket;
  await s3.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint } as Json }));
  await s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration }));
  const rules = BucketEncryption.ServerSideEncryptionConfiguration.map(({ ServerSideEncryptionByDefault: preset }: Json) => ({
    ApplyServerSideEncryptionByDefault: preset,
  }));
  await s3.send(new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: { Rules: rules } }));
  const CORSRules = CorsConfiguration.CorsRules.map(({ MaxAge, ...rule }: Json) => ({ ...rule, MaxAgeSeconds: MaxAge }));
  await s3.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules } }));
}
