/** The pages, near the people who open them. Files of the web client are kept at the edge as long as the function says; pages are not. */
import { Stack } from 'aws-cdk-lib';
import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import {
  AllowedMethods,
  CachePolicy,
  Distribution,
  HttpVersion,
  OriginRequestPolicy,
  SecurityPolicyProtocol,
  ViewerProtocolPolicy,
} from 'aws-cdk-lib/aws-cloudfront';
import { HttpOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import { CloudFrontTarget } from 'aws-cdk-lib/aws-route53-targets';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { DnsName } from './dns-names.ts';
import type { Settings } from './settings.ts';

export class PagesCdn extends Construct {
  /** The host of the pages. */
  readonly host: string;

  constructor(scope: Construct, id: string, { api, settings }: { readonly api: HttpApi; readonly settings: Settings }) {
    super(scope, id);
    const { webDomain, webCertificate } = settings;
    const { region, urlSuffix } = Stack.of(this);
    const behavior = {
      origin: new HttpOrigin(`${api.apiId}.execute-api.${region}.${urlSuffix}`),
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
      additionalBehaviors: { '/client/*': { ...behavior, cachePolicy: CachePolicy.CACHING_OPTIMIZED } },
      httpVersion: HttpVersion.HTTP2_AND_3,
      ...(webDomain !== undefined && {
        domainNames: [webDomain],
        minimumProtocolVersion: SecurityPolicyProtocol.TLS_V1_2_2021,
        certificate: Certificate.fromCertificateArn(this, 'Certificate', webCertificate!),
      }),
    });
    acknowledge(distribution, {
      CFR1: 'users of a messaging service may be anywhere',
      CFR2: 'the pages take no input but the name of the host, so a firewall would have nothing to filter',
      CFR3: 'the HTTP API behind it logs what reaches the function; the rest are files of the web client, the same for everybody',
      ...(webDomain === undefined && {
        CFR4: 'the name and certificate of the CDN itself, which set the TLS version, are used unless -c webDomain names another domain',
      }),
    });
    if (webDomain !== undefined)
      new DnsName(this, 'Name', { settings, name: webDomain, target: new CloudFrontTarget(distribution), isDualStack: true });
    this.host = webDomain ?? distribution.distributionDomainName;
  }
}
