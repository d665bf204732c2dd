/**
 * What runs on request, and the way to what is served by tasks: the pages (host-meta, the web client) as a function, the console and the REST
 * API through the link into the network, each behind an HTTP API and all behind one CDN; certificate renewal; the canary.
 */
import { CfnOutput, Duration, RemovalPolicy } from 'aws-cdk-lib';
import { HttpApi, type HttpRouteIntegration, LogGroupLogDestination } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration, HttpServiceDiscoveryIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { Alarm, ComparisonOperator, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { Canary } from './canary.ts';
import { type CellProps, CellStack } from './cell-stack.ts';
import { CertificateRenewal } from './certificate-renewal.ts';
import type { DataStack } from './data-stack.ts';
import { SkylarkFunction } from './function.ts';
import { grantRows } from './grants.ts';
import type { NetStack } from './net-stack.ts';
import { PagesCdn } from './pages-cdn.ts';
import { rightsOf } from './rights.ts';
import { challengeZone } from './settings.ts';

interface WebProps extends CellProps {
  readonly data: DataStack;
  readonly net: NetStack;
}

interface Rate {
  readonly rateLimit: number;
  readonly burstLimit: number;
}

/** All functions of an account share one bound on concurrency, which the pages must not use up. */
const pagesRate: Rate = { rateLimit: 200, burstLimit: 400 };
/** Two of the least tasks answer as many. Each person, key and address has a rate of its own there. */
const frontRate: Rate = { rateLimit: 100, burstLimit: 200 };
/** As many requests of the console and the API may fail in five minutes. */
const frontErrorsMax = 10;

export class WebStack extends CellStack {
  /** The host of the pages, the console and the API. */
  readonly host: string;
  /** By what the tasks of the console and the API know the CDN. */
  readonly frontKey: Secret;

  constructor(scope: Construct, id: string, { data, net, ...props }: WebProps) {
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
        SKYLARK_FILES_ORIGINS: [data.uploadsUrl, data.filesUrl].map((url) => url.replace(/\/$/, '')).join(' '),
      },
      alerts: data.alerts,
    });
    grantRows(pages.role, data.tables, rightsOf(['web']));
    this.frontKey = this.#frontKey();
    const front = this.#front(net, data);
    this.host = new PagesCdn(this, 'PagesCdn', {
      ...{ api: this.#pages(pages), settings },
      front: { api: front, key: this.frontKey.secretValue },
    }).host;
    new CfnOutput(this, 'PagesUrl', {
      value: `https://${this.host}/`,
      description: 'the web client, /.well-known/host-meta, the console at /console, and the REST API at /api',
    });
    if (settings.certificates === 'acme') {
      const { functionName } = new CertificateRenewal(this, 'Certificates', { data, settings });
      new CfnOutput(this, 'Renewal', { value: functionName, description: 'the function that orders and renews certificates' });
    }
    if (settings.canary !== 'none') {
      const { functionName } = new Canary(this, 'Canary', { data, settings, webHost: this.host });
      new CfnOutput(this, 'CanaryFunction', { value: functionName, description: 'the function that signs in as a client does' });
      new CfnOutput(this, 'CanaryAccount', {
        value: `npx skylark user add ${settings.canary}@${settings.domains[0]} ${this.#tables}`,
        description: 'makes the account of the canary; any password will do, since the function makes its own',
      });
    }
    new CfnOutput(this, 'Console', {
      value: `npx skylark console ${this.#tables}`,
      description: 'prints a link that opens the console once, for the whole deployment',
    });
    this.#tellRecords();
  }

  get #tables(): string {
    return `--dynamodb aws --region ${this.region} --table-prefix ${this.settings.tablePrefix}`;
  }

  /**
   * The commands that print the records of each domain, and of the host, because browsers open streams to it and need a
   * certificate.
   */
  #tellRecords(): void {
    const { domains, host, serversHost, certificates } = this.settings;
    const zone = certificates === 'acme' ? ` --acme-zone ${challengeZone(this.settings).name}` : '';
    for (const [index, domain] of [...new Set([...domains, host])].entries()) {
      const value = `npx skylark dns ${domain} --target ${host} --federation --servers-target ${serversHost} --web-host ${this.host} --websocket-host ${host}${zone}`;
      new CfnOutput(this, `Records${index + 1}`, { value, description: `prints the records of ${domain}` });
    }
  }

  #pages(pages: SkylarkFunction): HttpApi {
    const api = this.#api('', `Pages of ${this.settings.name}`, new HttpLambdaIntegration('Pages', pages.function), pagesRate);
    acknowledge(api, { APIG4: 'host-meta and the web client serve people who have not signed in yet' });
    return api;
  }

  /** Another number makes another secret: what CloudFormation has put into the CDN stays until what it refers to changes. */
  #frontKey(): Secret {
    const key = new Secret(this, `FrontKey${this.settings.frontKey}`, {
      description: 'Skylark: by what the tasks of the console and the API know the CDN',
      generateSecretString: { passwordLength: 64, excludePunctuation: true },
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acknowledge(key, { SMG4: 'the CDN is given a new key by an update of its stack, which -c frontKey=N does' });
    return key;
  }

  #front(net: NetStack, data: DataStack): HttpApi {
    const { link: vpcLink, service } = net.front;
    const toTasks = new HttpServiceDiscoveryIntegration('Front', service, { vpcLink });
    const api = this.#api('Front', `Console and REST API of ${this.settings.name}`, toTasks, frontRate);
    acknowledge(api, { APIG4: 'the tasks answer the CDN alone, and ask people for a session and programs for a key' });
    const errors = new Alarm(this, 'FrontErrors', {
      metric: api.metricServerError({ period: Duration.minutes(5), statistic: Stats.SUM }),
      threshold: frontErrorsMax,
      evaluationPeriods: 2,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
      actionsEnabled: !this.settings.paused,
      alarmDescription: 'the console or the REST API fails, or no task answers',
    });
    data.alerts.hear(errors);
    return api;
  }

  #api(id: '' | 'Front', description: string, defaultIntegration: HttpRouteIntegration, throttle: Rate): HttpApi {
    const { logDays } = this.settings;
    const api = new HttpApi(this, `${id}Api`, { description, createDefaultStage: false, defaultIntegration });
    const log = new LogGroup(this, `${id}AccessLog`, { retention: logDays, removalPolicy: RemovalPolicy.RETAIN });
    api.addStage('Stage', {
      stageName: '$default',
      autoDeploy: true,
      throttle,
      accessLogSettings: { destination: new LogGroupLogDestination(log) },
    });
    return api;
  }
}
