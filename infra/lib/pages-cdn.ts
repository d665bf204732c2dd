/**
 * The pages, near the people who open them. Files of the web client are kept at the edge as long as the function says; pages are not, and
 * nothing of the console and the API is.
 */
import { type SecretValue, Stack } from 'aws-cdk-lib';
import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import {
  AllowedMethods,
  type BehaviorOptions,
  CachePolicy,
  Distribution,
  Function as EdgeFunction,
  FunctionCode,
  FunctionEventType,
  FunctionRuntime,
  HttpVersion,
  OriginRequestPolicy,
  SecurityPolicyProtocol,
  ViewerProtocolPolicy,
} from 'aws-cdk-lib/aws-cloudfront';
import { HttpOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import { CloudFrontTarget } from 'aws-cdk-lib/aws-route53-targets';
import { Construct } from 'constructs';
import { frontHeaders } from '../../lib/runtime/front-headers.ts';
import { acknowledge } from './acknowledge.ts';
import { DnsName } from './dns-names.ts';
import { frontFunction } from './front-function.ts';
import type { Settings } from './settings.ts';

/** What tasks serve, and not the function of the pages. */
export const frontPaths = ['/console*', '/invite/*', '/reset/*', '/people/*'] as const;
/** Programs have keys, which a redirect would have sent in the clear before. */
export const apiPaths = ['/api*'] as const;

interface PagesCdnProps {
  readonly settings: Settings;
  readonly api: HttpApi;
  /** Before the tasks of the console and the API, and by what these know the CDN. */
  readonly front: { readonly api: HttpApi; readonly key: SecretValue };
}

export class PagesCdn extends Construct {
  /** The host of the pages. */
  readonly host: string;

  constructor(scope: Construct, id: string, { api, front, settings }: PagesCdnProps) {
    super(scope, id);
    const { webDomain, webCertificate } = settings;
    const behavior = {
      origin: new HttpOrigin(this.#hostOf(api)),
      allowedMethods: AllowedMethods.ALLOW_GET_HEAD_OPTIONS,
      viewerProtocolPolicy: ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
    };
    const distribution = new Distribution(this, 'Distribution', {
      comment: `Pages of ${settings.name}`,
      defaultBehavior: {
        ...behavior,
        cachePolicy: CachePolicy.CACHING_DISABLED,
        // The API answers to its own name only.
        originRequestPolicy: OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
      },
      additionalBehaviors: {
        '/client/*': { ...behavior, cachePolicy: CachePolicy.CACHING_OPTIMIZED },
        ...this.#behaviorsOf(front),
      },
      httpVersion: HttpVersion.HTTP2_AND_3,
      ...(webDomain !== undefined && {
        domainNames: [webDomain],
        minimumProtocolVersion: SecurityPolicyProtocol.TLS_V1_2_2021,
        certificate: Certificate.fromCertificateArn(this, 'Certificate', webCertificate!),
      }),
    });
    acknowledge(distribution, {
      CFR1: 'users of a messaging service may be anywhere',
      CFR2: 'the pages take no input but the name of the host, and the tasks of the console and the API bound what they take themselves',
      CFR3: 'the HTTP APIs behind it log what reaches function and tasks; the rest are files of the web client, the same for everybody',
      ...(webDomain === undefined && {
        CFR4: 'the name and certificate of the CDN itself, which set the TLS version, are used unless -c webDomain names another domain',
      }),
    });
    if (webDomain !== undefined)
      new DnsName(this, 'Name', { settings, name: webDomain, target: new CloudFrontTarget(distribution), isDualStack: true });
    this.host = webDomain ?? distribution.distributionDomainName;
  }

  #hostOf({ apiId }: HttpApi): string {
    const { region, urlSuffix } = Stack.of(this);
    return `${apiId}.execute-api.${region}.${urlSuffix}`;
  }

  #behaviorsOf({ api, key }: PagesCdnProps['front']): Readonly<Record<string, BehaviorOptions>> {
    const tellsWhoAsks = new EdgeFunction(this, 'WhoAsks', {
      comment: 'Tells the tasks of the console and the API who asks',
      runtime: FunctionRuntime.JS_2_0,
      code: FunctionCode.fromInline(frontFunction),
    });
    const behavior = {
      origin: new HttpOrigin(this.#hostOf(api), { customHeaders: { [frontHeaders.key]: key.unsafeUnwrap() } }),
      allowedMethods: AllowedMethods.ALLOW_ALL,
      cachePolicy: CachePolicy.CACHING_DISABLED,
      originRequestPolicy: OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
      functionAssociations: [{ eventType: FunctionEventType.VIEWER_REQUEST, function: tellsWhoAsks }],
    };
    return Object.fromEntries([
      ...frontPaths.map((path) => [path, { ...behavior, viewerProtocolPolicy: ViewerProtocolPolicy.REDIRECT_TO_HTTPS }] as const),
      ...apiPaths.map((path) => [path, { ...behavior, viewerProtocolPolicy: ViewerProtocolPolicy.HTTPS_ONLY }] as const),
    ]);
  }
}
