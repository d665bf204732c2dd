/**
 * Certificates of tenants by ACME (DNS-01), looked at twice a day: the function orders what is missing or about to expire, proves the
 * domain with a record in the zone that `_acme-challenge.DOMAIN` points into, and keeps the key in `core`, encrypted.
 */
import { Duration, Stack } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { Role } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import type { DataStack } from './data-stack.ts';
import { SkylarkFunction } from './function.ts';
import { allow, grantRows, grantSeal } from './grants.ts';
import { rightsOf } from './rights.ts';
import type { Settings } from './settings.ts';

export class CertificateRenewal extends Construct {
  constructor(scope: Construct, id: string, { data, settings }: { readonly data: DataStack; readonly settings: Settings }) {
    super(scope, id);
    const zoneId = settings.challengeZoneId ?? settings.hostedZoneId!;
    const zoneName = settings.challengeZoneName ?? settings.hostedZoneName!;
    const renewal = new SkylarkFunction(this, 'Renewal', {
      settings,
      bundle: 'certificates-lambda',
      description: 'orders and renews certificates',
      memoryMiB: 512,
      timeout: Duration.minutes(15),
      environment: {
        SKYLARK_DYNAMODB: 'aws',
        SKYLARK_REGION: Stack.of(this).region,
        SKYLARK_TABLE_PREFIX: settings.tablePrefix,
        SKYLARK_KMS: 'aws',
        SKYLARK_KMS_KEY: data.certificateKey.keyArn,
        SKYLARK_ACME: settings.acmeDirectory,
        SKYLARK_ACME_EMAIL: settings.acmeEmail!,
        SKYLARK_DNS: 'aws',
        SKYLARK_DNS_ZONE: zoneName,
        SKYLARK_DNS_ZONE_ID: zoneId,
      },
      alerts: data.alerts,
    });
    grantRows(renewal.role, data.tables, rightsOf(['certificates']));
    grantSeal(renewal.role, data.certificateKey);
    this.#grantChallenges(renewal.role, zoneId);
    new Rule(this, 'Schedule', {
      description: 'Certificates are looked at',
      schedule: Schedule.rate(Duration.hours(12)),
      targets: [new LambdaFunction(renewal.function, { retryAttempts: 2 })],
    });
  }

  /** TXT records of that zone, and no others. */
  #grantChallenges(role: Role, zoneId: string): void {
    const { partition } = Stack.of(this);
    allow(role, ['route53:ChangeResourceRecordSets'], [`arn:${partition}:route53:::hostedzone/${zoneId}`], {
      'ForAllValues:StringEquals': { 'route53:ChangeResourceRecordSetsRecordTypes': ['TXT'] },
      Null: { 'route53:ChangeResourceRecordSetsRecordTypes': 'false' },
    });
    allow(role, ['route53:ListResourceRecordSets'], [`arn:${partition}:route53:::hostedzone/${zoneId}`]);
    allow(role, ['route53:GetChange'], [`arn:${partition}:route53:::change/*`]);
    acknowledge(role, {
      'IAM5[Resource::arn:<AWS::Partition>:route53:::change/*]': 'a change has an id that Route 53 makes up; it can only be read',
    });
  }
}
