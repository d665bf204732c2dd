/** What runs on request: the pages (host-meta, the web client) as a function behind an HTTP API and a CDN, certificate renewal, the canary. */
import { CfnOutput, Duration, RemovalPolicy } from 'aws-cdk-lib';
import { HttpApi, LogGroupLogDestination } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { Canary } from './canary.ts';
import { type CellProps, CellStack } from './cell-stack.ts';
import { CertificateRenewal } from './certificate-renewal.ts';
import type { DataStack } from './data-stack.ts';
import { SkylarkFunction } from './function.ts';
import { grantRows } from './grants.ts';
import { PagesCdn } from './pages-cdn.ts';
import { rightsOf } from './rights.ts';
import { challengeZone } from './settings.ts';

interface WebProps extends CellProps {
  readonly data: DataStack;
}

/** All functions of an account share one bound on concurrency, which the pages must not use up. */
const requestsPerSecond = 200;
const requestsAtOnce = 400;

export class WebStack extends CellStack {
  constructor(scope: Construct, id: string, { data, ...props }: WebProps) {
    super(scope, id, props);
    const { settings } = this;
    const pages = new SkylarkFunction(this, 'Pages', {
      settings,
      bundle: 'web-lambda',
      description: 'host-meta and the web client',
      memoryMiB: 512,
      timeout: Duration.seconds(15),
      environment: {
        SKYLARK_DYNAMODB: 'aws',
        SKYLARK_REGION: this.region,
        SKYLARK_TABLE_PREFIX: settings.tablePrefix,
        SKYLARK_DOMAIN: settings.domains[0],
        SKYLARK_WEBSOCKET_URL: `wss://${settings.host}/xmpp-websocket`,
        SKYLARK_FILES_ORIGINS: [`https://${data.files.bucketRegionalDomainName}`, data.filesUrl.replace(/\/$/, '')].join(' '),
      },
      alerts: data.alerts,
    });
    grantRows(pages.role, data.tables, rightsOf(['web']));
    const { host } = new PagesCdn(this, 'PagesCdn', { api: this.#api(pages), settings });
    new CfnOutput(this, 'PagesUrl', { value: `https://${host}/`, description: 'the web client, and /.well-known/host-meta' });
    if (settings.certificates === 'acme') {
      const { functionName } = new CertificateRenewal(this, 'Certificates', { data, settings });
      new CfnOutput(this, 'Renewal', { value: functionName, description: 'the function that orders and renews certificates' });
    }
    if (settings.canary !== 'none') {
      const { functionName } = new Canary(this, 'Canary', { data, settings });
      new CfnOutput(this, 'CanaryFunction', { value: functionName, description: 'the function that signs in as a client does' });
      new CfnOutput(this, 'CanaryAccount', {
        value: `npx skylark user add ${settings.canary}@${settings.domains[0]} --dynamodb aws --region ${this.region} --table-prefix ${settings.tablePrefix}`,
        description: 'makes the account of the canary; any password will do, since the function makes its own',
      });
    }
    this.#tellRecords(host);
  }

  /**
   * The commands that print the records of each domain, and of the host, because browsers open streams to it and need a
   * certificate.
   */
  #tellRecords(webHost: string): void {
    const { domains, host, serversHost, certificates } = this.settings;
    const zone = certificates === 'acme' ? ` --acme-zone ${challengeZone(this.settings).name}` : '';
    for (const [index, domain] of [...new Set([...domains, host])].entries()) {
      const value = `npx skylark dns ${domain} --target ${host} --federation --servers-target ${serversHost} --web-host ${webHost} --websocket-host ${host}${zone}`;
      new CfnOutput(this, `Records${index + 1}`, { value, description: `prints the records of ${domain}` });
    }
  }

  #api(pages: SkylarkFunction): HttpApi {
    const { name, logDays } = this.settings;
    const api = new HttpApi(this, 'Api', {
      description: `Pages of ${name}`,
      createDefaultStage: false,
      defaultIntegration: new HttpLambdaIntegration('Pages', pages.function),
    });
    acknowledge(api, { APIG4: 'host-meta and the web client serve people who have not signed in yet' });
    const log = new LogGroup(this, 'AccessLog', { retention: logDays, removalPolicy: RemovalPolicy.RETAIN });
    api.addStage('Stage', {
      stageName: '$default',
      autoDeploy: true,
      throttle: { rateLimit: requestsPerSecond, burstLimit: requestsAtOnce },
      accessLogSettings: { destination: new LogGroupLogDestination(log) },
    });
    return api;
  }
}
