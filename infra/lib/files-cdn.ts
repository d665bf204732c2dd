/**
 * Uploaded files, served from an origin of their own: whatever somebody uploads, a browser saves it and never runs it.
 */
import { Duration } from 'aws-cdk-lib';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import {
  AllowedMethods,
  CachePolicy,
  Distribution,
  HeadersFrameOption,
  HeadersReferrerPolicy,
  HttpVersion,
  ResponseHeadersPolicy,
  SecurityPolicyProtocol,
  ViewerProtocolPolicy,
} from 'aws-cdk-lib/aws-cloudfront';
import { S3BucketOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import { CloudFrontTarget } from 'aws-cdk-lib/aws-route53-targets';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { DnsName } from './dns-names.ts';
import type { Settings } from './settings.ts';

export class FilesCdn extends Construct {
  readonly url: string;

  constructor(scope: Construct, id: string, { bucket, settings }: { readonly bucket: IBucket; readonly settings: Settings }) {
    super(scope, id);
    const { filesDomain, filesCertificate } = settings;
    const distribution = new Distribution(this, 'Distribution', {
      comment: `Files of ${settings.name}`,
      defaultBehavior: {
        origin: S3BucketOrigin.withOriginAccessControl(bucket),
        allowedMethods: AllowedMethods.ALLOW_GET_HEAD,
        viewerProtocolPolicy: ViewerProtocolPolicy.HTTPS_ONLY,
        cachePolicy: CachePolicy.CACHING_OPTIMIZED,
        responseHeadersPolicy: this.#headers(),
      },
      httpVersion: HttpVersion.HTTP2_AND_3,
      ...(filesDomain !== undefined && {
        domainNames: [filesDomain],
        minimumProtocolVersion: SecurityPolicyProtocol.TLS_V1_2_2021,
        certificate: Certificate.fromCertificateArn(this, 'Certificate', filesCertificate!),
      }),
    });
    acknowledge(distribution, {
      CFR1: 'users of a messaging service may be anywhere',
      CFR2: 'files are public to everybody who has the link and cannot be changed here, so a firewall would have nothing to filter',
      CFR3: 'the link is the only secret of a file (XEP-0363), so a log of links would open every file',
      ...(filesDomain === undefined && {
        CFR4: 'the name and certificate of the CDN itself, which set the TLS version, are used unless -c filesDomain names another domain',
      }),
    });
    if (filesDomain !== undefined)
      new DnsName(this, 'Name', { settings, name: filesDomain, target: new CloudFrontTarget(distribution), isDualStack: true });
    this.url = `https://${filesDomain ?? distribution.distributionDomainName}/`;
  }

  /** The same headers as the local server sends. Each overrides what an object may say of itself. */
  #headers(): ResponseHeadersPolicy {
    return new ResponseHeadersPolicy(this, 'Headers', {
      comment: 'Files are saved, never shown in the context of a page',
      securityHeadersBehavior: {
        contentSecurityPolicy: { contentSecurityPolicy: "default-src 'none'; sandbox", override: true },
        contentTypeOptions: { override: true },
        frameOptions: { frameOption: HeadersFrameOption.DENY, override: true },
        referrerPolicy: { referrerPolicy: HeadersReferrerPolicy.NO_REFERRER, override: true },
        strictTransportSecurity: { accessControlMaxAge: Duration.days(365), override: true },
      },
      customHeadersBehavior: {
        customHeaders: [
          { header: 'Content-Disposition', value: 'attachment', override: true },
          { header: 'Cross-Origin-Resource-Policy', value: 'cross-origin', override: true },
        ],
      },
      // A web client fetches encrypted files to decrypt them (XEP-0454).
      corsBehavior: {
        accessControlAllowOrigins: ['*'],
        accessControlAllowMethods: ['GET', 'HEAD'],
        accessControlAllowHeaders: ['*'],
        accessControlAllowCredentials: false,
        originOverride: true,
      },
    });
  }
}
