/** DNS names of the cell itself in the hosted zone, if there is one. `skylark dns` prints the records of tenants' domains. */
import { AaaaRecord, ARecord, HostedZone, type IAliasRecordTarget, RecordTarget } from 'aws-cdk-lib/aws-route53';
import { Construct } from 'constructs';
import type { Settings } from './settings.ts';

interface NameProps {
  readonly settings: Settings;
  readonly name: string;
  readonly target: IAliasRecordTarget;
  readonly isDualStack?: boolean;
}

export class DnsName extends Construct {
  constructor(scope: Construct, id: string, { settings, name, target, isDualStack = false }: NameProps) {
    super(scope, id);
    const { hostedZoneId, hostedZoneName } = settings;
    if (hostedZoneId === undefined || hostedZoneName === undefined) return;
    if (name !== hostedZoneName && !name.endsWith(`.${hostedZoneName}`)) return;
    const zone = HostedZone.fromHostedZoneAttributes(this, 'Zone', { hostedZoneId, zoneName: hostedZoneName });
    const record = { zone, recordName: `${name}.`, target: RecordTarget.fromAlias(target) };
    new ARecord(this, 'Address', record);
    if (isDualStack) new AaaaRecord(this, 'Address6', record);
  }
}
