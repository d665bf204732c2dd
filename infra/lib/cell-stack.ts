/** What all stacks of a cell share. */
import { Fn, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Settings } from './settings.ts';

export interface CellProps extends StackProps {
  readonly settings: Settings;
}

const zoneCount = 3;

export class CellStack extends Stack {
  readonly settings: Settings;

  constructor(scope: Construct, id: string, { settings, ...props }: CellProps) {
    super(scope, id, { ...props, terminationProtection: true });
    this.settings = settings;
    Tags.of(this).add('skylark:deployment', settings.name);
  }

  /** Three zones in any account; without this and without a look-up the CDK would use two. */
  override get availabilityZones(): string[] {
    return Array.from({ length: zoneCount }, (_, index) => Fn.select(index, Fn.getAzs()));
  }
}
