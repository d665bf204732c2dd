/**
 * Certificates of tenants by ACME (DNS-01), checked every hour. The function orders certificates that are missing or about to
 * expire, proves the domain with a record in the zone that `_acme-challenge.DOMAIN` points into, and keeps the key in `core`,
 * encrypted.
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
import { challengeZone, type Settings } from './settings.ts';

export class CertificateRenewal extends Construct {
  readonly functionName: string;

  constructor(scope: Construct, id: string, { data, settings }: { readonly data: DataStack; readonly settings: Settings }) {
    super(scope, id);
    const zone = challengeZone(settings);
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
        SKYLARK_DNS_ZONE: zone.name,
        SKYLARK_DNS_ZONE_ID: zone.id,
      },
      alerts: data.alerts,
    });
    this.functionName = renewal.function.functionName;
    grantRows(renewal.role, data.tables, rightsOf(['certificates']));
    grantSeal(renewal.role, data.certificateKey);
    this.#grantChallenges(renewal.role, zone.id);
    new Rule(this, 'Schedule', {
      description: 'Checks certificates',
      enabled: !settings.paused,
      // A new tenant waits at most this long for its first certificate. For renewals alone, a day would do.
      schedule: Schedule.rate(Duration.hours(1)),
      targets: [new LambdaFunction(renewal.function, { retryAttempts: 2 })],
    });
  }

  /** Allows changes of TXT records in that zone, and nothing else. */
  #grantChallenges(role: Role, zoneId: string): void {
    const { partition } = Stack.of(this);
    allow(role, ['route53:ChangeResourceRecordSets'], [`arn:${partition}:route53:::hostedzone/${zoneId}`], {
      'ForAllValues:StringEquals': { 'route53:ChangeResourceRecordSetsRecordTypes': ['TXT'] },
      Null: { 'route53:ChangeResourceRecordSetsRecordTypes': 'false' },
    });
    allow(role, ['route53:ListResourceRecordSets'], [`arn:${partition}:route53:::hostedzone/${zoneId}`]);
    allow(role, ['route53:GetChange'], [`arn:${partition}:route53:::change/*`]);
    acknowledge(role, {
      'IAM5[Resource::arn:<AWS::Partition>:route53:::change/*]': 'Route 53 chooses the id of a change, which can only be read',
    });
  }
}
