/**
 * What must outlive everything else: tables, files, keys. They are retained when the stack goes, and protected from deletion.
 *
 * The CDN is in this stack, beside the bucket that only it may read: in separate stacks, bucket policy and distribution would
 * each need the other's stack first.
 */
import { CfnOutput, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AttributeType, Billing, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { AnyPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption, HttpMethods, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { Alerts } from './alerts.ts';
import { type CellProps, CellStack } from './cell-stack.ts';
import { FilesCdn } from './files-cdn.ts';
import type { Table } from './rights.ts';
import type { Settings } from './settings.ts';
import { UploadsCdn } from './uploads-cdn.ts';

export class DataStack extends CellStack {
  /** In this stack because all other stacks send their alarms here. */
  readonly alerts: Alerts;
  readonly tables: Readonly<Record<Table, TableV2>>;
  readonly files: Bucket;
  /** The URL ends with a slash. */
  readonly filesUrl: string;
  /** Where clients put files: that of the CDN, or of the bucket itself. The URL ends with a slash. */
  readonly uploadsUrl: string;
  /** Encrypts the private keys of tenants' certificates, which are rows of `core`. */
  readonly certificateKey: Key;

  constructor(scope: Construct, id: string, props: CellProps) {
    super(scope, id, props);
    const { settings } = this;
    this.alerts = new Alerts(this, 'Alerts', settings);
    this.tables = {
      core: this.#table('Core', 'core', true),
      archive: this.#table('Archive', 'archive', true),
      // `live` is not backed up: sessions and heartbeats mean nothing after a restore.
      live: this.#table('Live', 'live', false),
    };
    this.certificateKey = new Key(this, 'CertificateKey', {
      alias: `${settings.name}-certificates`,
      description: 'Encrypts the private keys of tenants’ certificates',
      enableKeyRotation: true,
      pendingWindow: Duration.days(30),
      removalPolicy: RemovalPolicy.RETAIN,
    });
    this.files = filesBucket(this, settings);
    this.filesUrl = new FilesCdn(this, 'FilesCdn', { bucket: this.files, settings }).url;
    this.uploadsUrl =
      settings.uploads === 'cdn'
        ? new UploadsCdn(this, 'UploadsCdn', { bucket: this.files, settings }).url
        : `https://${this.files.bucketRegionalDomainName}/`;
    if (settings.uploads === 'cdn') writeOnce(this.files);
    this.#tell();
  }

  #tell(): void {
    const { domains, host, tablePrefix, shape } = this.settings;
    new CfnOutput(this, 'FilesUrl', { value: this.filesUrl, description: 'the URL from which uploaded files are read' });
    new CfnOutput(this, 'CertificateKeyArn', {
      value: this.certificateKey.keyArn,
      description: 'the key that seals private keys, for --kms-key',
    });
    // The one task of the shape `small` makes the first domain a tenant by itself, so the command would fail.
    const names = [...new Set([...domains, host])].slice(shape === 'small' ? 1 : 0);
    for (const [index, domain] of names.entries()) {
      const value = `npx skylark tenant add ${domain} --dynamodb aws --region ${this.region} --table-prefix ${tablePrefix}`;
      new CfnOutput(this, `Tenant${index + 1}`, { value, description: `makes ${domain} a tenant` });
    }
  }

  /** The same table as lib/adapters/dynamodb-tables.ts makes where there are no stacks. */
  #table(id: string, table: Table, isBackedUp: boolean): TableV2 {
    const { tablePrefix, warmReads, warmWrites } = this.settings;
    return new TableV2(this, id, {
      tableName: `${tablePrefix}${table}`,
      partitionKey: { name: 'p', type: AttributeType.STRING },
      sortKey: { name: 's', type: AttributeType.STRING },
      timeToLiveAttribute: 'e',
      billing: Billing.onDemand(),
      encryption: TableEncryptionV2.dynamoOwnedKey(),
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: isBackedUp },
      ...((warmReads > 0 || warmWrites > 0) && {
        warmThroughput: {
          ...(warmReads > 0 && { readUnitsPerSecond: warmReads }),
          ...(warmWrites > 0 && { writeUnitsPerSecond: warmWrites }),
        },
      }),
    });
  }
}

/**
 * The name is chosen here and not by AWS, so that roles can name the bucket, and a new stack can take over the files of an old
 * one.
 */
export function filesBucketName({ account, region }: Stack, { name }: Settings): string {
  return `${name}-files-${account}-${region}`;
}

/** How long a file can be brought back that was written over or removed. With it ends what an erasure has left. */
const versionDays = 7;

/** Nobody may put where something is, whatever rights of their own they have: not even who has taken a router. */
function writeOnce(bucket: Bucket): void {
  bucket.addToResourcePolicy(
    new PolicyStatement({
      effect: Effect.DENY,
      principals: [new AnyPrincipal()],
      actions: ['s3:PutObject'],
      resources: [bucket.arnForObjects('*')],
      conditions: { Null: { 's3:if-none-match': 'true' } },
    }),
  );
}

/** Clients put files with URLs that a router has signed (XEP-0363), from any origin. Only the CDN reads from the bucket. */
function filesBucket(scope: Construct, settings: Settings): Bucket {
  const { retentionDays } = settings;
  const bucket = new Bucket(scope, 'Files', {
    bucketName: filesBucketName(Stack.of(scope), settings),
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    encryption: BucketEncryption.S3_MANAGED,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    removalPolicy: RemovalPolicy.RETAIN,
    // Nobody who may put or remove may delete a version: what was there first comes back.
    versioned: true,
    cors: [
      {
        allowedOrigins: ['*'],
        allowedMethods: [HttpMethods.PUT],
        allowedHeaders: ['content-type', 'content-length'],
        maxAge: 3_600,
      },
    ],
    lifecycleRules: [
      { id: 'unfinished', abortIncompleteMultipartUploadAfter: Duration.days(1) },
      { id: 'versions', noncurrentVersionExpiration: Duration.days(versionDays), expiredObjectDeleteMarker: true },
      ...(retentionDays > 0 ? [{ id: 'retention', expiration: Duration.days(retentionDays) }] : []),
    ],
  });
  acknowledge(bucket, {
    S1: 'the link is the only secret of a file (XEP-0363), so a log of links would open every file',
  });
  return bucket;
}
