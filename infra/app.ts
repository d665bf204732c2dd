/** The program that `cdk synth` and `cdk deploy` run; its output goes into cdk.out. */
import { App } from 'aws-cdk-lib';
import { buildCell } from './lib/cell.ts';
import { SettingError } from './lib/settings.ts';

try {
  const app = new App();
  buildCell(app);
  app.synth();
} catch (error) {
  if (!(error instanceof SettingError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
