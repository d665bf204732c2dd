/** A cell is these four stacks, named in the order in which they are deployed (docs/architecture.md, docs/deploy.md). */
import { type App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { AppStack } from './app-stack.ts';
import { DataStack } from './data-stack.ts';
import { NetStack } from './net-stack.ts';
import { readSettings } from './settings.ts';
import { WebStack } from './web-stack.ts';

export interface Cell {
  readonly data: DataStack;
  readonly net: NetStack;
  readonly web: WebStack;
  readonly app: AppStack;
}

/** Synthesis fails on any finding of cdk-nag that has no stated reason. @throws {SettingError} */
export function buildCell(scope: App): Cell {
  const settings = readSettings(scope.node);
  Validations.of(scope).addPlugins(new AwsSolutionsChecks(scope, { verbose: true }));
  const data = new DataStack(scope, `${settings.name}-data`, { settings, description: 'Skylark: tables, files, keys' });
  const net = new NetStack(scope, `${settings.name}-net`, {
    settings,
    data,
    description: 'Skylark: network, load balancer, bus',
  });
  const web = new WebStack(scope, `${settings.name}-web`, {
    ...{ settings, data, net },
    description: 'Skylark: pages and certificates',
  });
  const app = new AppStack(scope, `${settings.name}-app`, {
    ...{ settings, data, net, web },
    description: 'Skylark: services',
  });
  return { data, net, web, app };
}
